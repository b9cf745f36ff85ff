"""Find places, buildings, assets and institutions by name, address, code or pinyin; one wrong character is forgiven."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
import psycopg

from twin.queries.search_sql import INDEXES_ONLY, KINDS, READ_ALOUD, SEARCH, SEARCH_NEAR
from twin.queries.search_text import near_codes, search_forms
from twin.queries.typing_slips import ANOTHER_SIGN, NEAR_SOUND, SAME_SOUND, blurred, slips_cost

__all__ = ["KINDS", "SearchAsked", "search", "search_values"]

# From here on a hit is written as it was asked for; below, what was meant may be one character away.
SURE = 0.61
FORGIVEN = 0.6
# Fewer things than these that hold what was asked as a part: it may be something else's whole name, one character away.
FEW = 3
# Nats: a text that is only part of a label; how much rarer a kind of no weight is meant than the weightiest; what each
# further thing of one name stands behind the first.
JUST_A_PART, RARELY_MEANT, ONE_OF_A_NAME = 3.0, 3.0, 2.0
# Who looks at a part of the city means something in it more often than chance; beyond this distance it says no more.
FAR_KM = 16.0
TO_SCORE = 0.004  # what a nat of place is worth among hits written as asked: less than the ways of matching differ
PLACED_HITS = 60


@dataclass(frozen=True)
class SearchAsked:
    """What is sought: a text, of which kinds (empty: all), inside which box (west, south, east, north; degrees).

    view: the box the asker is looking at: of what fits as well, what lies there comes first; nothing is left out.
    """

    text: str
    kinds: Sequence[str] = ()
    bbox: tuple[float, float, float, float] | None = None
    n: int = 20
    candidates: int = 200
    near_candidates: int = 1500
    near_each: int = 300
    view: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Hit:
    """One thing found. score: 0..1, larger is better."""

    kind: str
    code: str | None
    label_zh: str
    lon: float | None
    lat: float | None
    score: float

    def as_json(self) -> dict[str, Any]:
        """Give the hit as an answer shows it."""
        lon, lat = (None if value is None else round(value, 7) for value in (self.lon, self.lat))
        shown = {"kind": self.kind, "code": self.code, "label_zh": self.label_zh, "lon": lon, "lat": lat}
        return {**shown, "score": round(self.score, 3)}


def search_values(asked: SearchAsked, srid: int) -> dict[str, Any]:
    """Give the bound values of the search's statements. srid: the city's working CRS."""
    wish = search_forms(asked.text)
    west, south, east, north = asked.bbox or (None,) * 4
    return {
        "text": wish.forms[0] if wish.forms else "",
        "forms": list(wish.forms),
        "codes": sorted({wish.code, wish.code.upper()}) if wish.code else [],
        "near_codes": near_codes(wish.code) if wish.code else [],
        "letters": wish.initials,
        "kinds": list(asked.kinds) or list(KINDS),
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "srid": srid,
        "n": asked.n if asked.view is None else max(asked.n, PLACED_HITS),
        "candidates": asked.candidates,
        "near_candidates": asked.near_candidates,
        "near_each": asked.near_each,
    }


async def search(cursor: psycopg.AsyncCursor[Any], asked: SearchAsked, srid: int) -> str:
    """Search the city; best first.

    cursor: inside a transaction on the asker's behalf. srid: the city's working CRS. Returns a JSON array of hits as
    text: kind, code, label_zh, lon, lat, score in 0..1. A text without letters or digits finds nothing. Only when
    nothing is written as asked, or one or two things hold it as a part of what they are called, do things that differ
    by a character follow.
    """
    values = search_values(asked, srid)
    if not values["forms"]:
        return "[]"
    await cursor.execute(INDEXES_ONLY)
    await cursor.execute(SEARCH, values)
    rows = await cursor.fetchall()
    hits, parts = [Hit(*row[:-1]) for row in rows], [bool(row[-1]) for row in rows]
    surely = sum(hit.score >= SURE for hit in hits)
    sure = surely >= FEW or not all(parts[:surely])
    hits = [replace(hit, score=hit.score - TO_SCORE * place_cost(asked.view, hit.lon, hit.lat)) for hit in hits]
    if not sure:
        hits += await _near(cursor, values, asked)
    return orjson.dumps([hit.as_json() for hit in _best(hits, asked.n)]).decode()


async def _near(cursor: psycopg.AsyncCursor[Any], values: dict[str, Any], asked: SearchAsked) -> list[Hit]:
    await cursor.execute(READ_ALOUD, values)
    read = await cursor.fetchone()
    assert read is not None  # noqa: S101 - one row, whatever the text
    await cursor.execute(SEARCH_NEAR, values)
    wanted, costs = tuple(read), dict[tuple[str, str], list[tuple[float, Hit]]]()
    for kind, code, label, lon, lat, weight, *written in await cursor.fetchall():
        cost = meant_cost(wanted, tuple(written))
        if cost is not None:
            cost += place_cost(asked.view, lon, lat) + RARELY_MEANT * (1 - weight)
            costs.setdefault((kind, label), []).append((cost, Hit(kind, code, label, lon, lat, 0.0)))
    whole = ANOTHER_SIGN * (len(wanted[0]) + 1)
    return [
        replace(hit, score=FORGIVEN * max(0.05, 1 - cost / whole))
        for alike in costs.values()
        for cost, hit in as_one_name(alike)
    ]


def as_one_name(alike: Sequence[tuple[float, Hit]]) -> list[tuple[float, Hit]]:
    """Weigh things of one name as one answer: the more there are, the likelier one of them is meant.

    alike: costs and hits of the same kind and label, each thing once or several times. The best of them answers for
    all, the others come behind, so that three things of one name do not hide every other name.
    """
    once: dict[str | None, tuple[float, Hit]] = {}
    for cost, hit in sorted(alike, key=lambda pair: (pair[0], pair[1].code or "")):
        once.setdefault(hit.code, (cost, hit))
    chance = sum(math.exp(-cost) for cost, _ in once.values())
    return [(cost + ONE_OF_A_NAME * n if n else -math.log(chance), hit) for n, (cost, hit) in enumerate(once.values())]


def place_cost(view: tuple[float, float, float, float] | None, lon: float | None, lat: float | None) -> float:
    """Say how much less likely a place is meant for lying outside what the asker looks at: nats, 0 inside.

    view: west, south, east, north in degrees; None: nothing is known. The smaller the view, the more it says.
    """
    if view is None or lon is None or lat is None:
        return 0.0
    west, south, east, north = view
    km_lat, km_lon = 111.2, 111.2 * math.cos(math.radians((south + north) / 2))
    radius = max(0.1, math.hypot((east - west) * km_lon, (north - south) * km_lat) / 2)
    apart = math.hypot((lon - (west + east) / 2) * km_lon, (lat - (south + north) / 2) * km_lat)
    return 0.0 if apart <= radius else math.log(1 + (min(apart, max(FAR_KM, radius)) / radius) ** 2)


def meant_cost(asked: tuple[str, str, str | None], written: tuple[str, str, str | None, str | None]) -> float | None:
    """Say how unlikely it is that an entry was meant by a text: nats; None when they are too unlike.

    asked: the text plain, its core, how that is read. written: an entry's label plain, core, core's initials, pinyin.
    The cost is that of the slips between the pair that fits best; a character read like the right one costs less.
    """
    plain, core, read = asked
    sought, entry_core, initials, pinyin = written
    readings = [reading for reading in (initials, pinyin) if reading and plain.isascii()]
    pairs = [(plain, sought), (core, entry_core), *((plain, reading) for reading in readings)]
    cost, edits, length = min((*reversed(slips_cost(a, b)), max(len(a), len(b))) for a, b in pairs)
    if edits and read and pinyin and not core.isascii():
        if read == pinyin:
            cost, edits = min(cost, SAME_SOUND), min(edits, 1)
        elif cost > NEAR_SOUND and len(core) == len(entry_core) and blurred(read) == blurred(pinyin):
            cost, edits = NEAR_SOUND, min(edits, 1)
    inside = _inside(plain, sought) if cost > JUST_A_PART else None
    if inside is not None and inside[0] < cost:
        (cost, edits), length = inside, len(plain)
    return None if edits > max(1.0, length / 5) else cost


def _inside(plain: str, sought: str) -> tuple[float, int] | None:
    """Give what slips to the nearest part of a longer label cost, a little for being just a part with it, and edits."""
    room = len(sought) - len(plain)
    if room < 1 or len(plain) < 4:
        return None
    parts = (sought[start : start + len(plain) + extra] for start in range(room + 2) for extra in (-1, 0, 1))
    edits, cost = min((slips_cost(plain, part) for part in parts), key=lambda found: found[::-1])
    return cost + JUST_A_PART, edits


def _best(hits: list[Hit], n: int) -> list[Hit]:
    """Keep each thing once, with its better score; best first."""
    kept: dict[tuple[str, str | None, str], Hit] = {}
    for hit in hits:
        known = kept.setdefault((hit.kind, hit.code, hit.label_zh), hit)
        if hit.score > known.score:
            kept[hit.kind, hit.code, hit.label_zh] = replace(hit, score=hit.score)
    return sorted(kept.values(), key=lambda hit: (-hit.score, len(hit.label_zh), hit.label_zh, hit.code or ""))[:n]
