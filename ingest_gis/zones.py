"""The 3-degree zones of CGCS2000, with and without their number before the easting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.crs import transformer

Points = NDArray[np.float64]
# EPSG:4534-4554 for central meridians 75E-135E; 4513-4533 with the zone's number (25-45) before the easting.
FIRST_PLAIN, LAST_PLAIN, FIRST_PREFIXED, ZONE_SHIFT = 4534, 4554, 4513, 21
FIRST_ZONE, LAST_ZONE = 25, 45
MILLION = 1e6
NUMBERED = 2.4e7  # eastings above begin with their zone's number


def zone_code(crs: str) -> int | None:
    """Give the EPSG code of a CGCS2000 3-degree zone; None for any other system."""
    code = int(crs[5:]) if crs.startswith("EPSG:") and crs[5:].isdigit() else 0
    return code if FIRST_PREFIXED <= code <= LAST_PLAIN else None


def into_one_zone(points: Points, crs: str) -> Points:
    """Bring coordinates whose easting begins with another zone's number into the zone of `crs`.

    points: (N, 2) float64, east first. A delivery of a district that a zone's edge cuts (Muping: 40 and 41) may hold
    both; the number says which is meant. Systems without numbers are left as they are.
    """
    code = zone_code(crs)
    if code is None or code >= FIRST_PLAIN or not len(points):
        return points
    numbers = _zone_numbers(points[:, 0])
    own = code - FIRST_PREFIXED + FIRST_ZONE
    others = np.unique(numbers[(numbers >= FIRST_ZONE) & (numbers <= LAST_ZONE) & (numbers != own)])
    if not len(others):
        return points
    moved = points.copy()
    for number in others.tolist():
        rows = numbers == number
        way = transformer(f"EPSG:{FIRST_PREFIXED + number - FIRST_ZONE}", crs)
        moved[rows] = np.column_stack(way.transform(points[rows, 0], points[rows, 1]))
    return moved


def most_common_zone(points: Points) -> str:
    """Name the zone whose number most eastings begin with. points: (N, 2), the larger coordinate is the easting."""
    numbers = np.clip(_zone_numbers(points.max(axis=1)), FIRST_ZONE, LAST_ZONE)
    found, counts = np.unique(numbers, return_counts=True)
    return f"EPSG:{FIRST_PREFIXED + int(found[counts.argmax()]) - FIRST_ZONE}"


def _zone_numbers(eastings: NDArray[np.float64]) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = np.floor(np.nan_to_num(eastings, posinf=0.0, neginf=0.0) / MILLION).astype(np.int64)
    return numbers
