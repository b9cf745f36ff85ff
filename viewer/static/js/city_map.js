// The deck map: made from the deck JSON of viewer/deck_spec.py, kept up to date by small changes to that JSON.

import { metresPerDegree } from "./geodesy.js";
import { makeCandidateLayer } from "./layers/candidate_layer.js";
import { makeCityTileLayer } from "./layers/city_tile_layer.js";
import { makeGroundLayer } from "./layers/ground_layer.js";
import { makePhotoModelLayer } from "./layers/photo_model_layer.js";
import { makePlaceLabelLayer } from "./layers/place_label_layer.js";
import { makeSelectionLayer } from "./layers/selection_layer.js";
import { fitView } from "./view_fitting.js";

const PAN_STEP_PX = 90;
const BEHIND_M = 0.6;
const RIM = 0.04;
const CAMERA = ["longitude", "latitude", "zoom", "pitch", "bearing", "position"];

/** Whether this browser can draw the map at all. */
export function canDraw() {
  return Boolean(document.createElement("canvas").getContext("webgl2"));
}

/** Load the bundle (createDeck, updateDeck, deck) as a script of this host. */
export function loadBundle(url) {
  if (window.createDeck) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve();
    script.onerror = () => reject(new Error("bundle"));
    document.head.append(script);
  });
}

export class CityMap {
  /**
   * spec: deck JSON. services: {tasks, heights, onFailure}. events: {onClick, onHover, onView} get
   * {place: {lon, lat, height}, feature, x, y} and the view {longitude, latitude, zoom, pitch, bearing}.
   * camera: {start: the view to open with or null, bounds: the area the home view shows or null, free: what is
   * covered of the map, pixels}.
   */
  constructor(container, spec, services, events, { start = null, bounds = null, free = null } = {}) {
    this.container = container;
    this.spec = structuredClone(spec);
    this.heights = services.heights;
    this.events = events;
    const { deck } = window;
    const size = { width: container.clientWidth, height: container.clientHeight };
    this.home = structuredClone(spec.initialViewState);
    if (bounds) this.home = fitView(deck.WebMercatorViewport, this.home, withoutRim(bounds), size, free);
    this.spec.initialViewState = { ...this.home, ...start };
    this.view = structuredClone(this.spec.initialViewState);
    this.loading = new Map();
    const classes = {
      GroundLayer: makeGroundLayer(deck, services.tasks),
      PhotoModelLayer: makePhotoModelLayer(deck, { onFailure: services.onFailure, loading: this.loading }),
      CityTileLayer: makeCityTileLayer(deck, services),
      PlaceLabelLayer: makePlaceLabelLayer(deck, services),
      SelectionLayer: makeSelectionLayer(deck),
      CandidateLayer: makeCandidateLayer(deck),
    };
    this.deck = window.createDeck({
      container,
      jsonInput: this.spec,
      configuration: { classes },
      handleEvent: (name, info) => this.handle(name, info),
      tooltip: false,
    });
    if (!this.deck) throw new Error("deck");
  }

  handle(name, info) {
    if (name === "deck-view-state-change-event") {
      this.view = { ...this.view, ...pickKeys(info, CAMERA) };
      this.events.onView(this.view);
    } else if (name === "deck-click-event") this.events.onClick(this.found(info));
    else if (name === "deck-hover-event") this.events.onHover(this.found(info));
  }

  /** What deck's picking found: the feature (an asset) and the place, with a height when a surface was hit. */
  found(info) {
    const feature = info.object?.properties ? info.object : null;
    const position = feature?.position ?? (info.coordinate?.length > 2 ? info.coordinate : null);
    const place = position ? asPlace(position) : this.onGround(info.x, info.y);
    if (position && !feature) place.behind = this.behind(position, info.x, info.y);
    return { place, feature, x: info.x, y: info.y, surface: Boolean(position) };
  }

  /** The place [lon, lat] that lies BEHIND_M further along the line of sight, on the level. */
  behind([lon, lat, height], x, y) {
    const viewport = this.viewport();
    const lower = viewport.unproject([x, y], { targetZ: height - 1 });
    const [east, north] = metresPerDegree(lat);
    const [dx, dy] = [(lower[0] - lon) * east, (lower[1] - lat) * north];
    const length = Math.hypot(dx, dy);
    if (!(length > 0)) return [lon, lat];
    return [lon + ((dx / length) * BEHIND_M) / east, lat + ((dy / length) * BEHIND_M) / north];
  }

  /** The ground under a pixel, when no surface was hit there; height null where the ground is not known. */
  onGround(x, y) {
    const viewport = this.viewport();
    let height = this.heights.fallback;
    let place = null;
    for (let round = 0; round < 3; round += 1) {
      const [lon, lat] = viewport.unproject([x, y], { targetZ: height });
      if (!Number.isFinite(lon) || !Number.isFinite(lat)) return null;
      place = { lon, lat, height: this.heights.known(lon, lat) };
      height = place.height ?? this.heights.fallback;
    }
    return place;
  }

  /** What stands at the middle of the map: asks the graphics card once. */
  atCentre() {
    const { clientWidth, clientHeight } = this.container;
    const [x, y] = [clientWidth / 2, clientHeight / 2];
    const info = this.deck.pickObject({ x, y, radius: 6, unproject3D: true });
    return this.found(info ?? { x, y });
  }

  viewport() {
    const { clientWidth: width, clientHeight: height } = this.container;
    return new window.deck.WebMercatorViewport({ ...this.view, width, height });
  }

  /** Change a layer's JSON and draw again. changes: {layerId: {property: value}}. */
  change(changes) {
    for (const layer of this.spec.layers) Object.assign(layer, changes[layer.id] ?? {});
    window.updateDeck({ layers: this.spec.layers }, this.deck);
  }

  /** Whether 3D models are on their way. */
  get waits() {
    return [...this.loading.values()].some((waiting) => waiting());
  }

  has(layerId) {
    return this.spec.layers.some((layer) => layer.id === layerId);
  }

  layer(layerId) {
    return this.spec.layers.find((layer) => layer.id === layerId) ?? null;
  }

  /** Mark what is selected: {point: [lon, lat, height], rings, ground, roof} or null. */
  mark(mark) {
    this.change({ selection: { mark } });
  }

  /** Move the camera. target: any of longitude, latitude, zoom, pitch, bearing, position. */
  move(target, { fly = false, milliseconds = 250 } = {}) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const { FlyToInterpolator, LinearInterpolator } = window.deck;
    this.view = { ...this.view, ...target };
    const transition = still
      ? { transitionDuration: 0 }
      : {
          transitionDuration: fly ? "auto" : milliseconds,
          transitionInterpolator: fly ? new FlyToInterpolator({ speed: 1.8, maxDuration: 1600 }) : new LinearInterpolator(),
        };
    this.deck.setProps({ initialViewState: { ...this.home, ...this.view, ...transition } });
    this.events.onView(this.view);
  }

  /** Move by pixels of the screen: right and down. */
  pan(right, down) {
    const { clientWidth, clientHeight } = this.container;
    const pixel = [clientWidth / 2 + right * PAN_STEP_PX, clientHeight / 2 + down * PAN_STEP_PX];
    const [longitude, latitude] = this.viewport().unproject(pixel, { targetZ: this.view.position?.[2] ?? 0 });
    if (Number.isFinite(longitude) && Number.isFinite(latitude)) this.move({ longitude, latitude }, { milliseconds: 140 });
  }

  zoom(step) {
    const { minZoom = 8, maxZoom = 23 } = this.home;
    this.move({ zoom: Math.min(maxZoom, Math.max(minZoom, this.view.zoom + step)) });
  }

  turn(bearing, pitch) {
    const { maxPitch = 78 } = this.home;
    this.move({ bearing: this.view.bearing + bearing, pitch: Math.min(maxPitch, Math.max(0, this.view.pitch + pitch)) });
  }

  /** Fly to a place so that it stands at the middle of what panels leave free. free: {left, right, top, bottom} px. */
  flyTo({ lon, lat, height }, free, zoom = null) {
    const target = { ...this.view, zoom: Math.max(zoom ?? 0, this.view.zoom) };
    const { clientWidth: width, clientHeight: heightPx } = this.container;
    const viewport = new window.deck.WebMercatorViewport({ ...target, longitude: lon, latitude: lat, width, height: heightPx });
    const ground = this.view.position?.[2] ?? 0;
    const middle = [(free.left + width - free.right) / 2, (free.top + heightPx - free.bottom) / 2];
    const shown = viewport.project([lon, lat, height ?? ground]);
    const pixel = [width / 2 + shown[0] - middle[0], heightPx / 2 + shown[1] - middle[1]];
    const [longitude, latitude] = viewport.unproject(pixel, { targetZ: ground });
    this.move({ longitude, latitude, zoom: target.zoom }, { fly: true });
  }

  /** Metres per pixel at the middle of the map. */
  metresPerPixel() {
    const { metersPerUnit } = this.viewport().distanceScales;
    return metersPerUnit[0] / 2 ** this.view.zoom;
  }

  close() {
    this.deck.finalize();
    this.container.replaceChildren();
  }
}

/** Bounds without the outermost RIM of each side: a survey's corners are mostly empty, and may stand in the margin. */
function withoutRim([west, south, east, north]) {
  const [dx, dy] = [(east - west) * RIM, (north - south) * RIM];
  return [west + dx, south + dy, east - dx, north - dy];
}

function asPlace([lon, lat, height]) {
  return { lon, lat, height: Number.isFinite(height) ? height : null };
}

function pickKeys(object, keys) {
  return Object.fromEntries(keys.filter((key) => key in object).map((key) => [key, object[key]]));
}
