"""The places records are linked to: buildings, assets and the address register, held in memory for matching."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray

from ingest_gis.address.match import AddressMatcher, RegisterRow
from ingest_gis.address.region import read_region
from ingest_gis.classes import ClassCatalogue, read_classes
from ingest_gis.sql_text import statements
from twin.crs import EastNorth
from twin.settings import CitySettings


@dataclass(frozen=True)
class NearPlace:
    """A place near a point: its row number and its distance in metres (0 inside)."""

    row_id: int
    distance_m: float


@dataclass
class Buildings:
    """Buildings by code, by name and by position. shapes: (N,) outlines in metres."""

    ids: list[int]
    codes: dict[str, int]
    named: dict[str, list[tuple[int, int | None]]]
    shapes: NDArray[np.object_]

    def __post_init__(self) -> None:
        """Index the outlines."""
        self._tree = shapely.STRtree(self.shapes)
        self._place = {row_id: index for index, row_id in enumerate(self.ids)}

    def near(self, at: EastNorth, within_m: float) -> list[NearPlace]:
        """List the buildings within a distance of a point, nearest first."""
        point = shapely.Point(at.east, at.north)
        found = self._tree.query(point, predicate="dwithin", distance=within_m)
        places = [NearPlace(self.ids[i], float(shapely.distance(self.shapes[i], point))) for i in found]
        return sorted(places, key=lambda place: (place.distance_m, place.row_id))

    def distance_m(self, building_id: int, at: EastNorth) -> float:
        """Give the distance of a point from a building's outline, 0 inside."""
        shape = self.shapes[self._place[building_id]]
        return float(shapely.distance(shape, shapely.Point(at.east, at.north)))


@dataclass
class Assets:
    """Assets by code and, class by class, by position. points: class_id -> (row numbers, (N, 2) metres)."""

    codes: dict[str, int]
    places: dict[int, EastNorth]
    points: dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=dict)

    def near(self, class_id: int, at: EastNorth, within_m: float) -> list[NearPlace]:
        """List the assets of a class within a distance of a point, nearest first."""
        ids, xy = self.points.get(class_id, (np.zeros(0, np.int64), np.zeros((0, 2))))
        distance = np.hypot(xy[:, 0] - at.east, xy[:, 1] - at.north)
        found = np.flatnonzero(distance <= within_m)
        order = found[np.argsort(distance[found], kind="stable")]
        return [NearPlace(int(ids[index]), float(distance[index])) for index in order]


@dataclass
class KnownPlaces:
    """Everything a record can be linked to, as of one register version."""

    buildings: Buildings
    assets: Assets
    matcher: AddressMatcher
    address_points: dict[int, EastNorth]
    classes: ClassCatalogue
    register_version: int


def read_known_places(connection: psycopg.Connection[Any], city: CitySettings) -> KnownPlaces:
    """Read all places from the twin. connection: role ingest, idle, in autocommit."""
    sql, names = statements("link"), statements("surroundings")
    with connection.transaction(), connection.cursor() as cursor:
        units = cursor.execute(names["admin_units"]).fetchall()
        register = cursor.execute(sql["register"]).fetchall()
        version = cursor.execute(sql["register_version"]).fetchone()
        buildings = _read_buildings(cursor.execute(sql["buildings"]).fetchall())
        assets = _read_assets(cursor.execute(sql["assets"]).fetchall())
    rows = [RegisterRow(row[0], row[1], row[2], row[3]) for row in register]
    towns = [name for _, level, name in units if level == 4]
    communities = [name for _, level, name in units if level == 5]
    return KnownPlaces(
        buildings,
        assets,
        AddressMatcher(rows, read_region(city), towns, communities),
        {row[0]: EastNorth(row[4], row[5]) for row in register if row[4] is not None},
        read_classes(connection),
        int(version[0]) if version else 1,
    )


def _read_buildings(rows: list[tuple[Any, ...]]) -> Buildings:
    named: dict[str, list[tuple[int, int | None]]] = {}
    for building_id, _, name, grid_id, _ in rows:
        if name:
            named.setdefault(name, []).append((building_id, grid_id))
    shapes = np.array([shapely.from_wkb(bytes(row[4])) for row in rows] or np.zeros(0), dtype=object)
    return Buildings([row[0] for row in rows], {row[1]: row[0] for row in rows}, named, shapes)


def _read_assets(rows: list[tuple[Any, ...]]) -> Assets:
    by_class: dict[int, list[tuple[int, float, float]]] = {}
    for asset_id, _, class_id, east, north in rows:
        by_class.setdefault(class_id, []).append((asset_id, east, north))
    points = {
        class_id: (np.array([item[0] for item in items], np.int64), np.array([item[1:] for item in items], float))
        for class_id, items in by_class.items()
    }
    return Assets({row[1]: row[0] for row in rows}, {row[0]: EastNorth(row[3], row[4]) for row in rows}, points)
