// Enterprises, institutions and households here; names are masked by the server for those who may not see them.

import { element, icon } from "../elements.js";
import { evidenceDisclosure } from "./evidence.js";
import { heldBack, nothing } from "./facts.js";
import { revealControl } from "./reveal.js";

const FIRST_SHOWN = 6;

export function entitiesSection(answer, { language }) {
  const { count = 0, items = [] } = answer.entities ?? {};
  if (!count) return { id: "entities", count: 0, node: nothing(language.text("entities.none")) };
  const masked = items.some((item) => item.masked);
  const node = element(
    "div",
    {},
    masked ? element("p", { class: "callout" }, icon("lock", 18), element("span", { text: language.text("entities.masked") })) : null,
    heldBack(element("ul", { class: "plain-rows" }), items.map((item) => entityRow(item, language)), FIRST_SHOWN, language),
    count > items.length ? nothing(language.text("entities.more", { count: language.number(count - items.length) })) : null,
  );
  return { id: "entities", count, node };
}

function entityRow(item, language) {
  const name = item.name || language.text("entities.unnamed");
  const { button, region } = evidenceDisclosure(item.evidence, name, language);
  const inClear = item.person ? revealControl(item, language) : { button: null, region: null };
  return element(
    "li",
    {},
    element(
      "div",
      { class: "plain-row" },
      element(
        "span",
        { class: "row-main" },
        element("span", { class: "row-title" }, name, item.masked ? icon("lock", 14) : null),
        element("span", { class: "row-code", text: `${language.pick(item, "type")} · ${item.code}` }),
        item.person ? element("span", { class: "row-code", text: Object.values(item.person).join(" · ") }) : null,
      ),
      inClear.button,
      button,
    ),
    inClear.region,
    region,
  );
}
