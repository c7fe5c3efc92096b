// The page of a bin: everything comes from the API, and again whenever the bin tells.
import { chart, hue } from "./chart.js";
import { askedLabel, nameOf } from "./correcting.js";
import { AGAIN_MS, compartmentsOf, element, get, live, percent, read } from "./live.js";
import { command } from "./login.js";
import { markdown } from "./markdown.js";
import { locale, named, spoken, text } from "./texts.js";
import { showSeen, watchTray } from "./tray.js";

const by = (id) => document.getElementById(id);
const MOST_ITEMS = 20;
const DAYS = 14;
const ONE_DIGIT = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
const COUNT_EVERY_MS = 3000;
let state = null;
let connected = false;
let counting = 0;
let again = 0;
let meanwhile = []; // items that came since the list was last asked for, newest first
const shown = {};

// A screen reader says, and the focus loses, what is put there again: only what changed is.
function changed(id, value) {
  const now = JSON.stringify(value);
  const is = shown[id] !== now;
  shown[id] = now;
  return is;
}

function say(id, words) {
  if (by(id).textContent !== words) by(id).textContent = words;
}

function showWord() {
  const word = !connected ? "offline" : state?.paused && state.state === "ready" ? "paused" : (state?.state ?? "starting");
  by("word").className = `pill ${word}`;
  document.body.classList.toggle("offline", !connected);
  say("word", text(connected ? `state_${word}` : "no_line"));
}

function showState(now) {
  state = now;
  document.title = now.bin_id;
  say("name", now.bin_id);
  showWord();
  say("since", text("since", { items: now.items, time: lasting(now.uptime_s) }));
  say("pause", text(now.paused ? "resume" : "pause"));
  if (now.last) showVerdict(now.last);
  if (changed("problems", [now.faults, now.warnings])) showProblems(now);
  showCompartments(now);
  if (changed("updates", now.updates)) showUpdates(now.updates);
  const rows = healthRows(now);
  if (changed("health", rows)) by("health").tBodies[0].replaceChildren(...rowsOf(rows));
}

function lasting(seconds) {
  if (seconds < 3600) return text("minutes", { count: Math.floor(seconds / 60) });
  if (seconds < 172800) return text("hours", { count: Math.floor(seconds / 3600) });
  return text("day_count", { count: Math.floor(seconds / 86400) });
}

function showProblems({ faults, warnings }) {
  const line = (kind) => (fault) => {
    const item = element("li", "", kind);
    item.append(element("strong", named("problem", fault.problem)), element("span", fault.message));
    return item;
  };
  by("problems").replaceChildren(...faults.map(line("fault")), ...warnings.map(line("warning")));
}

function showVerdict(last) {
  if (!changed("verdict", last.event_id)) return;
  by("verdict").textContent = text(`outcome_${last.outcome}`, spoken(last));
  by("verdict").append(element("small", last.reason ?? text("sure", { percent: percent(last.confidence) })));
}

function showCompartments(now) {
  const names = compartmentsOf(now);
  if (changed("compartments", names)) by("compartments").replaceChildren(...names.map((name) => tile(name, names)));
  names.forEach((name, number) => {
    const [level, since, items] = by("compartments").children[number].querySelectorAll("dd");
    since.textContent = now.since_emptied[name] ?? 0;
    items.textContent = now.by_compartment[name] ?? 0;
    if (changed(`fill ${name}`, [name in now.fill, now.fill[name]])) level.replaceChildren(...fillOf(name, now.fill[name]));
  });
}

function fillOf(name, level) {
  if (level === undefined || level === null) return [text(level === undefined ? "no_sensor" : "fill_unknown")];
  const meter = element("meter");
  Object.assign(meter, { high: 0.8, optimum: 0, value: level });
  meter.setAttribute("aria-label", text("fill_of", { compartment: named("compartment", name) }));
  return [`${percent(level)} `, meter];
}

function tile(name, names) {
  const made = element("li", "", hue(names, name));
  const facts = element("dl");
  for (const key of ["fill", "since_emptied", "items"]) facts.append(element("dt", text(key)), element("dd", "–"));
  const actions = element("div", "", "actions");
  actions.append(action("emptied", name), action("test-flap", name));
  made.append(element("h3", named("compartment", name)), facts, actions);
  delete shown[`fill ${name}`];
  return made;
}

function action(order_, compartment) {
  const words = text(order_);
  const button = element("button", words, "small");
  const values = { compartment: named("compartment", compartment) };
  button.type = "button";
  button.setAttribute("aria-label", `${words}: ${values.compartment}`);
  button.addEventListener("click", () => {
    if (confirm(text(`confirm_${order_}`, values))) order(order_, { compartment });
  });
  return button;
}

function healthRows(now) {
  const { temperature_c, broker, clock_synced } = now.health;
  return {
    [text("health_temperature")]: temperature_c === null ? text("unknown") : `${temperature_c.toLocaleString(locale)} °C`,
    [text("health_broker")]: broker ?? text("fine"),
    [text("health_queued")]: now.queued,
    [text("health_dropped")]: now.dropped,
    [text("health_clock")]: text(clock_synced ? "fine" : "unsynced"),
    [text("health_uptime")]: lasting(now.uptime_s),
    [text("health_version")]: now.version,
  };
}

function rowsOf(facts) {
  return Object.entries(facts).map(([key, value]) => {
    const row = element("tr");
    const head = element("th", key);
    head.scope = "row";
    row.append(head, element("td", value));
    return row;
  });
}

function showModel(model) {
  const measured = Object.entries(model.metrics ?? {}).filter(([name]) => /^test_.*(accuracy|pictures)$/.test(name));
  by("model").tBodies[0].replaceChildren(
    ...rowsOf({
      [text("name")]: `${model.name} ${model.version}`,
      [text("labels")]: model.labels.map((label) => named("label", label)).join(", "),
      ...Object.fromEntries(measured.map(([name, value]) => [text(`metric_${name}`), value <= 1 ? `${(value * 100).toLocaleString(locale, ONE_DIGIT)} %` : value.toLocaleString(locale)])),
    }),
  );
}

// What is known of newer models, and how one does beside the model that sorts.
function showUpdates(updates) {
  by("updates").hidden = !updates;
  if (!updates) return;
  const { looking, checked, message, shadow } = updates;
  by("update-models").disabled = looking;
  const when = checked ? new Date(checked).toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" }) : text("never");
  by("newer").tBodies[0].replaceChildren(
    ...rowsOf({
      [text("newer")]: looking ? text("newer_looking") : [when, message].filter(Boolean).join(": "),
      ...(shadow && shadowRows(shadow)),
    }),
  );
}

function shadowRows(shadow) {
  const values = Object.fromEntries(
    ["same_label", "same_compartment", "unsure_old", "unsure_new"].map((key) => [key, percent(shadow[key])]),
  );
  const [old, new_] = [shadow.old_ms, shadow.new_ms].map((ms) => ms.toFixed(0));
  return {
    [text("shadow")]: `${shadow.package}: ${text(`shadow_${shadow.result}`, shadow)}`,
    ...(shadow.items && {
      [text("shadow_same")]: text("shadow_same_values", values),
      [text("shadow_unsure")]: text("shadow_unsure_values", values),
      [text("shadow_time")]: text("shadow_time_values", { old, new: new_ }),
    }),
  };
}

function showItem(event) {
  const item = element("li", "", `item ${event.outcome}`);
  const image = element("img");
  image.alt = "";
  image.loading = "lazy";
  image.src = `/api/v1/events/${event.event_id}/picture.jpg`;
  image.onerror = () => (image.hidden = true);
  const words = element("div");
  const when = new Date(event.time).toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
  words.append(
    element("strong", text(`outcome_${event.outcome}`, spoken(event))),
    element("p", `${when} · ${named("label", event.label)} · ${text("sure", { percent: percent(event.confidence) })}`),
  );
  if (event.reason) words.append(element("p", event.reason));
  item.append(image, words, wrong(event, when));
  item.dataset.id = event.event_id;
  if (event.corrected) showCorrection({ ...event, label: event.corrected }, item);
  return item;
}

function wrong(event, when) {
  const button = element("button", text("wrong"), "small");
  button.type = "button";
  button.setAttribute("aria-label", `${text("wrong")} ${named("label", event.label)}, ${when}`);
  button.addEventListener("click", async () => {
    const is = button.closest(".item").dataset.label ?? event.label;
    const label = await askedLabel(is).catch(() => (say("answer", text("offline")), null));
    if (label) order("correct", { event_id: event.event_id, label });
  });
  return button;
}

// What it really was, as somebody said.
function showCorrection({ event_id, label }, item = by("items").querySelector(`[data-id="${CSS.escape(event_id)}"]`)) {
  if (!item) return;
  item.dataset.label = label;
  const line = item.querySelector(".corrected") ?? element("p", "", "corrected");
  line.textContent = text("corrected", { label: nameOf(label) });
  item.querySelector("div").append(line);
}

function addItem(event) {
  meanwhile = [event, ...meanwhile].slice(0, MOST_ITEMS);
  by("items").prepend(showItem(event));
  while (by("items").children.length > MOST_ITEMS) drop(by("items").lastChild);
  countSoon();
}

// A picture that is on its way would keep its item, and a slow line busy.
function drop(item) {
  item.querySelector("img").removeAttribute("src");
  item.remove();
}

function countSoon() {
  counting ||= setTimeout(async () => {
    await showDays().catch(() => {}); // the line is away; again when it is back
    counting = 0;
  }, COUNT_EVERY_MS);
}

async function showDays() {
  const { days } = await get(`/api/v1/stats?days=${DAYS}`);
  const open = by("days").querySelector("details")?.open;
  if (!changed("days", [days, by("days").clientWidth])) return;
  by("days").replaceChildren(...chart(days, state ? compartmentsOf(state) : [], by("days").clientWidth));
  by("days").querySelector("details").open = open ?? false;
}

async function order(name, wanted = {}) {
  by("answer").className = "soft";
  say("answer", text("asking"));
  try {
    const told = await command(name, wanted);
    by("answer").className = told === null || told.ok ? "soft" : "problem";
    say("answer", told === null ? "" : told.ok ? text("done") : told.message);
  } catch {
    by("answer").className = "problem";
    say("answer", text("offline"));
  }
}

function line(is) {
  const back = is && !connected;
  connected = is;
  showWord();
  if (back) refresh();
}

// What cannot be had now keeps nothing else away, and is asked for again.
async function refresh() {
  clearTimeout(again);
  meanwhile = [];
  const asked = await Promise.allSettled([
    get(`/api/v1/events?limit=${MOST_ITEMS}`),
    get("/api/v1/model"),
    read("/api/v1/card").then((card) => card.text()),
  ]);
  [showItems, showModel, showCard].forEach((show, i) => asked[i].status === "fulfilled" && show(asked[i].value));
  asked.push(...(await Promise.allSettled([showDays()])));
  clearTimeout(again);
  if (connected && asked.some(({ status }) => status === "rejected")) again = setTimeout(refresh, AGAIN_MS);
}

function showItems({ events }) {
  const asked = new Set(events.map((event) => event.event_id));
  const items = [...meanwhile.filter((event) => !asked.has(event.event_id)), ...events];
  by("items").replaceChildren(...items.slice(0, MOST_ITEMS).map(showItem));
}

function showCard(card) {
  if (changed("card", card)) by("card").replaceChildren(...markdown(card));
}

by("pause").textContent = text("pause");
by("pause").addEventListener("click", () => order(state?.paused ? "resume" : "pause"));
by("update-models").addEventListener("click", () => order("update-models"));
addEventListener("resize", countSoon);
showWord();
watchTray(() => connected);
live({ state: showState, item: addItem, correction: showCorrection, seen: showSeen, line });
