// A question with one answer in a window of its own, made when a page's script asks for it.
import { translated } from "./texts.js";

// field: the HTML of its label and its input or select. ask(): the answer; null where nobody gave one.
export function question(id, title, field) {
  const dialog = document.createElement("dialog");
  dialog.id = id;
  dialog.setAttribute("aria-labelledby", `${id}-title`);
  dialog.innerHTML = `<form method="dialog">
<h2 id="${id}-title" data-text="${title}"></h2>
${field}
<div class="actions"><button class="button" value="go" data-text="go"></button> <button class="small" value="" formnovalidate data-text="cancel"></button></div>
</form>`;
  document.body.append(translated(dialog));
  const input = dialog.querySelector("input, select");

  function ask() {
    input.value = "";
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue ? input.value : null), { once: true });
    });
  }

  return { input, ask };
}
