// A person in clear, for those who may: asks what for and why, and says that it is written down.

import { fetchJson } from "../city_api.js";
import { inLanguage } from "../desk/desk_api.js";
import { element, icon, refill } from "../elements.js";

let asked = null;

/** What may be shown in clear to whoever looks, and what for: {purposes, fields: {entity, record}}; asked once. */
function purposes() {
  asked ??= fetchJson("/purposes").catch(() => {
    asked = null;
    return { purposes: [], fields: { entity: [], record: [] } };
  });
  return asked;
}

/** Make the button and the form it opens, for a masked entity; both stay away from those who have no right to it. */
export function revealControl(item, language) {
  const region = element("form", { class: "reveal", hidden: true });
  const label = language.text("reveal.open");
  const button = element(
    "button",
    { type: "button", class: "evidence-button reveal-button", hidden: true, "aria-expanded": "false", "aria-label": label, title: label },
    icon("eye", 16),
  );
  purposes().then((known) => {
    if (!known.fields.entity.length) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      if (region.hidden && !region.childElementCount) refill(region, ...formParts(item, known, language));
      region.hidden = !region.hidden;
      button.setAttribute("aria-expanded", String(!region.hidden));
    });
    region.addEventListener("submit", (event) => {
      event.preventDefault();
      show(item, region, language);
    });
  });
  return { button, region };
}

function formParts(item, known, language) {
  const options = known.purposes.map((purpose) =>
    element("option", { value: purpose.code, title: language.pick(purpose, "for"), text: language.pick(purpose, "name") }),
  );
  const shown = known.fields.entity.filter((name) => name in (item.person ?? {}) || name === "name");
  const boxes = shown.map((name) =>
    element(
      "label",
      { class: "reveal-field" },
      element("input", { type: "checkbox", name: "field", value: name, checked: name === "name" }),
      language.text(`reveal.field.${name}`),
    ),
  );
  return [
    element("label", {}, element("span", { text: language.text("reveal.purpose") }), element("select", { name: "purpose", required: true }, options)),
    element(
      "label",
      {},
      element("span", { text: language.text("reveal.reason") }),
      element("textarea", { name: "reason", rows: "2", minlength: "4", maxlength: "200", required: true, autocomplete: "off" }),
    ),
    element("fieldset", {}, element("legend", { text: language.text("reveal.fields") }), boxes),
    element("p", { class: "reveal-note", text: language.text("reveal.note") }),
    element("button", { type: "submit", text: language.text("reveal.show") }),
    element("div", { class: "reveal-answer", role: "status" }),
  ];
}

async function show(item, form, language) {
  const answer = form.querySelector(".reveal-answer");
  const given = new FormData(form);
  const body = { purpose: given.get("purpose"), reason: given.get("reason"), fields: given.getAll("field") };
  try {
    const { values } = await fetchJson(`/entities/${encodeURIComponent(item.code)}/reveal`, { body });
    const rows = Object.entries(values).flatMap(([name, value]) => [
      element("dt", { text: language.text(`reveal.field.${name}`) }),
      element("dd", { text: value ?? language.text("reveal.nothing") }),
    ]);
    refill(answer, element("dl", { class: "evidence" }, rows));
  } catch (problem) {
    refill(answer, element("p", { class: "callout", text: inLanguage(problem.told?.detail, language.current) || language.text("reveal.failed") }));
  }
}
