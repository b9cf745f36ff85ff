"""What heights in a delivery mean: the vertical datum, said on the command line, by the mapping or by the file."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from twin.crs import read_crs
from twin.errors import UnknownCrs

ELLIPSOIDAL = "ellipsoidal"
# Words for datums as people write them.
SPOKEN = {
    "1985": "EPSG:5737", "1985国家高程基准": "EPSG:5737", "国家85": "EPSG:5737", "85高程": "EPSG:5737",
    "1956": "EPSG:5736", "1956黄海高程": "EPSG:5736", "黄海56": "EPSG:5736",
    "egm96": "EPSG:5773", "egm2008": "EPSG:3855",
    "ellipsoidal": ELLIPSOIDAL, "大地高": ELLIPSOIDAL, "椭球高": ELLIPSOIDAL,
}  # fmt: skip
METRES = ("metre", "meter")
Heights = NDArray[np.float64]


def read_vertical(text: str) -> str:
    """Read a vertical datum: a code such as EPSG:5737, "ellipsoidal", or a known word such as 1985国家高程基准.

    Returns the code or "ellipsoidal". Raises UnknownCrs when it says nothing about heights or is not in metres.
    """
    plain = "".join(text.split()).lower()
    if plain in SPOKEN:
        return SPOKEN[plain]
    do = "请给 EPSG:5737 (1985国家高程基准) 或 ellipsoidal (大地高) (give --vertical-datum EPSG:5737 or ellipsoidal)"
    crs = read_crs(text)
    if not crs.is_vertical or crs.is_compound or crs.axis_info[0].unit_name not in METRES:
        raise UnknownCrs(f"{text[:60]!r} 不是以米为单位的高程基准 (is no vertical datum in metres)", do=do)
    authority = crs.to_authority()
    return ":".join(authority) if authority else str(crs.name)


def split_heights(text: str) -> tuple[str, str | None]:
    """Part a system into its horizontal half and its vertical datum (None: it says nothing about heights).

    Raises UnknownCrs when PROJ cannot make a CRS of it.
    """
    crs = read_crs(text)
    if crs.is_compound:
        across, up = crs.sub_crs_list[:2]
        return _name(across), ":".join(up.to_authority() or ()) or str(up.name)
    if len(crs.axis_info) == 3 and not crs.is_geocentric:
        return _name(crs.to_2d()), ELLIPSOIDAL
    return text, None


def _name(crs: CRS) -> str:
    authority = crs.to_authority()
    return ":".join(authority) if authority else str(crs.to_wkt())


def point_heights(shapes: NDArray[np.object_]) -> Heights:
    """Give the heights of points, (N,) float64; NaN for other shapes and where there is none.

    A file whose heights are all zero has none: many programs write a Z of zero when they know nothing.
    """
    heights = np.full(len(shapes), np.nan)
    points = np.flatnonzero((shapely.get_type_id(shapes) == 0) & shapely.has_z(shapes) & ~shapely.is_empty(shapes))
    if len(points):
        heights[points] = shapely.get_z(shapes[points])
    return heights if np.nan_to_num(heights).any() else np.full(len(shapes), np.nan)
