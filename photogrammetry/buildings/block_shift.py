"""How far the given outlines as a whole lie beside what the survey sees: one shift for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy import fft, ndimage
from shapely.geometry.base import BaseGeometry

from photogrammetry.drone.grid import Grid

RING_M = 2.0


@dataclass(frozen=True)
class BlockShift:
    """Shift to add to the outlines (m east, m north), agreement before and after (-1 to 1), and whether it is used."""

    east_m: float
    north_m: float
    before: float
    after: float
    used: bool


def estimate_shift(
    outlines: Sequence[BaseGeometry],
    tall: NDArray[np.bool_],
    known: NDArray[np.bool_],
    grid: Grid,
    *,
    limit_m: float = 4.0,
    least_m: float = 0.3,
) -> BlockShift:
    """Find the shift that puts the outlines onto what stands high, a ring around them onto what does not.

    tall, known: (rows, cols) bool on grid: higher than a storey above the ground; height known at all.
    limit_m: largest shift looked for. least_m: shifts below this are noise and not used. A shift at the edge of the
    search or without a clear gain is not used either.
    """
    nothing = BlockShift(0.0, 0.0, 0.0, 0.0, False)
    pattern = _pattern(outlines, grid)
    if pattern is None or not tall.any():
        return nothing
    sight = np.where(known, np.where(tall, 1.0, -1.0), 0.0)
    reach = int(np.ceil(limit_m / grid.cell_m))
    padded = np.pad(sight, reach)
    score = _slid_over(padded, pattern) / np.abs(pattern).sum()
    row, col = np.unravel_index(int(score.argmax()), score.shape)
    before, after = float(score[reach, reach]), float(score[row, col])
    if not (0 < row < 2 * reach and 0 < col < 2 * reach):
        return BlockShift(0.0, 0.0, before, after, False)
    d_row = row - reach + _vertex(score[row - 1, col], score[row, col], score[row + 1, col])
    d_col = col - reach + _vertex(score[row, col - 1], score[row, col], score[row, col + 1])
    east, north = float(d_col * grid.cell_m), float(-d_row * grid.cell_m)
    used = bool(np.hypot(east, north) >= least_m and after > before + 0.01)
    return BlockShift(east, north, before, after, used)


def _pattern(outlines: Sequence[BaseGeometry], grid: Grid) -> NDArray[np.float64] | None:
    if not outlines:
        return None
    inside = np.asarray(rasterize(outlines, out_shape=grid.shape, transform=grid.transform, dtype="uint8"), dtype=bool)
    if not inside.any() or inside.all():
        return None
    ring = (ndimage.distance_transform_edt(~inside) * grid.cell_m < RING_M) & ~inside
    # Inside and ring weigh the same, so that a plain overlap does not win by growing.
    return np.where(inside, ring.sum() / inside.sum(), np.where(ring, -1.0, 0.0))


def _vertex(left: float, middle: float, right: float) -> float:
    curve = left - 2 * middle + right
    return 0.0 if curve >= 0 else float(np.clip(0.5 * (left - right) / curve, -0.5, 0.5))


def _slid_over(field: NDArray[np.float64], pattern: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the sum of field times pattern at every place where the pattern lies inside the field."""
    size = [fft.next_fast_len(a + b - 1, real=True) for a, b in zip(field.shape, pattern.shape, strict=True)]
    product = fft.irfft2(fft.rfft2(field, size) * fft.rfft2(pattern[::-1, ::-1], size), size)
    inside = tuple(slice(b - 1, a) for a, b in zip(field.shape, pattern.shape, strict=True))
    return np.asarray(product[inside], dtype=np.float64)
