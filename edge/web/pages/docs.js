// Shows openapi.json: each path with what it answers.
for (const id of ["origin", "again"]) document.getElementById(id).textContent = location.origin;

function row(...cells) {
  const made = document.createElement("tr");
  for (const cell of cells) made.insertCell().textContent = cell;
  return made;
}

const { paths } = await (await fetch("/api/openapi.json")).json();
for (const [path, methods] of Object.entries(paths)) {
  for (const [method, { summary, responses }] of Object.entries(methods)) {
    const title = document.createElement("h2");
    title.textContent = `${method.toUpperCase()} ${path}`;
    const words = document.createElement("p");
    words.textContent = summary;
    const table = document.createElement("table");
    for (const [status, { description }] of Object.entries(responses)) table.append(row(status, description));
    document.getElementById("paths").append(title, words, table);
  }
}
