"""Pictures of walls: for each wall the photo that sees it best, straightened into a rectangle.

A wall's picture runs along the wall from its start (left) and down from its top; one pixel is texel_m wide and high.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from photogrammetry.drone.views import View

Points = NDArray[np.float64]
FACING = 0.12
LEAST_SHOWN = 0.3
CLEAR_M = 0.4
OWN_EAVE_M = 0.9
MARCH_STEPS = 64
LARGEST_PX = 1024


@dataclass(frozen=True)
class Walls:
    """Upright rectangles in ENU metres: start, end (N, 2), low, high (N,); the open side is left of start -> end."""

    start: Points
    end: Points
    low: Points
    high: Points

    def __len__(self) -> int:
        return len(self.low)

    @property
    def outwards(self) -> Points:
        """Unit normals to the open side, (N, 2)."""
        along = self.end - self.start
        length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
        return np.asarray(np.column_stack([-along[:, 1], along[:, 0]]) / length[:, None])

    def places(self, across: Sequence[float], up: Sequence[float], off_m: float = 0.0) -> Points:
        """Give places on every wall, (N, len(across) * len(up), 3), by share of its length and height."""
        a, b = (v.ravel() for v in np.meshgrid(across, up))
        plan = self.start[:, None] * (1 - a[None, :, None]) + self.end[:, None] * a[None, :, None]
        plan = plan + off_m * self.outwards[:, None]
        height = self.low[:, None] * (1 - b) + self.high[:, None] * b
        return np.concatenate([plan, height[..., None]], axis=2)


@dataclass(frozen=True)
class Skyline:
    """The surface for lines of sight: heights (rows, cols) m ENU on a grid with the given matrix.

    to_cell: (2, 3) float64, takes (east, north, 1) ENU to (column, row), centre of the first cell at 0.
    """

    heights: NDArray[np.float32]
    to_cell: Points
    top: float

    def at(self, enu: Points) -> Points:
        """Look up the surface at (..., 3) places; far below outside the grid."""
        col = enu[..., 0] * self.to_cell[0, 0] + enu[..., 1] * self.to_cell[0, 1] + self.to_cell[0, 2]
        row = enu[..., 0] * self.to_cell[1, 0] + enu[..., 1] * self.to_cell[1, 1] + self.to_cell[1, 2]
        c, r = np.round(col).astype(int), np.round(row).astype(int)
        inside = (r >= 0) & (r < self.heights.shape[0]) & (c >= 0) & (c < self.heights.shape[1])
        out = np.full(col.shape, -1e6)
        out[inside] = self.heights[r[inside], c[inside]]
        return out


def view_scores(view: View, walls: Walls, skyline: Skyline) -> NDArray[np.float32]:
    """Say how well one photo shows each wall, (N,) float32, 0 not at all: pixels per metre times what it shows."""
    score = np.zeros(len(walls), dtype=np.float32)
    middle = walls.places([0.5], [0.5])[:, 0]
    sight = view.centre - middle
    distance = np.linalg.norm(sight, axis=1)
    facing = (sight[:, :2] * walls.outwards).sum(axis=1) / distance
    chosen = np.flatnonzero(facing > FACING)
    if len(chosen) == 0:
        return score
    part = Walls(walls.start[chosen], walls.end[chosen], walls.low[chosen], walls.high[chosen])
    places = part.places([0.02, 0.34, 0.66, 0.98], [0.05, 0.5, 0.95], off_m=0.3)
    inside = view.sees(places, margin_px=4.0)
    possible = np.flatnonzero(inside.mean(axis=1) >= LEAST_SHOWN)
    clear = inside[possible] & _clear(view, places[possible], skyline)
    shown = clear.mean(axis=1)
    index = chosen[possible]
    score[index] = np.where(shown >= LEAST_SHOWN, view.fx / distance[index] * facing[index] * shown**2, 0.0)
    return score


def _clear(view: View, places: Points, skyline: Skyline) -> NDArray[np.bool_]:
    """Tell which places (N, K, 3) have a clear line to the camera."""
    sight = view.centre - places
    flat = np.hypot(sight[..., 0], sight[..., 1])
    first = np.clip(OWN_EAVE_M / np.maximum(flat, 1e-6), 0, 1)
    last = np.clip((skyline.top - places[..., 2]) / np.maximum(sight[..., 2], 1e-6), 0, 1)
    clear = np.ones(places.shape[:2], dtype=bool)
    for share in np.linspace(0, 1, MARCH_STEPS):
        t = first + (last - first) * share
        at = places + sight * t[..., None]
        clear &= ~((last > first) & (skyline.at(at) > at[..., 2] + CLEAR_M))
    return clear


def wall_picture(
    view: View, pixels: NDArray[np.uint8], walls: Walls, index: int, texel_m: float, gain: Points, skyline: Skyline
) -> NDArray[np.uint8]:
    """Straighten one wall out of a photo: (rows, cols, 4) uint8, the last 255 where the photo shows the wall."""
    length = float(np.hypot(*(walls.end[index] - walls.start[index])))
    height = float(walls.high[index] - walls.low[index])
    cols, rows = (int(np.clip(np.ceil(v / texel_m), 2, LARGEST_PX)) for v in (length, height))
    one = slice(index, index + 1)
    wall = Walls(walls.start[one], walls.end[one], walls.low[one], walls.high[one])
    grid = wall.places(list((np.arange(cols) + 0.5) / cols), list(1 - (np.arange(rows) + 0.5) / rows))[0]
    col, row, _ = view.project(grid)
    maps = [(v - 0.5).astype(np.float32).reshape(rows, cols) for v in (col, row)]
    picture = cv2.remap(pixels, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    rgb = np.clip(np.round(picture * gain), 0, 255).astype(np.uint8)
    shown = view.sees(grid, margin_px=2.0).reshape(rows, cols) & _shown_cells(view, wall, rows, cols, skyline)
    return np.dstack([rgb, np.where(shown, 255, 0).astype(np.uint8)])


def _shown_cells(view: View, wall: Walls, rows: int, cols: int, skyline: Skyline) -> NDArray[np.bool_]:
    """Tell what of a wall is not hidden, found on a coarse grid and enlarged to (rows, cols)."""
    across, up = max(2, min(24, cols // 8)), max(2, min(16, rows // 8))
    places = wall.places(list((np.arange(across) + 0.5) / across), list(1 - (np.arange(up) + 0.5) / up), off_m=0.3)
    clear = _clear(view, places, skyline).reshape(up, across).astype(np.float32)
    return np.asarray(cv2.resize(clear, (cols, rows), interpolation=cv2.INTER_LINEAR) > 0.5)


def joined(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Lay pictures of one wall (rows, cols, 4) over each other, the best first; what none shows, from around it."""
    rgb, shown = pictures[0][..., :3].copy(), pictures[0][..., 3] > 0
    for picture in pictures[1:]:
        more = (picture[..., 3] > 0) & ~shown
        rgb[more] = picture[..., :3][more]
        shown |= more
    if shown.any() and not shown.all():
        index = ndimage.distance_transform_edt(~shown, return_distances=False, return_indices=True)
        soft = cv2.blur(rgb[tuple(index)], (9, 9))
        rgb[~shown] = soft[~shown]
    return rgb


@dataclass(frozen=True)
class Atlas:
    """Pictures side by side: (rows, cols, 3) uint8, and per picture its box (col, row, cols, rows) in pixels."""

    picture: NDArray[np.uint8]
    boxes: dict[int, tuple[float, float, float, float]]


def pack(pictures: dict[int, NDArray[np.uint8]], *, width: int = 1024, tallest: int = 2048) -> Atlas:
    """Pack pictures on shelves, tallest first, shrinking all of them together until they fit."""
    shrink = 1.0
    while True:
        atlas = _pack_at(pictures, shrink, width, tallest)
        if atlas is not None:
            return atlas
        shrink *= 0.8


def _pack_at(pictures: dict[int, NDArray[np.uint8]], shrink: float, width: int, tallest: int) -> Atlas | None:
    sized = {k: _resized(p, shrink, width - 2) for k, p in sorted(pictures.items())}
    order = sorted(sized, key=lambda k: (-sized[k].shape[0], k))
    row = col = shelf = 0
    places: dict[int, tuple[int, int]] = {}
    for key in order:
        rows, cols = sized[key].shape[0] + 2, sized[key].shape[1] + 2
        if col + cols > width:
            row, col, shelf = row + shelf, 0, 0
        places[key] = (row, col)
        col, shelf = col + cols, max(shelf, rows)
    height = row + shelf
    if height > tallest:
        return None
    out = np.full((max(8, -(-height // 8) * 8), width, 3), 128, dtype=np.uint8)
    boxes = {}
    for key, (r, c) in places.items():
        # One pixel of its own edge around each picture keeps neighbours from bleeding in.
        framed = cv2.copyMakeBorder(sized[key], 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        out[r : r + framed.shape[0], c : c + framed.shape[1]] = framed
        boxes[key] = (float(c + 1), float(r + 1), float(sized[key].shape[1]), float(sized[key].shape[0]))
    return Atlas(out, boxes)


def _resized(picture: NDArray[np.uint8], shrink: float, widest: int) -> NDArray[np.uint8]:
    rows, cols = picture.shape[:2]
    size = (max(2, min(widest, round(cols * shrink))), max(2, round(rows * shrink)))
    if size == (cols, rows):
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def read_picture(folder: Path, photos: Sequence[str], index: int) -> NDArray[np.uint8]:
    """Read one wall's picture, joined from those cut out of the given photos, the best first."""
    pictures = []
    for photo in photos:
        with np.load(folder / f"{photo}.npz") as saved:
            pictures.append(np.asarray(saved[str(index)], dtype=np.uint8))
    return joined(pictures)
