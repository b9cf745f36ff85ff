// Measuring on the map: distance along the points, the area they enclose, the difference in height.

import { element, refill } from "./elements.js";
import { area, distance } from "./geodesy.js";

export class MeasureTool {
  /** node: the card that shows the result. onDraw gets the points [[lon, lat, height], ...] to draw. */
  constructor(node, { language, onDraw, onEnd }) {
    this.node = node;
    this.language = language;
    this.onDraw = onDraw;
    this.onEnd = onEnd;
    this.points = [];
    this.active = false;
    language.onSwitch(() => this.draw());
  }

  start() {
    this.active = true;
    this.points = [];
    this.update();
  }

  end() {
    if (!this.active) return;
    this.active = false;
    this.points = [];
    this.update();
    this.onEnd();
  }

  add({ lon, lat, height }) {
    this.points.push([lon, lat, height ?? 0]);
    this.update();
  }

  undo() {
    this.points.pop();
    this.update();
  }

  update() {
    this.onDraw(this.points);
    this.draw();
  }

  draw() {
    const { language, points } = this;
    this.node.hidden = !this.active;
    if (!this.active) return;
    const results = points.length < 2 ? [element("p", { class: "aside", text: language.text(points.length ? "measure.next" : "measure.first") })] : this.results();
    refill(
      this.node,
      element("h3", { class: "card-heading", text: language.text("measure.title") }),
      element("div", { class: "measure-results" }, results),
      element(
        "div",
        { class: "row-actions" },
        element("button", { type: "button", class: "text-button", disabled: !points.length, text: language.text("measure.undo"), on: { click: () => this.undo() } }),
        element("button", { type: "button", class: "text-button", text: language.text("measure.end"), on: { click: () => this.end() } }),
      ),
    );
  }

  results() {
    const { language, points } = this;
    let plan = 0;
    let slope = 0;
    for (let i = 1; i < points.length; i += 1) {
      const step = distance(points[i - 1], points[i]);
      plan += step;
      slope += Math.hypot(step, points[i][2] - points[i - 1][2]);
    }
    const rows = [
      ["measure.plan", language.metres(plan, 2)],
      ["measure.slope", language.metres(slope, 2)],
      ["measure.rise", `${language.number(points.at(-1)[2] - points[0][2], 2)} m`],
    ];
    if (points.length > 2) rows.push(["measure.area", `${language.number(area(points), 1)} m²`]);
    return rows.map(([key, value]) =>
      element("div", { class: "measure-row" }, element("span", { text: language.text(key) }), element("strong", { text: value })),
    );
  }
}
