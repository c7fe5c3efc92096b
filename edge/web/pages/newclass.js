// Asks for the name of a class that there is not yet.
const by = (id) => document.getElementById(id);

// null where nobody gave one.
export function askedClass() {
  by("fresh-name").value = "";
  by("fresh").returnValue = "";
  by("fresh").showModal();
  return new Promise((resolve) => {
    by("fresh").addEventListener("close", () => resolve(by("fresh").returnValue ? by("fresh-name").value.trim() : null), { once: true });
  });
}

by("fresh-name").addEventListener("input", () => (by("fresh-name").value = by("fresh-name").value.toLowerCase()));
