// Asks what an item really was.
import { question } from "./dialog.js";
import { get } from "./live.js";
import { named, text } from "./texts.js";

const NOT_AN_ITEM = "not-an-item";
const asked = question("correct", "correct_title", `<label for="correct-label" data-text="correct_label"></label>
<select id="correct-label" required></select>`);

export function nameOf(label) {
  return label === NOT_AN_ITEM ? text("not_an_item") : named("label", label);
}

// is: what it counts as now. null where nobody said.
export async function askedLabel(is) {
  const { labels } = await get("/api/v1/captures?limit=1"); // those of the model, and what is taught here
  const others = [...labels, NOT_AN_ITEM].filter((label) => label !== is);
  asked.input.replaceChildren(new Option(text("correct_choose"), ""), ...others.map((label) => new Option(nameOf(label), label)));
  return asked.ask();
}
