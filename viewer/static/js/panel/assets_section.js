// The assets around the point, nearest first; each opens to its attributes, its parties and its evidence.

import { element, icon } from "../elements.js";
import { evidenceDisclosure } from "./evidence.js";
import { attributeFacts, chip, facts, heldBack, nothing } from "./facts.js";

const FIRST_SHOWN = 8;
const TONES = { 完好: "good", 破损: "bad", 丢失: "bad", 废弃: "care", 移除: "care" };

export function assetsSection(answer, context) {
  const { language, chosenAsset } = context;
  const assets = answer.assets ?? [];
  if (!assets.length) return { id: "assets", count: 0, node: nothing(language.text("assets.none")) };
  const rows = assets.map((asset) => assetRow(asset, context, asset.code === chosenAsset));
  // The asset that was asked for stands first.
  const chosen = assets.findIndex((asset) => asset.code === chosenAsset);
  if (chosen > 0) rows.unshift(...rows.splice(chosen, 1));
  return { id: "assets", count: assets.length, node: heldBack(element("div", { class: "rows" }), rows, FIRST_SHOWN, language) };
}

function assetRow(asset, context, open) {
  const { language, colourOf } = context;
  const dot = element("span", { class: "dot", "aria-hidden": "true" });
  dot.style.backgroundColor = colourOf(asset.class_code);
  const arrow = icon("arrow", 14);
  arrow.style.transform = `rotate(${asset.bearing_deg ?? 0}deg)`;
  const name = asset.name_zh && asset.name_zh !== asset.class_zh ? asset.name_zh : null;
  const summary = element(
    "summary",
    {},
    dot,
    element(
      "span",
      { class: "row-main" },
      element("span", { class: "row-title", text: language.pick(asset, "class") }),
      element("span", { class: "row-code", text: name ? `${name} · ${asset.code}` : asset.code }),
    ),
    asset.state && asset.state !== "完好" ? chip(language.word("state", asset.state), TONES[asset.state]) : null,
    element("span", { class: "row-distance" }, element("span", { text: language.metres(asset.distance_m, 1) }), arrow),
    icon("chevron", 18),
  );
  return element("details", { class: "row", open, "data-code": asset.code }, summary, assetDetails(asset, context));
}

function assetDetails(asset, { language, actions }) {
  const { button, region } = evidenceDisclosure(asset.evidence, language.pick(asset, "class"), language);
  const parties = asset.parties ?? {};
  return element(
    "div",
    { class: "row-body" },
    facts(
      [
        { label: language.text("assets.code"), value: asset.code },
        { label: language.text("assets.class_code"), value: asset.class_code },
        { label: language.text("assets.state"), value: language.word("state", asset.state) },
        { label: language.text("assets.height"), value: Number.isFinite(asset.height_m) ? `${language.number(asset.height_m, 2)} m` : null },
        { label: language.text("assets.supervising"), value: partyName(parties, "supervising", language) },
        { label: language.text("assets.owning"), value: partyName(parties, "owning", language) },
        { label: language.text("assets.maintaining"), value: partyName(parties, "maintaining", language) },
      ],
      language,
    ),
    attributeFacts(asset.attributes, language),
    element(
      "div",
      { class: "row-actions" },
      element("button", {
        type: "button",
        class: "text-button",
        text: language.text("assets.show"),
        on: { click: () => actions.showPlace({ lon: asset.lon, lat: asset.lat, height: asset.height_m ?? null }) },
      }),
      button,
    ),
    region,
  );
}

// A party the asset came without is named by the responsibility table, and says so.
function partyName(parties, role, language) {
  const name = parties[role];
  if (!name || !parties.assigned?.includes(role)) return name;
  return [element("span", { text: name }), element("small", { class: "aside", text: language.text("assets.assigned") })];
}
