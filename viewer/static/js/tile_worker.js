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

async function groundTile({ heights, texture, index }, signal) {
  const [heightTile, imageTile] = await Promise.all([
    fetchTile(heights, signal),
    texture ? fetchTile(texture, signal) : null,
  ]);
  if (!heightTile) return { value: null, transfer: [] };
  const pixels = await pixelsOf(await heightTile.blob());
  const corners = cornerHeights(decodeHeights(pixels.data), pixels.width);
  const mesh = buildGroundMesh(corners, index);
  const image = imageTile ? await createImageBitmap(await imageTile.blob(), { premultiplyAlpha: "none" }) : null;
  if (!mesh) return { value: null, transfer: [] };
  const buffers = [mesh.positions.buffer, mesh.normals.buffer, mesh.texCoords.buffer, mesh.indices.buffer];
  return { value: { mesh, corners, image }, transfer: image ? [...buffers, image] : buffers };
}

async function vectorTile({ url, index }, signal) {
  const response = await fetchTile(url, signal);
  if (!response) return { value: [], transfer: [] };
  return { value: readVectorTile(new Uint8Array(await response.arrayBuffer()), index), transfer: [] };
}

const TASKS = { ground: groundTile, vector: vectorTile };

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
