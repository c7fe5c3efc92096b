// What the bin tells, as it happens. on.state, on.item, on.correction, on.seen; on.line(connected).
export function live(on) {
  const source = new EventSource("/api/v1/live");
  for (const kind of ["state", "item", "correction", "seen"]) {
    source.addEventListener(kind, (event) => on[kind]?.(JSON.parse(event.data)));
  }
  source.onopen = () => on.line(true);
  source.onerror = () => {
    on.line(false);
    if (source.readyState === EventSource.CLOSED) setTimeout(() => (source.close(), live(on)), 5000);
  };
}

export async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer.json();
}

// Every compartment that a state names, and one more where an item went there first: their order gives their colours.
export function compartmentsOf(state, ...more) {
  return [...new Set([...[state.by_compartment, state.since_emptied, state.fill].flatMap(Object.keys), ...more])].sort();
}

export function element(tag, content = "", className = "") {
  const made = document.createElement(tag);
  if (content !== "") made.textContent = content;
  if (className) made.className = className;
  return made;
}

export function percent(share) {
  return `${Math.round(share * 100)} %`;
}
