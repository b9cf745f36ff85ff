"""The place somebody asks about: given in degrees, asked of the database in metres."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pyproj import Proj

from twin.crs import EastNorth, LonLat, read_crs, transformer

GEOGRAPHIC = "EPSG:4490"


@dataclass(frozen=True)
class PlaceAsked:
    """A position in both frames: degrees (EPSG:4490) and metres (working CRS).

    convergence_deg: clockwise angle from true north to the grid's north, to turn grid azimuths into bearings.
    """

    position: LonLat
    projected: EastNorth
    working_srid: int
    convergence_deg: float

    def values(self) -> dict[str, float | int]:
        """Give the bound values every query about a place uses."""
        return {
            "lon": self.position.lon,
            "lat": self.position.lat,
            "east": self.projected.east,
            "north": self.projected.north,
            "srid": self.working_srid,
            "convergence_deg": self.convergence_deg,
        }


def place_asked(position: LonLat, working_srid: int) -> PlaceAsked:
    """Project a position (degrees) into the city's working CRS. Raises UnknownCrs for a bad working_srid."""
    east, north = transformer(GEOGRAPHIC, f"EPSG:{working_srid}").transform(*position)
    factors = _projection(working_srid).get_factors(*position)
    return PlaceAsked(position, EastNorth(east, north), working_srid, float(factors.meridian_convergence))


@lru_cache(maxsize=8)
def _projection(srid: int) -> Proj:
    return Proj(read_crs(srid))
