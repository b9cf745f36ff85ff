"""Where the city lies, to tell a place outside it (or longitude and latitude swapped) from a place with nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import psycopg

from twin.crs import LonLat
from twin.errors import BadInput, OutsideCity

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

    def distance_km(self, place: LonLat) -> float:
        """Give about how far outside the box a place lies (km)."""
        north = max(self.south - place.lat, place.lat - self.north, 0.0)
        east = max(self.west - place.lon, place.lon - self.east, 0.0)
        return 111.2 * math.hypot(north, east * math.cos(math.radians(min(abs(place.lat), 89.0))))

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


def check_place(place: LonLat, bounds: CityBounds, city_name: str) -> None:
    """Refuse a place nobody can mean, saying what is probably wrong with it.

    Raises BadInput for numbers that are no degrees, OutsideCity for swapped numbers and places far from the city.
    """
    if not (math.isfinite(place.lon) and math.isfinite(place.lat)):
        raise BadInput("these are no finite numbers", where="lon, lat", do="Give degrees, such as 121.6 and 37.387")
    swapped = LonLat(place.lat, place.lon)
    if bounds.holds(place):
        return
    if bounds.holds(swapped):
        raise OutsideCity(
            "longitude and latitude are swapped",
            where="lon, lat",
            do=f"Ask with lon={swapped.lon:g} and lat={swapped.lat:g}",
        )
    if abs(place.lon) > 180 or abs(place.lat) > 90:
        metres = max(abs(place.lon), abs(place.lat)) > 1000
        raise BadInput(
            "these look like projected metres, not degrees" if metres else "lon is -180 to 180, lat is -90 to 90",
            where="lon, lat",
            do="Give geographic degrees (CGCS2000 or WGS 84), such as lon=121.6 and lat=37.387",
        )
    raise OutsideCity(
        f"the place lies about {max(1, round(bounds.distance_km(place))):,} km outside {city_name}",
        where="lon, lat",
        do=f"Ask between {bounds.west:.3f} and {bounds.east:.3f} east, {bounds.south:.3f} and {bounds.north:.3f} north",
    )
