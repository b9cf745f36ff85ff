"""The surface with sharp walls: what the roofs show inside the blocks, what the ground shows outside.

A matched surface smears every wall over a cell or two. Knowing the blocks, the smear is cut out on both sides: roofs
are continued outwards from their sure cells to the wall, the ground inwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from photogrammetry.drone.grid import Grid, read_heights
from photogrammetry.drone.surface_cells import Heights, pull_push

SURE_M = 0.5
CONTINUED_M = 1.5
BAND_M = 1.2
OVER_GROUND_M = 0.3
SMOOTH_M = 0.3


@dataclass(frozen=True)
class Sheet:
    """Heights (m) on a grid without gaps, and where they are backed by data."""

    grid: Grid
    heights: Heights
    known: NDArray[np.bool_]

    def at(self, east: NDArray[np.float64], north: NDArray[np.float64]) -> NDArray[np.float64]:
        """Look heights up at places (N,) metres, bilinear; the nearest cell outside the grid."""
        row, col = self.grid.row_col(east, north)
        return bilinear(self.heights, row - 0.5, col - 0.5)

    def is_known(self, east: NDArray[np.float64], north: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell at which places (N,) the heights are backed by data."""
        row, col = self.grid.row_col(east, north)
        r = np.clip(np.floor(row).astype(int), 0, self.grid.rows - 1)
        c = np.clip(np.floor(col).astype(int), 0, self.grid.cols - 1)
        return np.asarray(self.known[r, c])


def bilinear(values: Heights, row: NDArray[np.float64], col: NDArray[np.float64]) -> NDArray[np.float64]:
    """Look up values (rows, cols) at fractional positions, 0 = centre of the first cell, clamped to the grid."""
    row, col = np.clip(row, 0, values.shape[0] - 1), np.clip(col, 0, values.shape[1] - 1)
    r0, c0 = np.floor(row).astype(int), np.floor(col).astype(int)
    r1, c1 = np.minimum(r0 + 1, values.shape[0] - 1), np.minimum(c0 + 1, values.shape[1] - 1)
    wr, wc = row - r0, col - c0
    upper = values[r0, c0] * (1 - wc) + values[r0, c1] * wc
    lower = values[r1, c0] * (1 - wc) + values[r1, c1] * wc
    return np.asarray(upper * (1 - wr) + lower * wr, dtype=np.float64)


def coarser(values: Heights, step: int) -> Heights:
    """Average blocks of step x step cells, NaN left out."""
    if step == 1:
        return values
    rows, cols = values.shape[0] // step, values.shape[1] // step
    blocks: Heights = values[: rows * step, : cols * step].reshape(rows, step, cols, step)
    number = np.isfinite(blocks).sum(axis=(1, 3))
    total = np.nansum(blocks, axis=(1, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(number > 0, total / number, np.nan)
    return np.asarray(mean, dtype=np.float32)


def ground_sheet(
    folder: Path, grid: Grid, at: tuple[int, int, int, int], blocks: Sequence[BaseGeometry], step: int
) -> Sheet | None:
    """Make the sheet outside the blocks: the surface, and the bare ground inside blocks and in a band around them.

    folder: stage surface. at: (row, col, rows, cols) of the window in its grid, rows and cols multiples of step.
    step: cells averaged into one. Returns None when nothing is known there.
    """
    surface = coarser(read_heights(folder / "dsm.tif", *at), step)
    bare = coarser(read_heights(folder / "dtm.tif", *at), step)
    part = grid.part(*at)
    part = Grid(part.crs, part.west, part.north, part.cell_m * step, *surface.shape)
    if blocks:
        near = rasterize([b.buffer(BAND_M) for b in blocks], out_shape=part.shape, transform=part.transform)
        inside = rasterize(list(blocks), out_shape=part.shape, transform=part.transform)
        smeared = (near > 0) & (np.isnan(bare) | (surface > bare + OVER_GROUND_M))
        surface = np.where((inside > 0) | smeared, bare, surface)
    joined = np.where(np.isnan(surface), bare, surface).astype(np.float32)
    known = ~np.isnan(joined)
    if not known.any():
        return None
    return Sheet(part, pull_push(joined), known)


def roof_sheet(folder: Path, grid: Grid, block: BaseGeometry, roof_h_m: float) -> Sheet:
    """Make the sheet of one block's roof, continued past its walls.

    Cells less than half a metre inside the outline, or more than three storeys off the block's height, are not
    trusted; a block without trusted cells is flat at roof_h_m.
    """
    west, south, east, north = block.bounds
    at = grid.window_of(west - CONTINUED_M, south - CONTINUED_M, east + CONTINUED_M, north + CONTINUED_M)
    part = grid.part(*at)
    surface = read_heights(folder / "dsm.tif", *at)
    inside = rasterize([block], out_shape=part.shape, transform=part.transform).astype(bool)
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1] * grid.cell_m
    with np.errstate(invalid="ignore"):
        sure = (depth > SURE_M) & (np.abs(surface - roof_h_m) < 9.0)
    if sure.sum() < 20:
        return Sheet(part, np.full(part.shape, roof_h_m, dtype=np.float32), inside)
    return Sheet(part, _continued(surface, sure, grid.cell_m), inside)


def _continued(surface: Heights, sure: NDArray[np.bool_], cell_m: float) -> Heights:
    """Smooth the sure cells without blurring edges and continue them at their own slope."""
    index = ndimage.distance_transform_edt(~sure, return_distances=False, return_indices=True)
    filled = surface[tuple(index)].astype(np.float32)
    size = max(3, round(SMOOTH_M / cell_m) | 1)
    calm = cv2.medianBlur(filled, min(5, size))
    smooth = cv2.GaussianBlur(calm, (0, 0), max(0.8, SMOOTH_M / cell_m / 2))
    # Mirroring about the last sure cell keeps a slope going: h(outside) = 2 h(edge) - h(mirrored).
    rows, cols = np.indices(surface.shape)
    row, col = np.clip(2 * index[0] - rows, 0, rows.max()), np.clip(2 * index[1] - cols, 0, cols.max())
    mirrored = 2 * smooth[tuple(index)] - smooth[row, col]
    trusted = sure[row, col] & ~sure
    return np.asarray(np.where(trusted, mirrored, smooth), dtype=np.float32)
