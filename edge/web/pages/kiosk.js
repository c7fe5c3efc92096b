// The screen on a bin: what people have to know now, in a few big words.
import { live } from "./live.js";
import { text } from "./texts.js";

const SHOW_ITEM_MS = 6000;
let state = null;
let phase = "empty";
let item = null;
let connected = false;
let timer = 0;

function view() {
  if (!connected) return ["help", "kiosk_no_line", "kiosk_help_small"];
  const problems = (state?.faults ?? []).map((fault) => fault.problem);
  if (problems.includes("hand_in_chute")) return ["help", "kiosk_hand", "kiosk_hand_small"];
  if (problems.includes("door_open")) return ["busy", "kiosk_door", "kiosk_door_small"];
  if (problems.includes("jam")) return ["help", "kiosk_jam", "kiosk_jam_small"];
  if (problems.length) return ["help", "kiosk_help", "kiosk_help_small"];
  if (item?.outcome === "sorted") return ["sorted", "kiosk_sorted", "kiosk_sorted_small"];
  if (item) return ["unsure", "kiosk_unsure", "kiosk_unsure_small"];
  if (state?.paused) return ["busy", "kiosk_paused", "kiosk_paused_small"];
  if (phase === "moving" || phase === "settled") return ["busy", "kiosk_looking", "kiosk_looking_small"];
  return ["idle", "kiosk_idle", "kiosk_idle_small"];
}

function show() {
  const [kind, big, small] = view();
  document.getElementById("screen").className = kind;
  document.getElementById("big").textContent = text(big, item ?? {});
  document.getElementById("small").textContent = text(small, item ?? {});
}

function take(event) {
  item = event;
  clearTimeout(timer);
  timer = setTimeout(() => ((item = null), show()), SHOW_ITEM_MS);
  show();
}

live({
  state: (now) => ((state = now), show()),
  seen: (now) => ((phase = now.phase), show()),
  item: take,
  line: (is) => ((connected = is), show()),
});
show();
