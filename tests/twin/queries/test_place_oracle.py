"""Nearest and lookup against brute force over the same random city."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from shapely import Point, box
from shapely.geometry.base import BaseGeometry

from tests.databases import Database
from twin.actions.access import Reading, reading
from twin.crs import LonLat, transformer
from twin.queries.imagery import OpenSurveys
from twin.queries.lookup import LookupAsked, look_up
from twin.queries.nearby import NearbyAsked, nearest_assets
from twin.queries.place_asked import PlaceAsked, place_asked
from twin.session import PUBLIC

EAST, NORTH, SIDE = 376000.0, 4139600.0, 600.0
CLASSES = ("0101", "0118", "0402", "0405")
ADD_ASSETS = """
INSERT INTO twin.asset (class_id, code, geom, geom_m, valid_from, valid_to)
SELECT c.class_id, a.code, ST_Transform(g.m, 4490), g.m, '2020-01-01', a.valid_to
FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[]) AS a (class, code, wkt, valid_to)
  JOIN twin.class c ON c.code = a.class CROSS JOIN LATERAL (SELECT ST_GeomFromText(a.wkt, 4550) AS m) g
"""
ADD_BUILDINGS = """
INSERT INTO twin.building (code, geom, geom_m, valid_from)
SELECT b.code, ST_Transform(g.m, 4490), g.m, '2020-01-01'
FROM unnest(%s::text[], %s::text[]) AS b (code, wkt)
  CROSS JOIN LATERAL (SELECT ST_Multi(ST_GeomFromText(b.wkt, 4550)) AS m) g
"""


@dataclass(frozen=True)
class Thing:
    code: str
    class_code: str
    shape: BaseGeometry
    valid_to: datetime | None


@dataclass(frozen=True)
class RandomCity:
    database: Database
    assets: list[Thing]
    buildings: list[Thing]
    ask: Callable[[Callable[[Reading], Awaitable[Any]]], Any]


@pytest.fixture(scope="module")
def city(module_database: Database) -> Iterator[RandomCity]:
    random = np.random.default_rng(7)
    assets = [_asset(random, number) for number in range(600)]
    buildings = [_building(random, number) for number in range(120)]
    listed = [[t.class_code for t in assets], [t.code for t in assets], [t.shape.wkt for t in assets]]
    module_database.fetch(ADD_ASSETS, (*listed, [t.valid_to for t in assets]))
    module_database.fetch(ADD_BUILDINGS, ([t.code for t in buildings], [t.shape.wkt for t in buildings]))
    with asyncio.Runner() as runner:
        connection = runner.run(psycopg.AsyncConnection.connect(module_database.dsn("app")))

        async def asked(question: Callable[[Reading], Awaitable[Any]]) -> Any:
            async with reading(connection, PUBLIC) as asking:
                return await question(asking)

        yield RandomCity(module_database, assets, buildings, lambda question: runner.run(asked(question)))
        runner.run(connection.close())


def _asset(random: np.random.Generator, number: int) -> Thing:
    x, y = EAST + random.uniform(0, SIDE), NORTH + random.uniform(0, SIDE)
    # Some stand on the very same spot, some are areas, some have ended; one class is rare.
    shape: BaseGeometry = Point(round(x, -1), round(y, -1)) if number % 7 == 0 else Point(x, y)
    if number % 11 == 0:
        shape = box(x, y, x + random.uniform(1, 30), y + random.uniform(1, 30))
    class_code = CLASSES[3] if number % 100 == 0 else CLASSES[number % 3]
    ended = datetime(2025, 1, 1, tzinfo=UTC) if number % 13 == 0 else None
    return Thing(f"A{number:04d}", class_code, shape, ended)


def _building(random: np.random.Generator, number: int) -> Thing:
    x, y = EAST + random.uniform(0, SIDE), NORTH + random.uniform(0, SIDE)
    return Thing(f"B{number:04d}", "", box(x, y, x + random.uniform(5, 40), y + random.uniform(5, 40)), None)


def asked_at(x: float, y: float) -> tuple[PlaceAsked, Point]:
    lonlat = LonLat(*transformer("EPSG:4550", "EPSG:4490").transform(EAST + x, NORTH + y))
    place = place_asked(lonlat, 4550)
    return place, Point(place.projected)


def nearest(things: list[Thing], spot: Point) -> list[tuple[float, str]]:
    return sorted((round(thing.shape.distance(spot), 9), thing.code) for thing in things if thing.valid_to is None)


positions = st.tuples(st.floats(-50, SIDE + 50), st.floats(-50, SIDE + 50)) | st.tuples(
    st.integers(0, 60).map(lambda n: n * 10.0), st.integers(0, 60).map(lambda n: n * 10.0)
)


@given(
    position=positions,
    n=st.integers(1, 40),
    classes=st.lists(st.sampled_from(CLASSES), max_size=3),
    radius_m=st.none() | st.floats(0.5, 300),
)
@hypothesis_settings(max_examples=80, deadline=None)
def test_nearest_assets(
    city: RandomCity, position: tuple[float, float], n: int, classes: list[str], radius_m: float | None
) -> None:
    place, spot = asked_at(*position)
    asked = NearbyAsked(place, n, classes, radius_m)
    items = orjson.loads(city.ask(lambda asking: nearest_assets(asking.cursor, asked, asking.sight)))
    wanted = [thing for thing in city.assets if not classes or thing.class_code in classes]
    expected = [(d, code) for d, code in nearest(wanted, spot) if radius_m is None or d <= radius_m][:n]
    assert [item["distance_m"] for item in items] == pytest.approx([d for d, _ in expected], abs=0.006)
    # Equal distances may stand in any order between themselves; what is clearly nearer must be there.
    clear = {code for d, code in expected if not expected or d < expected[-1][0] - 1e-6}
    assert clear <= {item["code"] for item in items}
    for item in items:
        shape = next(thing.shape for thing in city.assets if thing.code == item["code"])
        assert item["distance_m"] == pytest.approx(shape.distance(spot), abs=0.006)


@given(position=positions, radius_m=st.floats(0, 60))
@hypothesis_settings(max_examples=50, deadline=None)
def test_building_and_assets_of_a_lookup(city: RandomCity, position: tuple[float, float], radius_m: float) -> None:
    place, spot = asked_at(*position)
    asked = LookupAsked(place, radius_m=radius_m)
    answer = orjson.loads(
        city.ask(
            lambda asking: look_up(
                asking.cursor, asked, asking.sight, OpenSurveys(city.database.settings.data_dir), "public"
            )
        )
    )
    around = [(d, code) for d, code in nearest(city.assets, spot) if d <= radius_m]
    assert [item["distance_m"] for item in answer["assets"]] == pytest.approx([d for d, _ in around][:100], abs=0.006)
    reached = [(round(b.shape.distance(spot), 6), b.shape.area, b.code) for b in city.buildings]
    best = min((b for b in reached if b[0] <= 2.0), default=None)
    edge = any(abs(distance - 2.0) < 1e-4 for distance, _, _ in reached)
    if not edge:
        assert (answer["building"]["code"] if answer["building"] else None) == (best[2] if best else None)
    assert answer["imagery"] == {"surveys": [], "photos": [], "hidden": 0}
    assert answer["terrain"] is None
    assert answer["place"]["projected"]["east"] == pytest.approx(spot.x, abs=0.001)


def test_bearings_are_from_true_north(city: RandomCity) -> None:
    from pyproj import Geod

    place, _ = asked_at(300, 300)
    items = orjson.loads(
        city.ask(lambda asking: nearest_assets(asking.cursor, NearbyAsked(place, 50, ["0101"]), asking.sight))
    )
    assert len(items) == 50
    for item in items:
        shape = next(thing.shape for thing in city.assets if thing.code == item["code"])
        if isinstance(shape, Point) and item["distance_m"] > 1:
            azimuth, _, distance = Geod(ellps="GRS80").inv(*place.position, item["lon"], item["lat"])
            assert abs((item["bearing_deg"] - azimuth + 180) % 360 - 180) < 0.1 + math.degrees(0.002 / distance)
