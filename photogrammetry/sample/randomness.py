"""Random numbers that depend on the seed and on what they are for, never on the order of work."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]


def stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """Open the random stream of one purpose, so that adding a purpose never changes the others.

    seed: the sample's seed. purpose: words and numbers that name what the numbers are for.
    """
    words = [zlib.crc32(str(word).encode()) for word in purpose]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed & 0xFFFFFFFF, *words])))


def surface_seed(seed: int, *purpose: str | int) -> int:
    """Give the 32-bit seed of one surface's texture."""
    return int(zlib.crc32(":".join(map(str, (seed, *purpose))).encode()))


def lattice(seed: int, col0: int, row0: int, cols: int, rows: int) -> Grey:
    """Hash integer positions into (rows, cols) float32 values in [-1, 1); equal positions give equal values."""
    with np.errstate(over="ignore"):
        col = (np.arange(col0, col0 + cols, dtype=np.int64) & 0xFFFFFFFF).astype(np.uint32)
        row = (np.arange(row0, row0 + rows, dtype=np.int64) & 0xFFFFFFFF).astype(np.uint32)
        value = col[None, :] * np.uint32(374761393) + row[:, None] * np.uint32(668265263)
        value += np.uint32((seed * 2246822519) & 0xFFFFFFFF)
        value = (value ^ (value >> np.uint32(15))) * np.uint32(2246822519)
        value = (value ^ (value >> np.uint32(13))) * np.uint32(3266489917)
        value ^= value >> np.uint32(16)
    field: Grey = value.astype(np.float32) * np.float32(2.0**-31) - np.float32(1.0)
    return field


def octave(seed: int, cell: int, col0: int, row0: int, cols: int, rows: int) -> Grey:
    """Interpolate the lattice with `cell` texels per knot: (rows, cols) float32, seamless over any window.

    col0, row0: position of the window in the endless texture, texels.
    """
    if cell == 1:
        return lattice(seed, col0, row0, cols, rows)
    first_col, first_row = col0 // cell - 2, row0 // cell - 2
    knots_c, knots_r = cols // cell + 6, rows // cell + 6
    knots = lattice(seed ^ (cell * 0x9E3779B1 & 0xFFFFFFFF), first_col, first_row, knots_c, knots_r)
    smooth: Grey = cv2.resize(knots, (knots_c * cell, knots_r * cell), interpolation=cv2.INTER_CUBIC)
    top, left = row0 - first_row * cell, col0 - first_col * cell
    return smooth[top : top + rows, left : left + cols]


def fractal(
    seed: int, window: tuple[int, int, int, int], cells: tuple[int, ...], weights: tuple[float, ...] | None = None
) -> Grey:
    """Sum octaves of the given cell sizes (texels) into a (rows, cols) float32 field of about unit deviation.

    window: col0, row0, cols, rows in texels. weights: one per cell size, by default equal.
    """
    weights = weights or (1.0,) * len(cells)
    total = np.zeros((window[3], window[2]), np.float32)
    for cell, weight in zip(cells, weights, strict=True):
        total += np.float32(weight) * octave(seed + cell, cell, *window)
    return total * np.float32(1.7 / float(np.sqrt(np.square(weights).sum())))
