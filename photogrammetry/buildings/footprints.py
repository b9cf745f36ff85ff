"""Building outlines: as given by a cadastre (any vector file), or found on the surface model.

Every given outline comes back as an outline or as a rejection with a reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from twin.crs import LonLat, read_crs, transformer
from twin.errors import BadInput

CODE_FIELDS = ("code", "JZBM", "jzbm", "CODE", "building_code")
NAME_FIELDS = ("name", "JZMC", "jzmc", "NAME")
SMALLEST_M2 = 4.0
NEAR_M = 5000.0
REASONS = {
    "no_geometry": ("没有几何图形", "it has no geometry"),
    "not_an_area": ("几何图形不是面", "its geometry is not an area"),
    "too_small": (f"面积不足 {SMALLEST_M2:g} 平方米", f"it is smaller than {SMALLEST_M2:g} m2"),
    "no_code": ("缺少建筑编码", "it has no code"),
    "same_code": ("编码重复，只取第一个", "its code was given before; the first one counts"),
    "outside": ("不在测区内", "it lies outside the survey"),
    "no_surface": ("测区内该处没有表面数据", "the survey has no surface there"),
    "no_ground": ("周围找不到地面", "no ground was found around it"),
    "not_standing": ("未发现高出地面的建筑", "nothing stands above the ground there"),
}


@dataclass(frozen=True)
class Outline:
    """A building's outline in the survey's CRS, with its code and name; source: given or found."""

    code: str
    name: str | None
    polygon: BaseGeometry
    source: str


@dataclass(frozen=True)
class Rejection:
    """A building that gives no output, and why (a key of REASONS)."""

    code: str
    reason_code: str

    def as_json(self) -> dict[str, str]:
        """Give code, reason_code, reason_zh and reason_en."""
        zh, en = REASONS[self.reason_code]
        return {"code": self.code, "reason_code": self.reason_code, "reason_zh": zh, "reason_en": en}


def read_footprints(path: Path, crs: str) -> tuple[list[Outline], list[Rejection]]:
    """Read building outlines from a vector file and take them to crs.

    path: GeoPackage, Shapefile or GeoJSON with a code column (code or JZBM) and, if there, a name (name or JZMC).
    Returns outlines (repaired where they cross themselves) in the file's order, and what was refused.
    Raises BadInput when the file cannot be read, has no code column or declares no CRS.
    """
    # Brings pandas along: workers that never read a vector file should not wait for it.
    import pyogrio

    try:
        table = pyogrio.read_dataframe(path)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise BadInput("the outlines cannot be read", where=path.name, do="Give a .gpkg, .shp or .geojson") from error
    code_field = next((name for name in CODE_FIELDS if name in table.columns), None)
    name_field = next((name for name in NAME_FIELDS if name in table.columns), None)
    if code_field is None:
        raise BadInput("the outlines have no column with codes", where=path.name, do="Name one column `code` or `JZBM`")
    if table.crs is None:
        raise BadInput("the outlines declare no CRS", where=path.name, do="Add a .prj or save them as GeoPackage")
    table = table.to_crs(read_crs(crs))
    names: Iterable[Any] = table[name_field] if name_field else [None] * len(table)
    return _sorted_out(list(zip(table[code_field], names, table.geometry, strict=True)))


def check_outlines_place(path: Path, crs: str, photos: LonLat) -> None:
    """Refuse outlines none of which is near the photos; photos: their middle (WGS84), crs: of the survey.

    Raises BadInput when the file is not usable, holds no outline or lies elsewhere.
    """
    outlines, rejected = read_footprints(path, crs)
    if not outlines:
        reasons = Counter(REASONS[each.reason_code][1] for each in rejected)
        raise BadInput(
            "holds no outline that can be used" + "".join(f"; {count}: {why}" for why, count in reasons.items()),
            where=path.name,
            do="Give polygons with codes",
        )
    middle = Point(transformer("EPSG:4326", crs).transform(photos.lon, photos.lat))
    away_m = min(outline.polygon.distance(middle) for outline in outlines)
    if not away_m <= NEAR_M:
        far = f"{away_m / 1000:.0f} km" if isfinite(away_m) else "nowhere on Earth, far"
        raise BadInput(
            f"the nearest of its outlines lies {far} from the photos",
            where=path.name,
            do="Check the file's coordinate system (.prj), or give the outlines of this district",
        )


def _sorted_out(rows: list[tuple[Any, Any, BaseGeometry | None]]) -> tuple[list[Outline], list[Rejection]]:
    outlines: list[Outline] = []
    rejected: list[Rejection] = []
    seen: Counter[str] = Counter()
    for number, (code, name, geometry) in enumerate(rows, 1):
        text = _text(code)
        polygon = None if geometry is None or geometry.is_empty else areas_of(geometry)
        reason = _reason(text, geometry, polygon, seen)
        if reason or text is None or polygon is None:
            rejected.append(Rejection(text or f"#{number}", reason or "no_geometry"))
            continue
        seen[text] += 1
        outlines.append(Outline(text, _text(name), polygon, "given"))
    return outlines, rejected


def _reason(
    code: str | None, geometry: BaseGeometry | None, polygon: BaseGeometry | None, seen: Counter[str]
) -> str | None:
    if code is None:
        return "no_code"
    if geometry is None or geometry.is_empty:
        return "no_geometry"
    if polygon is None:
        return "not_an_area"
    if polygon.area < SMALLEST_M2:
        return "too_small"
    return "same_code" if seen[code] else None


def _text(value: Any) -> str | None:
    if value is None or value != value:
        return None
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    return text or None


def areas_of(geometry: BaseGeometry) -> BaseGeometry | None:
    """Give the repaired areas of a geometry as Polygon or MultiPolygon in the plane; None when it has no area."""
    repaired = shapely.make_valid(shapely.force_2d(geometry))
    parts = [part for part in getattr(repaired, "geoms", [repaired]) if isinstance(part, Polygon | MultiPolygon)]
    joined = unary_union([part for part in parts if part.area > 0])
    return None if joined.is_empty else joined
