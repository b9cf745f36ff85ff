// The card on the left: how the city is drawn, which layers are on and how strongly, and what the colours mean.

import { element, icon, refill } from "./elements.js";

// Three ways to look; each switches the layers that draw the city itself.
const STYLES = {
  mesh: { on: ["mesh"], off: ["orthophoto", "buildings"], pitch: 55 },
  blocks: { on: ["orthophoto", "buildings"], off: ["mesh"], pitch: 52 },
  flat: { on: ["orthophoto"], off: ["mesh", "buildings"], pitch: 0 },
};
// The photo model and the orthophoto are two pictures of one ground: the one switched on last is seen.
const INSTEAD_OF = { mesh: ["orthophoto"], orthophoto: ["mesh"] };
// What the list shows, and which deck layer each one drives.
const ROWS = [
  { id: "mesh", layer: "mesh" },
  { id: "buildings", layer: "buildings" },
  { id: "orthophoto", layer: "ground" },
  { id: "assets", layer: "assets" },
  { id: "labels", layer: "labels" },
];

export class LayerList {
  /** node: the card. context: {language, categories, onChange(changes), onPitch(pitch)}. */
  constructor(node, context) {
    this.node = node;
    this.context = context;
    this.layers = {};
    this.hidden = new Set();
    this.counts = null;
    this.survey = null;
    context.language.onSwitch(() => this.draw());
  }

  /** Take over the layers of a new map. asked: comma list of layers from the link, or null for the usual ones. */
  use(map, survey, asked) {
    this.survey = survey;
    const wanted = asked === null ? null : new Set(asked.split(","));
    const offered = ROWS.filter(({ id, layer }) => map.has(layer) && (id !== "orthophoto" || map.layer("ground").texture));
    this.layers = Object.fromEntries(
      offered.map(({ id, layer }) => {
        const usual = map.layer(layer).visible !== false && !(id === "orthophoto" && map.layer("mesh")?.visible);
        return [id, { on: wanted ? wanted.has(id) : usual, opacity: map.layer(layer).opacity ?? 1 }];
      }),
    );
    this.hasGround = map.has("ground");
    this.draw();
    this.apply();
  }

  /** The layers that are on, for the link. */
  get chosen() {
    return Object.keys(this.layers).filter((id) => this.layers[id].on).join();
  }

  setCounts(counts) {
    this.counts = counts;
    this.draw();
  }

  /** Which of the three ways the layers amount to, or null. */
  get style() {
    const is = (id, on) => !this.layers[id] || this.layers[id].on === on;
    const offered = (name) => STYLES[name].on.every((id) => this.layers[id]);
    return (
      Object.keys(STYLES).find(
        (name) => offered(name) && STYLES[name].on.every((id) => is(id, true)) && STYLES[name].off.every((id) => is(id, false)),
      ) ?? null
    );
  }

  setStyle(name) {
    for (const id of STYLES[name].on) if (this.layers[id]) this.layers[id].on = true;
    for (const id of STYLES[name].off) if (this.layers[id]) this.layers[id].on = false;
    this.changed();
    this.context.onPitch(STYLES[name].pitch);
  }

  changed() {
    this.draw();
    this.apply();
  }

  apply() {
    const changes = {};
    for (const { id, layer } of ROWS) {
      const state = this.layers[id];
      if (state && id !== "orthophoto") changes[layer] = { visible: state.on, opacity: state.opacity };
    }
    if (this.hasGround) {
      const photo = this.layers.orthophoto;
      // Under the photo model the ground would flicker through it.
      changes.ground = { visible: !this.layers.mesh?.on, showTexture: photo?.on ?? false, opacity: photo?.on ? photo.opacity : 1 };
    }
    if (changes.assets) changes.assets.hiddenCategories = [...this.hidden].sort();
    this.context.onChange(changes);
  }

  draw() {
    const focused = this.node.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const { language } = this.context;
    refill(this.node, this.surveyLine(), this.styleChoice(), element("h3", { class: "card-heading", text: language.text("layers.title") }), this.rows(), this.legend());
    if (focused) this.node.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  surveyLine() {
    const { language } = this.context;
    if (!this.survey) return null;
    const { name, takenAt, gsdM } = this.survey;
    return element(
      "div",
      { class: "survey-head" },
      element("strong", { text: name }),
      element("span", {
        class: "aside",
        text: [
          takenAt ? language.time(takenAt, false) : "",
          Number.isFinite(gsdM) ? language.text("imagery.gsd", { gsd: language.number(gsdM * 100, 1) }) : "",
        ]
          .filter(Boolean)
          .join(" · "),
      }),
    );
  }

  styleChoice() {
    const { language } = this.context;
    const names = Object.keys(STYLES).filter((name) => STYLES[name].on.every((id) => this.layers[id]));
    if (names.length < 2) return null;
    return element(
      "div",
      { class: "segments", role: "group", "aria-label": language.text("style.title") },
      names.map((name) =>
        element("button", {
          type: "button",
          class: "segment",
          "data-key": `style-${name}`,
          "aria-pressed": String(this.style === name),
          text: language.text(`style.${name}`),
          on: { click: () => this.setStyle(name) },
        }),
      ),
    );
  }

  rows() {
    const shown = ROWS.filter(({ id }) => this.layers[id]);
    return element("ul", { class: "layer-rows" }, shown.map(({ id }) => this.row(id)));
  }

  row(id) {
    const { language } = this.context;
    const state = this.layers[id];
    const name = language.text(`layer.${id}`);
    const toggle = element("input", { type: "checkbox", role: "switch", id: `layer-${id}`, "data-key": `layer-${id}` });
    toggle.checked = state.on;
    toggle.addEventListener("change", () => {
      state.on = toggle.checked;
      if (state.on) for (const other of INSTEAD_OF[id] ?? []) if (this.layers[other]) this.layers[other].on = false;
      this.changed();
    });
    const slider = element("input", {
      type: "range",
      min: 10,
      max: 100,
      step: 5,
      value: Math.round(state.opacity * 100),
      "data-key": `opacity-${id}`,
      "aria-label": language.text("layer.opacity", { name }),
      title: language.text("layer.opacity", { name }),
    });
    slider.hidden = !state.on;
    slider.addEventListener("input", () => {
      state.opacity = Number(slider.value) / 100;
      this.apply();
    });
    return element("li", { class: "layer-row" }, element("label", { for: `layer-${id}` }, toggle, element("span", { text: name })), slider);
  }

  legend() {
    const { language, categories } = this.context;
    if (!this.layers.assets?.on) return null;
    const items = categories
      .filter((category) => !this.counts || this.counts[category.code])
      .map((category) => this.legendItem(category));
    const ring = element("span", { class: "dot dot-damaged", "aria-hidden": "true" });
    return element(
      "div",
      { class: "legend" },
      element("h3", { class: "card-heading", text: language.text("legend.title") }),
      element("ul", {}, items, element("li", { class: "legend-note" }, ring, element("span", { text: language.text("legend.damaged") }))),
    );
  }

  legendItem(category) {
    const { language } = this.context;
    const shown = !this.hidden.has(category.code);
    const dot = element("span", { class: "dot", "aria-hidden": "true" });
    dot.style.backgroundColor = `rgb(${category.colour.join()})`;
    const count = this.counts?.[category.code];
    const button = element(
      "button",
      {
        type: "button",
        class: "legend-item",
        "data-key": `category-${category.code}`,
        "aria-pressed": String(shown),
        title: language.text(shown ? "legend.hide" : "legend.show"),
      },
      dot,
      element("span", { class: "legend-name", text: language.pick(category, "name") }),
      Number.isFinite(count) ? element("span", { class: "aside", text: language.number(count) }) : null,
      icon("eye", 16),
    );
    button.addEventListener("click", () => {
      if (shown) this.hidden.add(category.code);
      else this.hidden.delete(category.code);
      this.changed();
    });
    return element("li", {}, button);
  }
}
