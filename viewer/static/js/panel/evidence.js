// Where a value comes from, behind a small button beside it.

import { element, icon } from "../elements.js";

let serial = 0;

/** Rows [label, text] of an evidence object, in the order people ask: who, which file, which photo, how, when. */
export function evidenceRows(evidence, language) {
  const rows = [];
  const add = (key, text) => {
    if (text !== null && text !== undefined && text !== "") rows.push([language.text(`evidence.${key}`), String(text)]);
  };
  add("kind", language.word("evidence.kind", evidence.kind));
  add("department", evidence.department);
  add("file", evidence.file);
  add("row_no", evidence.row_no);
  add("batch", evidence.batch);
  add("survey", evidence.survey);
  add("photo", evidence.photo);
  if (evidence.pixel) add("pixel", `${evidence.pixel.col.toFixed(1)}, ${evidence.pixel.row.toFixed(1)}`);
  add("method", language.word("method", evidence.method));
  if (Number.isFinite(evidence.sigma_m)) add("sigma", `± ${language.number(evidence.sigma_m, 2)} m`);
  if (Number.isFinite(evidence.confidence)) add("confidence", `${language.number(evidence.confidence * 100)} %`);
  if (evidence.observed_at) add("observed_at", language.time(evidence.observed_at));
  if (evidence.known_at) add("known_at", language.time(evidence.known_at));
  add("confirmed_by", evidence.confirmed_by);
  return rows;
}

/** Make a pair: the button that opens the evidence, and the region it opens. name: what the value is, for ears. */
export function evidenceDisclosure(evidence, name, language) {
  const rows = evidence ? evidenceRows(evidence, language) : [];
  if (!rows.length) return { button: null, region: null };
  serial += 1;
  const id = `evidence-${serial}`;
  const region = element(
    "dl",
    { id, class: "evidence", hidden: true },
    rows.flatMap(([label, text]) => [element("dt", { text: label }), element("dd", { text })]),
  );
  const label = language.text("evidence.of", { name });
  const button = element(
    "button",
    { type: "button", class: "evidence-button", "aria-expanded": "false", "aria-controls": id, "aria-label": label, title: label },
    icon("source", 16),
  );
  button.addEventListener("click", () => {
    region.hidden = !region.hidden;
    button.setAttribute("aria-expanded", String(!region.hidden));
  });
  return { button, region };
}
