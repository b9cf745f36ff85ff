// What was known before, and when it changed.

import { element } from "../elements.js";
import { facts, nothing } from "./facts.js";

const BORING = /^(geom|geom_m|solid|row_hash|.*_id|tokens)$/;

export function historySection(answer, { language }) {
  const history = answer.history ?? [];
  if (!history.length) return { id: "history", count: 0, node: nothing(language.text("history.none")) };
  const rows = history.map((entry) =>
    element(
      "li",
      { class: "history-entry" },
      element("div", { class: "row-title", text: `${language.word("table", entry.table)} · ${language.word("operation", entry.operation)}` }),
      entry.code ? element("div", { class: "row-code", text: entry.code }) : null,
      element("div", { class: "row-code", text: [language.time(entry.known_to ?? entry.known_from), entry.actor].filter(Boolean).join(" · ") }),
      oldValues(entry.old, language),
    ),
  );
  return { id: "history", count: history.length, node: element("ol", { class: "history" }, rows) };
}

function oldValues(old, language) {
  const rows = Object.entries(old ?? {})
    .filter(([name, value]) => !BORING.test(name) && (value === null || typeof value !== "object"))
    .slice(0, 12)
    .map(([name, value]) => ({
      label: language.word("field", name),
      value: value === null ? language.text("history.empty") : String(value),
    }));
  if (!rows.length) return null;
  return element("details", {}, element("summary", { class: "text-button", text: language.text("history.before") }), facts(rows, language));
}
