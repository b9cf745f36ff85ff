"""In which coordinate system a delivery is given: said, written in the file, or plain from the numbers themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from ingest_gis.heights import read_vertical, split_heights
from ingest_gis.zones import (
    FIRST_PLAIN,
    FIRST_PREFIXED,
    LAST_PLAIN,
    NUMBERED,
    ZONE_SHIFT,
    into_one_zone,
    most_common_zone,
)
from twin.crs import read_crs, transformer
from twin.errors import DatumUnsure, UnknownCrs

Points = NDArray[np.float64]
InsideTest = Callable[[Points], NDArray[np.bool_]]  # which of (N, 2) metres in the working CRS lie in the district
SURE_SHARE, OTHER_SHARE = 0.6, 0.2
FEWEST_POINTS = 3
DEGREES = 360.0
GEOGRAPHIC = "EPSG:4490"
GRID_FILE = re.compile(r"(?i)PARAMETERFILE\[|\+(?:nad|geoid|xy|z)?grids=(?!@?null\b)")
OLD_DATUMS = re.compile(r"(?i)xi.?an[ _]?(19)?80|beijing[ _]?(19)?54")


@dataclass(frozen=True)
class SourceCrs:
    """The system of a delivery's coordinates.

    crs: anything pyproj reads. swapped: the file gives north (latitude) first. how_zh, how_en: how it was found.
    vertical: what heights mean (EPSG code or "ellipsoidal"), None where nobody says.
    """

    crs: str
    swapped: bool
    how_zh: str
    how_en: str
    vertical: str | None = None

    @property
    def is_geographic(self) -> bool:
        """Whether coordinates are degrees."""
        return bool(read_crs(self.crs).is_geographic)


def read_declared(text: str) -> str:
    """Check a CRS that a file or a person declares; ESRI's WKT names of CGCS2000 zones are understood.

    Returns a short name (EPSG:4550) where PROJ knows one, else the PROJ string as given or WKT. Raises UnknownCrs when
    it is no CRS, one that is neither geographic nor projected, or one of an old datum without its parameters.
    """
    crs = read_crs(text)
    if not (crs.is_geographic or crs.is_projected):
        raise UnknownCrs(
            f"{text[:60]!r} 不是平面或经纬度坐标系 (is neither projected nor geographic)",
            do="请给 EPSG:4550 这样的坐标系 (give one such as EPSG:4550)",
        )
    _refuse_old_datum(crs)
    if text.strip().startswith("+"):
        return " ".join(text.split())
    authority = crs.to_authority(min_confidence=70)
    return ":".join(authority) if authority else crs.to_wkt()


def refuse_grid_files(declared: str) -> None:
    """Refuse a system that shifts by a grid file: the file's deliverer would name a file of this machine to be opened.

    Raises UnknownCrs. Somebody at the command line may name one (--crs).
    """
    if GRID_FILE.search(read_crs(declared).to_wkt()):
        raise UnknownCrs(
            "坐标系引用了改正格网文件 (the coordinate system refers to a grid file)",
            do="请转换为 CGCS2000 后再交, 或写明 EPSG 编号 (convert it to CGCS2000, or give an EPSG code)",
        )


def _refuse_old_datum(crs: CRS) -> None:
    """Refuse Xian 1980 and Beijing 1954: they lie up to 100 m and more off, and PROJ knows no exact way across."""
    base = crs.geodetic_crs
    if crs.is_bound or base is None or base.datum is None or not (old := OLD_DATUMS.search(base.datum.name)):
        return
    zh, en = ("西安80", "Xian 1980") if "xi" in old[0].lower() else ("北京54", "Beijing 1954")
    raise UnknownCrs(
        f"{crs.name}: {zh} 与 CGCS2000 相差几十到一百多米, 需要本地转换参数 "
        f"({en} differs from CGCS2000 by tens to over a hundred metres and needs local parameters)",
        do="请先在测绘部门转换为 CGCS2000 再交, 或用 --crs 给出带 +towgs84 七参数的 PROJ 串 "
        "(have it converted to CGCS2000 first, or give --crs a PROJ string with the seven +towgs84 parameters)",
    )


def find_source_crs(
    points: Points,
    *,
    given: str | None,
    declared: str | None,
    working_srid: int,
    inside: InsideTest,
    where: str,
    vertical: str | None = None,
) -> SourceCrs:
    """Find the system and axis order of a sample of coordinates.

    points: (N, 2) float64 as the file gives them. given: said on the command line. declared: by the file or the
    mapping. inside: tells for (N, 2) metres in the working CRS which lie in the district. vertical: what heights mean,
    said on the command line or by the mapping; it goes before what a compound system says.
    Raises DatumUnsure when no system puts the sample in the district without doubt and none was given or declared,
    UnknownCrs when the one given cannot be one.
    """
    if given is None and declared is not None:
        refuse_grid_files(declared)
    finite = points[np.isfinite(points).all(axis=1)]
    across, up = split_heights(named) if (named := given if given is not None else declared) else (None, None)
    is_given = given is not None
    found = _across(finite, across, is_given, working_srid, inside, where)
    return replace(found, vertical=read_vertical(vertical) if vertical else up)


def _across(
    finite: Points, named: str | None, is_given: bool, working_srid: int, inside: InsideTest, where: str
) -> SourceCrs:
    """Find the horizontal system. named: given on the command line (is_given) or declared, None for neither."""
    if named is None:
        return _by_magnitude(finite, inside, working_srid, where)
    zh, en = ("由 --crs 指定", "given by --crs") if is_given else ("文件声明", "declared by the file")
    name = read_declared(named)
    if sibling := _prefix_sibling(name, finite):
        name, zh, en = sibling, f"{zh}, 按坐标中的带号更正", f"{en}, corrected by the zone number in the numbers"
    found = _with_axes(name, finite, inside, working_srid, zh, en)
    _refuse_impossible(found, finite, inside, working_srid, where)
    return found


def _refuse_impossible(found: SourceCrs, points: Points, inside: InsideTest, working_srid: int, where: str) -> None:
    """Refuse a system that the numbers contradict, naming the one they speak for if there is one."""
    if len(points) < FEWEST_POINTS:
        return
    largest = float(np.median(np.abs(points).max(axis=1)))
    wrong_unit = (largest > DEGREES) == found.is_geographic
    if not wrong_unit and _share_inside(points, found.crs, found.swapped, inside, working_srid) > OTHER_SHARE:
        return
    try:
        better = _by_magnitude(points, inside, working_srid, where)
    except DatumUnsure:
        better = None
    if better is None and not wrong_unit:
        return  # truly elsewhere: the rows are refused one by one as outside the district
    hint = f"按数值应为 {name_of(better.crs)} (the numbers speak for it)" if better else "请核对 (check it)"
    raise UnknownCrs(
        f"坐标不可能是 {name_of(found.crs)} (the coordinates cannot be in it); {hint}",
        where=where,
        do="请用 --crs 指定正确的坐标系 (name the right one with --crs)",
    )


def to_metres(points: Points, crs: str, working_srid: int) -> Points:
    """Bring (N, 2) coordinates (east or longitude first) of a CRS to metres in the working CRS; inf where it fails."""
    if not len(points):
        return points
    points = into_one_zone(points, crs)
    east, north = transformer(crs, f"EPSG:{working_srid}").transform(points[:, 0], points[:, 1])
    return np.column_stack([east, north])


def _share_inside(points: Points, crs: str, swapped: bool, inside: InsideTest, working_srid: int) -> float:
    ordered = points[:, ::-1] if swapped else points
    metres = to_metres(np.ascontiguousarray(ordered), crs, working_srid)
    finite = np.asarray(np.isfinite(metres).all(axis=1), dtype=bool)
    within: NDArray[np.bool_] = inside(np.where(finite[:, np.newaxis], metres, 0.0)) & finite
    return float(within.mean()) if len(points) else 0.0


def _with_axes(crs: str, points: Points, inside: InsideTest, working_srid: int, zh: str, en: str) -> SourceCrs:
    """Decide the axis order of a known system: swapped only when that alone puts the points in the district."""
    if len(points):
        straight = _share_inside(points, crs, False, inside, working_srid)
        turned = _share_inside(points, crs, True, inside, working_srid)
        if turned >= SURE_SHARE and straight <= OTHER_SHARE:
            return SourceCrs(crs, True, f"{zh}; 坐标顺序为北、东，已对调", f"{en}; north comes first, swapped")
    return SourceCrs(crs, False, zh, en)


def _prefix_sibling(name: str, points: Points) -> str | None:
    """Give the twin zone (with or without the number before the easting) when the numbers contradict the name."""
    code = int(name[5:]) if name.startswith("EPSG:") and name[5:].isdigit() else None
    if code is None or not len(points):
        return None
    largest = float(np.median(points.max(axis=1)))
    if FIRST_PLAIN <= code <= LAST_PLAIN and largest > NUMBERED:
        return f"EPSG:{code - ZONE_SHIFT}"
    if FIRST_PREFIXED <= code < FIRST_PLAIN and largest < NUMBERED:
        return f"EPSG:{code + ZONE_SHIFT}"
    return None


def _by_magnitude(points: Points, inside: InsideTest, working_srid: int, where: str) -> SourceCrs:
    """Try the systems that Chinese deliveries come in; take the one that alone puts the points in the district."""
    shares = {
        (crs, swapped): _share_inside(points, crs, swapped, inside, working_srid)
        for crs, swapped in product(_plausible(points, working_srid), (False, True))
    }
    ranked = sorted(shares, key=lambda key: -shares[key])
    if ranked and shares[ranked[0]] >= SURE_SHARE and (len(ranked) < 2 or shares[ranked[1]] <= OTHER_SHARE):
        crs, swapped = ranked[0]
        zh = f"按数值判断, {shares[ranked[0]]:.0%} 落在辖区内" + (", 坐标顺序已对调" if swapped else "")
        en = f"from the numbers, {shares[ranked[0]]:.0%} lie in the district" + (", axes swapped" if swapped else "")
        return SourceCrs(crs, swapped, zh, en)
    tried = ", ".join(f"{crs} {shares[crs, swapped]:.0%}" for crs, swapped in ranked[:4])
    raise DatumUnsure(
        f"没有说明坐标系, 按数值也不能确定 (no coordinate system is named and the numbers do not tell): {tried}",
        where=where,
        do="请用 --crs 指定, 例如 --crs EPSG:4550 (name it with --crs)",
    )


def _plausible(points: Points, working_srid: int) -> Iterable[str]:
    """List the systems whose numbers have this size: degrees, metres, or metres with the zone's number."""
    if not len(points):
        return []
    largest = float(np.median(np.abs(points).max(axis=1)))
    if largest <= 180.0:
        return [GEOGRAPHIC]
    zone = working_srid if FIRST_PLAIN <= working_srid <= LAST_PLAIN else None
    if zone is None:
        return [f"EPSG:{working_srid}"]
    if largest > NUMBERED:
        return [most_common_zone(points)]
    return [f"EPSG:{code}" for code in (zone - 1, zone, zone + 1) if FIRST_PLAIN <= code <= LAST_PLAIN]


def name_of(crs: str) -> str:
    """Give a short human name of a CRS for reports; a PROJ string is its own name."""
    return crs if len(crs) < 40 or crs.startswith("+") else str(CRS.from_user_input(crs).name)
