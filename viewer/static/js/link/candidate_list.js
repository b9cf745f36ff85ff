// The places proposed, best first: each with how it was found, how sure it is, and where it differs from what was given.

import { element, icon, refill } from "../elements.js";

const KIND_ICONS = { building: "layers", asset: "target", address: "home" };

export class CandidateList {
  /** node: an empty <ol role=listbox>. onPick(index) when one is chosen by mouse; onDecide("accept" | "reject"). */
  constructor(node, { language, onPick, onDecide }) {
    this.node = node;
    this.language = language;
    this.onPick = onPick;
    this.onDecide = onDecide;
    this.item = null;
    this.current = 0;
  }

  show(item, current) {
    this.item = item;
    this.current = current;
    const candidates = item?.candidates ?? [];
    refill(this.node, candidates.map((candidate, i) => this.card(candidate, i)));
    this.mark(current);
  }

  /** Make one the current one. */
  mark(index) {
    this.current = index;
    [...this.node.children].forEach((card, i) => {
      card.setAttribute("aria-current", String(i === index));
      if (i === index) card.scrollIntoView({ block: "nearest" });
    });
  }

  card(candidate, i) {
    const { language } = this;
    const { to } = candidate;
    const heading = element(
      "button",
      { type: "button", class: "candidate-head", on: { click: () => this.onPick(i) } },
      element("span", { class: "badge", text: String(i + 1) }),
      element(
        "span",
        { class: "row-main" },
        element("span", { class: "candidate-label" }, runs(candidate.texts?.known, to.label ?? to.code, language)),
        element(
          "span",
          { class: "row-code with-kind" },
          icon(KIND_ICONS[to.kind] ?? "target", 15),
          element("span", { text: [language.text(`search.kind.${to.kind}`), to.name !== to.label ? to.name : null, to.code].filter(Boolean).join(" · ") }),
        ),
      ),
      this.score(candidate),
    );
    return element("li", { class: "candidate", "data-candidate": i }, heading, this.body(candidate));
  }

  score(candidate) {
    const { language } = this;
    if (!Number.isFinite(candidate.score)) return null;
    return element(
      "span",
      { class: "candidate-score" },
      element("strong", { text: language.number(candidate.score, 2) }),
      element("small", { text: language.word("link_method", candidate.method) }),
    );
  }

  body(candidate) {
    const { language, item } = this;
    const chips = [
      Number.isFinite(candidate.margin) ? [language.text("review.margin", { margin: language.number(candidate.margin, 2) }), candidate.margin < 0.04] : null,
      Number.isFinite(candidate.distance_m) ? [language.text("review.distance", { distance: language.metres(candidate.distance_m, 0) }), candidate.distance_m > 100] : null,
    ].filter(Boolean);
    const given = item.subject.address_given;
    return element(
      "div",
      { class: "candidate-body" },
      candidate.texts
        ? element(
            "p",
            { class: "given-line" },
            element("span", { class: "aside", text: language.text("review.given") }),
            element("span", { class: "given" }, runs(candidate.texts.given, given, language)),
          )
        : null,
      this.parts(candidate),
      candidate.reason_zh ? element("p", { class: "reason", text: language.pick(candidate, "reason") }) : null,
      chips.length ? element("p", { class: "chips" }, chips.map(([text, care]) => element("span", { class: care ? "chip chip-care" : "chip", text }))) : null,
      this.buttons(candidate),
    );
  }

  /** The address part by part: what was given, what the register has, and whether they agree. */
  parts(candidate) {
    const { language } = this;
    const rows = candidate.parts.filter((part) => part.given || part.known);
    if (!rows.some((part) => part.given)) return null;
    return element(
      "table",
      { class: "parts" },
      element("caption", { class: "unseen", text: language.text("review.parts") }),
      element(
        "thead",
        {},
        element("tr", {}, ["review.part", "review.part.given", "review.part.known"].map((key) => element("th", { scope: "col", text: language.text(key) }))),
      ),
      element(
        "tbody",
        {},
        rows.map((part) =>
          element(
            "tr",
            { class: `part part-${verdictOf(part)}`, title: language.text(`verdict.${verdictOf(part)}`) },
            element("th", { scope: "row", text: language.pick(part, "name") }),
            element("td", { text: part.given ?? "–" }),
            element(
              "td",
              {},
              element("span", { text: part.known ?? "–" }),
              element("span", { class: "unseen", text: ` ${language.text(`verdict.${verdictOf(part)}`)}` }),
            ),
          ),
        ),
      ),
    );
  }

  buttons(candidate) {
    const { language } = this;
    if (candidate.state && candidate.state !== "review") {
      return element("p", { class: "aside", text: language.text(`link_state.${candidate.state}`) });
    }
    const reject = candidate.link_id
      ? element("button", { type: "button", class: "plain-button", on: { click: () => this.onDecide("reject") } }, language.text("review.reject"), key("R"))
      : null;
    return element(
      "div",
      { class: "candidate-actions" },
      element("button", { type: "button", class: "solid-button", on: { click: () => this.onDecide("accept") } }, language.text("review.accept"), key("A")),
      reject,
    );
  }
}

/** What matching says of a part, or what its two texts say themselves: same, alike, differs, unsaid. */
export function verdictOf({ verdict, given, known }) {
  if (["same", "alike", "differs"].includes(verdict)) return verdict;
  if (given && known) return given === known ? "same" : "differs";
  return "unsaid";
}

/** A text with what differs, and what only it has, marked. */
function runs(marked, whole, language) {
  if (!marked) return whole;
  const says = { differs: "review.differs", more: "review.more" };
  return marked.map((run) =>
    run.is === "same"
      ? element("span", { text: run.text })
      : element("mark", { class: `mark-${run.is}`, text: run.text, title: language.text(says[run.is] ?? run.is) }),
  );
}

function key(letter) {
  return element("kbd", { "aria-hidden": "true", text: letter });
}
