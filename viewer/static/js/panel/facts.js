// Lists of labelled values, the panel's main form.

import { element } from "../elements.js";
import { evidenceDisclosure } from "./evidence.js";

/**
 * Make a list of facts. rows: [{label, value (text or node), evidence, mark (node)}]; rows without a value are left
 * out. Returns null when nothing is left.
 */
export function facts(rows, language) {
  const shown = rows.filter((row) => row && row.value !== null && row.value !== undefined && row.value !== "");
  if (!shown.length) return null;
  return element(
    "dl",
    { class: "facts" },
    shown.map(({ label, value, evidence, mark, key }) => {
      const { button, region } = evidenceDisclosure(evidence, label, language);
      return element(
        "div",
        { class: "fact", "data-fact": key ?? null },
        element("dt", { text: label }),
        element("dd", {}, element("span", { class: "value" }, value), mark ?? null, button),
        region,
      );
    }),
  );
}

/** A small coloured word. tone: plain, good, care or bad. */
export function chip(text, tone = "plain") {
  return element("span", { class: `chip chip-${tone}`, text });
}

/** A muted sentence for a part that has nothing. */
export function nothing(text) {
  return element("p", { class: "nothing", text });
}

/** Attributes as delivered (names are the delivery's own) as facts. */
export function attributeFacts(attributes, language) {
  const rows = Object.entries(attributes ?? {})
    .filter(([, value]) => value !== null && value !== "")
    .map(([label, value]) => ({ label, value: typeof value === "object" ? JSON.stringify(value) : String(value) }));
  return facts(rows, language);
}
