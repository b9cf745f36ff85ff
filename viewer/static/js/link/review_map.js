// The map beside the list: the places proposed, numbered, the point the record came with, and clicks on other places.

import * as api from "../city_api.js";
import { CityMap, canDraw, loadBundle } from "../city_map.js";
import { HeightField } from "../height_field.js";
import { TileTasks } from "../tile_tasks.js";
import { fitView } from "../view_fitting.js";

const LEAST_SPAN_DEG = 0.0009; // about 100 m: a single building is shown among its neighbours
const GROUND = ["dtm", "dsm", "orthophoto"];

export class ReviewMap {
  /** container: an empty element. onClick({lon, lat, asset}) for a click on a place; onFailure(kind). */
  constructor(container, { settings, onClick, onFailure }) {
    this.container = container;
    this.settings = settings;
    this.onClick = onClick;
    this.onFailure = onFailure;
    this.map = null;
    this.wanted = null;
  }

  /** Load what there is to see. Resolves when the map is there, or when it cannot be. */
  async open() {
    if (!canDraw()) {
      this.onFailure("webgl");
      return;
    }
    try {
      const bundle = loadBundle(this.settings.bundle);
      const tasks = new TileTasks(`${this.settings.static}/js/tile_worker.js`, (task, message) => console.warn("tile", task, message));
      this.tasks = tasks;
      this.heights = new HeightField(tasks);
      const [survey = null] = await api.surveys().catch(() => []);
      const drawn = survey ? await api.drawable(survey) : {};
      if (survey) drawn.products = drawn.products.filter(({ kind }) => GROUND.includes(kind));
      const ground = survey ? await this.groundHeight(survey) : 0;
      const spec = await api.deckSpec(survey, drawn, ground, "review");
      await bundle;
      const layer = spec.layers.find((item) => item.id === "ground");
      this.heights.use(layer?.heights ?? null, layer?.extent ?? null, ground);
      const services = { tasks, heights: this.heights, onFailure: () => {} };
      const events = { onClick: (found) => this.clicked(found), onHover: () => {}, onView: () => {} };
      this.map = new CityMap(this.container, spec, services, events, { bounds: drawn.bounds ?? null, free: NOTHING });
      if (this.wanted) this.draw();
    } catch (problem) {
      console.error(problem);
      this.onFailure(problem.kind ?? "broken");
    }
  }

  async groundHeight(survey) {
    const kind = ["dtm", "dsm"].find((name) => survey.products.includes(name));
    if (!kind) return 0;
    const [west, south, east, north] = survey.bounds;
    return (await api.rasterValue(survey.name, kind, (west + east) / 2, (south + north) / 2).catch(() => null)) ?? 0;
  }

  get waits() {
    return Boolean(this.tasks?.pending);
  }

  clicked({ place, feature }) {
    if (place) this.onClick({ lon: place.lon, lat: place.lat, asset: feature?.properties.code ?? null });
  }

  /** Show an item and which of its places is the current one; look at all of them when the item is a new one. */
  show(item, current, { chosen = null } = {}) {
    const isNew = item?.subject.number !== this.wanted?.item?.subject.number || item?.subject.kind !== this.wanted?.item?.subject.kind;
    this.wanted = { item, current, chosen };
    if (this.map) this.draw(isNew);
  }

  draw(look = true) {
    const { item, current, chosen } = this.wanted;
    const places = (item?.candidates ?? []).map((candidate, i) => this.placed(candidate.to, i + 1, i === current && !chosen));
    if (chosen) places.push(this.placed(chosen, "+", true));
    const subject = item && item.subject.lon !== null ? this.lifted([item.subject.lon, item.subject.lat]) : null;
    this.map.change({ candidates: { places: places.filter(Boolean), subject } });
    if (look) this.lookAt([...places.filter(Boolean).map((place) => place.position), ...(subject ? [subject] : [])]);
  }

  placed(to, number, current) {
    if (!Number.isFinite(to.lon)) return null;
    const { polygons, lines } = shapeOf(to.geometry, (place) => this.lifted(place));
    return { number, current, polygons, lines, position: this.lifted([to.lon, to.lat], 1) };
  }

  lifted([lon, lat], more = 0.4) {
    return [lon, lat, this.heights.at(lon, lat) + more];
  }

  lookAt(positions) {
    if (!positions.length) return;
    const [lons, lats] = [0, 1].map((k) => positions.map((position) => position[k]));
    const middle = (values) => (Math.min(...values) + Math.max(...values)) / 2;
    const half = (values) => Math.max(LEAST_SPAN_DEG, (Math.max(...values) - Math.min(...values)) * 1.3) / 2;
    const [lon, lat] = [middle(lons), middle(lats)];
    const [dx, dy] = [half(lons), half(lats)];
    const { clientWidth: width, clientHeight: height } = this.container;
    const bounds = [lon - dx, lat - dy, lon + dx, lat + dy];
    const view = fitView(window.deck.WebMercatorViewport, { ...this.map.home, ...this.map.view }, bounds, { width, height }, NOTHING);
    const { longitude, latitude, zoom } = view;
    this.map.move({ longitude, latitude, zoom: Math.min(zoom, 19.5) }, { fly: true });
  }
}

const NOTHING = { left: 0, right: 0, top: 0, bottom: 0 };

/** The rings and paths of a geometry, each place through `lift`. */
function shapeOf(geometry, lift) {
  const many = { Polygon: (c) => [c], MultiPolygon: (c) => c };
  const polygons = (many[geometry?.type]?.(geometry.coordinates) ?? []).map((rings) => rings.map((ring) => ring.map(lift)));
  if (geometry?.type === "LineString") return { polygons: [], lines: [geometry.coordinates.map(lift)] };
  return { polygons, lines: polygons.flat() };
}
