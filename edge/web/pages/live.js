const SILENT_MS = 40000; // the bin says something every 15 s
export const AGAIN_MS = 5000;

// What the bin tells, as it happens. on.state, on.item, on.correction, on.seen; on.line(connected).
export function live(on) {
  const source = new EventSource("/api/v1/live");
  let heard = Date.now();
  for (const kind of ["state", "item", "correction", "seen", "beat"]) {
    source.addEventListener(kind, (event) => {
      heard = Date.now();
      on[kind]?.(JSON.parse(event.data));
    });
  }
  function again() {
    source.close();
    live(on);
  }
  // after a sleep, or where the other end lost its power, a line is dead and nothing says so
  const watch = setInterval(() => {
    if (Math.abs(Date.now() - heard) < SILENT_MS) return; // a clock that is set back would wait until it has caught up
    clearInterval(watch);
    on.line(false);
    again();
  }, AGAIN_MS);
  source.onopen = () => on.line(true);
  source.onerror = () => {
    on.line(false);
    if (source.readyState !== EventSource.CLOSED) return; // it tries again by itself
    clearInterval(watch);
    setTimeout(again, AGAIN_MS);
  };
}

export async function get(path) {
  return (await read(path)).json();
}

export async function read(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer;
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
