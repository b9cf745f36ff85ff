// Ground heights by place, for what must stand on the ground: assets, outlines, labels, the crosshair.
// Tiles are loaded once and kept; far cheaper than asking the graphics card for a depth.

import { CELLS } from "./layers/ground_mesh.js";

// Fine tiles (7 m between corners) for a quarter; coarse ones (60 m) where a view spans a district.
const LEVELS = [17, 14];
const MOST_TILES_AT_ONCE = 36;
const KEEP_TILES = 400;
const RADIANS = Math.PI / 180;

function tileAt(lon, lat, level) {
  const n = 2 ** level;
  const mercator = Math.log(Math.tan(Math.PI / 4 + (lat * RADIANS) / 2));
  return [((lon + 180) / 360) * n, ((1 - mercator / Math.PI) / 2) * n];
}

/** Interpolate between the corners of a tile; x, y from 0 to 1, y to the south. */
function between(corners, x, y) {
  const side = CELLS + 1;
  const col = Math.min(CELLS - 1, Math.floor(x * CELLS));
  const row = Math.min(CELLS - 1, Math.floor(y * CELLS));
  const [fx, fy] = [x * CELLS - col, y * CELLS - row];
  const i = row * side + col;
  const upper = corners[i] * (1 - fx) + corners[i + 1] * fx;
  const lower = corners[i + side] * (1 - fx) + corners[i + side + 1] * fx;
  return upper * (1 - fy) + lower * fy;
}

export class HeightField {
  constructor(tasks) {
    this.tasks = tasks;
    this.template = null;
    this.bounds = [0, 0, 0, 0];
    this.fallback = 0;
    this.tiles = new Map();
  }

  /** Read heights from terrain tiles inside bounds from now on; fallback: metres where nothing is known. */
  use(template, bounds, fallback) {
    this.template = template;
    this.bounds = bounds;
    this.fallback = fallback;
    this.tiles.clear();
  }

  /** Load what covers bounds [west, south, east, north] (degrees); resolves when heights there can be asked. */
  async cover(asked) {
    if (!this.template) return;
    const [w, s, e, n] = this.bounds;
    const [west, south, east, north] = [Math.max(asked[0], w), Math.max(asked[1], s), Math.min(asked[2], e), Math.min(asked[3], n)];
    if (west >= east || south >= north) return;
    for (const level of LEVELS) {
      const [left, top] = tileAt(west, north, level).map(Math.floor);
      const [right, bottom] = tileAt(east, south, level).map(Math.floor);
      if ((right - left + 1) * (bottom - top + 1) > MOST_TILES_AT_ONCE) continue;
      const orders = [];
      for (let x = left; x <= right; x += 1) {
        for (let y = top; y <= bottom; y += 1) orders.push(this.load(x, y, level));
      }
      await Promise.all(orders);
      return;
    }
  }

  load(x, y, z) {
    const key = `${z}/${x}/${y}`;
    let entry = this.tiles.get(key);
    if (!entry) {
      entry = { corners: null };
      entry.done = this.tasks.order("heights", { heights: this.template, index: { x, y, z } }).then((corners) => {
        entry.corners = corners;
      });
      this.tiles.set(key, entry);
      if (this.tiles.size > KEEP_TILES) this.tiles.delete(this.tiles.keys().next().value);
    }
    return entry.done;
  }

  /** Height of the ground in metres at a place if it is loaded, else null. */
  known(lon, lat) {
    for (const level of LEVELS) {
      const [x, y] = tileAt(lon, lat, level);
      const corners = this.tiles.get(`${level}/${Math.floor(x)}/${Math.floor(y)}`)?.corners;
      const height = corners ? between(corners, x - Math.floor(x), y - Math.floor(y)) : NaN;
      if (!Number.isNaN(height)) return height;
    }
    return null;
  }

  /** Height of the ground in metres, the scene's mean where it is not known. */
  at(lon, lat) {
    return this.known(lon, lat) ?? this.fallback;
  }
}
