// Commands and the password that they need. It stays in this page's memory, until "lock" or until the page is left.
import { question } from "./dialog.js";
import { text } from "./texts.js";

const by = (id) => document.getElementById(id);
// from elsewhere the browser itself has asked for the password already, and sends it along
const browserKnows = !["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
const login = question("login", "login", `<label for="password" data-text="password"></label>
<input id="password" type="password" autocomplete="current-password" required>`);
let password = null;

function keep(value) {
  password = value;
  by("lock").hidden = value === null;
}

function header() {
  if (password === null) return {};
  const bytes = new TextEncoder().encode(`:${password}`);
  return { authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
}

// The answer's {status, told}; null where nobody gave a password.
export async function post(path, wanted, more = {}) {
  if (!browserKnows && password === null) {
    const given = await login.ask();
    if (given === null) return null;
    keep(given);
  }
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...header() },
    body: JSON.stringify(wanted),
    credentials: browserKnows ? "same-origin" : "omit", // else a wrong one opens the browser's own window
    ...more,
  });
  if (answer.status === 401) keep(null);
  return { status: answer.status, told: await answer.json() };
}

// What the bin answers: {ok, message, ...}; null where nobody gave a password.
export async function command(name, wanted, more) {
  const answer = await post(`/api/v1/commands/${name}`, wanted, more);
  if (answer === null) return null;
  if (answer.status === 401) return { ok: false, message: text("wrong_password") };
  const { told } = answer;
  return { ...told, ok: told.ok ?? false, message: told.message ?? told.detail };
}

by("lock").addEventListener("click", () => keep(null));
