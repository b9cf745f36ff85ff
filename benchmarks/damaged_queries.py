"""What people type with one character wrong: queries for /search, with what was meant.

    TWIN_DATA_DIR=/path .venv/bin/python -m benchmarks.damaged_queries [--queries 1000] [--seed 1] [--slips anyhow]
        [--views] [--misses]

Names, addresses, codes, pinyin and initials of things in the configured city, each spoilt once, as people err or anyhow
(benchmarks.people_slips). A text that spoilt is the text of something else is drawn again: it asks for that. Right is
the thing itself, or one of its kind with the same label, among the first three.

Some spoilt texts are as near to a dozen other things (14 may be 114, 124, 19 or 4), and nobody can tell which was
meant: those with more than three things one edit away are counted apart. `findable` is what nobody who knows the slips'
shares exactly, and nothing else, could exceed: the chances of the three likeliest labels, added up and averaged.

--views: each query comes with what the asker looks at: the whole district in a third (a map just opened), a part of 0.3
to 5 km radius with the thing meant in it in another third, such a part around something else in the last.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psycopg
from rapidfuzz.distance import OSA

from benchmarks.people_slips import ANYHOW, PEOPLE, Slips
from twin.actions.access import reading
from twin.cluster.server import connect, dsn
from twin.queries.search import SearchAsked, search
from twin.queries.search_text import near_codes
from twin.session import PUBLIC
from twin.settings import read_settings

# Sort -> share, the columns: text, kind, label, code, longitude, latitude.
_ENTRIES = "SELECT {}, kind, label_zh, code, ST_X(geom), ST_Y(geom) FROM twin.search_entry WHERE kind IN ({})"
_BUILDINGS = (
    "SELECT lower(code), 'building', coalesce(name_zh, code), code, ST_X(ST_Centroid(geom)), ST_Y(ST_Centroid(geom)) "
    "FROM twin.building"
)
_NAMED = "'building', 'entity'"
SORTS = {
    "address": (0.30, _ENTRIES.format("core", "'address'")),
    "whole address": (0.10, _ENTRIES.format("sought", "'address'")),
    "name": (0.35, _ENTRIES.format("core", _NAMED + ", 'admin_unit'") + " AND char_length(core) > 2"),
    "asset name": (0.10, _ENTRIES.format("sought", "'asset'")),
    "code": (0.05, _BUILDINGS),
    "initials": (0.05, _ENTRIES.format("core_initials", _NAMED) + " AND char_length(core_initials) > 4"),
    "pinyin": (0.05, _ENTRIES.format("pinyin", _NAMED)),
}
TAKEN = """
SELECT EXISTS (SELECT FROM twin.search_entry e WHERE %(t)s IN (e.sought) OR e.core = %(t)s)
    OR EXISTS (SELECT FROM twin.search_entry e WHERE e.core_initials = %(t)s OR e.pinyin = %(t)s)
    OR EXISTS (SELECT FROM twin.building WHERE code = %(t)s)
"""
# Things and their texts, in every form, that may be one edit away (those share a number).
AROUND = """
WITH asked AS MATERIALIZED (SELECT %(t)s::text AS whole, twin.search_core(%(t)s::text) AS core)
SELECT e.kind || e.label_zh, CASE WHEN written = e.core THEN asked.core ELSE asked.whole END, written, count(*)
FROM asked JOIN twin.search_entry e ON e.near && (twin.search_near(asked.whole) || twin.search_near(asked.core))
  CROSS JOIN LATERAL (VALUES (e.sought), (e.core), (e.core_initials), (e.pinyin)) forms (written)
WHERE written IS NOT NULL GROUP BY 1, 2, 3
UNION ALL SELECT 'building' || coalesce(name_zh, code), %(t)s, code, 1 FROM twin.building WHERE code = ANY (%(codes)s)
"""
MOST_ALIKE = 3
CITY = (121.58, 37.33)  # the middle of the district
READ_ALIKE = """
SELECT syllable, array_agg(hanzi) FROM twin.hanzi_initial h
WHERE hanzi IN (SELECT DISTINCT unnest(string_to_array(core, NULL))
                FROM (SELECT core FROM twin.search_entry LIMIT 20000) s)
GROUP BY syllable
"""


WHOLE_KM, NEAR_KM, FAR_KM = 20.0, 0.3, 5.0
KM = 111.2
View = tuple[float, float, float, float]


@dataclass(frozen=True)
class Damaged:
    """A spoilt text and what was meant by it. rivals: things one edit away; findable: see above; view: in degrees."""

    text: str
    sort: str
    damage: str
    kind: str
    label: str
    code: str
    rivals: int = 1
    findable: float = 1.0
    seen: str = "nothing"
    view: View | None = None


def draw_damaged(
    connection: psycopg.Connection[Any], count: int, seed: int, shares: Mapping[str, Mapping[str, float]] = PEOPLE,
    views: bool = False,
) -> list[Damaged]:  # fmt: skip
    """Draw spoilt texts of every sort in its share. connection: may read the city."""
    draw = random.Random(seed)  # noqa: S311 - a repeatable draw
    slips = Slips({row[0]: row[1] for row in connection.execute(READ_ALIKE.encode()).fetchall()}, shares)
    found: list[Damaged] = []
    for sort, (share, query) in SORTS.items():
        wanted = max(1, round(count * share))
        rows = connection.execute(
            f"{query} ORDER BY md5(code || %s) LIMIT %s".encode(), (str(seed), wanted * 3)
        ).fetchall()
        there = len(found)
        for text, kind, label, code, lon, lat in rows:
            spoilt, damage = slips.spoil(text, draw)
            taken = connection.execute(TAKEN.encode(), {"t": spoilt}).fetchone()
            if spoilt == text or taken is None or taken[0]:
                continue
            rivals, findable = weigh_rivals(connection, spoilt, slips)
            other = draw.choice(rows)[-2:]
            seen, view = draw_view(draw, (lon, lat), other) if views else ("nothing", None)
            found.append(Damaged(spoilt, sort, damage, kind, label, code, rivals, findable, seen, view))
            if len(found) - there == wanted:
                break
    draw.shuffle(found)
    return found


def weigh_rivals(connection: psycopg.Connection[Any], text: str, slips: Slips) -> tuple[int, float]:
    """Count the labels one edit away from a spoilt text; give the chance that one of the likeliest three is meant."""
    values = {"t": text, "codes": near_codes(text) if text.isdigit() else []}
    chances: dict[str, float] = {}
    for thing, asked, written, things in connection.execute(AROUND.encode(), values).fetchall():
        if OSA.distance(asked, written) == 1:
            chances[thing] = max(chances.get(thing, 0.0), things * slips.chance(asked, written))
    total = sum(chances.values())
    return len(chances), sum(sorted(chances.values())[-3:]) / total if total else 1.0


def draw_view(
    draw: random.Random, place: tuple[float | None, float | None], other: tuple[float | None, float | None]
) -> tuple[str, View | None]:
    """Draw what the asker looks at. place, other: where the thing meant and some other thing are, degrees."""
    seen = draw.choice(("all", "the thing", "something else"))
    lon, lat = place if seen == "the thing" else other
    if lon is None or lat is None:
        return "nothing", None
    radius = WHOLE_KM if seen == "all" else math.exp(draw.uniform(math.log(NEAR_KM), math.log(FAR_KM)))
    side = radius / math.sqrt(2)
    if seen == "all":
        lon, lat = CITY
    else:  # anywhere in the view, not in its middle
        lon += draw.uniform(-side, side) / KM / math.cos(math.radians(lat))
        lat += draw.uniform(-side, side) / KM
    wide, high = side / KM / math.cos(math.radians(lat)), side / KM
    return seen, (lon - wide, lat - high, lon + wide, lat + high)


@dataclass(frozen=True)
class Asked:
    """A query, the place of the right answer among the first three (None: not there), milliseconds."""

    query: Damaged
    place: int | None
    took_ms: float
    computed_ms: float


async def ask(queries: list[Damaged]) -> list[Asked]:
    """Ask all. computing: by the clocks of this process and the server's, which other programs do not slow down."""
    settings = read_settings()
    results = []
    async with await psycopg.AsyncConnection.connect(dsn(settings, "app"), prepare_threshold=1) as connection:
        server = Path(f"/proc/{connection.info.backend_pid}/schedstat")
        for query in queries:
            async with reading(connection, PUBLIC) as asking:
                before = computed_s(server)
                started = time.perf_counter()
                wish = SearchAsked(query.text, view=query.view)
                found = orjson.loads(await search(asking.cursor, wish, settings.city.working_srid))
                took, computed = time.perf_counter() - started, computed_s(server) - before
            right = [n for n, hit in enumerate(found[:3], 1) if hit["kind"] == query.kind
                     and (hit["code"] == query.code or hit["label_zh"] == query.label)]  # fmt: skip
            results.append(Asked(query, right[0] if right else None, took * 1000, computed * 1000))
    return results


def computed_s(server: Path) -> float:
    """Say how long this process and the server's have computed so far."""
    return time.process_time() + int(server.read_text(encoding="ascii").split()[0]) / 1e9


def main() -> None:
    """Ask and print how often the right answer was among the first three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slips", choices=("people", "anyhow"), default="people")
    parser.add_argument("--views", action="store_true", help="with what the asker looks at")
    parser.add_argument("--misses", action="store_true", help="print what was not found")
    given = parser.parse_args()
    with connect(read_settings(), "owner") as connection:
        queries = draw_damaged(
            connection, given.queries, given.seed, PEOPLE if given.slips == "people" else ANYHOW, given.views
        )
    results = asyncio.run(ask(queries))
    told = (f"at most {MOST_ALIKE} as near", f"more than {MOST_ALIKE} as near")
    for name, of in (("sort", lambda q: q.sort), ("damage", lambda q: q.damage),
                     ("rivals", lambda q: told[q.rivals > MOST_ALIKE]), ("seen", lambda q: q.seen),
                     ("all", lambda q: "all")):  # fmt: skip
        counted: dict[str, list[float]] = {}
        for item in results:
            sums = counted.setdefault(of(item.query), [0, 0, 0.0])
            for at, value in enumerate((1, item.place is not None, item.query.findable)):
                sums[at] += value
        for key, (n, right, findable) in counted.items():
            print(f"{name:<7} {key:<19} {right:>5} of {n:>5}  {right / n:6.1%}  findable {findable / n:6.1%}")
    for name, values in (("by the clock", [item.took_ms for item in results]),
                         ("computing", [item.computed_ms for item in results])):  # fmt: skip
        times = sorted(values)
        at = {p: times[min(len(times) - 1, len(times) * p // 100)] for p in (50, 90, 99, 100)}
        print(f"ms {name:<13} " + "  ".join(f"p{p} {value:.1f}" for p, value in at.items()))
    if given.misses:
        for item in results:
            if item.place is None:
                print(item.query)


if __name__ == "__main__":
    main()
