"""The database's share of an answer: the statements the API sends, timed one at a time on a prepared connection."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.lookup_questions import Question
from twin.actions.access import reading
from twin.cluster.server import dsn
from twin.crs import LonLat
from twin.queries.city_bounds import CityBounds
from twin.queries.kept_plans import KEEP_PLANS
from twin.queries.lookup import LookupAsked, lookup_statement
from twin.queries.nearby import NearbyAsked, nearest_assets
from twin.queries.place_asked import place_asked
from twin.queries.search import SearchAsked, search
from twin.queries.summaries import named_area, read_polygon, sum_up
from twin.session import PUBLIC
from twin.settings import Settings

ANYWHERE = CityBounds(-180, -90, 180, 90)


@dataclass(frozen=True)
class DatabaseTimes:
    """Milliseconds of one sort of question, sorted: as the asker waits, and as long as the database's process computes.

    On a machine that others use too, waiting says how busy they are; computing is the database's own share.
    """

    waited: list[float]
    computed: list[float]


def database_times(settings: Settings, questions: dict[str, list[Question]], warm_up: int) -> dict[str, DatabaseTimes]:
    """Ask every question in the database alone, one at a time. The first few of each sort are not counted."""
    return asyncio.run(_times(settings, questions, warm_up))


async def _times(settings: Settings, questions: dict[str, list[Question]], warm_up: int) -> dict[str, DatabaseTimes]:
    times = {}
    async with await psycopg.AsyncConnection.connect(dsn(settings, "app"), prepare_threshold=1) as connection:
        for name, asked in questions.items():
            took = []
            process = connection.info.backend_pid
            for question in asked:
                async with reading(connection, PUBLIC) as asking:
                    before = _computed_ms(process)
                    waited = await _ask(asking, name.split()[0], question.asked, settings.city.working_srid)
                    took.append((waited, _computed_ms(process) - before))
            counted = took[min(warm_up, len(took) // 4) :]
            times[name] = DatabaseTimes(sorted(t[0] for t in counted), sorted(t[1] for t in counted))
    return times


def _computed_ms(process: int) -> float:
    """Read how long a process of this machine has been computing (Linux; the database must run here)."""
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text(encoding="ascii").split()[0]) / 1e6
    except OSError:
        return float("nan")


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
            await cursor.execute(KEEP_PLANS)
            await cursor.execute(*lookup_statement(LookupAsked(place), asking.sight))
            await cursor.fetchone()
        else:
            classes = [asked["class"]] if "class" in asked else []
            await nearest_assets(cursor, NearbyAsked(place, classes=classes), asking.sight)
    return (time.perf_counter() - started) * 1000
