// Asks for the name of a class that there is not yet.
import { question } from "./dialog.js";

const fresh = question("fresh", "new_class_title", `<label for="fresh-name" data-text="new_class_name"></label>
<input id="fresh-name" autocomplete="off" autocapitalize="none" maxlength="40" pattern="[a-z0-9][a-z0-9 _\\-]*" required aria-describedby="fresh-hint">
<p id="fresh-hint" class="soft" data-text="new_class_hint"></p>`);

// null where nobody gave one.
export async function askedClass() {
  return (await fresh.ask())?.trim() ?? null;
}

fresh.input.addEventListener("input", () => (fresh.input.value = fresh.input.value.toLowerCase()));
