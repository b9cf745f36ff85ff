// What departments have on record here, by department, each with how it was linked and how sure that is.

import { element, icon } from "../elements.js";
import { evidenceDisclosure } from "./evidence.js";
import { attributeFacts, chip, facts, heldBack, nothing } from "./facts.js";

const FIRST_SHOWN = 6;

export function recordsSection(answer, { language }) {
  const groups = (answer.records ?? []).filter((group) => group.items?.length);
  const count = groups.reduce((sum, group) => sum + (group.count ?? group.items.length), 0);
  if (!count) return { id: "records", count: 0, node: nothing(language.text("records.none")) };
  const node = element(
    "div",
    {},
    groups.map((group) =>
      element(
        "section",
        { class: "department" },
        element(
          "h4",
          {},
          element("span", { text: language.pick(group.department, "name") }),
          element("span", { class: "count", text: language.number(group.count ?? group.items.length) }),
        ),
        heldBack(element("div", { class: "rows" }), group.items.map((item) => recordRow(item, language)), FIRST_SHOWN, language),
        group.count > group.items.length
          ? nothing(language.text("records.more", { count: language.number(group.count - group.items.length) }))
          : null,
      ),
    ),
  );
  return { id: "records", count, node };
}

function recordRow(item, language) {
  const when = item.recorded_at ? language.time(item.recorded_at, false) : "";
  const kind = language.word("record_kind", item.kind);
  const summary = element(
    "summary",
    {},
    element(
      "span",
      { class: "row-main" },
      element("span", { class: "row-title", text: item.title_zh }),
      element("span", { class: "row-code", text: [kind, when].filter(Boolean).join(" · ") }),
    ),
    item.state ? chip(language.word("record_state", item.state)) : null,
    item.link?.state === "review" ? chip(language.text("link.review"), "care") : null,
    icon("chevron", 18),
  );
  const { button, region } = evidenceDisclosure(item.evidence, item.title_zh, language);
  return element(
    "details",
    { class: "row", "data-record": item.record_id },
    summary,
    element(
      "div",
      { class: "row-body" },
      item.address_given ? facts([{ label: language.text("records.address_given"), value: item.address_given }], language) : null,
      attributeFacts(item.attributes, language),
      item.link ? linkNote(item.link, language) : null,
      button ? element("div", { class: "row-actions" }, element("span", { class: "aside", text: language.text("evidence.title") }), button) : null,
      region,
    ),
  );
}

/** Why the record is shown here: the method, the score as a bar, the reason in words. */
function linkNote(link, language) {
  const share = Math.round((link.score ?? 0) * 100);
  const bar = element("span", { class: "score-bar", "aria-hidden": "true" }, element("span", {}));
  bar.firstChild.style.width = `${share}%`;
  if (link.state === "review") bar.classList.add("score-care");
  const margin = Number.isFinite(link.margin) ? language.text("link.margin", { margin: language.number(link.margin, 2) }) : "";
  return element(
    "div",
    { class: "link-note" },
    element(
      "div",
      { class: "link-line" },
      element("span", { text: language.text("link.by", { method: language.word("link_method", link.method) }) }),
      bar,
      element("span", { class: "score", text: language.number(link.score, 2) }),
    ),
    element("p", { class: "aside", text: [language.pick(link, "reason"), margin].filter(Boolean).join(" ") }),
    link.to
      ? element("p", { class: "aside", text: `${language.text("link.to")} ${language.word("search.kind", link.to.kind)} ${link.to.code}` })
      : null,
  );
}
