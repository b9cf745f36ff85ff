"""What people type with one character wrong: queries for /search, with what was meant.

    TWIN_DATA_DIR=/path .venv/bin/python -m benchmarks.damaged_queries [--queries 1000] [--seed 1] [--misses]

Names, addresses, codes, pinyin and initials of things in the configured city, each spoilt once: a character wrong,
missing, extra, swapped with its neighbour, or one read the same. A text that spoilt is the text of something else is
drawn again: it asks for that. Right is the thing itself, or one of its kind with the same label. Some spoilt texts are
as near to a dozen other things (14 may be 114, 124, 19 or 4), and nobody can tell which was meant: those with more than
three things one edit away are counted apart, to show what is the search's fault and what is not.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
from rapidfuzz.distance import OSA

from twin.actions.access import reading
from twin.cluster.server import connect, dsn
from twin.queries.search import SearchAsked, search
from twin.queries.search_text import near_codes
from twin.session import PUBLIC
from twin.settings import read_settings

DAMAGES = ("wrong", "missing", "extra", "swapped", "homophone")
# Sort -> share, the columns: text, kind, label, code.
_ENTRIES = "SELECT {}, kind, label_zh, code FROM twin.search_entry WHERE kind IN ({})"
_NAMED = "'building', 'entity'"
SORTS = {
    "address": (0.30, _ENTRIES.format("core", "'address'")),
    "whole address": (0.10, _ENTRIES.format("sought", "'address'")),
    "name": (0.35, _ENTRIES.format("core", _NAMED + ", 'admin_unit'") + " AND char_length(core) > 2"),
    "asset name": (0.10, _ENTRIES.format("sought", "'asset'")),
    "code": (0.05, "SELECT lower(code), 'building', coalesce(name_zh, code), code FROM twin.building"),
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
SELECT DISTINCT e.kind || e.label_zh, CASE WHEN written = e.core THEN asked.core ELSE asked.whole END, written
FROM asked JOIN twin.search_entry e ON e.near && (twin.search_near(asked.whole) || twin.search_near(asked.core))
  CROSS JOIN LATERAL (VALUES (e.sought), (e.core), (e.core_initials), (e.pinyin)) forms (written)
WHERE written IS NOT NULL
UNION SELECT 'building' || coalesce(name_zh, code), %(t)s, code FROM twin.building WHERE code = ANY (%(codes)s)
"""
MOST_ALIKE = 3
READ_ALIKE = """
SELECT syllable, array_agg(hanzi) FROM twin.hanzi_initial h
WHERE hanzi IN (SELECT DISTINCT unnest(string_to_array(core, NULL))
                FROM (SELECT core FROM twin.search_entry LIMIT 20000) s)
GROUP BY syllable
"""


@dataclass(frozen=True)
class Damaged:
    """A spoilt text and what was meant by it."""

    text: str
    sort: str
    damage: str
    kind: str
    label: str
    code: str
    rivals: int = 1


def draw_damaged(connection: psycopg.Connection[Any], count: int, seed: int) -> list[Damaged]:
    """Draw spoilt texts of every sort in its share. connection: may read the city."""
    draw = random.Random(seed)  # noqa: S311 - a repeatable draw
    alike = {row[0]: row[1] for row in connection.execute(READ_ALIKE.encode()).fetchall()}
    read_as = {sign: syllable for syllable, signs in alike.items() for sign in signs}
    found: list[Damaged] = []
    for sort, (share, query) in SORTS.items():
        wanted = max(1, round(count * share))
        rows = connection.execute(
            f"{query} ORDER BY md5(code || %s) LIMIT %s".encode(), (str(seed), wanted * 2)
        ).fetchall()
        there = len(found)
        for text, kind, label, code in rows:
            damage = draw.choice(DAMAGES[:4] if text.isascii() else DAMAGES)
            spoilt = spoil(text, damage, draw, alike, read_as)
            taken = connection.execute(TAKEN.encode(), {"t": spoilt}).fetchone()
            if spoilt != text and taken is not None and not taken[0]:
                found.append(Damaged(spoilt, sort, damage, kind, label, code, count_rivals(connection, spoilt)))
            if len(found) - there == wanted:
                break
    draw.shuffle(found)
    return found


def count_rivals(connection: psycopg.Connection[Any], text: str) -> int:
    """Count the different things that lie one edit away from a spoilt text: what was meant and its rivals."""
    values = {"t": text, "codes": near_codes(text) if text.isdigit() else []}
    rows = connection.execute(AROUND.encode(), values).fetchall()
    return len({thing for thing, asked, written in rows if OSA.distance(asked, written) == 1})


def spoil(text: str, damage: str, draw: random.Random, alike: dict[str, list[str]], read_as: dict[str, str]) -> str:
    """Spoil one character of a text."""
    at = draw.randrange(len(text))
    if damage == "homophone":
        places = [i for i, sign in enumerate(text) if len(alike.get(read_as.get(sign, ""), ())) > 1]
        if not places:
            return text
        at = draw.choice(places)
        return text[:at] + draw.choice([s for s in alike[read_as[text[at]]] if s != text[at]]) + text[at + 1 :]
    if damage == "missing":
        return text[:at] + text[at + 1 :]
    if damage == "swapped":
        return text[:at] + text[at : at + 2][::-1] + text[at + 2 :]
    near = text[at]
    signs = "0123456789" if near.isdigit() else "abcdefghijklmnopqrstuvwxyz" if near.isascii() else "".join(read_as)
    sign = draw.choice([s for s in signs if s != near])
    return text[:at] + sign + text[at + (damage == "wrong") :]


async def ask(queries: list[Damaged]) -> list[tuple[Damaged, int | None, float]]:
    """Ask all; give the place of the right answer among the first three (None: not there) and the milliseconds."""
    settings = read_settings()
    results = []
    async with await psycopg.AsyncConnection.connect(dsn(settings, "app"), prepare_threshold=1) as connection:
        for query in queries:
            async with reading(connection, PUBLIC) as asking:
                started = time.perf_counter()
                found = orjson.loads(await search(asking.cursor, SearchAsked(query.text), settings.city.working_srid))
                took = (time.perf_counter() - started) * 1000
            right = [n for n, hit in enumerate(found[:3], 1) if hit["kind"] == query.kind
                     and (hit["code"] == query.code or hit["label_zh"] == query.label)]  # fmt: skip
            results.append((query, right[0] if right else None, took))
    return results


def main() -> None:
    """Ask and print how often the right answer was among the first three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--misses", action="store_true", help="print what was not found")
    given = parser.parse_args()
    with connect(read_settings(), "owner") as connection:
        queries = draw_damaged(connection, given.queries, given.seed)
    results = asyncio.run(ask(queries))
    told = (f"at most {MOST_ALIKE} as near", f"more than {MOST_ALIKE} as near")
    for name, of in (("sort", lambda q: q.sort), ("damage", lambda q: q.damage),
                     ("rivals", lambda q: told[q.rivals > MOST_ALIKE]), ("all", lambda q: "all")):  # fmt: skip
        asked, right = Counter(of(q) for q, _, _ in results), Counter(of(q) for q, place, _ in results if place)
        for key, n in asked.items():
            print(f"{name:<7} {key:<19} {right[key]:>5} of {n:>5}  {right[key] / n:6.1%}")
    times = sorted(took for _, _, took in results)
    print(
        "ms  " + "  ".join(f"p{p} {times[min(len(times) - 1, len(times) * p // 100)]:.1f}" for p in (50, 90, 99, 100))
    )
    if given.misses:
        for query, place, _ in results:
            if place is None:
                print(query)


if __name__ == "__main__":
    main()
