// The page of a bin: everything comes from the API, and again whenever the bin tells.
import { element, get, live, percent } from "./live.js";
import { text } from "./texts.js";

const by = (id) => document.getElementById(id);
const MOST_ITEMS = 20;
const TRAY_EVERY_MS = 1000;
let state = null;
let connected = false;

function showState(now) {
  state = now;
  document.title = by("name").textContent = now.bin_id;
  by("word").textContent = text(now.paused ? "state_paused" : `state_${now.state}`);
  by("since").textContent = text("since", { items: now.items, hours: Math.floor(now.uptime_s / 3600) });
  by("pause").textContent = text(now.paused ? "resume" : "pause");
  by("problems").replaceChildren(...[...now.faults, ...now.warnings].map((fault) => element("li", `${fault.part}: ${fault.message}`)));
  by("compartments").tBodies[0].replaceChildren(...compartments(now).map((name) => compartmentRow(name, now)));
  by("health").tBodies[0].replaceChildren(...healthRows(now));
}

function compartments(now) {
  return [...new Set([now.by_compartment, now.since_emptied, now.fill].flatMap(Object.keys))].sort();
}

function compartmentRow(name, now) {
  const row = element("tr");
  const fill = element("td");
  const level = now.fill[name];
  if (level === undefined || level === null) fill.textContent = "–";
  else {
    const meter = element("meter");
    meter.value = level;
    meter.high = 0.8;
    meter.setAttribute("aria-label", `${name}: ${percent(level)}`);
    fill.append(meter, ` ${percent(level)}`);
  }
  const actions = element("td");
  actions.append(action(text("emptied"), name, "emptied"), " ", action(text("test_flap"), name, "test-flap"));
  row.append(element("th", name), fill, element("td", now.since_emptied[name] ?? 0), element("td", now.by_compartment[name] ?? 0), actions);
  return row;
}

function action(words, compartment, command) {
  const button = element("button", words, "small");
  button.type = "button";
  button.setAttribute("aria-label", `${words}: ${compartment}`);
  button.addEventListener("click", () => {
    if (confirm(text(`confirm_${command}`, { compartment }))) order(command, { compartment });
  });
  return button;
}

function healthRows(now) {
  const rows = {
    health_temperature: now.health.temperature_c === null ? "–" : `${now.health.temperature_c} °C`,
    health_broker: now.health.broker ?? text("fine"),
    health_queued: now.queued,
    health_dropped: now.dropped,
    health_clock: text(now.health.clock_synced ? "fine" : "unsynced"),
    health_model: `${now.model.name} ${now.model.version}`,
    health_version: now.version,
  };
  return Object.entries(rows).map(([key, value]) => {
    const row = element("tr");
    row.append(element("th", text(key)), element("td", value));
    return row;
  });
}

function showItem(event) {
  const item = element("li", "", `item ${event.outcome}`);
  const image = element("img");
  image.alt = "";
  image.src = `/api/v1/events/${event.event_id}/picture.jpg`;
  image.onerror = () => image.remove();
  const words = element("div");
  const when = new Date(event.time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  words.append(
    element("strong", text(`outcome_${event.outcome}`, event)),
    element("p", `${when} · ${event.label} · ${text("sure", { percent: percent(event.confidence) })}`),
  );
  if (event.reason) words.append(element("p", event.reason));
  item.append(image, words);
  return item;
}

function addItem(event) {
  by("items").prepend(showItem(event));
  while (by("items").children.length > MOST_ITEMS) by("items").lastChild.remove();
  showDays();
}

function showSeen({ phase, box }) {
  by("phase").textContent = text(`phase_${phase}`);
  by("box").hidden = !box;
  if (!box) return;
  const [x, y, width, height] = box.map((share) => `${share * 100}%`);
  Object.assign(by("box").style, { left: x, top: y, width, height });
}

async function showDays() {
  const { days } = await get("/api/v1/stats?days=14");
  const most = Math.max(1, ...days.map((day) => day.items));
  by("days").replaceChildren(
    ...days.map((day) => {
      const row = element("div", "", "day");
      const bar = element("meter");
      bar.max = most;
      bar.value = day.items;
      const parts = Object.entries(day.by_compartment).map(([name, count]) => `${name} ${count}`);
      bar.setAttribute("aria-label", `${day.day}: ${day.items}`);
      row.append(element("span", day.day), bar, element("span", day.items), element("small", parts.join(", ")));
      return row;
    }),
  );
}

async function order(name, wanted = {}) {
  by("answer").className = "";
  by("answer").textContent = text("asking");
  try {
    const answer = await fetch(`/api/v1/commands/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(wanted),
    });
    const told = await answer.json();
    by("answer").className = told.ok ? "" : "problem";
    by("answer").textContent = told.ok ? text("done") : (told.message ?? told.detail);
  } catch {
    by("answer").className = "problem";
    by("answer").textContent = text("offline");
  }
}

function line(is) {
  if (is && !connected) refresh();
  connected = is;
  if (!is) by("word").textContent = text("no_line");
}

async function refresh() {
  const [{ events }, card] = await Promise.all([get(`/api/v1/events?limit=${MOST_ITEMS}`), fetch("/api/v1/card")]);
  by("items").replaceChildren(...events.map(showItem));
  by("card").textContent = await card.text();
  showDays();
}

function showTray() {
  if (!connected || document.hidden) return;
  const next = new Image();
  next.onload = () => (by("tray").src = next.src);
  next.src = `/api/v1/tray.jpg?${Date.now()}`;
}

by("pause").addEventListener("click", () => order(state?.paused ? "resume" : "pause"));
setInterval(showTray, TRAY_EVERY_MS);
live({ state: showState, item: addItem, seen: showSeen, line });
