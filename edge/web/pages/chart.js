// Items a day by compartment: stacked bars as SVG, and the same numbers as a table.
import { element } from "./live.js";
import { locale, named, text } from "./texts.js";

const [HEIGHT, LEFT, BOTTOM, TOP] = [220, 36, 24, 8];
const DATE_WIDTH = 56;
const HUES = 8;

export const hue = (compartments, name) => `h${Math.max(0, compartments.indexOf(name)) % HUES}`;

function drawn(tag, values, content = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(values)) made.setAttribute(name, value);
  made.textContent = content;
  return made;
}

// The least round number (1, 2 or 5 with zeros) that is not below: the top of the scale.
function rounded(most) {
  const ten = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  return [1, 2, 5, 10].map((step) => step * ten).find((value) => value >= most);
}

function dateOf(day) {
  return new Date(`${day}T12:00`).toLocaleDateString(locale, { day: "numeric", month: "short" });
}

function bars(days, compartments, width) {
  const top = rounded(Math.max(1, ...days.map((day) => day.items)));
  const height = (count) => (count / top) * (HEIGHT - BOTTOM - TOP);
  const svg = drawn("svg", { id: "chart", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": text("chart") });
  for (const count of [0, top / 2, top]) {
    const y = HEIGHT - BOTTOM - height(count);
    svg.append(drawn("line", { x1: LEFT, x2: width, y1: y, y2: y }));
    svg.append(drawn("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, count % 1 ? "" : count));
  }
  const step = (width - LEFT) / Math.max(days.length, 7);
  days.forEach((day, number) => {
    const x = LEFT + number * step;
    let y = HEIGHT - BOTTOM;
    for (const name of compartments) {
      const tall = height(day.by_compartment[name] ?? 0);
      if (!tall) continue;
      y -= tall;
      svg.append(drawn("rect", { x: x + step * 0.15, y, width: step * 0.7, height: tall, class: hue(compartments, name) }));
    }
    if ((days.length - 1 - number) % Math.ceil(DATE_WIDTH / step)) return; // else dates would overlap
    svg.append(drawn("text", { x: x + step / 2, y: HEIGHT - 6, "text-anchor": "middle" }, dateOf(day.day)));
  });
  return svg;
}

function cells(tag, values) {
  const row = element("tr");
  row.append(...values.map((value, number) => element(number ? tag : "th", value)));
  row.firstChild.scope = tag === "th" ? "col" : "row";
  return row;
}

function numbers(days, compartments) {
  const details = element("details");
  const table = element("table");
  const head = table.createTHead();
  head.append(cells("th", [text("day"), ...compartments.map((name) => named("compartment", name)), text("all")]));
  const rows = days.map((day) => cells("td", [day.day, ...compartments.map((name) => day.by_compartment[name] ?? 0), day.items]));
  table.createTBody().append(...rows.reverse());
  const scroll = element("div", "", "scroll");
  scroll.tabIndex = 0;
  scroll.append(table);
  details.append(element("summary", text("as_table")), scroll);
  return details;
}

export function chart(days, known, width) {
  const compartments = [...new Set([...known, ...days.flatMap((day) => Object.keys(day.by_compartment))])];
  const legend = element("ul", "", "legend");
  legend.append(...compartments.map((name) => element("li", named("compartment", name), hue(compartments, name))));
  return [bars(days, compartments, width), legend, numbers(days, compartments)];
}
