"""Find the unit grid and the administrative unit that many points stand in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray

from ingest_gis.sql_text import statements

Ids = NDArray[np.int64]
NOWHERE = -1


@dataclass
class Areas:
    """Areas in the order in which they are preferred. ids: (N,). units: (N,) administrative unit of each."""

    ids: Ids
    units: Ids
    shapes: NDArray[np.object_]

    def __post_init__(self) -> None:
        """Index the areas."""
        self._tree = shapely.STRtree(self.shapes)

    def at(self, points: NDArray[np.object_]) -> Ids:
        """Find the preferred area at each of (N,) points; its place in `ids`, NOWHERE without one."""
        found = np.full(len(points), len(self.ids), dtype=np.int64)
        if len(self.ids) and len(points):
            point, area = self._tree.query(points, predicate="intersects")
            np.minimum.at(found, point, area)
        found[found == len(self.ids)] = NOWHERE
        return found


@dataclass
class Locator:
    """All unit grids by code, and all administrative units, the smallest first."""

    grids: Areas
    units: Areas

    def locate(self, points: NDArray[np.object_]) -> tuple[Ids, Ids]:
        """Find (administrative unit, grid) of (N,) points in the working CRS; NOWHERE where there is none."""
        grid = self.grids.at(points)
        admin_ids, grid_ids = np.full(len(points), NOWHERE), np.full(len(points), NOWHERE)
        in_grid = grid != NOWHERE
        grid_ids[in_grid], admin_ids[in_grid] = self.grids.ids[grid[in_grid]], self.grids.units[grid[in_grid]]
        others = np.flatnonzero(~in_grid)
        unit = self.units.at(points[others])
        admin_ids[others[unit != NOWHERE]] = self.units.ids[unit[unit != NOWHERE]]
        return admin_ids, grid_ids


def read_locator(connection: psycopg.Connection[Any]) -> Locator:
    """Read all areas that are valid now. connection: role ingest, idle or in a transaction."""
    sql = statements("surroundings")
    with connection.transaction(), connection.cursor(binary=True) as cursor:
        grids = cursor.execute(sql["grid_areas"]).fetchall()
        units = cursor.execute(sql["admin_areas"]).fetchall()
    return Locator(_areas(grids), _areas(units))


def _areas(rows: list[tuple[Any, ...]]) -> Areas:
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    units = np.array([row[1] for row in rows], dtype=np.int64)
    shapes = shapely.from_wkb(np.array([bytes(row[2]) for row in rows], dtype=object))
    shapely.prepare(shapes)
    return Areas(ids, units, np.asarray(shapes, dtype=object))
