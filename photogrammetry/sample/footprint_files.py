"""The building outlines that are given to the survey: the same as in the cadastre's delivery."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
from shapely.geometry import Polygon

from photogrammetry.sample.building_plans import Building
from photogrammetry.sample.quarter import CRS, Quarter


def footprint_in_crs(quarter: Quarter, building: Building) -> Polygon:
    """Give a building's outline in the survey's CRS (metres, centimetre precision)."""
    corners = np.column_stack([building.outline, np.full(len(building.outline), building.floor_h)])
    return Polygon(np.round(quarter.frame.enu_to_crs(corners)[:, :2], 3))


def write_footprints(path: Path, quarter: Quarter) -> None:
    """Write footprints.gpkg, layer buildings: code, name, geometry."""
    table = geopandas.GeoDataFrame(
        {"code": [b.code for b in quarter.buildings], "name": [b.name for b in quarter.buildings]},
        geometry=[footprint_in_crs(quarter, building) for building in quarter.buildings],
        crs=CRS,
    )
    table.to_file(path, layer="buildings", driver="GPKG", engine="pyogrio")
