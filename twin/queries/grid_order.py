"""In which order the unit grids of a community are numbered: rows from north to south, in a row from west to east."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def reading_order(centres_m: NDArray[np.float64], heights_m: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order grids as they are numbered: from the north-west, each row from west to east.

    centres_m: east and north, (N, 2) float64, metres. heights_m: extent from south to north, (N,) float64, metres.
    A row is what lies less than half the median height below its northernmost grid.
    Returns (N,) int64: the index of the grid with number 1, 2 ...
    Source: GB/T 30428.1-2013, unit grids are numbered from west to east and from north to south.
    """
    if not len(centres_m):
        return np.empty(0, dtype=np.int64)
    band_m = float(np.median(heights_m)) / 2
    southwards = np.lexsort((centres_m[:, 0], -centres_m[:, 1]))
    ordered: list[np.int64] = []
    row: list[np.int64] = []
    for index in southwards:
        if row and centres_m[row[0], 1] - centres_m[index, 1] > band_m:
            ordered += sorted(row, key=lambda i: (centres_m[i, 0], -centres_m[i, 1]))
            row = []
        row.append(index)
    ordered += sorted(row, key=lambda i: (centres_m[i, 0], -centres_m[i, 1]))
    return np.array(ordered, dtype=np.int64)
