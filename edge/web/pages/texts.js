// The words of a page, all in texts.LANGUAGE.json: what a language lacks is said in English.
async function load(language) {
  const answer = await fetch(`/pages/texts.${language}.json`);
  return answer.ok ? answer.json() : {};
}

const wanted = (new URLSearchParams(location.search).get("lang") ?? navigator.language).slice(0, 2).toLowerCase();
const english = await load("en");
const other = wanted === "en" || !/^[a-z]{2}$/.test(wanted) ? {} : await load(wanted);
const texts = { ...english, ...other };
if (Object.keys(other).length) document.documentElement.lang = wanted;

export function text(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// A label, compartment or problem: as the texts say it, else its own name with a capital.
export function named(kind, name) {
  const plain = name.replace(/[_-]+/g, " ");
  return texts[`${kind}_${name}`] ?? plain.charAt(0).toUpperCase() + plain.slice(1);
}

// An item with its names as people say them.
export function spoken(item) {
  return { ...item, label: named("label", item.label ?? ""), compartment: named("compartment", item.compartment ?? "") };
}

// What is below it, with its words.
export function translated(root) {
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", text(element.dataset.label));
  return root;
}

translated(document);
