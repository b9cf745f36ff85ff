// The panel: what the city knows at the place that was asked, or why it cannot be told.

import { element, refill } from "./elements.js";
import { assetsSection } from "./panel/assets_section.js";
import { buildingSection } from "./panel/building_section.js";
import { entitiesSection } from "./panel/entities_section.js";
import { eventsSection, sensorsSection } from "./panel/events_section.js";
import { figureRow, headline } from "./panel/headline.js";
import { historySection } from "./panel/history_section.js";
import { imagerySection } from "./panel/imagery_section.js";
import { placeSection } from "./panel/place_section.js";
import { recordsSection } from "./panel/records_section.js";
import { terrainSection } from "./panel/terrain_section.js";

const SECTIONS = [
  buildingSection,
  placeSection,
  recordsSection,
  entitiesSection,
  assetsSection,
  terrainSection,
  imagerySection,
  eventsSection,
  sensorsSection,
  historySection,
];

export class Panel {
  /** node: the panel's element. context: {language, colourOf, actions: {close, showPlace, openPhoto, again}}. */
  constructor(node, context) {
    this.node = node;
    this.context = context;
    this.state = { name: "closed" };
    this.head = node.querySelector(".panel-head");
    this.jumps = node.querySelector(".panel-jumps");
    this.body = node.querySelector(".panel-body");
    context.language.onSwitch(() => this.draw());
  }

  get isOpen() {
    return this.state.name !== "closed";
  }

  close() {
    this.show({ name: "closed" });
  }

  loading(place) {
    this.show({ name: "loading", place });
  }

  fail(problem) {
    this.show({ name: "failed", problem });
  }

  /** Show an answer of /lookup. chosenAsset: code of the asset that was asked for, or null. */
  answer(answer, chosenAsset) {
    this.show({ name: "answer", answer, chosenAsset });
  }

  show(state) {
    this.state = state;
    this.draw();
  }

  focus() {
    this.node.querySelector("#panel-title")?.focus();
  }

  draw() {
    const { name } = this.state;
    this.node.hidden = name === "closed";
    this.node.dataset.state = name;
    this.node.setAttribute("aria-busy", String(name === "loading"));
    document.body.classList.toggle("panel-open", name !== "closed");
    if (name === "loading") this.drawLoading();
    else if (name === "failed") this.drawFailure();
    else if (name === "answer") this.drawAnswer();
  }

  drawTitle({ overline, title, subtitle, figures }) {
    const { language } = this.context;
    refill(
      this.head,
      element("p", { class: "overline", text: overline }),
      element("h2", { id: "panel-title", tabindex: "-1", text: title }),
      subtitle && subtitle !== title ? element("p", { class: "subtitle", text: subtitle }) : null,
      figureRow(figures ?? [], language),
    );
  }

  drawLoading() {
    const { language } = this.context;
    const { lon, lat } = this.state.place;
    this.drawTitle({ overline: language.text("panel.asking"), title: `${lon.toFixed(6)}, ${lat.toFixed(6)}` });
    refill(this.jumps);
    const bars = [88, 62, 74, 40, 92, 55].map((width) => {
      const bar = element("span", { class: "skeleton" });
      bar.style.width = `${width}%`;
      return bar;
    });
    refill(this.body, element("div", { class: "skeletons", "aria-hidden": "true" }, bars));
  }

  drawFailure() {
    const { language, actions } = this.context;
    const { kind, told = {} } = this.state.problem;
    // The server explains in English; in Chinese its title is joined by our own advice.
    const chinese = language.current.startsWith("zh");
    const said = kind === "invalid" || kind === "missing";
    const title = (said && (chinese ? told.title_zh : told.title)) || language.text(`problem.${kind}`);
    const advice = (said && !chinese && told.detail) || language.text(`problem.${kind}.do`);
    this.drawTitle({ overline: language.text("panel.failed"), title });
    refill(this.jumps);
    refill(
      this.body,
      element(
        "div",
        { class: "failure" },
        element("p", { text: advice }),
        told.request_id ? element("p", { class: "aside", text: `${language.text("panel.request")} ${told.request_id}` }) : null,
        element("button", { type: "button", class: "solid-button", text: language.text("panel.again"), on: { click: actions.again } }),
      ),
    );
  }

  drawAnswer() {
    const { answer, chosenAsset } = this.state;
    const context = { ...this.context, chosenAsset };
    this.drawTitle(headline(answer, chosenAsset, context.language));
    const sections = SECTIONS.map((section) => section(answer, context)).filter((section) => section.node);
    refill(this.jumps, sections.filter(({ count }) => count !== 0).map((section) => this.jump(section)));
    refill(this.body, sections.map((section) => this.section(section)));
    this.body.scrollTop = 0;
    if (chosenAsset) this.body.querySelector(`[data-code="${CSS.escape(chosenAsset)}"]`)?.scrollIntoView({ block: "nearest" });
  }

  jump({ id, count }) {
    const { language } = this.context;
    return element(
      "button",
      {
        type: "button",
        class: "jump",
        on: { click: () => this.jumpTo(id) },
      },
      language.text(`section.${id}`),
      count ? element("span", { class: "count", text: language.number(count) }) : null,
    );
  }

  jumpTo(id) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    document.getElementById(`section-${id}`)?.scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
    document.getElementById(`heading-${id}`)?.focus({ preventScroll: true }); // Tab goes on from there
  }

  section({ id, count, node }) {
    const { language } = this.context;
    return element(
      "section",
      { class: count === 0 ? "panel-section section-empty" : "panel-section", id: `section-${id}`, "aria-labelledby": `heading-${id}` },
      element(
        "h3",
        { id: `heading-${id}`, tabindex: "-1" },
        language.text(`section.${id}`),
        count ? element("span", { class: "count", text: language.number(count) }) : null,
      ),
      node,
    );
  }
}
