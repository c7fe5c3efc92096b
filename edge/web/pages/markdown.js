// The few forms of Markdown that a model card uses, as elements; HTML in it stays text.
import { element } from "./live.js";

function filled(tag, line) {
  const made = element(tag);
  line.split("`").forEach((part, number) => made.append(number % 2 ? element("code", part) : part));
  return made;
}

const kinds = [
  [/^#{1,6} /, (lines) => lines.map((line) => filled("h3", line.replace(/^#+ /, "")))],
  [/^\|/, (lines) => [table(lines)]],
  [/^[-*] /, (lines) => [list(lines)]],
  [/^ {4}/, (lines) => [code(lines)]],
  [/^/, (lines) => [filled("p", lines.join(" "))]],
];

function code(lines) {
  const made = element("pre", lines.map((line) => line.slice(4)).join("\n"));
  made.tabIndex = 0;
  return made;
}

function list(lines) {
  const made = element("ul");
  made.append(...lines.map((line) => filled("li", line.slice(2))));
  return made;
}

function table(lines) {
  const made = element("table");
  for (const line of lines.filter((each) => !/^[|\s:-]+$/.test(each))) {
    made.insertRow().append(...line.replace(/^\||\|$/g, "").split("|").map((cell) => filled("td", cell.trim())));
  }
  return made;
}

export function markdown(source) {
  const blocks = [];
  for (const line of source.split("\n")) {
    const kind = line.trim() ? kinds.find(([start]) => start.test(line)) : null;
    if (kind && blocks.at(-1)?.kind === kind) blocks.at(-1).lines.push(line);
    else blocks.push({ kind, lines: [line] });
  }
  return blocks.filter(({ kind }) => kind).flatMap(({ kind, lines }) => kind[1](lines));
}
