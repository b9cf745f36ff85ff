// The building: what it is, how high, how sure.

import { element, icon } from "../elements.js";
import { chip, facts } from "./facts.js";

export function buildingSection(answer, { language }) {
  const { building } = answer;
  if (!building) return { id: "building", count: null, node: null };
  const evidence = building.evidence ?? {};
  const addresses = (building.addresses ?? []).map((item) => element("div", { text: item.text_zh }));
  const height = (value) => (Number.isFinite(value) ? `${language.number(value, 2)} m` : null);
  const node = element(
    "div",
    {},
    lowConfidence(building, language),
    facts(
      [
        {
          label: language.text("building.name"),
          value: building.name_zh,
          mark: building.distance_m > 0.1 ? chip(language.text("place.away", { distance: language.metres(building.distance_m, 1) })) : null,
          evidence: evidence.footprint,
        },
        heightRow(building, evidence.height, language),
        { key: "ground", label: language.text("building.ground"), value: height(building.ground_h_m), evidence: evidence.height },
        { key: "roof", label: language.text("building.roof"), value: height(building.roof_h_m), evidence: evidence.height },
        { label: language.text("height.datum"), value: language.word("datum", building.vertical_datum) },
        { label: language.text("building.use"), value: language.word("use", building.use_zh), evidence: evidence.footprint },
        { label: language.text("building.storeys"), value: building.storeys ? language.number(building.storeys) : null, evidence: evidence.footprint },
        { key: "addresses", label: language.text("building.addresses"), value: addresses.length ? addresses : null },
        { label: language.text("building.code"), value: building.code, evidence: evidence.footprint },
        { label: language.text("building.lod"), value: building.lod ? `LoD ${building.lod}` : null, evidence: evidence.height },
        { label: language.text("building.survey"), value: building.survey },
      ],
      language,
    ),
  );
  return { id: "building", count: null, node };
}

/** The height with its sigma and a mark of how sure it is. */
function heightRow(building, evidence, language) {
  if (!Number.isFinite(building.height_m)) {
    return { key: "height", label: language.text("building.height"), value: language.text("building.no_height") };
  }
  const sigma = Number.isFinite(building.height_sigma_m) ? ` ± ${language.number(building.height_sigma_m, 2)}` : "";
  const sure = building.height_confidence === "high";
  return {
    key: "height",
    label: language.text("building.height"),
    value: `${language.number(building.height_m, 2)}${sigma} m`,
    mark: building.height_confidence ? chip(language.word("confidence", building.height_confidence), sure ? "good" : "care") : null,
    evidence,
  };
}

function lowConfidence(building, language) {
  if (building.height_confidence !== "low") return null;
  const note = language.pick(building, "height_note") || language.text("building.low_confidence");
  return element("p", { class: "callout callout-care" }, icon("warning", 18), element("span", { text: note }));
}
