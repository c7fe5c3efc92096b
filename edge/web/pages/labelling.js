// Labels on their way to the bin: in their order, several at once, again where the line breaks. Nobody waits for it.
import { post } from "./login.js";

const MOST_AT_ONCE = 50;
const AGAIN_MS = 2000;

// on.told(change, result): what became of each. on.back(changes): nobody gave the password. on.waiting(n, trouble)
export class Labelling {
  #waiting = [];
  #sending = false;

  constructor(on) {
    this.on = on;
    addEventListener("beforeunload", (event) => this.#waiting.length && event.preventDefault());
  }

  get idle() {
    return this.#waiting.length === 0;
  }

  // item: its label and revision become at once what they will be.
  put(item, label) {
    this.#waiting.push({ item, label, before: item.label, revision: item.revision });
    item.label = label;
    item.revision += 1;
    this.on.waiting(this.#waiting.length);
    if (!this.#sending) this.#send();
  }

  async #send() {
    this.#sending = true;
    await null; // what is labelled together goes together
    while (this.#waiting.length) {
      const some = this.#waiting.slice(0, MOST_AT_ONCE);
      const trouble = await this.#post(some).catch(() => "offline");
      this.on.waiting(this.#waiting.length, trouble);
      if (trouble && this.#waiting.length) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
    this.#sending = false;
  }

  // Returns why they still wait.
  async #post(some) {
    const changes = some.map(({ item, label, revision }) => ({ item_id: item.item_id, label, revision }));
    const answer = await post("/api/v1/captures/labels", { changes });
    if (answer === null || answer.status === 403) {
      this.on.back(this.#waiting.splice(0), answer?.told.detail);
      return "";
    }
    if (answer.status === 401) return "wrong_password";
    if (answer.status !== 200) return answer.told.detail ?? "offline";
    this.#waiting.splice(0, some.length);
    answer.told.results.forEach((result, number) => this.#tell(some[number], result));
    return "";
  }

  // The answer to an earlier try may have been lost on its way: then it is what we wanted.
  #tell(change, result) {
    const done = result.ok || (result.item && result.item.label === change.label);
    if (!done && result.item) this.#waiting = this.#waiting.filter((other) => other.item !== change.item);
    const later = this.#waiting.some((other) => other.item === change.item);
    if (result.item && !later) Object.assign(change.item, result.item);
    this.on.told(change, { ...result, ok: done });
  }
}
