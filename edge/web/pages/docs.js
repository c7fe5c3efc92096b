// Shows openapi.json: each path with what it answers.
import { element, get } from "./live.js";

for (const id of ["origin", "again"]) document.getElementById(id).textContent = location.origin;

function row(...cells) {
  const made = element("tr");
  made.append(...cells.map((cell) => element("td", cell)));
  return made;
}

const { paths } = await get("/api/openapi.json");
for (const [path, methods] of Object.entries(paths)) {
  for (const [method, { summary, responses }] of Object.entries(methods)) {
    const table = element("table");
    for (const [status, { description }] of Object.entries(responses)) table.append(row(status, description));
    document.getElementById("paths").append(element("h2", `${method.toUpperCase()} ${path}`), element("p", summary), table);
  }
}
