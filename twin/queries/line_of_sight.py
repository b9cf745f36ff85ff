"""Whether the surface stands between a point and a camera: rays marched over the surface model, all at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.queries.height_raster import HeightRaster

Floats = NDArray[np.float64]
MOST_STEPS = 4096
STEEP = 3.0  # a ray this much steeper than its first stretch looks down on a wall, not along it


@dataclass(frozen=True)
class SightRules:
    """When a ray counts as blocked.

    slack_m: how far the surface must stand above the ray (the surface model is not exact).
    start_m, start_pixels: the ray's first horizontal stretch that is not looked at: a point on a wall or a roof's
    edge shares its pixel with what is higher.
    """

    slack_m: float = 0.3
    start_m: float = 0.5
    start_pixels: float = 2.0


def blocked(point: Floats, eyes: Floats, surface: HeightRaster, rules: SightRules | None = None) -> NDArray[np.bool_]:
    """Say which cameras cannot see a point because the surface is in between.

    point: (3,) and eyes: (N, 3) easting, northing (surface's CRS), height (its datum), metres.
    Returns (N,) bool. Unmeasured surface blocks nothing.
    """
    if len(eyes) == 0:
        return np.zeros(0, dtype=np.bool_)
    rules = rules or SightRules()
    pixel = surface.shape.pixel_m
    away = eyes - point
    level = np.hypot(away[:, 0], away[:, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        above_all = np.where(away[:, 2] > 0, (surface.highest() + rules.slack_m - point[2]) / away[:, 2], 1.0)
    end = np.clip(above_all, 0.0, 1.0)
    steps = int(min(MOST_STEPS, np.ceil((level * end).max() / pixel) + 1))
    along = np.linspace(0.0, 1.0, steps + 1)[None, :] * end[:, None]
    east = point[0] + along * away[:, :1]
    north = point[1] + along * away[:, 1:2]
    height = point[2] + along * away[:, 2:]
    heights = surface.sample(east.ravel(), north.ravel()).reshape(along.shape)
    start = max(rules.start_m, rules.start_pixels * pixel)
    climbed = along * away[:, 2:]
    counted = (along * level[:, None] >= start) | (climbed >= STEEP * start)
    with np.errstate(invalid="ignore"):
        result: NDArray[np.bool_] = (counted & (heights > height + rules.slack_m)).any(axis=1)
    return result
