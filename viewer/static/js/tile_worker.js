// Runs beside the page: fetches tiles and decodes them, so that dragging the map never waits for a tile.

import { buildGroundMesh, cornerHeights, decodeHeights } from "./layers/ground_mesh.js";
import { readVectorTile } from "./layers/vector_tile.js";

const running = new Map();

async function fetchTile(url, signal) {
  const response = await fetch(url, { signal });
  if (response.status === 204 || response.status === 404) return null;
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response;
}

async function pixelsOf(blob) {
  const bitmap = await createImageBitmap(blob, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

// A mesh needs far fewer heights than a photo has pixels: sixteen tiles share the heights of the one above them.
const LEVELS_UP = 2;
const LOWEST_LEVEL = 12;
const KEEP_HEIGHTS = 96;
const heightTiles = new Map();

/** Heights of a terrain tile, fetched once: {heights, size}, or null where there are none. */
function heightsOf(url) {
  let tile = heightTiles.get(url);
  if (!tile) {
    tile = fetchTile(url).then(async (response) => {
      if (!response) return null;
      const pixels = await pixelsOf(await response.blob());
      return { heights: decodeHeights(pixels.data), size: pixels.width };
    });
    tile.catch(() => heightTiles.delete(url));
    heightTiles.set(url, tile);
    if (heightTiles.size > KEEP_HEIGHTS) heightTiles.delete(heightTiles.keys().next().value);
  }
  return tile;
}

async function cornersOf(template, { x, y, z }) {
  const up = Math.max(0, Math.min(LEVELS_UP, z - LOWEST_LEVEL));
  const tile = await heightsOf(addressOf(template, { x: x >> up, y: y >> up, z: z - up }));
  if (!tile) return null;
  const side = tile.size / 2 ** up;
  const part = { left: (x % 2 ** up) * side, top: (y % 2 ** up) * side, side };
  return cornerHeights(tile.heights, tile.size, part);
}

function addressOf(template, { x, y, z }) {
  return template.replace("{z}", z).replace("{x}", x).replace("{y}", y);
}

async function groundTile({ heights, texture, index }, signal) {
  const [corners, imageTile] = await Promise.all([
    cornersOf(heights, index),
    texture ? fetchTile(addressOf(texture, index), signal) : null,
  ]);
  const mesh = corners && buildGroundMesh(corners, index);
  if (!mesh) return { value: null, transfer: [] };
  const image = imageTile ? await createImageBitmap(await imageTile.blob(), { premultiplyAlpha: "none" }) : null;
  const buffers = [mesh.positions.buffer, mesh.normals.buffer, mesh.texCoords.buffer, mesh.indices.buffer];
  return { value: { mesh, image }, transfer: image ? [...buffers, image] : buffers };
}

async function heightTile({ heights, index }) {
  const tile = await heightsOf(addressOf(heights, index));
  return { value: tile && cornerHeights(tile.heights, tile.size), transfer: [] };
}

async function vectorTile({ tiles, index }, signal) {
  const response = await fetchTile(addressOf(tiles, index), signal);
  if (!response) return { value: [], transfer: [] };
  return { value: readVectorTile(new Uint8Array(await response.arrayBuffer()), index), transfer: [] };
}

const TASKS = { ground: groundTile, heights: heightTile, vector: vectorTile };

self.onmessage = async ({ data: { id, task, order } }) => {
  if (task === "cancel") {
    running.get(id)?.abort();
    return;
  }
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const { value, transfer } = await TASKS[task](order, controller.signal);
    self.postMessage({ id, value }, transfer);
  } catch (error) {
    self.postMessage({ id, error: error.name === "AbortError" ? "cancelled" : String(error.message) });
  } finally {
    running.delete(id);
  }
};
