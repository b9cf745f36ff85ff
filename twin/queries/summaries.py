"""What there is in an area: assets by class, department, state and age, records, events, and people in whole grids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from twin.crs import LonLat, transformer
from twin.errors import BadInput, NotFound
from twin.queries.city_bounds import CityBounds, check_place
from twin.queries.place_asked import GEOGRAPHIC
from twin.queries.search_sql import INDEXES_ONLY
from twin.queries.summary_sql import OUTLINE, SUMMARY

AT_LEAST = 10  # people are told of only where there are so many; part of docs/privacy.md
MOST_CORNERS = 5_000
MOST_KM2 = 10_000.0


@dataclass(frozen=True)
class Area:
    """An area to sum up. metres: its outline in the city's working CRS. name: as the register has it, if it has it."""

    metres: BaseGeometry
    srid: int
    name: str | None = None


def read_polygon(given: dict[str, Any], bounds: CityBounds, city_name: str, working_srid: int) -> Area:
    """Read a GeoJSON polygon (degrees, EPSG:4490 or WGS 84): a geometry, or a Feature with one.

    Raises BadInput when it is no valid polygon or too large, OutsideCity when its corners lie outside the city.
    """
    geometry = given.get("geometry") if given.get("type") == "Feature" else given
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or kind not in ("Polygon", "MultiPolygon"):
        raise _bad("this is no polygon", "Give a GeoJSON Polygon or MultiPolygon, or a Feature with one")
    try:
        area = shapely.force_2d(shape(geometry))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ShapelyError):
        raise _bad("the coordinates cannot be read", "Give rings of [lon, lat] pairs in degrees, closed") from None
    corners = shapely.get_coordinates(area)
    if area.is_empty or not len(corners):
        raise _bad("the polygon is empty", "Give at least three corners")
    if len(corners) > MOST_CORNERS:
        raise _bad(f"the polygon has {len(corners):,} corners", f"Simplify it to at most {MOST_CORNERS:,}")
    for lon, lat in corners:
        check_place(LonLat(float(lon), float(lat)), bounds, city_name)
    if not area.is_valid:
        why = shapely.is_valid_reason(area)
        raise _bad(f"the outline is not valid ({why})", "Draw it without crossing itself, holes inside their outline")
    to_metres = transformer(GEOGRAPHIC, f"EPSG:{working_srid}")
    metres = shapely.transform(area, lambda xy: _projected(to_metres, xy))
    if metres.area / 1e6 > MOST_KM2:
        raise _bad(f"the area is {metres.area / 1e6:,.0f} km2 large", f"Ask for at most {MOST_KM2:,.0f} km2")
    return Area(metres, working_srid)


async def named_area(cursor: psycopg.AsyncCursor[Any], code: str, working_srid: int) -> Area:
    """Find the outline of an administrative unit (6, 9 or 12 digits) or unit grid (15 digits).

    Raises NotFound when there is none with an outline.
    """
    await cursor.execute(OUTLINE, {"code": code})
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        raise NotFound(
            "there is no division or grid with this code and an outline",
            where=f"code {code[:20]}",
            do="Give the code of a district, town, community or unit grid (6, 9, 12 or 15 digits), or a polygon",
        )
    return Area(shapely.from_wkb(bytes(row[0])), working_srid, row[1])


def summary_values(area: Area) -> dict[str, Any]:
    """Give the bound values of SUMMARY."""
    return {"area": shapely.to_wkb(area.metres), "srid": area.srid, "at_least": AT_LEAST}


async def sum_up(cursor: psycopg.AsyncCursor[Any], area: Area) -> bytes:
    """Sum up an area, as JSON bytes (the shape of POST /summary).

    cursor: inside a transaction on the asker's behalf.
    """
    await cursor.execute(INDEXES_ONLY)
    await cursor.execute(SUMMARY, summary_values(area))
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - the statement starts from one row
    told = {"name_zh": area.name, "area_km2": round(area.metres.area / 1e6, 6)}
    return orjson.dumps({"area": told, **orjson.loads(row[0])})


def _projected(to_metres: Any, xy: Any) -> Any:
    return shapely.get_coordinates(shapely.points(*to_metres.transform(xy[:, 0], xy[:, 1])))


def _bad(what: str, do: str) -> BadInput:
    return BadInput(what, where="polygon", do=do)
