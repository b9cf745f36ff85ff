"""Positions with names, and the ways between the frames the twin uses."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from twin.errors import UnknownCrs


class LonLat(NamedTuple):
    """Geographic position, degrees, longitude first (CRS84 / EPSG:4490 always_xy)."""

    lon: float
    lat: float


class EastNorth(NamedTuple):
    """Projected position, metres, easting first."""

    east: float
    north: float


class RowCol(NamedTuple):
    """Pixel position, row first; the centre of the first pixel is (0.5, 0.5)."""

    row: float
    col: float


def read_crs(text: str | int) -> CRS:
    """Read a CRS from an EPSG code, a PROJ string or WKT.

    Raises UnknownCrs when PROJ cannot make a CRS of it.
    """
    try:
        return CRS.from_user_input(f"EPSG:{text}" if isinstance(text, int) or str(text).isdigit() else text)
    except (CRSError, RecursionError, ValueError) as error:  # PROJJSON nested a thousand deep
        raise UnknownCrs(
            f"no coordinate reference system is known as {str(text)[:80]!r}",
            do="Give an EPSG code such as EPSG:4550, a PROJ string or WKT",
        ) from error


@lru_cache(maxsize=64)
def transformer(source: str, target: str) -> Transformer:
    """Make (once) the transformer between two CRS, longitude/easting first on both sides.

    Raises UnknownCrs when either is not a CRS.
    """
    return Transformer.from_crs(read_crs(source), read_crs(target), always_xy=True)
