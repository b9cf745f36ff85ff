// Report a case at the place that is asked about, for those who may: a class, a line everybody can read, how bad.

import { fetchJson } from "../city_api.js";
import { inLanguage } from "../desk/desk_api.js";
import { element, refill } from "../elements.js";

let asked = null;

/** What may be reported, and whether who looks may: {may_report, items}; asked once. */
function eventClasses() {
  asked ??= fetchJson("/event-classes").catch(() => {
    asked = null;
    return { may_report: false, items: [] };
  });
  return asked;
}

/** Make the button and the form it opens; both stay away from those who have no right to it. */
export function reportControl(answer, { language, chosenAsset, actions }) {
  const form = element("form", { class: "reveal report", hidden: true });
  const button = element("button", {
    type: "button", class: "report-button", hidden: true, "aria-expanded": "false", text: language.text("report.open"),
  });
  eventClasses().then((known) => {
    if (!known.may_report) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      if (!form.childElementCount) refill(form, ...formParts(known.items, answer, chosenAsset, language));
      form.hidden = !form.hidden;
      button.setAttribute("aria-expanded", String(!form.hidden));
      if (!form.hidden) form.querySelector("select").focus();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form, answer.query, language, actions);
    });
  });
  return [button, form];
}

function formParts(classes, answer, chosenAsset, language) {
  const groups = new Map();
  for (const item of classes) {
    const category = language.pick(item, "category");
    groups.set(category, [...(groups.get(category) ?? []), item]);
  }
  const options = [...groups].map(([category, items]) =>
    element(
      "optgroup",
      { label: category },
      items.map((item) => element("option", { value: item.code, title: item.filing_condition_zh, text: `${item.code} ${language.pick(item, "name")}` })),
    ),
  );
  const assets = (answer.assets ?? []).map((item) =>
    element("option", { value: item.code, selected: item.code === chosenAsset, text: `${language.pick(item, "class")} ${item.name_zh ?? item.code}` }),
  );
  const severities = ["", "a", "b", "c"].map((value) => element("option", { value, text: language.text(`report.severity.${value || "none"}`) }));
  return [
    labelled("report.class", element("select", { name: "class_code", required: true }, element("option", { value: "" }), options), language),
    labelled("report.title", element("textarea", { name: "title_zh", rows: "2", maxlength: "200", required: true, autocomplete: "off" }), language),
    labelled("report.asset", element("select", { name: "asset_code" }, element("option", { value: "", text: language.text("report.no_asset") }), assets), language),
    labelled("report.severity", element("select", { name: "severity" }, severities), language),
    element("p", { class: "reveal-note", text: language.text("report.note") }),
    element("button", { type: "submit", class: "solid-button", text: language.text("report.send") }),
    element("div", { class: "report-answer", role: "status" }),
  ];
}

function labelled(key, control, language) {
  return element("label", {}, element("span", { text: language.text(key) }), control);
}

async function send(form, { lon, lat }, language, actions) {
  const button = form.querySelector("button[type=submit]");
  const given = [...new FormData(form)].filter(([, value]) => value.trim());
  const body = { type: "Feature", geometry: { type: "Point", coordinates: [lon, lat] }, properties: Object.fromEntries(given) };
  button.disabled = true; // once is enough
  try {
    await fetchJson("/collections/events/items", { body });
    actions.again(); // the panel tells what the city knows now
  } catch (problem) {
    button.disabled = false;
    const told = inLanguage(problem.told?.detail, language.current) || language.text("report.failed");
    refill(form.querySelector(".report-answer"), element("p", { class: "callout", text: told }));
  }
}
