// Pictures that are chosen, dropped or pasted are asked about one after the other.
import { element, percent } from "./live.js";
import { named, spoken, text } from "./texts.js";

const drop = document.getElementById("drop");
const file = document.getElementById("file");
const said = document.getElementById("said");
const answers = document.getElementById("answers");
const MOST_SHOWN = 50;
const BARS = 3;

async function ask(picture) {
  const form = new FormData();
  form.append("file", picture, picture.name || "image");
  const answer = await fetch("/api/v1/classify", { method: "POST", body: form });
  const verdict = await answer.json();
  if (!answer.ok && !verdict.outcome) throw new Error(verdict.detail);
  return verdict;
}

function bars(top) {
  const list = element("div", "", "bars");
  list.setAttribute("role", "group");
  list.setAttribute("aria-label", text("answers"));
  for (const { label, p } of top.slice(0, BARS)) {
    const meter = element("meter");
    meter.value = p;
    meter.setAttribute("aria-label", named("label", label));
    list.append(element("span", named("label", label)), meter, element("span", percent(p)));
  }
  return list;
}

function show(picture, verdict) {
  const item = element("li", "", `answer ${verdict.outcome}`);
  const image = element("img");
  image.alt = "";
  image.src = URL.createObjectURL(picture);
  image.onload = () => URL.revokeObjectURL(image.src);
  image.onerror = () => (image.onload(), (image.hidden = true));
  const words = element("div");
  words.append(element("h2", text(verdict.outcome, spoken(verdict))), element("p", picture.name));
  if (verdict.confidence) words.append(element("p", text("sure", { percent: percent(verdict.confidence) })));
  if (verdict.reason) words.append(element("p", verdict.reason));
  words.append(bars(verdict.top ?? []));
  item.append(image, words);
  answers.prepend(item);
  while (answers.children.length > MOST_SHOWN) answers.lastChild.remove();
}

async function askAll(pictures) {
  for (const picture of pictures) {
    said.className = "";
    said.textContent = text("asking");
    try {
      show(picture, await ask(picture));
      said.textContent = "";
    } catch (error) {
      said.className = "problem";
      said.textContent = error instanceof TypeError ? text("offline") : error.message;
    }
  }
}

file.addEventListener("change", () => askAll([...file.files]));
if (file.files.length) askAll([...file.files]); // chosen before this script was there
document.addEventListener("paste", (event) => askAll([...event.clipboardData.files]));
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
  });
}
drop.addEventListener("drop", (event) => askAll([...event.dataTransfer.files]));
