// The camera that shows a whole area in what panels leave free of the window, whatever the window's shape.

const MARGIN_PX = 28;
const ROUNDS = 6;
const LEAST_ROOM_PX = 120;

/**
 * Move and zoom a view so that bounds fill the free part of the map; its pitch and bearing stay.
 * Viewport: deck's WebMercatorViewport. view: {longitude, latitude, zoom, pitch, bearing, position}.
 * bounds: [west, south, east, north] degrees. size: {width, height}, free: {left, right, top, bottom}, pixels.
 */
export function fitView(Viewport, view, bounds, { width, height }, free) {
  const room = {
    left: free.left + MARGIN_PX,
    right: width - free.right - MARGIN_PX,
    top: free.top + MARGIN_PX,
    bottom: height - free.bottom - MARGIN_PX,
  };
  if (room.right - room.left < LEAST_ROOM_PX || room.bottom - room.top < LEAST_ROOM_PX) return view;
  const [west, south, east, north] = bounds;
  const ground = view.position?.[2] ?? 0;
  const corners = [[west, south], [east, south], [east, north], [west, north]].map((corner) => [...corner, ground]);
  const fitted = { ...view };
  for (let round = 0; round < ROUNDS; round += 1) {
    const shown = extent(new Viewport({ ...fitted, width, height }), corners);
    const scale = Math.min((room.right - room.left) / (shown.right - shown.left), (room.bottom - room.top) / (shown.bottom - shown.top));
    if (!(scale > 0) || !Number.isFinite(scale)) return view;
    fitted.zoom = Math.min(view.maxZoom ?? 23, Math.max(view.minZoom ?? 0, fitted.zoom + Math.log2(scale)));
    const viewport = new Viewport({ ...fitted, width, height });
    const moved = extent(viewport, corners);
    const right = (moved.left + moved.right - room.left - room.right) / 2;
    const down = (moved.top + moved.bottom - room.top - room.bottom) / 2;
    const [longitude, latitude] = viewport.unproject([width / 2 + right, height / 2 + down], { targetZ: ground });
    if (!Number.isFinite(longitude) || !Number.isFinite(latitude)) return view;
    Object.assign(fitted, { longitude, latitude });
  }
  return fitted;
}

function extent(viewport, corners) {
  const pixels = corners.map((corner) => viewport.project(corner));
  const [xs, ys] = [0, 1].map((k) => pixels.map((pixel) => pixel[k]));
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}
