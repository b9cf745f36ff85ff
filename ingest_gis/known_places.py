"""The places records are linked to: buildings, assets and the address register, held in memory for matching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ingest_gis.address.compare import differing_numbers
from ingest_gis.address.match import AddressMatcher
from ingest_gis.address.parse import ParsedAddress
from ingest_gis.address.region import read_region
from ingest_gis.address.register import RegisterRow
from ingest_gis.classes import ClassCatalogue, read_classes
from ingest_gis.sql_text import statements
from twin.crs import EastNorth
from twin.settings import CitySettings


@dataclass(frozen=True, slots=True)
class NearPlace:
    """A place near a point: its row number and its distance in metres (0 inside)."""

    row_id: int
    distance_m: float


@dataclass
class Buildings:
    """Buildings by name and by position. ids: (N,) row numbers; shapes: (N,) outlines in metres."""

    ids: NDArray[np.int64]
    named: dict[str, list[tuple[int, int | None]]]
    shapes: NDArray[np.object_]

    def __post_init__(self) -> None:
        """Index the outlines."""
        self._tree = shapely.STRtree(self.shapes)
        self._place = {int(row_id): index for index, row_id in enumerate(self.ids)}

    def near_each(self, points: Sequence[EastNorth], within_m: float) -> list[list[NearPlace]]:
        """List for each point the buildings within a distance, nearest first."""
        found: list[list[NearPlace]] = [[] for _ in points]
        if not points or not len(self.ids):
            return found
        spots = shapely.points([(at.east, at.north) for at in points])
        which, buildings = self._tree.query(spots, predicate="dwithin", distance=within_m)
        distances = shapely.distance(spots[which], self.shapes[buildings])
        order = np.lexsort((self.ids[buildings], distances, which))
        for at in order:
            found[which[at]].append(NearPlace(int(self.ids[buildings[at]]), float(distances[at])))
        return found

    def distance_m(self, building_id: int, at: EastNorth) -> float | None:
        """Give the distance of a point from a building's outline, 0 inside; None when the building is not there."""
        place = self._place.get(building_id)
        return None if place is None else float(shapely.distance(self.shapes[place], shapely.Point(at.east, at.north)))


@dataclass
class Assets:
    """Assets, class by class, by position. points: class_id -> (row numbers, (N, 2) metres)."""

    points: dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=dict)
    _trees: dict[int, Any] = field(default_factory=dict)

    def near_each(self, class_id: int, points: NDArray[np.float64], within_m: float) -> list[list[NearPlace]]:
        """List for each point, (M, 2) metres, the assets of a class within a distance, nearest first."""
        if class_id not in self.points:
            return [[] for _ in points]
        ids, xy = self.points[class_id]
        if class_id not in self._trees:
            self._trees[class_id] = cKDTree(xy)
        found = []
        for point, near in zip(points, self._trees[class_id].query_ball_point(points, within_m), strict=True):
            rows = np.asarray(near, np.int64)
            distance = np.hypot(*(xy[rows] - point).T)
            order = np.lexsort((ids[rows], distance))
            found.append([NearPlace(int(ids[rows[i]]), float(distance[i])) for i in order])
        return found


@dataclass
class KnownPlaces:
    """Everything a record can be linked to, as of one register version."""

    buildings: Buildings
    assets: Assets
    matcher: AddressMatcher
    address_points: dict[int, EastNorth]
    classes: ClassCatalogue
    register_version: int

    def __post_init__(self) -> None:
        """Index the addresses of each building."""
        self._of_building: dict[int, list[int]] = {}
        for at, entry in enumerate(self.matcher.entries):
            if entry.building_id is not None:
                self._of_building.setdefault(entry.building_id, []).append(at)

    def contradicts(self, given: ParsedAddress, building_id: int) -> bool:
        """Tell whether a building is known by other numbers only than an address states."""
        entries = [self.matcher.entries[at].parsed for at in self._of_building.get(building_id, ())]
        return bool(entries) and all(differing_numbers(given, parsed) for parsed in entries)


def read_known_places(connection: psycopg.Connection[Any], city: CitySettings) -> KnownPlaces:
    """Read all places from the twin. connection: role ingest, idle, in autocommit."""
    sql = statements("link")
    matcher, points = read_matcher(connection, city)
    with connection.transaction(), connection.cursor() as cursor:
        version = register_version(cursor)
        buildings = _read_buildings(cursor.execute(sql["buildings"]).fetchall())
        assets = _read_assets(cursor.execute(sql["assets"]).fetchall())
    return KnownPlaces(buildings, assets, matcher, points, read_classes(connection), version)


def register_version(cursor: psycopg.Cursor[Any]) -> int:
    """Give the version the address register has now, 1 while it is empty."""
    row = cursor.execute(statements("link")["register_version"]).fetchone()
    return int(row[0]) if row else 1


def read_matcher(
    connection: psycopg.Connection[Any], city: CitySettings
) -> tuple[AddressMatcher, dict[int, EastNorth]]:
    """Read the address register, aliases with it. Returns its matcher and where addresses without building stand."""
    with connection.transaction(), connection.cursor() as cursor:
        units = cursor.execute(statements("surroundings")["admin_units"]).fetchall()
        register = cursor.execute(statements("link")["register"]).fetchall()
    rows = [RegisterRow(row[0], row[1], row[2], row[3], row[6]) for row in register]
    towns = [name for _, level, name in units if level == 4]
    communities = [name for _, level, name in units if level == 5]
    points = {row[0]: EastNorth(row[4], row[5]) for row in register if row[4] is not None}
    return AddressMatcher(rows, read_region(city), towns, communities), points


def _read_buildings(rows: list[tuple[Any, ...]]) -> Buildings:
    named: dict[str, list[tuple[int, int | None]]] = {}
    for building_id, name, grid_id, _ in rows:
        if name:
            named.setdefault(name, []).append((building_id, grid_id))
    shapes = np.array(shapely.from_wkb([bytes(row[3]) for row in rows]), dtype=object)
    return Buildings(np.array([row[0] for row in rows], np.int64), named, shapes)


def _read_assets(rows: list[tuple[Any, ...]]) -> Assets:
    by_class: dict[int, list[tuple[int, float, float]]] = {}
    for asset_id, class_id, east, north in rows:
        by_class.setdefault(class_id, []).append((asset_id, east, north))
    return Assets(
        {
            class_id: (np.array([item[0] for item in items], np.int64), np.array([item[1:] for item in items], float))
            for class_id, items in by_class.items()
        }
    )
