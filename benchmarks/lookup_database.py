"""The database's share of an answer: the statements the API sends, timed one at a time on a prepared connection."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psycopg

from benchmarks.lookup_questions import Question
from twin.actions.access import reading
from twin.cluster.server import dsn
from twin.crs import LonLat
from twin.queries.city_bounds import CityBounds
from twin.queries.lookup import LookupAsked, lookup_statement
from twin.queries.nearby import NearbyAsked, nearest_assets
from twin.queries.place_asked import place_asked
from twin.queries.search import SearchAsked, search
from twin.queries.summaries import named_area, read_polygon, sum_up
from twin.session import PUBLIC
from twin.settings import Settings

ANYWHERE = CityBounds(-180, -90, 180, 90)


def database_times(settings: Settings, questions: dict[str, list[Question]], warm_up: int) -> dict[str, list[float]]:
    """Ask every question in the database alone; milliseconds by name, sorted. The first few of each are not counted."""
    return asyncio.run(_times(settings, questions, warm_up))


async def _times(settings: Settings, questions: dict[str, list[Question]], warm_up: int) -> dict[str, list[float]]:
    times = {}
    async with await psycopg.AsyncConnection.connect(dsn(settings, "app"), prepare_threshold=1) as connection:
        for name, asked in questions.items():
            took = []
            for question in asked:
                async with reading(connection, PUBLIC) as asking:
                    took.append(await _ask(asking, name.split()[0], question.asked, settings.city.working_srid))
            times[name] = sorted(took[warm_up:])
    return times


async def _ask(asking: Any, route: str, asked: dict[str, Any], srid: int) -> float:
    """Give the milliseconds from sending the statements of an answer to having read their rows."""
    cursor = asking.cursor
    if route == "/search":
        started = time.perf_counter()
        await search(cursor, SearchAsked(asked["text"]), srid)
    elif route == "/summary":
        area = read_polygon(asked["polygon"], ANYWHERE, "", srid) if "polygon" in asked else None
        started = time.perf_counter()
        await sum_up(cursor, area or await named_area(cursor, asked["code"], srid))
    else:
        place = place_asked(LonLat(asked["lon"], asked["lat"]), srid)
        started = time.perf_counter()
        if route == "/lookup":
            await cursor.execute(*lookup_statement(LookupAsked(place), asking.sight))
            await cursor.fetchone()
        else:
            classes = [asked["class"]] if "class" in asked else []
            await nearest_assets(cursor, NearbyAsked(place, classes=classes), asking.sight)
    return (time.perf_counter() - started) * 1000
