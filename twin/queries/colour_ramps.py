"""Colours for heights: calm ramps that stay readable under labels, and shaded relief."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Stops from low to high, sRGB.
RAMPS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "terrain": ((56, 96, 92), (104, 142, 108), (176, 184, 130), (206, 180, 132), (176, 138, 108), (238, 234, 228)),
    "height": ((247, 245, 238), (214, 222, 196), (150, 188, 164), (84, 140, 148), (52, 92, 128), (46, 50, 92)),
    "sigma": ((38, 98, 84), (150, 176, 112), (232, 206, 128), (216, 128, 82), (150, 52, 56)),
}
RAMP_OF_PRODUCT = {"dsm": "terrain", "dtm": "terrain", "ndsm": "height", "dsm_sigma": "sigma"}


@dataclass(frozen=True)
class HeightRange:
    """The values (metres) that the two ends of a ramp stand for."""

    low_m: float
    high_m: float


def colour_heights(
    heights_m: NDArray[np.float32], product: str, span: HeightRange, cell_m: float | None = None
) -> NDArray[np.uint8]:
    """Paint heights.

    heights_m: (H, W) float32. product: its kind, which chooses the ramp. span: what the ends stand for.
    cell_m: ground size of a cell, for shaded relief; None: flat colours. Returns (H, W, 3) uint8.
    """
    stops = np.array(RAMPS[RAMP_OF_PRODUCT.get(product, "terrain")], dtype=np.float32)
    share = (np.nan_to_num(heights_m) - span.low_m) / max(span.high_m - span.low_m, 1e-6)
    position = np.clip(share, 0, 1) * (len(stops) - 1)
    below = np.minimum(position.astype(np.int64), len(stops) - 2)
    mix = (position - below)[..., None]
    colours = stops[below] * (1 - mix) + stops[below + 1] * mix
    if cell_m is not None:
        colours *= _relief(heights_m, cell_m)[..., None]
    painted: NDArray[np.uint8] = np.clip(colours, 0, 255).astype(np.uint8)
    return painted


def _relief(heights_m: NDArray[np.float32], cell_m: float) -> NDArray[np.float32]:
    """Light from the north-west at 45 degrees, as a factor around 1."""
    north_south, west_east = np.gradient(np.nan_to_num(heights_m), cell_m)
    steepness = np.sqrt(1 + north_south**2 + west_east**2)
    light = (1 + (north_south + west_east) * -0.7071) / steepness / np.sqrt(2)
    factor: NDArray[np.float32] = np.clip(0.72 + 0.4 * light, 0.45, 1.15).astype(np.float32)
    return factor


def legend(product: str, span: HeightRange) -> list[dict[str, object]]:
    """List a ramp's stops as value (m) and colour (#rrggbb), for a page's legend."""
    stops = RAMPS[RAMP_OF_PRODUCT.get(product, "terrain")]
    step = (span.high_m - span.low_m) / (len(stops) - 1)
    return [
        {"value_m": round(span.low_m + index * step, 2), "colour": "#{:02x}{:02x}{:02x}".format(*colour)}
        for index, colour in enumerate(stops)
    ]
