"""The lie of the land: a slope, gentle undulation and a pond's hollow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from photogrammetry.sample.randomness import stream

Heights = NDArray[np.float64]


@dataclass(frozen=True)
class Pond:
    """An ellipse of still water: centre, half axes and water level, metres in the local frame."""

    east: float
    north: float
    half_e: float
    half_n: float
    level: float


@dataclass(frozen=True)
class Terrain:
    """Ground heights in the local frame: slopes (m/m), waves (amplitude m, k east, k north, phase), a pond."""

    slope_e: float
    slope_n: float
    waves: tuple[tuple[float, float, float, float], ...]
    pond: Pond | None = None

    def height(self, east: NDArray[np.floating], north: NDArray[np.floating]) -> Heights:
        """Give the ground height (metres, local up) at positions of any equal shape (metres, local east/north)."""
        e, n = np.asarray(east, np.float64), np.asarray(north, np.float64)
        up: Heights = self.slope_e * e + self.slope_n * n
        for amplitude, k_e, k_n, phase in self.waves:
            up = up + amplitude * np.sin(k_e * e + k_n * n + phase)
        return up if self.pond is None else self._hollow(e, n, up, self.pond)

    @staticmethod
    def _hollow(east: Heights, north: Heights, up: Heights, pond: Pond) -> Heights:
        radius = np.hypot((east - pond.east) / pond.half_e, (north - pond.north) / pond.half_n)
        bed = pond.level - 0.9
        blend = np.clip((1.25 - radius) / 0.35, 0.0, 1.0)
        blend = blend * blend * (3 - 2 * blend)
        hollow: Heights = up * (1 - blend) + bed * blend
        return hollow

    def with_pond(self, east: float, north: float, half_e: float, half_n: float) -> Terrain:
        """Dig a pond whose water stands a little below the lowest point of its bank."""
        angle = np.linspace(0, 2 * np.pi, 64)
        rim = self.height(east + 1.3 * half_e * np.cos(angle), north + 1.3 * half_n * np.sin(angle))
        return replace(self, pond=Pond(east, north, half_e, half_n, float(rim.min()) - 0.25))


def make_terrain(seed: int, wavelength_m: float = 150.0) -> Terrain:
    """Draw a terrain of two to four percent slope with undulations of a few decimetres."""
    random = stream(seed, "terrain")
    waves = []
    for length, amplitude in ((wavelength_m, 0.55), (wavelength_m * 0.6, 0.3), (wavelength_m * 0.37, 0.15)):
        heading = random.uniform(0, 2 * np.pi)
        k = 2 * np.pi / (length * random.uniform(0.85, 1.15))
        waves.append((amplitude, k * float(np.cos(heading)), k * float(np.sin(heading)), random.uniform(0, 6.28)))
    return Terrain(random.uniform(-0.012, 0.012), random.uniform(0.022, 0.034), tuple(waves))
