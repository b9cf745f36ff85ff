"""GCJ-02 and BD-09, the shifted datums of Chinese online maps: there and exactly back.

Public descriptions of the formulas: GCJ-02 adds a smooth shift of some 300-600 m, computed on the Krassowsky
ellipsoid; BD-09 turns and stretches GCJ-02 once more. Neither has a closed inverse: it is found by iteration.
All positions are degrees, longitude first; CGCS2000 and WGS 84 are taken as equal here (they agree within decimetres).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Degrees = NDArray[np.float64]
Datum = Literal["cgcs2000", "gcj02", "bd09"]
Shift = Callable[[Degrees, Degrees], tuple[Degrees, Degrees]]

DATUMS: tuple[Datum, ...] = ("cgcs2000", "gcj02", "bd09")
KRASSOWSKY_A_M = 6378245.0
KRASSOWSKY_EE = 0.00669342162296594323
BD_FREQUENCY = np.pi * 3000.0 / 180.0
ITERATIONS = 5
# Outside this box (all of China with a margin) online maps apply no shift.
CHINA_LON = (72.004, 137.8347)
CHINA_LAT = (0.8293, 55.8271)


def gcj02_from_cgcs2000(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Shift positions as online maps do. lon, lat: (N,) float64 degrees. Returns (N,), (N,) degrees, GCJ-02."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    common = 20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)
    north_m = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north_m += (common + 20.0 * np.sin(np.pi * y) + 40.0 * np.sin(np.pi * y / 3.0)) * 2.0 / 3.0
    north_m += (160.0 * np.sin(np.pi * y / 12.0) + 320.0 * np.sin(np.pi * y / 30.0)) * 2.0 / 3.0
    east_m = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east_m += (common + 20.0 * np.sin(np.pi * x) + 40.0 * np.sin(np.pi * x / 3.0)) * 2.0 / 3.0
    east_m += (150.0 * np.sin(np.pi * x / 12.0) + 300.0 * np.sin(np.pi * x / 30.0)) * 2.0 / 3.0
    latitude = np.radians(lat)
    magic = 1.0 - KRASSOWSKY_EE * np.sin(latitude) ** 2
    meridian_m = KRASSOWSKY_A_M * (1.0 - KRASSOWSKY_EE) / magic**1.5
    parallel_m = KRASSOWSKY_A_M / np.sqrt(magic) * np.cos(latitude)
    inside = in_china(lon, lat)
    return (
        np.where(inside, lon + np.degrees(east_m / parallel_m), lon),
        np.where(inside, lat + np.degrees(north_m / meridian_m), lat),
    )


def bd09_from_gcj02(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Turn GCJ-02 into BD-09. lon, lat: (N,) float64 degrees. Returns (N,), (N,) degrees, BD-09."""
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * BD_FREQUENCY)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * BD_FREQUENCY)
    inside = in_china(lon, lat)
    return (
        np.where(inside, radius * np.cos(angle) + 0.0065, lon),
        np.where(inside, radius * np.sin(angle) + 0.006, lat),
    )


def bd09_from_cgcs2000(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Shift positions as BD-09 maps do. lon, lat: (N,) float64 degrees. Returns (N,), (N,) degrees, BD-09."""
    return bd09_from_gcj02(*gcj02_from_cgcs2000(lon, lat))


def in_china(lon: Degrees, lat: Degrees) -> NDArray[np.bool_]:
    """Tell which of (N,) degrees lie where online maps are shifted."""
    inside_lon = (lon > CHINA_LON[0]) & (lon < CHINA_LON[1])
    return inside_lon & (lat > CHINA_LAT[0]) & (lat < CHINA_LAT[1])


SHIFTS: dict[Datum, Shift] = {
    "cgcs2000": lambda lon, lat: (lon, lat),
    "gcj02": gcj02_from_cgcs2000,
    "bd09": bd09_from_cgcs2000,
}


def to_cgcs2000(lon: Degrees, lat: Degrees, datum: Datum) -> tuple[Degrees, Degrees]:
    """Undo a datum's shift exactly.

    lon, lat: (N,) float64 degrees in `datum`; NaN stays NaN. Returns (N,), (N,) degrees, CGCS2000.
    Fixed-point iteration p <- p + (q - shift(p)); five rounds leave less than a micrometre in Muping.
    """
    shift = SHIFTS[datum]
    guess_lon, guess_lat = lon.copy(), lat.copy()
    for _ in range(ITERATIONS if datum != "cgcs2000" else 0):
        shifted_lon, shifted_lat = shift(guess_lon, guess_lat)
        guess_lon = guess_lon + (lon - shifted_lon)
        guess_lat = guess_lat + (lat - shifted_lat)
    return guess_lon, guess_lat
