// The words of a page, all in texts.LANGUAGE.json: what a language lacks is said in English.
async function load(language) {
  const answer = await fetch(`/pages/texts.${language}.json`);
  return answer.ok ? answer.json() : null;
}

// Of ?lang=, else of [web] language, else the first of the browser's that there is.
async function found() {
  const asked = new URLSearchParams(location.search).get("lang") ?? document.documentElement.dataset.language;
  const wanted = (asked ? [asked] : navigator.languages).map((one) => one.slice(0, 2).toLowerCase());
  for (const one of new Set(wanted.filter((language) => /^[a-z]{2}$/.test(language)))) {
    const texts = one === "en" ? {} : await load(one);
    if (texts) return [one, texts];
  }
  return ["en", {}];
}

const [english, [language, other]] = await Promise.all([load("en"), found()]);
const texts = { ...english, ...other };
document.documentElement.lang = language;
// for times and days: as the browser writes them, where it speaks this language
export const locale = navigator.languages.find((one) => one.startsWith(language)) ?? language;

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
