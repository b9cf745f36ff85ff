"""One map tile cut out of a raster: the overview that is fine enough is read, and sampled where the tile's pixels lie.

Warping with GDAL plans its way between the two systems anew for every tile and reads the full raster where a smaller
picture of it would do: ten times the work for the same pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.windows import Window

from twin.crs import transformer

TILE_PIXELS = 256
KNOTS = 17  # of the tile's grid that are projected exactly; between them positions follow linearly
EXACT_BELOW_ZOOM = 6  # where the knots of a tile stand too far apart for that
HALF_WORLD_M = math.pi * 6_378_137.0
MARGIN = 2
MOSTLY = 0.5

Positions = NDArray[np.float64]


@dataclass(frozen=True)
class Cut:
    """A tile's pixels. values: (bands, 256, 256) float32. known: (256, 256), whether anything was measured there."""

    values: NDArray[np.float32]
    known: NDArray[np.bool_]


def cut_tile(path: Path, z: int, x: int, y: int, bands: tuple[int, ...]) -> Cut | None:
    """Sample bands (from 1) of a raster at the pixels of a WebMercator tile, bilinearly.

    Returns None where the tile lies outside the raster. Raises rasterio's errors for a file that cannot be read.
    """
    with rasterio.open(path) as raster:
        col, row = _source_pixels(raster, z, x, y)
        with np.errstate(invalid="ignore"):
            inside = (col > 0) & (row > 0) & (col < raster.width) & (row < raster.height)
        if not inside.any():
            return None
        step = _step(col, row)
        factors = raster.overviews(bands[0])
        level = max((n for n, factor in enumerate(factors) if factor <= step), default=None)
        if level is None:
            return _sampled(raster, col, row, inside, step, bands)
        size = raster.width, raster.height
    with rasterio.open(path, OVERVIEW_LEVEL=level) as smaller:
        col, row = col * (smaller.width / size[0]), row * (smaller.height / size[1])
        return _sampled(smaller, col, row, inside, step * smaller.width / size[0], bands)


def _source_pixels(raster: DatasetReader, z: int, x: int, y: int) -> tuple[Positions, Positions]:
    """Give the column and the row, (256, 256) each, where the tile's pixels lie in the raster; not finite: nowhere."""
    middles = (np.arange(TILE_PIXELS) + 0.5) / TILE_PIXELS
    knots = middles if z < EXACT_BELOW_ZOOM else np.linspace(0, 1, KNOTS)
    side = 2 * HALF_WORLD_M / 2**z
    east, north = np.meshgrid((x + knots) * side - HALF_WORLD_M, HALF_WORLD_M - (y + knots) * side)
    found = transformer("EPSG:3857", raster.crs.to_string()).transform(east, north)
    there = ~raster.transform
    with np.errstate(invalid="ignore"):
        col = there.a * found[0] + there.b * found[1] + there.c
        row = there.d * found[0] + there.e * found[1] + there.f
    if z < EXACT_BELOW_ZOOM:
        return col, row
    between = _between(middles)
    with np.errstate(invalid="ignore"):
        return between @ col @ between.T, between @ row @ between.T


def _between(middles: Positions) -> Positions:
    """Weigh the knots for each pixel: (256, KNOTS)."""
    at = middles * (KNOTS - 1)
    below = np.minimum(at.astype(np.int64), KNOTS - 2)
    weights = np.zeros((len(middles), KNOTS))
    rows = np.arange(len(middles))
    weights[rows, below], weights[rows, below + 1] = 1 - (at - below), at - below
    return weights


def _step(col: Positions, row: Positions) -> float:
    """Say how many of the raster's pixels one of the tile's is wide."""
    with np.errstate(invalid="ignore"):
        steps = np.hypot(np.diff(col, axis=1), np.diff(row, axis=1))
    steps = steps[np.isfinite(steps)]
    return float(np.median(steps)) if steps.size else 1.0


def _sampled(
    raster: DatasetReader,
    col: Positions,
    row: Positions,
    inside: NDArray[np.bool_],
    step: float,
    bands: tuple[int, ...],
) -> Cut:
    """Read what the tile needs and no more, and sample it; coarser than the last overview, reading thins it out."""
    left, top = (max(0, math.floor(at[inside].min()) - MARGIN) for at in (col, row))
    right = min(raster.width, math.ceil(col[inside].max()) + MARGIN)
    bottom = min(raster.height, math.ceil(row[inside].max()) + MARGIN)
    window = Window(left, top, right - left, bottom - top)
    thin = max(1.0, step / 2)
    shape = (max(1, round(window.height / thin)), max(1, round(window.width / thin)))
    read: Any = {"window": window, "out_shape": shape, "resampling": Resampling.average}
    values = raster.read(list(bands), **{**read, "out_shape": (len(bands), *shape)}).astype(np.float32)
    measured = (raster.dataset_mask(window=window, out_shape=shape) > 0).astype(np.float32)
    at_col = ((col - left) * (shape[1] / window.width) - 0.5).astype(np.float32)
    at_row = ((row - top) * (shape[0] / window.height) - 0.5).astype(np.float32)
    share = _look_up(measured, at_col, at_row)
    # What was not measured has no say in what stands beside it.
    looked = np.stack([_look_up(np.where(measured > 0, band, 0), at_col, at_row) for band in values])
    known = inside & (share >= MOSTLY)
    return Cut(np.where(known, looked / np.maximum(share, MOSTLY), 0).astype(np.float32), known)


def _look_up(values: NDArray[np.float32], col: NDArray[np.float32], row: NDArray[np.float32]) -> NDArray[np.float32]:
    found = cv2.remap(values, col, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, dtype=np.float32)
