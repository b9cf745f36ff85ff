// Heights of a Mapbox terrain-RGB tile become a small regular mesh with a skirt, in deck's metres about the tile's
// middle. deck's own TerrainLayer keeps vertices in float32 world units, 2.4 m apart at our latitudes.

import { WORLD_UNITS, unitsPerMetre } from "./deck_metres.js";

export const CELLS = 32;
const DEGREES = 180 / Math.PI;

/** Read heights in metres from RGBA bytes of a square tile; NaN where alpha is 0. Returns Float32Array. */
export function decodeHeights(rgba) {
  const heights = new Float32Array(rgba.length / 4);
  for (let i = 0, p = 0; i < heights.length; i += 1, p += 4) {
    heights[i] = rgba[p + 3] === 0 ? NaN : -10000 + (rgba[p] * 65536 + rgba[p + 1] * 256 + rgba[p + 2]) * 0.1;
  }
  return heights;
}

/**
 * Take (CELLS + 1)^2 heights at the corners of the cells; NaN where unknown. heights: size x size pixels.
 * part: the square {left, top, side} of pixels that the tile covers in them.
 */
export function cornerHeights(heights, size, part = { left: 0, top: 0, side: size }) {
  const side = CELLS + 1;
  const corners = new Float32Array(side * side);
  for (let row = 0; row < side; row += 1) {
    for (let col = 0; col < side; col += 1) {
      const x = part.left + (col * part.side) / CELLS;
      const y = part.top + (row * part.side) / CELLS;
      corners[row * side + col] = meanAround(heights, size, x, y);
    }
  }
  return corners;
}

function meanAround(heights, size, x, y) {
  let sum = 0;
  let count = 0;
  for (const py of [y - 1, y]) {
    for (const px of [x - 1, x]) {
      const value = heights[clamp(py, size) * size + clamp(px, size)];
      if (!Number.isNaN(value)) {
        sum += value;
        count += 1;
      }
    }
  }
  return count ? sum / count : NaN;
}

function clamp(value, size) {
  return Math.min(size - 1, Math.max(0, Math.round(value)));
}

/** Longitude and latitude of a tile's middle, degrees. */
export function tileMiddle({ x, y, z }) {
  const n = 2 ** z;
  const lat = Math.atan(Math.sinh(Math.PI * (1 - (2 * (y + 0.5)) / n))) * DEGREES;
  return [((x + 0.5) / n) * 360 - 180, lat];
}

/**
 * Make the mesh of a tile: positions (deck metres about the middle, heights in metres), normals, texture coordinates,
 * indices. corners: (CELLS + 1)^2 heights, NaN where unknown. Returns null when nothing is known.
 */
export function buildGroundMesh(corners, index) {
  const filled = fillUnknown(corners);
  if (!filled) return null;
  const side = CELLS + 1;
  const [, lat] = tileMiddle(index);
  const { first, second } = unitsPerMetre(lat);
  const tileUnits = WORLD_UNITS / 2 ** index.z;
  const cellM = tileUnits / first / CELLS;
  const border = borderLoop(side);
  const count = side * side + border.length;
  const mesh = {
    positions: new Float32Array(count * 3),
    normals: new Float32Array(count * 3),
    texCoords: new Float32Array(count * 2),
    indices: null,
  };
  for (let row = 0, v = 0; row < side; row += 1) {
    for (let col = 0; col < side; col += 1, v += 1) {
      const north = ((0.5 - row / CELLS) * tileUnits) / first;
      const east = ((col / CELLS - 0.5) * tileUnits) / (first + second * north);
      mesh.positions.set([east, north, filled[v]], v * 3);
      mesh.normals.set(normalAt(filled, row, col, cellM), v * 3);
      mesh.texCoords.set([col / CELLS, row / CELLS], v * 2);
    }
  }
  addSkirt(mesh, border, side * side, cellM);
  mesh.indices = new Uint32Array([...cellTriangles(corners, side), ...skirtTriangles(corners, border, side * side)]);
  return mesh.indices.length ? mesh : null;
}

// Where a corner is unknown its nearest known neighbour stands in: the texture's own transparency cuts the edge.
function fillUnknown(corners) {
  const side = CELLS + 1;
  let known = corners;
  for (let round = 0; round < side; round += 1) {
    const next = Float32Array.from(known);
    let open = 0;
    let filled = 0;
    for (let i = 0; i < known.length; i += 1) {
      if (!Number.isNaN(known[i])) continue;
      const row = Math.floor(i / side);
      const col = i % side;
      const around = [
        row > 0 ? known[i - side] : NaN,
        row < side - 1 ? known[i + side] : NaN,
        col > 0 ? known[i - 1] : NaN,
        col < side - 1 ? known[i + 1] : NaN,
      ].filter((value) => !Number.isNaN(value));
      if (around.length) {
        next[i] = around.reduce((a, b) => a + b, 0) / around.length;
        filled += 1;
      } else {
        open += 1;
      }
    }
    known = next;
    if (!open) return known;
    if (!filled) return null;
  }
  return known;
}

function normalAt(heights, row, col, cellM) {
  const side = CELLS + 1;
  const at = (r, c) => heights[Math.min(side - 1, Math.max(0, r)) * side + Math.min(side - 1, Math.max(0, c))];
  const east = (at(row, col + 1) - at(row, col - 1)) / (2 * cellM);
  const north = (at(row - 1, col) - at(row + 1, col)) / (2 * cellM);
  const length = Math.hypot(east, north, 1);
  return [-east / length, -north / length, 1 / length];
}

function cellTriangles(corners, side) {
  const triangles = [];
  for (let row = 0; row < CELLS; row += 1) {
    for (let col = 0; col < CELLS; col += 1) {
      const a = row * side + col;
      const known = [a, a + 1, a + side, a + side + 1].some((i) => !Number.isNaN(corners[i]));
      if (known) triangles.push(a, a + side, a + 1, a + 1, a + side, a + side + 1);
    }
  }
  return triangles;
}

function borderLoop(side) {
  const last = side - 1;
  const loop = [];
  for (let i = 0; i < last; i += 1) loop.push(i);
  for (let i = 0; i < last; i += 1) loop.push(i * side + last);
  for (let i = last; i > 0; i -= 1) loop.push(last * side + i);
  for (let i = last; i > 0; i -= 1) loop.push(i * side);
  return loop;
}

function addSkirt(mesh, border, start, cellM) {
  border.forEach((source, i) => {
    const v = start + i;
    for (let k = 0; k < 3; k += 1) {
      mesh.positions[v * 3 + k] = mesh.positions[source * 3 + k] - (k === 2 ? cellM * 0.6 : 0);
      mesh.normals[v * 3 + k] = mesh.normals[source * 3 + k];
    }
    mesh.texCoords.set(mesh.texCoords.subarray(source * 2, source * 2 + 2), v * 2);
  });
}

function skirtTriangles(corners, border, start) {
  const triangles = [];
  for (let i = 0; i < border.length; i += 1) {
    const next = (i + 1) % border.length;
    if (Number.isNaN(corners[border[i]]) || Number.isNaN(corners[border[next]])) continue;
    triangles.push(border[i], start + i, border[next], border[next], start + i, start + next);
  }
  return triangles;
}
