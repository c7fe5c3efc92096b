// Teach mode: the bin pauses, an item is put on the tray, its class is tapped, and the next is put there.
import { element, get, live } from "./live.js";
import { command, post } from "./login.js";
import { askedClass } from "./newclass.js";
import { named, text } from "./texts.js";
import { showSeen, watchTray } from "./tray.js";

const by = (id) => document.getElementById(id);
const taught = []; // {item_id, label} of this visit, in order
let labels = [];
let counts = {};
let state = null;
let connected = false;
let ours = false; // we paused it, so we let it go on
let busy = false;

function say(words, bad = false) {
  by("taught").className = bad ? "problem" : "";
  by("taught").textContent = words;
}

function showState(now) {
  state = now;
  if (!now.paused) ours = false;
  showWord();
  showLearnt();
}

function showLearnt() {
  const { running, head, message } = state?.teaching ?? {};
  const model = head ? text("learn_is_head", { head }) : text("learn_is_base");
  const words = [model, running ? text("learn_busy") : message].filter(Boolean).join(" ");
  if (by("learnt").textContent !== words) by("learnt").textContent = words;
  by("learn").disabled = !connected || running || busy;
  by("base").disabled = !connected || running || busy || !head;
}

function showWord() {
  const word = !connected ? "offline" : state?.paused && state.state === "ready" ? "paused" : (state?.state ?? "starting");
  const words = text(!connected ? "no_line" : word === "paused" ? "teach_paused" : `state_${word}`);
  by("word").className = `pill ${word}`;
  document.body.classList.toggle("offline", !connected);
  if (by("word").textContent !== words) by("word").textContent = words;
  by("mode").textContent = text(state?.paused ? "teach_end" : "teach_begin");
  by("mode").disabled = !connected || busy;
  by("back").disabled = !taught.length || busy;
  for (const one of by("classes").children) one.disabled = !state?.paused || !connected || busy;
}

function showClasses() {
  const focused = document.activeElement?.dataset?.label_;
  const buttons = labels.map((label) => {
    const one = element("button", named("label", label));
    one.type = "button";
    one.dataset.label_ = label;
    one.append(element("small", text("teach_count", { count: counts[label] ?? 0 })));
    one.addEventListener("click", () => teach(label));
    return one;
  });
  const fresh = element("button", text("new_class"));
  fresh.type = "button";
  fresh.addEventListener("click", newClass);
  by("classes").replaceChildren(...buttons, fresh);
  showWord();
  buttons.find((one) => one.dataset.label_ === focused)?.focus();
}

async function newClass() {
  const label = await askedClass();
  if (!label) return;
  if (!labels.includes(label)) labels.push(label);
  showClasses();
  await teach(label);
}

// One at a time: a second tap means the next item.
async function alone(work) {
  if (busy) return;
  busy = true;
  showLearnt();
  try {
    await work();
  } catch {
    say(text("offline"), true);
  }
  busy = false;
  showClasses();
  showLearnt();
}

const order = (name, wanted) => alone(async () => {
  by("answer").textContent = text("asking");
  const told = await command(name, wanted).catch(() => ({ ok: false, message: text("offline") }));
  by("answer").className = told?.ok === false ? "problem" : "soft";
  by("answer").textContent = told?.message ?? "";
});

const teach = (label) => alone(async () => {
  say(text("asking"));
  const told = await command("teach-item", { label });
  if (!told?.ok) return say(told?.message ?? "", true);
  taught.push({ item_id: told.item_id, label });
  counts[label] = (counts[label] ?? 0) + 1;
  say(text("teach_said", { label: named("label", label), count: counts[label] }));
});

// The picture stays, without its label: on /review it can be called what it is.
const undo = () => alone(async () => {
  const last = taught.at(-1);
  const answer = await post("/api/v1/captures/labels", { changes: [{ item_id: last.item_id, label: null, revision: 1 }] });
  if (answer === null) return;
  const [result] = answer.told.results ?? [];
  if (answer.status !== 200) return say(answer.told.detail, true);
  taught.pop();
  if (result.ok) counts[last.label] -= 1;
  say(result.ok ? text("undone", { count: 1 }) : result.problem.detail, !result.ok);
});

const changeMode = () => alone(async () => {
  const name = state?.paused ? "resume" : "pause";
  const told = await command(name, {});
  if (told === null) return;
  if (!told.ok) return say(told.message, true);
  ours = name === "pause";
  say(text(ours ? "teach_go" : "teach_over"));
});

async function load() {
  const told = await get("/api/v1/captures?limit=1");
  labels = [...told.labels, ...labels.filter((label) => !told.labels.includes(label))];
  counts = { ...told.counts.by_label };
  showClasses();
}

function line(is) {
  const back = is && !connected;
  connected = is;
  showWord();
  showLearnt();
  if (back) load().catch((error) => say(error.message, true));
}

by("mode").addEventListener("click", changeMode);
by("back").addEventListener("click", undo);
by("learn").addEventListener("click", () => order("teach", {}));
by("base").addEventListener("click", () => order("use-model", { model: "base" }));
// keepalive: the page is gone before the answer comes; where the line is cut, somebody resumes on the page of the bin
addEventListener("pagehide", () => ours && command("resume", {}, { keepalive: true }).catch(() => {}));
showWord();
showLearnt();
watchTray(() => connected);
live({ state: showState, seen: showSeen, line });
