"""What is a plant: green and rough. A green metal roof is only green, gravel and clutter are only rough."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

GREEN = 0.06
ROUGH_M = 0.07
WINDOW_M = 0.8


def vegetation_cells(surface: NDArray[np.float32], green: NDArray[np.float32], cell_m: float) -> NDArray[np.bool_]:
    """Tell which cells show plants.

    surface: heights, (rows, cols) float32 m, NaN unknown. green: excess green (2G-R-B)/(R+G+B), NaN unknown.
    """
    size = max(3, round(WINDOW_M / cell_m) | 1)
    known = np.isfinite(surface)
    filled = np.where(known, surface, 0.0)
    rough = np.abs(filled - ndimage.median_filter(filled, size))
    rough = ndimage.uniform_filter(np.where(known, rough, 0.0), size)
    with np.errstate(invalid="ignore"):
        leafy = np.asarray(ndimage.uniform_filter((green > GREEN).astype(np.float32), size) > 0.5)
    return np.asarray(leafy & (rough > ROUGH_M) & known)
