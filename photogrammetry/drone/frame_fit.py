"""A fast way between the local frame and the declared CRS inside one small box: a fitted polynomial with a proof.

Taking every point through the ellipsoid costs microseconds each; over a kilometre the mapping is smooth enough for
a cubic. The fit measures its own error on points it did not see and refuses to be worse than asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from photogrammetry.frame import LocalFrame
from twin.errors import BadInput

Points = NDArray[np.float64]
DEGREES = (2, 3, 4)


class FrameTooWide(BadInput):
    """The area is too large for one fitted mapping."""


@dataclass(frozen=True)
class FrameFit:
    """A polynomial mapping of 3D points: centre and scale of the input, powers, coefficients, measured error."""

    centre: Points
    scale: float
    powers: NDArray[np.int64]
    coefficients: Points
    offset: Points
    error_m: float

    def __call__(self, points: Points) -> Points:
        """Map (N, 3) float64 metres to (N, 3) float64 metres."""
        unit = (points - self.centre) / self.scale
        out = np.empty_like(unit)
        for start in range(0, len(unit), 1 << 18):
            part = slice(start, start + (1 << 18))
            out[part] = _terms(unit[part], self.powers) @ self.coefficients + self.offset
        return out


def fit_to_crs(frame: LocalFrame, low: Points, high: Points, *, error_m: float = 0.001) -> FrameFit:
    """Fit ENU -> (easting, northing, height) over the ENU box low..high, (3,) each, metres.

    Raises FrameTooWide when even a quartic is worse than error_m anywhere it was checked.
    """
    return _fit(frame.enu_to_crs, low, high, error_m)


def fit_to_enu(frame: LocalFrame, low: Points, high: Points, *, error_m: float = 0.001) -> FrameFit:
    """Fit (easting, northing, height) -> ENU over the box low..high of the CRS, (3,) each, metres.

    Raises FrameTooWide when even a quartic is worse than error_m anywhere it was checked.
    """
    return _fit(frame.crs_to_enu, low, high, error_m)


def _terms(unit: Points, powers: NDArray[np.int64]) -> Points:
    columns = np.ones((len(unit), len(powers)))
    for index, power in enumerate(powers):
        for axis, exponent in enumerate(power):
            for _ in range(exponent):
                columns[:, index] *= unit[:, axis]
    return columns


def _all_powers(degree: int) -> NDArray[np.int64]:
    found = [(0, 0, 0)]
    for total in range(1, degree + 1):
        for chosen in combinations_with_replacement(range(3), total):
            found.append((chosen.count(0), chosen.count(1), chosen.count(2)))
    return np.array(found, dtype=np.int64)


def _fit(exact: Callable[[Points], Points], low: Points, high: Points, error_m: float) -> FrameFit:
    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    centre, scale = (low + high) / 2, float(max(np.max(high - low) / 2, 1.0))
    half = np.maximum((high - low) / 2, 1.0)
    steps = np.cos(np.pi * (np.arange(7) + 0.5) / 7)
    nodes = np.stack(np.meshgrid(steps, steps, steps[::2], indexing="ij"), axis=-1).reshape(-1, 3) * half + centre
    seen = exact(nodes)
    checks = np.stack(np.meshgrid(*[np.linspace(-1, 1, 6)] * 2, [-1, 0.1, 1], indexing="ij"), axis=-1).reshape(-1, 3)
    checks = checks * half + centre
    wanted = exact(checks)
    offset = seen.mean(axis=0)
    for degree in DEGREES:
        powers = _all_powers(degree)
        coefficients = np.linalg.lstsq(_terms((nodes - centre) / scale, powers), seen - offset, rcond=None)[0]
        fit = FrameFit(centre, scale, powers, coefficients, offset, 0.0)
        worst = float(np.abs(fit(checks) - wanted).max())
        if worst <= error_m:
            return FrameFit(centre, scale, powers, coefficients, offset, worst)
    raise FrameTooWide(
        f"one mapping over {2 * scale / 1000:.0f} km would be wrong by {worst:.3f} m",
        do="Split the survey into smaller areas",
    )
