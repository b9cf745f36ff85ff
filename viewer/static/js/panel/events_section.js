// Open cases and live sensors at the place.

import { element } from "../elements.js";
import { chip, nothing } from "./facts.js";
import { reportControl } from "./report.js";

export function eventsSection(answer, context) {
  const { language } = context;
  const events = answer.events ?? [];
  const report = reportControl(answer, context);
  if (!events.length) return { id: "events", count: 0, node: element("div", {}, nothing(language.text("events.none")), report) };
  const rows = events.map((event) =>
    plainRow(event.title_zh ?? event.code, [event.code, event.reported_at ? language.time(event.reported_at) : ""], chip(language.word("event_state", event.state))),
  );
  return { id: "events", count: events.length, node: element("div", {}, element("ul", { class: "plain-rows" }, rows), report) };
}

export function sensorsSection(answer, { language }) {
  const sensors = answer.sensors ?? [];
  if (!sensors.length) return { id: "sensors", count: 0, node: nothing(language.text("sensors.none")) };
  const rows = sensors.map((sensor) => {
    const value = Number.isFinite(sensor.latest_value) ? `${language.number(sensor.latest_value, 2)} ${sensor.unit ?? ""}` : "–";
    const when = sensor.latest_at ? language.time(sensor.latest_at) : language.text("sensors.silent");
    return plainRow(sensor.name_zh ?? sensor.code, [language.word("sensor_kind", sensor.kind), when], element("strong", { text: value }));
  });
  return { id: "sensors", count: sensors.length, node: element("ul", { class: "plain-rows" }, rows) };
}

function plainRow(title, details, mark) {
  return element(
    "li",
    {},
    element(
      "div",
      { class: "plain-row" },
      element(
        "span",
        { class: "row-main" },
        element("span", { class: "row-title", text: title }),
        element("span", { class: "row-code", text: details.filter(Boolean).join(" · ") }),
      ),
      mark,
    ),
  );
}
