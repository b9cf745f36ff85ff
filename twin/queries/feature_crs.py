"""The coordinate reference systems that features are served in, each with the axis order its authority gives it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from twin.crs import read_crs, transformer
from twin.errors import BadInput, UnknownCrs

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
STORED_SRID = 4490
_EPSG = "http://www.opengis.net/def/crs/EPSG/0/{}"
GEOGRAPHIC = (4490, 4326)
MUPING = 4550
EARTH = (-180.0, -90.0, 180.0, 90.0)


@dataclass(frozen=True)
class ServedCrs:
    """A CRS that answers may come in.

    uri: as OGC API names it. srid: of the numbers. north_first: its authority puts latitude or northing first.
    metric: in metres. stored: same numbers as the geographic column but for the order of the axes.
    """

    uri: str
    srid: int
    north_first: bool
    metric: bool

    @property
    def stored(self) -> bool:
        """Say whether the geographic column serves as it stands (CRS84, 4326 and 4490 differ by less than 1 m)."""
        return not self.metric

    @property
    def digits(self) -> int:
        """Give the decimals of a coordinate: about a millimetre."""
        return 3 if self.metric else 8


@dataclass(frozen=True)
class Box:
    """A box as it was asked for: west, south, east, north in degrees, or its corners in a metric CRS of the answers.

    west may exceed east, for a box over the 180th meridian.
    """

    west: float
    south: float
    east: float
    north: float
    srid: int = STORED_SRID

    @property
    def crosses(self) -> bool:
        """Say whether the box lies across the 180th meridian."""
        return self.srid == STORED_SRID and self.west > self.east


@lru_cache(maxsize=8)
def served(working_srid: int) -> dict[str, ServedCrs]:
    """List the CRS of a city's features by URI, the default first."""
    found = {CRS84: ServedCrs(CRS84, STORED_SRID, north_first=False, metric=False)}
    for code in dict.fromkeys((*GEOGRAPHIC, MUPING, working_srid)):
        crs = read_crs(code)
        north_first = crs.axis_info[0].direction == "north"
        uri = _EPSG.format(code)
        found[uri] = ServedCrs(uri, code if crs.is_projected else STORED_SRID, north_first, crs.is_projected)
    return found


def find_crs(given: str | None, working_srid: int, where: str) -> ServedCrs:
    """Find the CRS that a parameter names: by URI, or as [EPSG:4550]. None: CRS84.

    Raises BadInput for one that is not served.
    """
    known = served(working_srid)
    if given is None:
        return known[CRS84]
    uri = given.strip().strip("<>").replace("https://", "http://", 1)
    if uri.startswith("[") and uri.endswith("]"):
        authority, _, code = uri[1:-1].partition(":")
        uri = CRS84 if authority.upper() == "OGC" else _EPSG.format(code) if authority.upper() == "EPSG" else uri
    try:
        return known[uri]
    except KeyError:
        raise BadInput(
            "this coordinate reference system is not served", where=where, do=f"Use one of: {', '.join(known)}"
        ) from None


def read_box(text: str, crs: ServedCrs) -> Box:
    """Read a bbox parameter: four numbers, or six with heights (which are passed over), in a CRS's axis order.

    Raises BadInput when it is no box.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 6) or not all(map(math.isfinite, numbers)):
        raise BadInput("a box has four or six numbers", where="bbox", do="For example bbox=121.59,37.38,121.61,37.39")
    half = len(numbers) // 2
    low, high = numbers[:2], numbers[half : half + 2]
    if crs.north_first:
        low, high = low[::-1], high[::-1]
    box = Box(low[0], low[1], high[0], high[1], crs.srid)
    if box.south > box.north or (crs.metric and box.west > box.east):
        raise BadInput("the box's first corner is not its lower left", where="bbox", do="Mind the CRS's axis order")
    if not crs.metric and (abs(box.south) > 90 or abs(box.north) > 90 or max(abs(box.west), abs(box.east)) > 360):
        raise BadInput("these are no degrees", where="bbox", do="Longitude first, unless bbox-crs says otherwise")
    return box


def in_metres(box: Box, working_srid: int) -> tuple[float, float, float, float] | None:
    """Give a box in the working CRS that holds the whole of a box in degrees, to find by the metric index.

    Returns None where there is none: over the 180th meridian or too far from the working CRS's zone.
    """
    if box.crosses or box.srid != STORED_SRID or box.east - box.west > 12 or box.north - box.south > 12:
        return None
    try:
        change = transformer(f"EPSG:{STORED_SRID}", f"EPSG:{working_srid}")
        bounds = change.transform_bounds(box.west, box.south, box.east, box.north, densify_pts=21)
    except UnknownCrs:
        return None
    if not all(map(math.isfinite, bounds)):
        return None
    room = 1.0 + 0.001 * max(bounds[2] - bounds[0], bounds[3] - bounds[1])
    return bounds[0] - room, bounds[1] - room, bounds[2] + room, bounds[3] + room


def box_values(box: Box) -> Sequence[float]:
    """Give a box's numbers as they are bound."""
    return box.west, box.south, box.east, box.north
