// The words of a page, all in texts.LANGUAGE.json: what a language lacks is said in English.
async function load(language) {
  const answer = await fetch(`/pages/texts.${language}.json`);
  return answer.ok ? answer.json() : {};
}

const wanted = (new URLSearchParams(location.search).get("lang") ?? navigator.language).slice(0, 2).toLowerCase();
const english = await load("en");
const texts = wanted === "en" || !/^[a-z]{2}$/.test(wanted) ? english : { ...english, ...(await load(wanted)) };

export function text(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
