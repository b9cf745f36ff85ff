// What there is in an area: a planner draws it on the map, or names a village, and gets counts; few people stay unsaid.

import { CityProblem, search, summary } from "./city_api.js";
import { element, icon, refill } from "./elements.js";
import { area } from "./geodesy.js";

const AREAS = new Set(["admin_unit", "grid"]);
const CODE = /^\d{6,15}$/;
const FIRST_ROWS = 8;

export class AreaSummary {
  /**
   * node: the card. onDraw gets the corners [[lon, lat, height], ...] to draw. onPlace gets {lon, lat} of a village that
   * was named. onEnd(within): it was closed, from within the card or not.
   */
  constructor(node, { language, onDraw, onPlace, onEnd }) {
    Object.assign(this, { node, language, onDraw, onPlace, onEnd });
    this.active = false;
    this.reset();
    language.onSwitch(() => this.draw());
  }

  reset() {
    this.request?.abort();
    this.points = [];
    this.state = "drawing"; // drawing, asking, answered, failed
    this.answer = null;
    this.problem = null;
    this.name = "";
  }

  /** Begin: who is on the map goes on there, anybody else with the area's name. */
  start() {
    this.active = true;
    this.again();
    if (document.activeElement?.id !== "map") this.node.querySelector("input").focus();
  }

  again() {
    this.reset();
    this.update();
  }

  end() {
    if (!this.active) return;
    const within = this.node.contains(document.activeElement);
    this.active = false;
    this.again();
    this.onEnd(within);
  }

  add({ lon, lat, height }) {
    if (this.state === "asking") return;
    if (this.state !== "drawing") this.reset();
    this.points.push([lon, lat, height ?? 0]);
    this.update();
  }

  undo() {
    this.points.pop();
    this.update();
    this.node.querySelector(".row-actions button:enabled").focus();
  }

  update() {
    const closed = this.points.length > 2 ? [...this.points, this.points[0]] : this.points;
    this.onDraw(closed);
    this.draw();
  }

  // ---- asking
  countDrawn() {
    const ring = [...this.points, this.points[0]].map(([lon, lat]) => [lon, lat]);
    return this.ask(() => ({ polygon: { type: "Polygon", coordinates: [ring] } }));
  }

  /** Count in a division or unit grid: by its code, or the first that the search finds under a name. */
  countNamed(text) {
    this.points = [];
    this.onDraw([]);
    return this.ask(async (options) => {
      if (CODE.test(text)) return { code: text };
      const found = (await search(text, options)).find((item) => AREAS.has(item.kind));
      if (!found) throw new CityProblem("missing");
      this.take(found);
      return { code: found.code };
    });
  }

  /** Count in an area that was chosen elsewhere: {kind, code, label_zh, lon, lat}. Returns whether it is one. */
  choose(item) {
    if (!this.active || !AREAS.has(item.kind)) return false;
    this.points = [];
    this.onDraw([]);
    this.ask(async () => {
      this.take(item);
      return { code: item.code };
    });
    return true;
  }

  take(item) {
    this.name = item.label_zh;
    if (Number.isFinite(item.lon)) this.onPlace({ lon: item.lon, lat: item.lat, height: null });
  }

  /** asked(options): gives what to ask of POST /summary. */
  async ask(asked) {
    this.request?.abort();
    this.request = new AbortController();
    const { signal } = this.request;
    this.name = "";
    this.state = "asking";
    this.draw();
    try {
      this.answer = await summary(await asked({ signal }), { signal });
      this.state = "answered";
    } catch (problem) {
      if (signal.aborted) return;
      if (!(problem instanceof CityProblem)) console.error(problem);
      this.problem = problem instanceof CityProblem ? problem : new CityProblem("broken");
      this.state = "failed";
    }
    this.draw();
    this.node.querySelector("h3").focus();
  }

  // ---- drawing
  draw() {
    const { language, state, node } = this;
    node.hidden = !this.active;
    if (!this.active) {
      node.replaceChildren();
      return;
    }
    const body = { drawing: () => this.question(), asking: () => [element("p", { text: language.text("area.asking") })], answered: () => this.results(), failed: () => this.failure() }[state]();
    const title = state === "answered" ? this.answer.area.name_zh || this.name || language.text("area.drawn") : language.text("area.title");
    const button = (key, run, disabled = false) => element("button", { type: "button", class: "text-button", disabled, text: language.text(key), on: { click: run } });
    refill(
      node,
      element("h3", { class: "card-heading", tabindex: "-1", text: title }),
      element("div", { class: "area-body" }, body),
      element(
        "div",
        { class: "row-actions" },
        state === "drawing" ? button("measure.undo", () => this.undo(), !this.points.length) : button("area.again", () => this.again()),
        button("measure.end", () => this.end()),
      ),
    );
  }

  /** How to say which area: corners on the map, or a name. */
  question() {
    const { language, points } = this;
    const key = points.length ? (points.length < 3 ? "area.next" : "area.enough") : "area.first";
    const input = element("input", { type: "text", maxlength: "60", autocomplete: "off", "aria-label": language.text("area.name"), placeholder: language.text("area.name") });
    const submit = (event) => {
      event.preventDefault();
      if (input.value.trim()) this.countNamed(input.value.trim());
    };
    return [
      element("p", { class: "aside area-how", text: language.text(key, { count: points.length, size: language.number(points.length > 2 ? area(points) : 0) }) }),
      points.length > 2 ? element("button", { type: "button", class: "solid-button area-count", text: language.text("area.count"), on: { click: () => this.countDrawn() } }) : null,
      element("form", { class: "area-name", on: { submit } }, input, element("button", { type: "submit", class: "plain-button", text: language.text("area.count") })),
    ].filter(Boolean);
  }

  failure() {
    const { language, problem } = this;
    const text = problem.kind === "missing" ? language.text("area.missing") : language.text(`problem.${problem.kind}.do`);
    return [element("div", { class: "callout callout-care" }, icon("warning", 18), element("p", { text }))];
  }

  results() {
    const { language, answer } = this;
    const { assets, records, events, people } = answer;
    const department = (item) => (item.department ? language.pick(item.department, "name") : language.text("area.nobody"));
    return [
      element("p", { class: "aside", text: language.text("area.size", { size: sizeOf(answer.area.area_km2, language) }) }),
      this.table("area.assets", assets.count, assets.by_class.map((item) => [language.pick(item, "class"), this.amount(item)]), true),
      this.table("area.by_department", null, assets.by_department.map((item) => [department(item), item.count])),
      this.table("area.by_state", null, assets.by_state.map((item) => [language.word("state", item.state), item.count])),
      this.table("area.by_year", null, assets.by_year.map((item) => [String(item.since), item.count])),
      this.table("area.records", records.count, records.by_department.map((item) => [department(item), item.count])),
      this.table("area.events", events.count, events.by_state.map((item) => [language.word("event_state", item.state), item.count])),
      this.people(people),
    ];
  }

  amount({ count, length_m: length, area_m2: surface }) {
    const { language } = this;
    const more = length ? language.metres(length) : surface ? `${language.number(surface)} m²` : "";
    return more ? `${language.number(count)} · ${more}` : count;
  }

  /** One table that folds; rows: [name, count or text], the most first. */
  table(key, total, rows, open = false) {
    const { language } = this;
    const cell = (value) => (typeof value === "number" ? language.number(value) : value);
    const line = ([name, value]) => element("tr", {}, element("th", { scope: "row", text: name }), element("td", { text: cell(value) }));
    return element(
      "details",
      { class: "area-table", open: open && rows.length <= FIRST_ROWS * 2 },
      element("summary", {}, icon("chevron", 16), element("span", { text: language.text(key) }), total === null ? null : element("strong", { text: language.number(total) })),
      rows.length ? element("table", {}, element("tbody", {}, rows.map(line))) : element("p", { class: "nothing", text: language.text("area.none") }),
    );
  }

  /** People are told in whole unit grids with enough of them only; the cells of the others are marked. */
  people({ whole_grids: whole, at_least: least, persons, households }) {
    const { language } = this;
    const line = (key, { count, grids }) =>
      element(
        "tr",
        {},
        element("th", { scope: "row", text: language.text(key) }),
        count === null
          ? element("td", { class: "suppressed" }, icon("lock", 16), language.text("area.suppressed"))
          : element("td", {}, `≈ ${language.number(count)}`, grids < whole ? element("span", { class: "suppressed" }, icon("lock", 16), language.text("area.left_out", { count: language.number(whole - grids) })) : null),
      );
    return element(
      "details",
      { class: "area-table", open: true },
      element("summary", {}, icon("chevron", 16), element("span", { text: language.text("area.people") })),
      element("table", {}, element("tbody", {}, line("area.persons", persons), line("area.households", households))),
      element("p", { class: "aside", text: language.text("area.people_how", { count: language.number(whole), least }) }),
    );
  }
}

function sizeOf(km2, language) {
  return km2 < 0.1 ? `${language.number(km2 * 1e6)} m²` : `${language.number(km2, 2)} km²`;
}
