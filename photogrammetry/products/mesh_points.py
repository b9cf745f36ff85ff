"""Where a mesh needs vertices: few where the surface is flat, many where it bends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photogrammetry.drone.surface_cells import Heights


def bend_points(heights: Heights, tolerance_m: float, *, coarsest: int = 32) -> NDArray[np.bool_]:
    """Choose the grid points a triangulation needs to follow a surface.

    heights: (rows, cols) at grid points, no NaN. A point halfway between coarser points is kept when it lies more
    than tolerance_m off their mean; the points of the coarsest spacing are always kept, and so are the coarser
    neighbours of every kept point, so that triangles stay well shaped. Returns (rows, cols) bool.
    """
    rows, cols = heights.shape
    kept = np.zeros((rows, cols), dtype=bool)
    step = 1
    while step < coarsest:
        _keep_level(heights, kept, step, tolerance_m)
        step *= 2
    kept[::step, ::step] = True
    kept[-1, ::step] = kept[::step, -1] = kept[-1, -1] = True
    return kept


def _keep_level(heights: Heights, kept: NDArray[np.bool_], step: int, tolerance_m: float) -> None:
    """Keep points at odd multiples of step that bend away from their neighbours at even multiples, or have children."""
    h = heights[::step, ::step]
    k = kept[::step, ::step]
    if min(h.shape) < 3:
        return
    across = np.abs(h[::2, 1:-1:2] - (h[::2, :-2:2] + h[::2, 2::2]) / 2) > tolerance_m
    down = np.abs(h[1:-1:2, ::2] - (h[:-2:2, ::2] + h[2::2, ::2]) / 2) > tolerance_m
    corners = (h[:-2:2, :-2:2] + h[:-2:2, 2::2] + h[2::2, :-2:2] + h[2::2, 2::2]) / 4
    middle = np.abs(h[1:-1:2, 1:-1:2] - corners) > tolerance_m
    k[::2, 1:-1:2] |= across
    k[1:-1:2, ::2] |= down
    k[1:-1:2, 1:-1:2] |= middle
    # A kept middle keeps the points around it, one level up.
    k[:-2:2, :-2:2] |= middle
    k[:-2:2, 2::2] |= middle
    k[2::2, :-2:2] |= middle
    k[2::2, 2::2] |= middle
    k[::2, :-2:2] |= across
    k[::2, 2::2] |= across
    k[:-2:2, ::2] |= down
    k[2::2, ::2] |= down
