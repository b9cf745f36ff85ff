"""The places' delivery: administrative units and unit grids that fit each other without gaps or overlaps."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from photogrammetry.sample.quarter import COMMUNITIES, DIVISION, STREET_CODE, Quarter, community_code

GEOGRAPHIC = "EPSG:4490"
STREET_MARGIN_M, DISTRICT_MARGIN_M = 500.0, 1500.0


def lonlat_polygon(quarter: Quarter, outline: NDArray[np.float64]) -> Polygon:
    """Turn a local outline (K, 2) into a polygon in longitude, latitude; equal corners stay equal."""
    flat = np.column_stack([np.round(outline, 6), np.zeros(len(outline))])
    return Polygon(np.round(quarter.frame.enu_to_lonlath(flat)[:, :2], 10))


def grid_table(quarter: Quarter) -> geopandas.GeoDataFrame:
    """List the unit grids: one block each, to the streets' centre lines; 15-digit codes."""
    rows = []
    for block in quarter.blocks:
        community = community_code(block.community)
        rows.append(
            {
                "code": f"{community}{block.grid_serial:03d}", "name": f"{block.name}网格", "community": community,
                "area_m2": round(float(Polygon(block.outline).area), 1), "since": "20240101",
                "geometry": lonlat_polygon(quarter, block.outline),
            }
        )  # fmt: skip
    return geopandas.GeoDataFrame(rows, crs=GEOGRAPHIC).sort_values("code", ignore_index=True)


def admin_table(quarter: Quarter, grids: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """List district, street and communities; a community is the union of its grids, the outer two are outlines only."""
    rows: list[tuple[str, str, int, str, BaseGeometry]] = [
        (DIVISION, "牟平区", 3, "3706", lonlat_polygon(quarter, quarter.outline(DISTRICT_MARGIN_M))),
        (STREET_CODE, "宁海街道", 4, DIVISION, lonlat_polygon(quarter, quarter.outline(STREET_MARGIN_M))),
    ]
    for community in sorted({block.community for block in quarter.blocks}):
        code = community_code(community)
        whole = unary_union(list(grids.geometry[grids["community"] == code]))
        rows.append((code, COMMUNITIES[community][1], 5, STREET_CODE, whole))
    return geopandas.GeoDataFrame(
        [dict(zip(("code", "name", "level", "parent", "geometry"), row, strict=True)) for row in rows], crs=GEOGRAPHIC
    )


def write_places(path: Path, admin: geopandas.GeoDataFrame, grids: geopandas.GeoDataFrame) -> None:
    """Write 08_places.gpkg with its two layers."""
    admin.to_file(path, layer="admin_units", driver="GPKG", engine="pyogrio")
    grids.to_file(path, layer="grids", driver="GPKG", engine="pyogrio")
