"""Can a survey's declared CRS hold the place where its photos were taken; if not, which one could."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pyproj import CRS

from photogrammetry.photo import Photo
from twin.crs import LonLat, read_crs
from twin.errors import UnknownCrs

# Neighbouring zones overlap in practice: a district cut by a zone's edge is surveyed in one of them.
MARGIN_LON_DEG = 1.6
MARGIN_LAT_DEG = 1.0
CGCS2000_FIRST = (4534, 75)
CHINA_LON = (73.5, 135.0)
CHINA_LAT = (18.0, 54.0)


def middle_of(photos: Sequence[Photo]) -> LonLat:
    """Give the median position of photos that have one, degrees, to the sixth decimal."""
    placed = np.array([(photo.lon, photo.lat) for photo in photos], dtype=np.float64)
    lon, lat = np.round(np.median(placed, axis=0), 6)
    return LonLat(float(lon), float(lat))


def usual_crs(place: LonLat) -> str:
    """Name the metric CRS a place is usually surveyed in: CGCS2000 3-degree zones in China, UTM elsewhere."""
    if CHINA_LON[0] <= place.lon <= CHINA_LON[1] and CHINA_LAT[0] <= place.lat <= CHINA_LAT[1]:
        code, meridian = CGCS2000_FIRST
        chinese = f"EPSG:{code + (round(place.lon / 3) * 3 - meridian) // 3}"
        # The box around China holds parts of its neighbours.
        if is_meant_for(read_crs(chinese), place):
            return chinese
    zone = int((place.lon + 180) // 6) % 60 + 1
    return f"EPSG:{(32600 if place.lat >= 0 else 32700) + zone}"


def is_meant_for(crs: CRS, place: LonLat) -> bool:
    """Tell whether a CRS is used at a place, a margin around its area included; one that names no area may be."""
    area = crs.area_of_use
    if area is None:
        return True
    east_of_west = (place.lon - area.west + MARGIN_LON_DEG) % 360
    width = (area.east - area.west) % 360 or 360.0
    inside_lon = width + 2 * MARGIN_LON_DEG >= 360 or east_of_west <= width + 2 * MARGIN_LON_DEG
    return inside_lon and area.south - MARGIN_LAT_DEG <= place.lat <= area.north + MARGIN_LAT_DEG


def check_crs_place(crs: str, photos: LonLat) -> None:
    """Refuse a CRS that is not meant for where the photos are. Raises UnknownCrs naming one that is."""
    found = read_crs(crs)
    if is_meant_for(found, photos):
        return
    suggested = usual_crs(photos)
    raise UnknownCrs(
        f"the photos lie at {photos.lon:.3f}, {photos.lat:.3f}, where {found.name} is not used",
        where=crs,
        do=f"Declare the survey with --crs {suggested} ({read_crs(suggested).name}), or give photos of this city",
    )
