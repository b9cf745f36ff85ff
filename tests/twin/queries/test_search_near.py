"""What search forgives in a city where thousands of things have the same name, or none of their own."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import psycopg
import pytest

from tests.databases import Database
from twin.actions.access import reading
from twin.cluster.server import dsn
from twin.queries.search import SearchAsked, search
from twin.session import PUBLIC

PLACE = "ST_SetSRID(ST_Point(121.6, 37.387), 4490)"
ADD_ASSETS = f"""
INSERT INTO twin.asset (class_id, code, name_zh, geom, geom_m)
SELECT class_id, k.code || n, %(name)s, {PLACE}, ST_Transform({PLACE}, 4550)
FROM twin.class k CROSS JOIN generate_series(1, %(count)s) n WHERE k.name_zh = %(class)s
"""
ADD_ADDRESSES = """
INSERT INTO twin.address (code, text_zh, normalised, components) SELECT 'A' || text, text, text, '{}'
FROM unnest(%s::text[]) AS t (text)
"""


def find(database: Database, text: str, **wish: Any) -> list[str]:
    """Give the labels of what the public finds, best first."""

    async def ask() -> list[str]:
        async with (
            await psycopg.AsyncConnection.connect(dsn(database.settings, "app")) as connection,
            reading(connection, PUBLIC) as asking,
        ):
            found = await search(asking.cursor, SearchAsked(text, **wish), 4550)
        return [hit["label_zh"] for hit in orjson.loads(found)]

    return asyncio.run(ask())


def test_many_things_of_one_name_leave_room_for_the_others(database: Database) -> None:
    for name, count in (("污水井盖", 60), ("雨水井盖", 1)):
        database.fetch(ADD_ASSETS, {"class": name, "name": name + "东", "count": count})
    # Without 雨 it reads as 污水井盖东 does without 污; without 水 only as what is meant.
    assert find(database, "水雨井盖东", near_each=5, near_candidates=5)[0] == "雨水井盖东"


@pytest.mark.parametrize("text", ["路登", "露灯", "灯路", "路路灯"])
def test_the_name_of_a_class_is_forgiven_too(database: Database, text: str) -> None:
    database.fetch(ADD_ASSETS, {"class": "路灯", "name": None, "count": 2})
    database.fetch(ADD_ASSETS, {"class": "雨水井盖", "name": None, "count": 2})
    assert find(database, text) == ["路灯", "路灯"]
    assert find(database, text, kinds=["building"]) == []
    assert find(database, text, bbox=(121.5, 37.3, 121.7, 37.4)) == ["路灯", "路灯"]
    assert find(database, text, bbox=(121.1, 37.3, 121.2, 37.4)) == []
    assert find(database, "灯火通明") == []


def test_what_holds_a_text_as_a_part_does_not_hide_what_is_one_character_away(database: Database) -> None:
    database.fetch(ADD_ADDRESSES, (["东埠村525号", "埠后村525号"],))
    assert find(database, "埠村525号") == ["东埠村525号", "埠后村525号"]
    assert find(database, "埠后村525号") == ["埠后村525号"]
    assert find(database, "东埠村52") == ["东埠村525号"]  # two characters from the other
    database.fetch(ADD_ADDRESSES, (["西埠村525号", "北埠村525号"],))
    assert sorted(find(database, "埠村525号")) == ["东埠村525号", "北埠村525号", "西埠村525号"]
