// The record or entity whose place is sought: what it is, whose, and what it says about its place.

import { element, refill } from "../elements.js";

/** Fill the card with a subject. item: of /links/review; null empties it. */
export function drawSubject(node, item, language) {
  if (!item) {
    refill(node);
    return;
  }
  const { subject } = item;
  const kind = subject.kind === "record" ? language.word("record_kind", subject.type) : subject.type;
  const address = subject.address_given;
  refill(
    node,
    element("p", { class: "overline", text: [subject.department, kind].filter(Boolean).join(" · ") }),
    element("h2", { id: "subject-title", tabindex: "-1", text: subject.title }),
    element(
      "dl",
      { class: "subject-facts" },
      fact(language.text("review.address_given"), address ?? language.text("review.no_address"), address ? "given" : "none"),
      subject.lon !== null ? fact(language.text("review.point"), `${subject.lon.toFixed(6)}, ${subject.lat.toFixed(6)}`) : null,
      subject.grid ? fact(language.text("review.grid"), subject.grid) : null,
      subject.recorded_at ? fact(language.text("review.recorded_at"), language.time(subject.recorded_at, false)) : null,
    ),
  );
}

function fact(label, value, kind = "") {
  return element("div", {}, element("dt", { text: label }), element("dd", { class: kind, text: value }));
}
