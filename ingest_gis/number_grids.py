"""Give the unit grids of a community, drawn without codes, their numbers: west to east, north to south."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pyogrio
import shapely
from pyproj import CRS

from ingest_gis.gdal_guard import ReadOptions, open_guarded
from ingest_gis.source_crs import read_declared
from twin.errors import BadInput
from twin.queries.grid_order import reading_order

LAST_SERIAL = 999


def number_grids(source: Path, community: str, target: Path, *, first: int = 1, crs: str | None = None) -> int:
    """Write the polygons of a file, numbered, as a GeoPackage that `twin ingest` takes as unit grids.

    source: polygons in a projected CRS (of the file, or `crs`). community: 12 digits. first: the first serial, 1 unless
    the community has grids already. Returns how many grids were written.
    Raises BadInput for a wrong community code, a file without polygons or CRS, more grids than three digits can number.
    """
    if not (community.isascii() and community.isdigit() and len(community) == 12):
        raise BadInput("社区代码是12位数字 (a community has 12 digits)", where=community[:20])
    with open_guarded(source, ReadOptions()) as file:
        tables = list(file.batches())
        known = crs or file.info["crs"]
    if known is None:
        raise BadInput(
            "文件没有坐标系 (the file has no CRS)", where=source.name, do="用 --crs 给出 (give it with --crs)"
        )
    shapes = shapely.from_wkb(
        [cell for table in tables if "_wkb" in table.schema.names for cell in table["_wkb"].to_pylist()]
    )
    parts = shapely.get_parts(shapes)
    areas = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
    if not len(areas):
        raise BadInput("文件里没有面 (there are no polygons in the file)", where=source.name)
    if first + len(areas) - 1 > LAST_SERIAL:
        raise BadInput(
            f"{len(areas)} 个网格编不进三位序号 (grids do not fit three digits)", where=community,
            do="一个社区最多999个网格 (a community has at most 999)",
        )  # fmt: skip
    system = CRS.from_user_input(read_declared(known))
    if system.is_geographic:
        raise BadInput("网格要用投影坐标 (grids are numbered in a projected CRS)", where=source.name)
    centres = shapely.get_coordinates(shapely.centroid(areas))
    bounds = shapely.bounds(areas)
    order = reading_order(centres, bounds[:, 3] - bounds[:, 1])
    codes = [f"{community}{serial:03d}" for serial in range(first, first + len(areas))]
    numbered = geopandas.GeoDataFrame({"code": codes}, geometry=list(areas[order]), crs=system)
    pyogrio.write_dataframe(numbered, target, layer="grids", driver="GPKG")
    return len(areas)
