// Labelling what the bin kept: one key or tap an item. The next ones are there before they are needed.
import { element, get, percent } from "./live.js";
import { keysOf } from "./keys.js";
import { Labelling } from "./labelling.js";
import { askedClass } from "./newclass.js";
import { named, text } from "./texts.js";

const by = (id) => document.getElementById(id);
const NOT_AN_ITEM = "not-an-item";
const AHEAD = 40; // items after the current one below which more are fetched
const MOST_CARDS = 300; // of those labelled the first leave the page, else thousands of pictures fill a phone's memory
const MOST_UNDO = 200;
const items = new Map(); // card -> item
const undoable = []; // [[item, label before], ...]
let labels = [];
let keys = new Map();
let counts = { total: 0, labelled: 0, by_label: {} };
let next = null;
let loading = false;
let several = false;
let anchor = null;
let atEnd = false; // more is on its way: a key now would label the same item again
let generation = 0;

const labelling = new Labelling({
  waiting: (count, trouble) => trouble && say(text("review_waiting", { count, why: text(trouble) }), true),
  told: onTold,
  back: onBack,
});

const cards = () => [...by("grid").children];
const current = () => by("grid").querySelector("[tabindex='0']");
const chosen = () => [...by("grid").querySelectorAll("[aria-selected='true']")];
const cardOf = (item) => cards().find((card) => items.get(card) === item);

function say(words, bad = false) {
  by("said").className = bad ? "problem" : "soft";
  by("said").textContent = words;
}

function name(label) {
  return label === NOT_AN_ITEM ? text("not_an_item") : named("label", label);
}

function thought(item) {
  if (!item.event) return text("review_no_thought");
  return text("review_thought", { label: name(item.event.label), percent: percent(item.event.confidence) });
}

function made(item) {
  const card = element("li", "", "kept");
  card.setAttribute("role", "option");
  card.setAttribute("aria-selected", "false");
  card.tabIndex = -1;
  const image = element("img");
  image.alt = "";
  image.decoding = "async";
  image.src = `/api/v1/captures/${item.item_id}/picture.jpg`;
  const why = item.why.map((one) => text(`why_${one}`)).join(", ");
  card.append(image, element("p", "", "now"), element("p", thought(item)), element("p", why, "soft"));
  items.set(card, item);
  shown(card);
  return card;
}

function shown(card) {
  const { label } = items.get(card);
  const words = label === null ? "" : name(label);
  card.classList.toggle("done", label !== null);
  if (card.querySelector(".now").textContent !== words) card.querySelector(".now").textContent = words;
}

function showCounts() {
  by("progress").max = Math.max(1, counts.total);
  by("progress").value = counts.labelled;
  by("count").textContent = text("review_count", { labelled: counts.labelled, total: counts.total });
  const options = [["open", text("review_open")], ["labelled", text("review_labelled")]];
  const used = Object.entries(counts.by_label).filter(([, count]) => count > 0);
  options.push(...used.map(([label, count]) => [`label ${label}`, `${name(label)} (${count})`]));
  const wanted = by("filter").value || "open";
  if (!options.some(([value]) => value === wanted)) options.push([wanted, name(wanted.slice(6))]);
  by("filter").replaceChildren(...options.map(([value, words]) => new Option(words, value, false, value === wanted)));
}

function counted(before, after) {
  counts.labelled += (after !== null) - (before !== null);
  for (const [label, step] of [[before, -1], [after, 1]]) {
    if (label !== null) counts.by_label[label] = (counts.by_label[label] ?? 0) + step;
  }
}

function showLabels() {
  keys = keysOf(labels);
  const buttons = labels.map((label) => button(keys.get(label), name(label), () => labelAs(label)));
  buttons.push(button("x", text("not_an_item"), () => labelAs(NOT_AN_ITEM)));
  buttons.push(button("n", text("new_class"), fresh), button("u", text("undo"), undo));
  by("labels").replaceChildren(...buttons);
}

function button(key, words, act) {
  const one = element("button", "", "small");
  one.type = "button";
  if (key) one.setAttribute("aria-keyshortcuts", key);
  if (key) one.append(element("kbd", key));
  one.append(words);
  one.addEventListener("click", () => (act(), current()?.focus({ preventScroll: true })));
  return one;
}

function query() {
  const filter = by("filter").value || "open";
  const asked = new URLSearchParams({ limit: 60, labelled: filter !== "open" });
  if (filter.startsWith("label ")) asked.set("label", filter.slice(6));
  if (next) asked.set("after", next);
  return `/api/v1/captures?${asked}`;
}

async function load() {
  if (loading) return;
  loading = true;
  const mine = generation;
  try {
    const told = await get(query());
    if (mine !== generation) return;
    take(told);
  } catch (error) {
    say(error instanceof TypeError ? text("offline") : error.message, true);
  } finally {
    if (mine === generation) loading = false;
  }
}

function take(told) {
  ({ next } = told);
  if (labelling.idle) ({ counts } = told);
  const more = [...labels, ...told.labels.filter((label) => !labels.includes(label))];
  if (more.length !== labels.length || !by("labels").children.length) (labels = more), showLabels();
  const known = new Set([...items.values()].map((item) => item.item_id));
  by("grid").append(...told.items.filter((item) => !known.has(item.item_id)).map(made));
  by("off").hidden = told.mode !== "off";
  by("nothing").hidden = by("grid").children.length > 0;
  by("nothing").textContent = text(counts.total && (by("filter").value || "open") === "open" ? "review_all_done" : "review_nothing");
  showCounts();
  if (!current()) go(cards()[0], document.activeElement === document.body);
  else if (atEnd) goOn(current());
  loadAhead();
}

function loadAhead() {
  const all = cards();
  if (next && all.length - all.indexOf(current()) < AHEAD) load();
}

function restart() {
  generation += 1;
  loading = false;
  next = anchor = null;
  atEnd = false;
  items.clear();
  by("grid").replaceChildren();
  load();
}

function go(card, focus = true) {
  if (!card) return;
  if (card !== current()) atEnd = false;
  const before = current();
  if (before) before.tabIndex = -1;
  card.tabIndex = 0;
  if (focus) card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
  loadAhead();
}

function select(card, on) {
  card?.setAttribute("aria-selected", String(on));
}

function clear() {
  for (const card of chosen()) select(card, false);
  anchor = null;
}

function labelAs(label) {
  const picked = chosen().length ? chosen() : atEnd ? [] : [current()].filter(Boolean);
  if (!picked.length) return;
  undoable.push(picked.map((card) => [items.get(card), items.get(card).label]));
  if (undoable.length > MOST_UNDO) undoable.shift();
  for (const card of picked) put(card, label);
  say(picked.length > 1 ? text("review_said_several", { count: picked.length, label: name(label) }) : text("review_said", { label: name(label) }));
  clear();
  goOn(picked.at(-1));
  prune();
  showCounts();
}

function put(card, label) {
  const item = items.get(card);
  counted(item.label, label);
  labelling.put(item, label);
  card.classList.remove("clash");
  shown(card);
}

function goOn(card) {
  const to = nextOpen(card);
  atEnd = to === card && (loading || next !== null);
  go(to);
}

function nextOpen(card) {
  const all = cards();
  const after = all.slice(all.indexOf(card) + 1);
  if (by("filter").value !== "open") return after[0] ?? card;
  return after.find((one) => items.get(one).label === null) ?? card;
}

function prune() {
  const all = cards();
  const most = all.indexOf(current()) - 60;
  for (const card of all.slice(0, Math.max(0, Math.min(most, all.length - MOST_CARDS)))) {
    if (card.classList.contains("done")) (items.delete(card), card.remove());
  }
}

function undo() {
  const last = undoable.pop();
  if (!last) return say(text("undo_nothing"));
  const back = last.map(([item, label]) => {
    let card = cardOf(item);
    if (!card) (card = made(item)), current() ? current().before(card) : by("grid").append(card);
    put(card, label);
    return card;
  });
  clear();
  go(back[0]);
  say(text("undone", { count: back.length }));
  showCounts();
}

async function fresh() {
  const label = await askedClass();
  if (label) {
    if (!labels.includes(label)) (labels = [...labels, label]), showLabels();
    labelAs(label);
  }
  current()?.focus({ preventScroll: true });
}

function onTold(change, result) {
  if (result.ok) return;
  forget(change.item);
  counted(change.label, result.item ? result.item.label : null);
  const card = cardOf(change.item);
  if (result.item) {
    const is = result.item.label === null ? text("review_no_label") : name(result.item.label);
    say(text("review_clash", { label: is }), true);
    card?.classList.add("clash");
  } else if (result.problem.status === 404) {
    say(text("review_gone"), true);
    if (card === current()) go(nextOpen(card) === card ? card.previousElementSibling : nextOpen(card));
    counts.total -= 1;
    items.delete(card);
    card?.remove();
  } else {
    Object.assign(change.item, { label: change.before, revision: change.revision });
    counted(null, change.before);
    say(result.problem.detail, true);
  }
  if (card && items.has(card)) shown(card);
  showCounts();
}

// What somebody else changed is not ours to undo.
function forget(item) {
  undoable.forEach((group, at) => (undoable[at] = group.filter(([one]) => one !== item)));
  undoable.splice(0, undoable.length, ...undoable.filter((group) => group.length));
}

function onBack(changes, why) {
  for (const { item, before, label, revision } of changes.reverse()) {
    counted(label, before);
    Object.assign(item, { label: before, revision });
    forget(item);
    if (cardOf(item)) shown(cardOf(item));
  }
  say(why ?? text("review_back"), true);
  showCounts();
  go(nextOpenFromStart());
}

function nextOpenFromStart() {
  return cards().find((card) => items.get(card).label === null) ?? current();
}

function columns() {
  const all = cards();
  const second = all.findIndex((card) => card.offsetTop > all[0].offsetTop);
  return second < 0 ? all.length : second;
}

function move(event) {
  const all = cards();
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(), ArrowUp: -columns(), Home: -all.length, End: all.length };
  const at = all.indexOf(current());
  const to = Math.min(all.length - 1, Math.max(0, at + steps[event.key]));
  if (event.shiftKey) {
    anchor ??= at;
    all.forEach((card, number) => select(card, number >= Math.min(anchor, to) && number <= Math.max(anchor, to)));
  } else {
    anchor = null;
  }
  go(all[to]);
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || !current() || document.querySelector("dialog[open]")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const label = labels.find((one) => keys.get(one) === key);
  if (/^Arrow|^Home$|^End$/.test(key)) move(event);
  else if (key === " ") select(current(), current().getAttribute("aria-selected") !== "true");
  else if (key === "Escape") clear();
  else if (key === "x") labelAs(NOT_AN_ITEM);
  else if (key === "u") undo();
  else if (key === "n") fresh();
  else if (label !== undefined) labelAs(label);
  else return;
  event.preventDefault();
}

function onTap(event) {
  const card = event.target.closest(".kept");
  if (!card) return;
  if (several || event.ctrlKey || event.metaKey) select(card, card.getAttribute("aria-selected") !== "true");
  go(card);
}

by("grid").addEventListener("keydown", onKey);
by("grid").addEventListener("click", onTap);
by("filter").addEventListener("change", restart);
by("several").addEventListener("click", () => {
  several = !several;
  by("several").setAttribute("aria-pressed", String(several));
  if (!several) clear();
});
addEventListener("scroll", () => {
  if (next && innerHeight + scrollY > document.body.scrollHeight - 2 * innerHeight) load();
}, { passive: true });
showCounts();
load();
