// The screen on a bin: what people have to know now, in a few big words.
import { hue } from "./chart.js";
import { compartmentsOf, live } from "./live.js";
import { spoken, text } from "./texts.js";

const SHOW_ITEM_MS = 6000;
const TOLD = ["sorted", "abstained"]; // what else became of an item is a fault, and said as that
let state = null;
let phase = "empty";
let item = null;
let connected = null;
let timer = 0;
let version = null; // of the bin that brought this script

function view() {
  if (!connected || !state) return ["busy", "kiosk_no_line", connected === false ? "kiosk_no_line_small" : ""];
  const problems = state.faults.map((fault) => fault.problem);
  if (problems.includes("hand_in_chute")) return ["help", "kiosk_hand", "kiosk_hand_small"];
  if (problems.includes("door_open")) return ["busy", "kiosk_door", "kiosk_door_small"];
  if (problems.includes("jam")) return ["help", "kiosk_jam", "kiosk_jam_small"];
  if (problems.length) return ["help", "kiosk_help", "kiosk_help_small"];
  if (item?.outcome === "sorted") return [`sorted ${hueOf(item)}`, "kiosk_sorted", "kiosk_sorted_small"];
  if (item) return ["unsure", "kiosk_unsure", "kiosk_unsure_small"];
  if (state.paused || state.state === "stopped") return ["busy", "kiosk_paused", "kiosk_paused_small"];
  if (phase === "settled") return ["busy", "kiosk_looking", "kiosk_looking_small"];
  return ["idle", "kiosk_idle", "kiosk_idle_small"];
}

// As on the page of the bin, so that a compartment has one colour.
function hueOf({ compartment }) {
  return hue(compartmentsOf(state, compartment), compartment);
}

function say(id, words) {
  const place = document.getElementById(id);
  if (place.textContent === words) return; // a screen reader says it once
  place.textContent = words;
  fit(place);
}

// All words are smaller where one is longer than the screen is wide; only where that makes them tiny it is broken.
function fit(place) {
  place.style.fontSize = "";
  place.classList.add("whole");
  const share = (0.99 * place.clientWidth) / place.scrollWidth;
  if (share < 0.98) place.style.fontSize = `${Math.max(share, 0.5) * parseFloat(getComputedStyle(place).fontSize)}px`;
  place.classList.remove("whole");
}

function show() {
  const [kind, big, small] = view();
  document.getElementById("screen").className = kind;
  say("big", text(big, item ? spoken(item) : {}));
  say("small", small && text(small, item ? spoken(item) : {}));
}

// Nobody is there to load the page again after an upgrade. Where it cannot be had now, the next state asks again.
function become(now) {
  state = now;
  version ??= now.version;
  if (now.version !== version) fetch(location).then((answer) => answer.ok && location.reload(), () => {});
  show();
}

function forget() {
  clearTimeout(timer);
  item = null;
}

function take(event) {
  if (!TOLD.includes(event.outcome)) return;
  forget();
  item = event;
  timer = setTimeout(() => (forget(), show()), SHOW_ITEM_MS);
  show();
}

function see(now) {
  if (now.phase === "settled" && phase !== "settled") forget(); // the next one lies there already
  phase = now.phase;
  show();
}

addEventListener("resize", () => ["big", "small"].forEach((id) => fit(document.getElementById(id))));
live({ state: become, seen: see, item: take, line: (is) => ((connected = is), show()) });
show();
