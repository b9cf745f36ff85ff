"""Where the city lies, to tell a place outside it (or longitude and latitude swapped) from a place with nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from twin.crs import LonLat

# The outlines of districts and surveys, with some room; an empty city has none.
CITY_BOUNDS = """
SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e)
FROM (SELECT ST_Extent(g) AS e FROM (
        SELECT geom AS g FROM twin.admin_unit WHERE level <= 4 AND geom IS NOT NULL
        UNION ALL SELECT footprint FROM twin.survey WHERE footprint IS NOT NULL
        UNION ALL SELECT ST_SetSRID(ST_EstimatedExtent('twin', 'building', 'geom'), 4490)
                  WHERE EXISTS (SELECT FROM twin.building)
        UNION ALL SELECT ST_SetSRID(ST_EstimatedExtent('twin', 'asset', 'geom'), 4490)
                  WHERE EXISTS (SELECT FROM twin.asset)) places) extent
WHERE e IS NOT NULL
"""
ROOM_DEG = 0.05  # about 5 km
EMPTY_CITY_DEG = 1.0


@dataclass(frozen=True)
class CityBounds:
    """A box in degrees that holds everything the city knows."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, place: LonLat) -> bool:
        """Say whether a place lies in the box."""
        return self.west <= place.lon <= self.east and self.south <= place.lat <= self.north

    @classmethod
    def around(cls, centre: LonLat) -> CityBounds:
        """Give the box of a city that has no places yet."""
        return cls(*(value - EMPTY_CITY_DEG for value in centre), *(value + EMPTY_CITY_DEG for value in centre))


async def city_bounds(cursor: psycopg.AsyncCursor[Any], centre: LonLat) -> CityBounds:
    """Find the box of everything with an outline, with some room. centre: used while the city is empty."""
    await cursor.execute(CITY_BOUNDS)
    row = await cursor.fetchone()
    if row is None:
        return CityBounds.around(centre)
    return CityBounds(row[0] - ROOM_DEG, row[1] - ROOM_DEG, row[2] + ROOM_DEG, row[3] + ROOM_DEG)
