// A key for each label, the same on every visit while the labels are: its first letter that is free, else a digit.
const TAKEN = ["n", "u", "x"]; // new class, undo, not an item

export function keysOf(labels) {
  const keys = new Map();
  for (const label of labels) {
    const key = [...label.toLowerCase().replace(/[^a-z]/g, ""), ..."1234567890", ..."abcdefghijklmopqrstvwyz"].find(
      (one) => !TAKEN.includes(one) && ![...keys.values()].includes(one),
    );
    keys.set(label, key ?? "");
  }
  return keys;
}
