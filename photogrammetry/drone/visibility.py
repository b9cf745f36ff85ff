"""Which surface cells a camera sees: a sweep outwards from the camera's foot point over the surface grid.

A cell is hidden when a nearer cell on the same bearing reaches a flatter line of sight. Sorting the surface by
bearing and distance turns the question into one running maximum along each bearing, exact for a surface with one
height per cell, walls included, and cheap enough to ask for every photo of a survey.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Heights = NDArray[np.float32]
OWN_CELLS = 1.5
LONGEST = 30_000


@dataclass(frozen=True)
class Foot:
    """Where a camera stands over a grid window: fractional row and column, and its height (m, as the grid's)."""

    row: float
    col: float
    height_m: float


def visible_cells(
    surface: Heights, core: tuple[slice, slice], foot: Foot, *, tolerance_m: float, reach_cells: float = np.inf
) -> NDArray[np.bool_]:
    """Tell which cells of the core of a window can be seen from a camera above.

    surface: (rows, cols) float32 m, no NaN, below the camera. core: the part asked about; the rest of the window
    holds what may stand in between. foot: the camera; the centre of the window's first cell is (0.5, 0.5).
    tolerance_m: how far below the line of sight a cell may lie and still count as seen (the grid's own roughness).
    reach_cells: nothing further than this in front of a cell hides it (see reach_m).
    Returns bool of the core's shape.
    """
    row = np.arange(core[0].start, core[0].stop, dtype=np.float32)[:, None] + np.float32(0.5 - foot.row)
    col = np.arange(core[1].start, core[1].stop, dtype=np.float32)[None, :] + np.float32(0.5 - foot.col)
    distance = np.hypot(row, col)
    inside = core[0].start <= foot.row <= core[0].stop and core[1].start <= foot.col <= core[1].stop
    middle = 0.0 if inside else float(np.arctan2(row.mean(), col.mean()))
    bearing = np.arctan2(row, col) - np.float32(middle)
    bearing -= np.float32(2 * np.pi) * np.round(bearing / np.float32(2 * np.pi))
    low, high = (-np.pi, np.pi) if inside else (float(bearing.min()), float(bearing.max()))
    far = float(distance.max())
    near = max(0.0, float(distance.min()) - reach_cells - OWN_CELLS)
    # One cell apart at the far end, one cell along the bearing: no wall is stepped over.
    step = 1.0 / max(far, 1.0)
    angle = np.asarray(middle + low + step * np.arange(int((high - low) / step) + 3), dtype=np.float64)
    radius = np.asarray(near + np.arange(int(far - near) + 3), dtype=np.float64)
    depth = np.maximum(np.float32(foot.height_m) - surface, np.float32(0.01))
    flattest = np.maximum.accumulate(_slopes(depth, foot, angle, radius), axis=1)
    before = _sample(flattest, distance - np.float32(near + OWN_CELLS), (bearing - np.float32(low)) / np.float32(step))
    seen = distance >= before * (depth[core] - np.float32(tolerance_m))
    return np.asarray(seen | (distance < near + OWN_CELLS), dtype=bool)


def reach_m(height_range_m: float, off_nadir_rad: float) -> float:
    """Tell how far beside a cell something can stand and hide it: the window's margin (m)."""
    return float(height_range_m * np.tan(min(off_nadir_rad, np.radians(80.0))))


def _slopes(depth: Heights, foot: Foot, angle: NDArray[np.float64], radius: NDArray[np.float64]) -> Heights:
    """Give distance over depth (cells per metre) at (angles, radii); 0 outside the window."""
    reach = radius.astype(np.float32)
    row = np.float32(foot.row - 0.5) + np.sin(angle).astype(np.float32)[:, None] * reach
    col = np.float32(foot.col - 0.5) + np.cos(angle).astype(np.float32)[:, None] * reach
    slopes = _sample(np.float32(1) / depth, col, row, nearest=True)
    slopes *= reach
    return slopes


def _sample(values: Heights, col: Heights, row: Heights, *, nearest: bool = False) -> Heights:
    """Look values up at fractional columns and rows (centre of the first cell at 0); 0 outside."""
    flag = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    out = np.empty(col.shape, dtype=np.float32)
    # OpenCV's remap takes at most 32767 rows.
    for start in range(0, len(col), LONGEST):
        part = slice(start, start + LONGEST)
        out[part] = cv2.remap(values, col[part], row[part], flag, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return out
