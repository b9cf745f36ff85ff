// The API's own description, drawn from openapi.json. Everything is put in as text, nothing comes from outside.
const root = document.getElementById("routes");
const make = (tag, text, attributes = {}) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};
const exampleOf = (parameter) =>
  parameter.example ?? parameter.examples?.[0] ?? parameter.schema?.examples?.[0] ?? parameter.schema?.default ?? "";

function addressOf(path, inputs) {
  const query = new URLSearchParams();
  let address = path;
  for (const [parameter, input] of inputs) {
    const value = input.value.trim();
    if (parameter.in === "path") {
      const part = parameter.name === "path" ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);
      address = address.replace(`{${parameter.name}}`, part);
    } else if (value) query.set(parameter.name, value);
  }
  const text = query.toString();
  return "." + address + (text ? "?" + text : "");
}

async function tryIt(address, place) {
  place.replaceChildren(make("p", "…", { class: "note" }));
  const started = performance.now();
  try {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), 20000);
    const answer = await fetch(address, { signal: stop.signal });
    const type = answer.headers.get("content-type") ?? "";
    const line = `${answer.status} · ${type} · ${Math.round(performance.now() - started)} ms · ${address.slice(1)}`;
    const shown = [make("p", line, { class: "note" })];
    if (type.startsWith("image/")) {
      shown.push(make("img", undefined, { src: URL.createObjectURL(await answer.blob()), alt: "" }));
    } else if (type.includes("json")) {
      shown.push(make("pre", JSON.stringify(await answer.json(), null, 2)));
    } else if (type.startsWith("text/")) {
      shown.push(make("pre", (await answer.text()).slice(0, 4000)));
    }
    clearTimeout(timer);
    place.replaceChildren(...shown);
  } catch {
    place.replaceChildren(make("p", "没有收到回答 / no answer", { class: "note" }));
  }
}

function route(path, operation) {
  const box = make("details");
  const head = make("summary");
  head.append(make("code", "GET " + path), make("span", operation.summary ?? ""));
  const inside = make("div", undefined, { class: "inside" });
  inside.append(make("p", operation.description ?? ""));
  const inputs = [];
  const table = make("table");
  for (const parameter of operation.parameters ?? []) {
    const row = make("tr");
    const input = make("input", undefined, { "aria-label": parameter.name });
    input.value = parameter.required || parameter.in === "path" ? exampleOf(parameter) : "";
    input.placeholder = String(exampleOf(parameter));
    inputs.push([parameter, input]);
    const name = make("td");
    name.append(make("code", parameter.name + (parameter.required ? " *" : "")));
    const field = make("td");
    field.append(input);
    row.append(name, make("td", parameter.description ?? ""), field);
    table.append(row);
  }
  if (inputs.length) inside.append(table);
  const button = make("button", "试一试 Try", { type: "button" });
  const result = make("div");
  button.addEventListener("click", () => tryIt(addressOf(path, inputs), result));
  inside.append(button, result);
  for (const [media, content] of Object.entries(operation.responses?.["200"]?.content ?? {})) {
    inside.append(make("p", "回答 Answer: " + media, { class: "note" }));
    if (content.example) inside.append(make("pre", JSON.stringify(content.example, null, 2)));
  }
  box.append(head, inside);
  return box;
}

const description = await (await fetch("./openapi.json")).json();
const groups = new Map();
for (const [path, operations] of Object.entries(description.paths)) {
  const operation = operations.get;
  if (!operation) continue;
  const tag = operation.tags?.[0] ?? "";
  if (!groups.has(tag)) groups.set(tag, []);
  groups.get(tag).push(route(path, operation));
}
root.replaceChildren();
for (const [tag, routes] of groups) {
  const section = make("section");
  section.append(make("h2", tag), ...routes);
  root.append(section);
}
root.setAttribute("aria-busy", "false");
document.getElementById("find").addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  for (const box of root.querySelectorAll("details")) {
    box.hidden = wanted !== "" && !box.querySelector("summary").textContent.toLowerCase().includes(wanted);
  }
});
