"""Random numbers that depend on the seed and on what they are for, never on the order of work."""

from __future__ import annotations

import zlib
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
SHARPNESS = -0.75  # of the cubic, as OpenCV has it
COARSE = 16  # texels a knot from which few knots make many texels: a product of small matrices beats resizing


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

    col0, row0: position of the window in the endless texture, texels. Cubic convolution, a = -0.75. Source: Keys 1981.
    """
    if cell == 1:
        return lattice(seed, col0, row0, cols, rows)
    first_col, across = _blend(cell, col0, cols)
    first_row, along = _blend(cell, row0, rows)
    knots = lattice(seed ^ (cell * 0x9E3779B1 & 0xFFFFFFFF), first_col, first_row, across.shape[1], along.shape[1])
    if cell >= COARSE:
        return np.asarray(along @ knots @ across.T, dtype=np.float32)
    left, top = col0 - first_col * cell, row0 - first_row * cell
    size = (across.shape[1] * cell, along.shape[1] * cell)
    smooth: Grey = cv2.resize(knots, size, interpolation=cv2.INTER_CUBIC)
    return smooth[top : top + rows, left : left + cols]


def _blend(cell: int, start: int, count: int) -> tuple[int, Grey]:
    """Give the first knot that `count` texels from `start` need, and each texel's weights of the knots (count, knots).

    The middles of the knots' cells carry the knots' values, as in cv2.resize.
    """
    whole, within = divmod(start, cell)
    first, weights = _weights(cell, within, count)
    return whole + first, weights


@lru_cache(maxsize=256)
def _weights(cell: int, start: int, count: int) -> tuple[int, Grey]:
    at = (np.arange(start, start + count) + 0.5) / cell - 0.5
    below = np.floor(at).astype(np.int64)
    first = int(below[0]) - 1
    share = at - below
    weights = np.zeros((count, int(below[-1]) + 3 - first), np.float32)
    rows = np.arange(count)
    for knot, away in enumerate((1 + share, share, 1 - share, 2 - share)):
        near = (SHARPNESS + 2) * away**3 - (SHARPNESS + 3) * away**2 + 1
        far = SHARPNESS * (away**3 - 5 * away**2 + 8 * away - 4)
        weights[rows, below - 1 - first + knot] = near if knot in (1, 2) else far
    return first, weights


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
