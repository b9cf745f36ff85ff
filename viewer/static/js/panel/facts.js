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

/** Put nodes into a list and hold back those after the first `most`, behind a button that shows them all. */
export function heldBack(list, nodes, most, language) {
  list.append(...nodes.slice(0, most));
  if (nodes.length <= most) return list;
  const button = element("button", {
    type: "button",
    class: "text-button show-all",
    text: language.text("list.all", { count: language.number(nodes.length) }),
  });
  button.addEventListener("click", () => {
    button.remove();
    list.append(...nodes.slice(most));
    nodes[most].querySelector("summary, button")?.focus();
  });
  return element("div", {}, list, button);
}

/** Attributes as delivered (names are the delivery's own) as facts. */
export function attributeFacts(attributes, language) {
  const rows = Object.entries(attributes ?? {})
    .filter(([, value]) => value !== null && value !== "")
    .map(([label, value]) => ({ label, value: typeof value === "object" ? JSON.stringify(value) : String(value) }));
  return facts(rows, language);
}
