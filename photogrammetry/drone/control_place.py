"""Do control points lie where the photos were taken; if not, why, in words the surveyor can act on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pyproj import CRS
from pyproj.exceptions import ProjError

from photogrammetry.drone.control_file import ControlFile, GroundPoint
from twin.crs import LonLat, read_crs, transformer
from twin.errors import BadControlPoints

NEAR_M = 5000.0
EARTH_RADIUS_M = 6_371_000.0
GEOGRAPHIC = "EPSG:4326"
# First codes of CGCS2000 3-degree Gauss-Kruger with and without zone in the easting, Xian 1980 and Beijing 1954
# likewise; each stands for zone 25 (meridian 75), 45 is the last.
FIRST_CODES = (4513, 4534, 2349, 2370, 2401, 2422)
FIRST_ZONE, LAST_ZONE = 25, 45


def check_control_place(control: ControlFile, photos: LonLat, vertical_datum: str, where: str) -> None:
    """Refuse control points that do not lie where the photos are.

    photos: the middle of the photos (WGS84). vertical_datum: the survey's. where: the file's name for messages.
    Raises BadControlPoints saying what seems wrong: axis order, CRS, height datum, heights left out.
    """
    if control.vertical_datum and control.vertical_datum != vertical_datum:
        raise BadControlPoints(
            f"its heights are in {control.vertical_datum}, the survey declares {vertical_datum}",
            where=where,
            do="Give heights in the survey's datum, or declare the survey with --vertical-datum",
        )
    if len(control.points) > 1 and all(point.height_m == 0 for point in control.points):
        raise BadControlPoints("all heights are 0", where=where, do="Give each point its height in height_m")
    away_m = _distance_m(control.points, control.crs, photos, swapped=False)
    if away_m <= NEAR_M:
        return
    if _distance_m(control.points, control.crs, photos, swapped=True) <= NEAR_M:
        raise BadControlPoints(
            "easting and northing are exchanged: read the other way round, the points lie among the photos",
            where=where,
            do="Exchange the two columns: easting (about 6 digits) first, northing (about 7 digits) second",
        )
    raise BadControlPoints(
        f"in {control.crs} its points lie {_kilometres(away_m)} from the photos",
        where=where,
        do=_advice(control.points, photos),
    )


def _kilometres(metres: float) -> str:
    return f"{metres / 1000:.0f} km" if np.isfinite(metres) else "nowhere on Earth, far"


def _advice(points: Sequence[GroundPoint], photos: LonLat) -> str:
    fitting = [crs for crs in _candidates(photos) if _distance_m(points, crs, photos, swapped=False) <= NEAR_M]
    if fitting:
        return f"The numbers fit {fitting[0]} ({CRS(fitting[0]).name}): write that in the first line"
    swapped = [crs for crs in _candidates(photos) if _distance_m(points, crs, photos, swapped=True) <= NEAR_M]
    if swapped:
        return f"The numbers fit {swapped[0]} with easting and northing exchanged: correct the columns and the CRS"
    return "Check the coordinate system in the first line, and that the points belong to this survey"


def _candidates(photos: LonLat) -> list[str]:
    zone = int((photos.lon + 180) // 6) + 1
    north = 32600 if photos.lat >= 0 else 32700
    near = [north + (zone + step - 1) % 60 + 1 for step in (0, -1, 1)]
    middle = round(photos.lon / 3)
    zones = [z for z in (middle, middle - 1, middle + 1) if FIRST_ZONE <= z <= LAST_ZONE]
    chinese = [first + z - FIRST_ZONE for first in FIRST_CODES for z in zones]
    return [GEOGRAPHIC, *(f"EPSG:{code}" for code in (*near, *chinese))]


def _distance_m(points: Sequence[GroundPoint], crs: str, photos: LonLat, *, swapped: bool) -> float:
    """Distance from the points' middle to the photos' middle, metres; inf where the CRS cannot hold the numbers."""
    first = np.array([point.east for point in points])
    second = np.array([point.north for point in points])
    if swapped:
        first, second = second, first
    try:
        lon, lat = transformer(read_crs(crs).to_wkt(), GEOGRAPHIC).transform(first, second)
    except ProjError:
        return float("inf")
    middle_lon, middle_lat = np.radians(np.median(lon)), np.radians(np.median(lat))
    if not (np.isfinite(middle_lon) and np.isfinite(middle_lat)):
        return float("inf")
    lon0, lat0 = np.radians(photos.lon), np.radians(photos.lat)
    across = np.cos(lat0) * np.cos(middle_lat) * np.sin((middle_lon - lon0) / 2) ** 2
    half = np.sin((middle_lat - lat0) / 2) ** 2 + across
    return float(2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(min(1.0, half))))
