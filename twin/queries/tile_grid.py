"""Where vector tiles lie: in degrees, and on the 2048 m squares by which changes are told and things are counted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import pyproj

from twin.crs import LonLat
from twin.errors import BadInput

DEEPEST_ZOOM = 24
BUFFER = 64 / 4096
SQUARE_M = 2048
WORLD_M = 20037508.342789244
EDGE_POINTS = 9
FAR = 1_000_000  # squares; further than any square of a city


@dataclass(frozen=True)
class Squares:
    """A range of squares of SQUARE_M on the working CRS's own raster, both ends included."""

    col_min: int
    row_min: int
    col_max: int
    row_max: int

    def count(self) -> int:
        """Say how many squares there are."""
        return (self.col_max - self.col_min + 1) * (self.row_max - self.row_min + 1)

    def holds(self, col: int, row: int) -> bool:
        """Say whether a square is one of them."""
        return self.col_min <= col <= self.col_max and self.row_min <= row <= self.row_max


EVERYWHERE = Squares(-FAR, -FAR, FAR, FAR)


def check_tile(z: int, x: int, y: int) -> int:
    """Give how many tiles there are a side at this zoom. Raises BadInput for a tile that cannot be."""
    side = 2**z if 0 <= z <= DEEPEST_ZOOM else 0
    if not (0 <= x < side and 0 <= y < side):
        raise BadInput("there is no such tile", where=f"{z}/{x}/{y}", do=f"Zoom goes from 0 to {DEEPEST_ZOOM}")
    return side


def tile_box(z: int, x: int, y: int, buffer: float = BUFFER) -> tuple[float, float, float, float]:
    """Give a tile's west, south, east, north in degrees, widened by a share of its side.

    Raises BadInput for a tile that cannot be.
    """
    side = check_tile(z, x, y)

    def latitude(row: float) -> float:
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / side))))

    west, east = ((x + shift) / side * 360 - 180 for shift in (-buffer, 1 + buffer))
    return west, latitude(y + 1 + buffer), east, latitude(y - buffer)


def tile_at(place: LonLat, z: int) -> tuple[int, int]:
    """Give column and row of the tile in which a place lies."""
    side = 2**z
    north = math.asinh(math.tan(math.radians(place.lat)))
    return int((place.lon + 180) / 360 * side), int((1 - north / math.pi) / 2 * side)


@lru_cache(maxsize=4)
def _to_working(srid: int) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs("EPSG:4490", f"EPSG:{srid}", always_xy=True)


def tile_squares(z: int, x: int, y: int, srid: int) -> Squares:
    """Give the squares a tile with its buffer touches. srid: the working CRS.

    A tile too large for the CRS touches all of them.
    """
    if z < 7:  # wider than 2.8 degrees: beyond what a Gauss-Krueger zone is for
        return EVERYWHERE
    west, south, east, north = tile_box(z, x, y)
    try:
        bounds = _to_working(srid).transform_bounds(west, south, east, north, densify_pts=EDGE_POINTS)
    except pyproj.exceptions.ProjError:
        return EVERYWHERE
    if not all(math.isfinite(value) and abs(value) < FAR * SQUARE_M for value in bounds):
        return EVERYWHERE
    # A metre more on each side: edges are bent between the points that were taken.
    left, low, right, high = bounds[0] - 1, bounds[1] - 1, bounds[2] + 1, bounds[3] + 1
    return Squares(*(math.floor(value / SQUARE_M) for value in (left, low, right, high)))
