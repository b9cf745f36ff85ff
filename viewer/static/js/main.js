// The page: puts the parts together and carries what is selected from one to the other.

import { AreaSummary } from "./area_summary.js";
import * as api from "./city_api.js";
import { CityMap, canDraw, loadBundle } from "./city_map.js";
import { FirstHint } from "./first_hint.js";
import { HeightField } from "./height_field.js";
import { listenToKeys } from "./keyboard.js";
import { Language } from "./language.js";
import { LayerList } from "./layer_list.js";
import { MeasureTool } from "./measure.js";
import { Notices } from "./notices.js";
import { bindPageMenu } from "./page_menu.js";
import { Panel } from "./panel.js";
import { subjectOf } from "./panel/headline.js";
import { readLink, writeLink } from "./permalink.js";
import { PhotoViewer } from "./photo_viewer.js";
import { SearchBox } from "./search_box.js";
import { StatusBar } from "./status_bar.js";
import { TileTasks } from "./tile_tasks.js";
import { Tooltip } from "./tooltip.js";
import { nameLink, whoAmI } from "./who.js";

const find = (selector) => document.querySelector(selector);
const LINK_WAIT_MS = 350;
const CLOSE_ZOOM = 18.2;
const BUSY_LOOK_MS = 120;
const WALL_LEAST_M = 1.2;

class CityPage {
  constructor(settings) {
    this.settings = settings;
    this.city = settings.city;
    this.language = new Language(settings.languages, settings.static, api.fetchJson);
    this.language.utcOffsetH = settings.city.utc_offset_h;
    this.colours = new Map(settings.categories.map((category) => [category.code, `rgb(${category.colour.join()})`]));
    this.place = null;
    this.asset = null;
    this.failedTiles = 0;
  }

  async start() {
    const link = readLink();
    await this.language.use(this.language.preferred(link.language));
    this.makeParts();
    this.bindButtons();
    whoAmI().then((account) => {
      nameLink(account, this.language);
      this.language.onSwitch(() => nameLink(account, this.language));
    });
    find("#boot").hidden = false;
    const surveys = await this.loadSurveys();
    this.survey = surveys.find((survey) => survey.name === link.survey) ?? surveys[0] ?? null;
    this.loadClasses();
    await this.openMap(link);
    find("#boot").hidden = true;
    if (link.place) {
      if (!link.view) this.map?.flyTo(link.place, this.freeSpace(), CLOSE_ZOOM);
      this.ask(link.place, { asset: link.asset, push: false });
    } else if (this.map && this.survey) this.hint.offer();
    addEventListener("popstate", () => this.followLink());
    document.documentElement.dataset.state = "ready";
  }

  makeParts() {
    const { language, settings } = this;
    const colourOf = (classCode) => this.colours.get(String(classCode).slice(0, 2)) ?? "rgb(92,112,128)";
    this.notices = new Notices(find("#notices"), language);
    this.hint = new FirstHint(this.notices);
    this.photos = new PhotoViewer(find("#photo-viewer"), language);
    this.tooltip = new Tooltip(find("#tooltip"), { language, classNames: () => this.classNames });
    this.panel = new Panel(find("#panel"), {
      language,
      colourOf,
      actions: {
        showPlace: (place) => this.map?.flyTo(place, this.freeSpace(), CLOSE_ZOOM + 1),
        openPhoto: (photo) => this.photos.open(photo),
        again: () => this.ask(this.place, { asset: this.asset, push: false }),
      },
    });
    this.layers = new LayerList(find("#layer-list"), {
      language,
      categories: settings.categories,
      onChange: (changes) => {
        this.map?.change(changes);
        this.saveLink();
      },
      onPitch: (pitch) => this.map?.move({ pitch }, { milliseconds: 600 }),
    });
    this.search = new SearchBox(find("#search"), {
      language,
      onChoose: (item) => this.goTo(item),
      view: () => this.map?.viewport().getBounds() ?? null,
    });
    this.status = new StatusBar(find("#status-bar"), { language, city: this.city });
    this.measure = new MeasureTool(find("#measure"), {
      language,
      onDraw: (points) => this.map?.change({ measure: { mark: points.length ? { path: points } : null } }),
      onEnd: () => find("#measure-button").setAttribute("aria-pressed", "false"),
    });
    this.area = new AreaSummary(find("#area"), {
      language,
      onDraw: (points) => this.map?.change({ measure: { mark: points.length ? { path: points } : null } }),
      onPlace: (place) => this.map?.flyTo(place, this.homeSpace()),
      onEnd: (within) => {
        find("#area-button").setAttribute("aria-pressed", "false");
        if (within) find("#area-button").focus();
      },
    });
    language.onSwitch(() => this.titlePage());
    this.titlePage();
  }

  titlePage() {
    const { language, city } = this;
    const name = language.pick(city, "name");
    document.title = `${name} · ${language.text("app.title")}`;
    find("#city-name").textContent = name;
    for (const button of document.querySelectorAll("[data-language]")) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language.current));
    }
    this.saveLink();
  }

  async loadSurveys() {
    try {
      const found = await api.surveys();
      if (!found.length) {
        this.notices.show("no-survey", { tone: "info", title: "empty.title", text: "empty.text", code: "twin demo" });
      }
      return found;
    } catch (problem) {
      this.notices.show("api", {
        tone: "care",
        title: `problem.${problem.kind ?? "broken"}`,
        text: `problem.${problem.kind ?? "broken"}.do`,
        action: { text: "panel.again", run: () => location.reload() },
      });
      return [];
    }
  }

  async loadClasses() {
    try {
      const { names, counts } = await api.assetClasses();
      this.classNames = names;
      this.layers.setCounts(counts);
    } catch (problem) {
      console.warn("classes", problem.kind); // names fall back to what the tiles carry
    }
  }

  async openMap(link) {
    this.tasks = new TileTasks(`${this.settings.static}/js/tile_worker.js`, (task, message) => this.tileFailed(task, message));
    setInterval(() => find("#busy").classList.toggle("busy-now", this.tasks.pending > 0 || Boolean(this.map?.waits)), BUSY_LOOK_MS);
    this.heights = new HeightField(this.tasks);
    if (!canDraw()) {
      document.body.classList.add("no-map");
      this.notices.show("no-webgl", { tone: "care", title: "webgl.title", text: "webgl.text" });
      return;
    }
    try {
      const bundle = loadBundle(this.settings.bundle);
      const [ground, drawn] = await Promise.all([this.groundHeight(), this.survey ? api.drawable(this.survey) : {}]);
      const spec = await api.deckSpec(this.survey, drawn, ground);
      await bundle;
      this.useHeights(spec, ground);
      this.map = this.makeMap(spec, link.view, drawn.bounds);
      this.layers.use(this.map, this.survey, link.layers);
      this.viewChanged(this.map.view);
    } catch (problem) {
      console.error(problem);
      document.body.classList.add("no-map");
      this.notices.show("map", {
        tone: "care",
        title: "map.failed",
        text: `problem.${problem.kind ?? "broken"}.do`,
        action: { text: "panel.again", run: () => location.reload() },
      });
    }
  }

  makeMap(spec, view, bounds = null) {
    const services = { tasks: this.tasks, heights: this.heights, onFailure: (task, message) => this.tileFailed(task, message) };
    const events = {
      onClick: (found) => this.clicked(found),
      onHover: (found) => this.hovered(found),
      onView: (changed) => this.viewChanged(changed),
    };
    const start = view && { longitude: view.lon, latitude: view.lat, zoom: view.zoom, pitch: view.pitch, bearing: view.bearing };
    return new CityMap(find("#canvas"), spec, services, events, { start, bounds, free: this.homeSpace() });
  }

  useHeights(spec, ground) {
    const layer = spec.layers.find((item) => item.id === "ground");
    this.heights.use(layer?.heights ?? null, layer?.extent ?? null, ground ?? 0);
  }

  /** Ground height at the survey's middle in metres: the camera looks at that level. 0 where it is not known. */
  async groundHeight() {
    const kind = ["dtm", "dsm"].find((name) => this.survey?.products.includes(name));
    if (!kind) return 0;
    const [west, south, east, north] = this.survey.bounds;
    return (await api.rasterValue(this.survey.name, kind, (west + east) / 2, (south + north) / 2).catch(() => null)) ?? 0;
  }

  tileFailed(task, message) {
    this.failedTiles += 1;
    console.warn("tile", task, message);
    this.notices.show("tiles", {
      tone: "care",
      text: "tiles.failed",
      values: { count: this.failedTiles },
      action: { text: "panel.again", run: () => location.reload() },
    });
  }

  clicked({ place, feature }) {
    if (!place) return;
    if (this.tool) this.tool.add(place);
    else this.ask(place, { asset: feature?.properties.code ?? null });
  }

  hovered(found) {
    this.tooltip.show(this.tool ? null : found);
    if (found.place && found.x >= 0) this.status.point(found.place);
  }

  viewChanged(view) {
    find("#compass .icon").style.transform = `rotate(${-view.bearing}deg)`;
    if (this.map) this.status.scale(this.map.metresPerPixel());
    this.saveLink();
  }

  /** Ask what is known at a place. asset: the code of the asset meant, if one is. */
  async ask(place, { asset = null, push = true, focus = false } = {}) {
    this.request?.abort();
    this.hint.done();
    this.request = new AbortController();
    const { signal } = this.request;
    this.place = place;
    this.asset = asset;
    this.panel.loading(place);
    this.markPoint(place);
    this.saveLink({ push });
    const asked = performance.now();
    try {
      const answer = await this.lookup(place, { signal });
      const received = performance.now();
      this.panel.answer(answer, asset);
      this.markAnswer(answer, place, asset);
      if (focus) this.panel.focus();
      performance.measure("lookup", { start: asked, end: received });
      performance.measure("panel", { start: received, end: performance.now() });
    } catch (problem) {
      if (signal.aborted) return;
      this.panel.fail(problem instanceof api.CityProblem ? problem : new api.CityProblem("broken"));
      if (!(problem instanceof api.CityProblem)) console.error(problem);
    }
  }

  /** Ask, and once more a little behind a wall: a click on a wall meets it on its very outline. */
  async lookup(place, options) {
    const answer = await api.lookup(place, options);
    const above = place.height - (answer.terrain?.ground_h_m ?? place.height);
    if (answer.building || !place.behind || !(above > WALL_LEAST_M)) return answer;
    const [lon, lat] = place.behind;
    const behind = await api.lookup({ lon, lat, height: place.height }, options);
    return behind.building ? behind : answer;
  }

  pointOf({ lon, lat, height }) {
    return [lon, lat, (height ?? this.heights.at(lon, lat)) + 0.3];
  }

  markPoint(place) {
    this.map?.mark({ point: this.pointOf(place) });
  }

  markAnswer(answer, place, asset) {
    const { building } = answer;
    if (!building?.geometry || subjectOf(answer, asset).kind !== "building") return;
    const { type, coordinates } = building.geometry;
    const rings = type === "MultiPolygon" ? coordinates : [coordinates];
    const ground = building.ground_h_m ?? this.heights.at(place.lon, place.lat);
    this.map?.mark({ point: this.pointOf(place), rings, ground, roof: building.roof_h_m ?? ground });
  }

  /** What takes the clicks on the map instead of asking what is there, or null. */
  get tool() {
    return [this.measure, this.area].find((tool) => tool.active) ?? null;
  }

  goTo(item) {
    if (this.area.choose(item)) return;
    const { lon, lat, kind, code } = item;
    const place = { lon, lat, height: null };
    const asset = kind === "asset" ? code : null;
    document.body.classList.add("panel-open");
    this.map?.flyTo(place, this.freeSpace(), CLOSE_ZOOM);
    this.ask(place, { asset, focus: true });
  }

  /** What panels cover of the map, in pixels. */
  freeSpace() {
    const narrow = matchMedia("(max-width: 760px)").matches;
    if (narrow) return { left: 0, top: 0, right: 0, bottom: find("#map").clientHeight * 0.55 };
    return { left: 0, top: 0, right: 420, bottom: 0 };
  }

  /** What the layer card and the scale cover of the map when no panel is open, in pixels. */
  homeSpace() {
    const card = matchMedia("(min-width: 1001px)").matches;
    return { left: card ? 304 : 0, top: 24, right: card ? 56 : 0, bottom: 40 };
  }

  closePanel({ push = true } = {}) {
    if (!this.panel.isOpen) return;
    const within = find("#panel").contains(document.activeElement);
    this.request?.abort();
    this.place = null;
    this.asset = null;
    this.panel.close();
    this.map?.mark(null);
    this.saveLink({ push });
    if (within) find("#map").focus();
  }

  saveLink({ push = false } = {}) {
    clearTimeout(this.linkTimer);
    const write = () => {
      const view = this.map ? { ...this.map.view, lon: this.map.view.longitude, lat: this.map.view.latitude } : null;
      writeLink(
        { view, place: this.place, asset: this.asset, survey: this.survey?.name, language: this.language.current, layers: this.layers?.chosen },
        { push },
      );
    };
    if (push) write();
    else this.linkTimer = setTimeout(write, LINK_WAIT_MS);
  }

  followLink() {
    const link = readLink();
    if (link.view && this.map) {
      const { lon: longitude, lat: latitude, zoom, pitch, bearing } = link.view;
      this.map.move({ longitude, latitude, zoom, pitch, bearing });
    }
    if (link.place) {
      if (!link.view) this.map?.flyTo(link.place, this.freeSpace(), CLOSE_ZOOM);
      this.ask(link.place, { asset: link.asset, push: false });
    } else this.closePanel({ push: false });
  }

  bindButtons() {
    const on = (selector, run) => find(selector).addEventListener("click", run);
    on(".skip-link", (event) => {
      event.preventDefault(); // the address holds the view, not an anchor
      find("#map").focus();
    });
    on("#zoom-in", () => this.map?.zoom(0.8));
    on("#zoom-out", () => this.map?.zoom(-0.8));
    on("#compass", () => this.map?.move({ bearing: 0 }));
    on("#tilt", () => this.map?.move({ pitch: this.map.view.pitch > 5 ? 0 : 55 }, { milliseconds: 500 }));
    on("#home", () => this.goHome());
    on("#panel-close", () => this.closePanel());
    on("#panel-locate", () => this.place && this.map?.flyTo(this.place, this.freeSpace(), CLOSE_ZOOM));
    on("#share", () => this.share());
    on("#help-button", () => find("#help").showModal());
    on("#help-close", () => find("#help").close());
    on("#layers-button", () => this.toggleLayers());
    on("#measure-button", () => this.toggle(this.measure, "#measure-button"));
    on("#area-button", () => this.toggle(this.area, "#area-button"));
    bindPageMenu(find("#pages-button"), find(".pages"));
    for (const button of document.querySelectorAll("[data-language]")) {
      button.addEventListener("click", () => this.language.use(button.dataset.language));
    }
    listenToKeys(find("#map"), {
      pan: (right, down) => this.map?.pan(right, down),
      turn: (bearing, pitch) => this.map?.turn(bearing, pitch),
      zoom: (step) => this.map?.zoom(step),
      ask: () => this.askAtCentre(),
      escape: () => (this.tool ? this.tool.end() : this.closePanel()),
      search: () => find("#search input").focus(),
      home: () => this.goHome(),
      measure: () => this.toggle(this.measure, "#measure-button"),
      area: () => this.toggle(this.area, "#area-button"),
      help: () => find("#help").showModal(),
    });
  }

  askAtCentre() {
    const found = this.map?.atCentre();
    if (!found?.place) return;
    if (this.tool) this.tool.add(found.place);
    else this.ask(found.place, { asset: found.feature?.properties.code ?? null, focus: true });
  }

  goHome() {
    if (!this.map) return;
    const { longitude, latitude, zoom, pitch, bearing } = this.map.home;
    this.map.move({ longitude, latitude, zoom, pitch, bearing }, { fly: true });
  }

  toggleLayers() {
    const open = document.body.classList.toggle("layers-open");
    find("#layers-button").setAttribute("aria-expanded", String(open));
  }

  toggle(tool, button) {
    const isOn = tool.active;
    this.tool?.end();
    if (isOn) return;
    if (tool === this.area) this.closePanel();
    tool.start();
    find(button).setAttribute("aria-pressed", "true");
  }

  async share() {
    this.saveLink({ push: false });
    try {
      await navigator.clipboard.writeText(location.href);
      this.notices.show("shared", { text: "share.done", lasting: false });
    } catch {
      // Plain http on an intranet is no secure context: the address bar still holds the link.
      this.notices.show("shared", { text: "share.by_hand", lasting: false });
    }
  }
}

const settings = JSON.parse(find('meta[name="twin-settings"]').content);
const page = new CityPage(settings);
page.start().catch((error) => {
  console.error(error);
  find("#boot").hidden = true;
});
