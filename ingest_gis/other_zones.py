"""Tells positions that are outside the district only because they are of another zone than the file says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingest_gis.anchors import Anchors
from ingest_gis.zones import FIRST_PLAIN, FIRST_PREFIXED, LAST_PLAIN, ZONE_SHIFT
from twin.crs import transformer

Metres = NDArray[np.float64]


def sibling_zones(crs: str) -> list[str]:
    """List the 3-degree zones beside a CGCS2000 zone, and itself, with and without the zone's number; [] for others."""
    code = int(crs[5:]) if crs.startswith("EPSG:") and crs[5:].isdigit() else 0
    if not FIRST_PREFIXED <= code <= LAST_PLAIN:
        return []
    plain = code if code >= FIRST_PLAIN else code + ZONE_SHIFT
    zones = [zone for zone in (plain - 1, plain, plain + 1) if FIRST_PLAIN <= zone <= LAST_PLAIN]
    return [f"EPSG:{other}" for zone in zones for other in (zone, zone - ZONE_SHIFT) if other != code]


def inside_in_other_zone(given: Metres, crs: str, anchors: Anchors) -> NDArray[np.bool_]:
    """Tell which of (N, 2) coordinates, as the file gives them, lie in the district if taken as a sibling zone's."""
    found = np.zeros(len(given), dtype=bool)
    working = f"EPSG:{anchors.working_srid}"
    for other in sibling_zones(crs) if len(given) else ():
        metres = np.column_stack(transformer(other, working).transform(given[:, 0], given[:, 1]))
        whole = np.isfinite(metres).all(axis=1)
        found |= whole & anchors.in_district(np.where(whole[:, np.newaxis], metres, 1e9))
    return found
