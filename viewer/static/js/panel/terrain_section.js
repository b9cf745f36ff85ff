// The ground and the surface at the point.

import { element, icon } from "../elements.js";
import { facts, nothing } from "./facts.js";

export function terrainSection(answer, { language }) {
  const { terrain } = answer;
  if (!terrain) return { id: "terrain", count: 0, node: nothing(language.text("terrain.none")) };
  const height = (value) => (Number.isFinite(value) ? `${language.number(value, 2)} m` : null);
  const sigma = Number.isFinite(terrain.sigma_m) ? ` ± ${language.number(terrain.sigma_m, 2)}` : "";
  const above = terrain.surface_h_m - terrain.ground_h_m;
  const ground = Number.isFinite(terrain.ground_h_m) ? `${language.number(terrain.ground_h_m, 2)}${sigma} m` : null;
  const node = facts(
    [
      { key: "ground_h", label: language.text("terrain.ground"), value: ground, evidence: terrain.evidence },
      { label: language.text("terrain.surface"), value: height(terrain.surface_h_m), evidence: terrain.evidence },
      { label: language.text("terrain.above"), value: Number.isFinite(above) ? height(Math.abs(above) < 0.005 ? 0 : above) : null },
      { label: language.text("height.datum"), value: language.word("datum", terrain.vertical_datum) },
      { label: language.text("terrain.survey"), value: terrain.survey },
    ],
    language,
  );
  if (terrain.heights_from !== "exif") return { id: "terrain", count: null, node };
  const care = element("p", { class: "callout callout-care" }, icon("warning", 18), element("span", { text: language.text("terrain.from_exif") }));
  return { id: "terrain", count: null, node: element("div", {}, node, care) };
}
