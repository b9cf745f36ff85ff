// The panel's first lines: what this is, its name, and its few numbers.

import { element } from "../elements.js";
import { chip } from "./facts.js";

const WALL_REACH_M = 0.6;
const STANDS_ABOVE_M = 1.2;

/** What was asked: an asset that was clicked or found, the building there, or the bare place. */
export function subjectOf(answer, chosenAsset) {
  const asset = chosenAsset ? (answer.assets ?? []).find((item) => item.code === chosenAsset) : null;
  if (asset) return { kind: "asset", asset };
  const { building, place, query, terrain } = answer;
  if (!building) return { kind: "place" };
  // /lookup finds buildings up to two metres away: the pavement before one is not the building. But an address stands
  // at the door: who looked it up (a place without a height) means the building behind it.
  const looked = query?.height_m ?? null;
  const above = (looked ?? -Infinity) - (terrain?.ground_h_m ?? Infinity);
  const itsDoor = looked === null && (building.addresses ?? []).some(({ code }) => code === place?.address?.code);
  const meant = !(building.distance_m > WALL_REACH_M) || above > STANDS_ABOVE_M || itsDoor;
  return meant ? { kind: "building", building } : { kind: "place" };
}

/** Title, line below it, and figures [{label, value, unit, note}] of the subject. */
export function headline(answer, chosenAsset, language) {
  const subject = subjectOf(answer, chosenAsset);
  const address = shortAddress(answer.place);
  if (subject.kind === "asset") return assetHeadline(subject.asset, address, language);
  if (subject.kind === "building") return buildingHeadline(subject.building, address, language);
  return placeHeadline(answer, address, language);
}

function placeHeadline({ place, query, terrain }, address, language) {
  const unit = language.pick(place?.admin?.at(-1), "name");
  const here = (place?.address?.distance_m ?? 0) <= 2;
  const title = here ? address : language.text("headline.near", { address });
  return {
    kind: "place",
    overline: language.text("headline.place"),
    title: address ? title : unit || `${query.lon.toFixed(6)}, ${query.lat.toFixed(6)}`,
    subtitle: address ? [unit, place?.grid?.name_zh].filter(Boolean).join(" · ") : "",
    figures: terrain
      ? [{ label: language.text("terrain.ground"), value: language.number(terrain.ground_h_m, 2), unit: "m", sigma: terrain.sigma_m }]
      : [],
  };
}

/** The address without the administrative units before it, which stand below anyway. */
export function shortAddress(place) {
  const text = place?.address?.text_zh ?? "";
  let start = 0;
  for (const { name_zh: name } of place?.admin ?? []) {
    const at = name ? text.lastIndexOf(name) : -1;
    if (at >= 0) start = Math.max(start, at + name.length);
  }
  return text.length - start >= 3 ? text.slice(start) : text;
}

function assetHeadline(asset, address, language) {
  return {
    kind: "asset",
    overline: language.text("headline.asset"),
    title: language.pick(asset, "class"),
    subtitle: asset.code,
    figures: [
      { label: language.text("assets.state"), value: language.word("state", asset.state), unit: "" },
      { label: language.text("place.address"), value: address || "–", unit: "", small: true },
    ],
  };
}

function buildingHeadline(building, address, language) {
  return {
    kind: "building",
    overline: language.text("headline.building"),
    title: building.name_zh || building.addresses?.[0]?.text_zh || building.code,
    subtitle: building.addresses?.[0]?.text_zh || address || building.code,
    figures: [
      {
        label: language.text("building.height"),
        value: language.number(building.height_m, 1),
        unit: "m",
        sigma: building.height_sigma_m,
        care: building.height_confidence === "low",
      },
      { label: language.text("building.storeys"), value: language.number(building.storeys), unit: language.text("unit.storeys") },
      { label: language.text("building.ground"), value: language.number(building.ground_h_m, 1), unit: "m" },
    ].filter((figure) => figure.value !== "–"),
  };
}

/** Draw the figures as a row of large numbers. */
export function figureRow(figures, language) {
  if (!figures.length) return null;
  return element(
    "div",
    { class: "figures" },
    figures.map((figure) =>
      element(
        "div",
        { class: `figure${figure.small ? " figure-text" : ""}` },
        element("span", { class: "figure-label", text: figure.label }),
        element(
          "span",
          { class: "figure-value" },
          element("span", { text: figure.value }),
          figure.unit ? element("small", { text: figure.unit }) : null,
        ),
        Number.isFinite(figure.sigma) ? element("span", { class: "figure-note", text: `± ${language.number(figure.sigma, 2)} m` }) : null,
        figure.care ? chip(language.text("confidence.low"), "care") : null,
      ),
    ),
  );
}
