"""Which photos colour which surface cells: the steepest views that truly see them, with soft seams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photogrammetry.drone.grid import Grid, read_heights
from photogrammetry.drone.surface_cells import Heights, pull_push
from photogrammetry.drone.views import View
from photogrammetry.drone.visibility import Foot, reach_m, visible_cells
from photogrammetry.frame import LocalFrame

FADED = 1.0
FEW_VIEWS = 8


@dataclass(frozen=True)
class Ground:
    """A window of the surface without gaps: its grid, heights (m) and where they are known (measured or bare)."""

    grid: Grid
    heights: Heights
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class SeamSettings:
    """How views are chosen and blended; see OrthoSettings."""

    seam: float
    edge_cells: float
    enough_views: int
    steepest: float
    tolerance_m: float


def surface_window(folder: Path, grid: Grid, row: int, col: int, rows: int, cols: int) -> Ground | None:
    """Read a window of dsm.tif, gaps closed from dtm.tif and then smoothly; None where nothing is known."""
    surface = read_heights(folder / "dsm.tif", row, col, rows, cols)
    bare = read_heights(folder / "dtm.tif", row, col, rows, cols)
    joined = np.where(np.isnan(surface), bare, surface).astype(np.float32)
    known = ~np.isnan(joined)
    if not known.any():
        return None
    return Ground(grid.part(row, col, rows, cols), pull_push(joined), known)


def affine_to_enu(frame: LocalFrame, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the (3, 4) matrix that takes (east, north, height, 1) of a small box of the CRS to ENU metres.

    Over 150 m the plane is straight to a tenth of a millimetre; larger boxes belong to frame_fit.
    """
    corners = np.array([[(low, high)[(i >> a) & 1][a] for a in range(3)] for i in range(8)])
    enu = frame.crs_to_enu(corners)
    centre = corners.mean(axis=0)
    linear = np.linalg.lstsq(np.column_stack([corners - centre, np.ones(8)]), enu, rcond=None)[0].T
    return np.column_stack([linear[:, :3], linear[:, 3] - linear[:, :3] @ centre])


def candidates(views: Sequence[View], ground: Ground, to_enu: NDArray[np.float64], steepest: float) -> list[int]:
    """Give the indices of the views that may see a window, the steepest lines of sight first."""
    grid, heights = ground.grid, ground.heights
    stride = max(1, min(grid.shape) // 12)
    east, north = grid.centres()
    e, n = np.meshgrid(east[::stride], north[::stride])
    enu = np.stack([e, n, heights[::stride, ::stride], np.ones_like(e)], axis=-1) @ to_enu.T
    found = []
    for index, view in enumerate(views):
        inside = view.sees(enu, margin_px=-0.05 * view.width)
        if inside.any():
            slope = np.hypot(*(enu[inside][:, :2] - view.centre[:2]).T) / (view.centre[2] - enu[inside][:, 2])
            if 0 <= slope.min() < steepest:
                found.append((float(np.median(slope)), index))
    return [index for _, index in sorted(found)]


def choose_views(
    views: Sequence[View],
    feet: NDArray[np.float64],
    wide: Ground,
    core: tuple[slice, slice],
    to_enu: NDArray[np.float64],
    settings: SeamSettings,
) -> list[tuple[int, Heights]]:
    """Give the photos for the cells of a window's core and their weights, 0-1, summing to 1 where any photo sees.

    feet: (views, 3) where the cameras stand, CRS and height. wide: the surface around the core, wide enough to hold
    what may hide it. to_enu: of affine_to_enu. Returns (index of view, (rows, cols)).
    """
    grid = wide.grid
    part = Ground(
        grid.part(core[0].start, core[1].start, core[0].stop - core[0].start, core[1].stop - core[1].start),
        wide.heights[core],
        wide.known[core],
    )
    east, north = part.grid.centres()
    e, n = np.meshgrid(east, north)
    enu = np.stack([e, n, part.heights, np.ones_like(e)], axis=-1) @ to_enu.T
    costs: list[NDArray[np.float32]] = []
    chosen: list[int] = []
    views_of_cell = np.zeros(part.grid.shape, dtype=np.int16)
    for number, index in enumerate(candidates(views, part, to_enu, settings.steepest)):
        enough = settings.enough_views if number < FEW_VIEWS else 1
        box = _box_of(part.known & (views_of_cell < enough))
        if box is None:
            break
        cost = np.full(part.grid.shape, np.inf, dtype=np.float32)
        shifted = (_moved(box[0], core[0].start), _moved(box[1], core[1].start))
        cost[box] = _cost(views[index], feet[index], wide, shifted, enu[box], settings)
        if np.isfinite(cost).any():
            costs.append(cost)
            chosen.append(index)
            views_of_cell += cost < np.inf
    if not costs:
        return []
    stack = np.stack(costs)
    best = stack.min(axis=0)
    with np.errstate(invalid="ignore"):
        share = np.clip(1 - (stack - best) / settings.seam, 0, 1)
    share = np.where(np.isfinite(stack), share**2, 0).astype(np.float32)
    share /= np.maximum(share.sum(axis=0), 1e-6)
    return [(index, share[i]) for i, index in enumerate(chosen) if (share[i] > 0).any()]


def _cost(
    view: View,
    foot: NDArray[np.float64],
    wide: Ground,
    core: tuple[slice, slice],
    enu: NDArray[np.float64],
    settings: SeamSettings,
) -> NDArray[np.float32]:
    """Give the slope of the line of sight of each core cell, more towards what the photo cannot see, inf there."""
    inside = view.sees(enu)
    if not inside.any():
        return np.full(inside.shape, np.inf, dtype=np.float32)
    depth = np.maximum(view.centre[2] - enu[..., 2], 1e-3)
    slope = np.hypot(enu[..., 0] - view.centre[0], enu[..., 1] - view.centre[1]) / depth
    inside &= slope < settings.steepest
    if not inside.any():
        return np.full(inside.shape, np.inf, dtype=np.float32)
    steep = float(slope[inside].max())
    box = _hiding_window(wide, core, steep)
    row, col = wide.grid.row_col(foot[:1], foot[1:2])
    camera = Foot(float(row[0]) - box[0].start, float(col[0]) - box[1].start, float(foot[2]))
    part = (_within(core[0], box[0]), _within(core[1], box[1]))
    seen = inside & visible_cells(
        wide.heights[box], part, camera, tolerance_m=settings.tolerance_m, reach_cells=_hiding_cells(wide, core, steep)
    )
    away = cv2.distanceTransform(seen.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    fade = np.clip(1 - away / (settings.edge_cells + 1), 0, 1)
    return np.where(seen, slope + FADED * fade, np.inf).astype(np.float32)


def _hiding_cells(wide: Ground, core: tuple[slice, slice], slope: float) -> int:
    """Tell how many cells in front of a core cell something can hide it, for the flattest line of sight's slope."""
    height_range = float(wide.heights.max()) - float(wide.heights[core].min())
    return int(np.ceil(reach_m(height_range, float(np.arctan(slope))) / wide.grid.cell_m)) + 2


def _hiding_window(wide: Ground, core: tuple[slice, slice], slope: float) -> tuple[slice, slice]:
    """Cut the window down to what can hide the core from a camera whose flattest line of sight has this slope."""
    cells = _hiding_cells(wide, core, slope)
    rows, cols = wide.heights.shape
    return (
        slice(max(0, core[0].start - cells), min(rows, core[0].stop + cells)),
        slice(max(0, core[1].start - cells), min(cols, core[1].stop + cells)),
    )


def _box_of(wanted: NDArray[np.bool_], pad: int = 8) -> tuple[slice, slice] | None:
    """Give the box around the wanted cells, a few cells wider; None when there are none."""
    rows, cols = np.flatnonzero(wanted.any(axis=1)), np.flatnonzero(wanted.any(axis=0))
    if len(rows) == 0:
        return None
    return (
        slice(max(0, int(rows[0]) - pad), min(wanted.shape[0], int(rows[-1]) + 1 + pad)),
        slice(max(0, int(cols[0]) - pad), min(wanted.shape[1], int(cols[-1]) + 1 + pad)),
    )


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


def _within(inner: slice, outer: slice) -> slice:
    return slice(inner.start - outer.start, inner.stop - outer.start)
