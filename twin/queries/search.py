"""Find places, buildings, assets and institutions by name, address, code or pinyin; one wrong character is forgiven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
import psycopg
from rapidfuzz.distance import OSA

from twin.queries.search_sql import INDEXES_ONLY, KINDS, READ_ALOUD, SEARCH, SEARCH_NEAR
from twin.queries.search_text import near_codes, search_forms

__all__ = ["KINDS", "SearchAsked", "search", "search_values"]

# From here on a hit is written as it was asked for; below, what was meant may be one character away.
SURE = 0.61
FORGIVEN = 0.6
HOMOPHONE = 0.4
# What one edit weighs. A character wrong or too many is one of thousands that it might have been; two swapped and one
# left out can happen in one way only, so they are the likelier story where several fit.
SWAPPED, LEFT_OUT = 0.8, 0.9


@dataclass(frozen=True)
class SearchAsked:
    """What is sought: a text, of which kinds (empty: all), inside which box (west, south, east, north; degrees)."""

    text: str
    kinds: Sequence[str] = ()
    bbox: tuple[float, float, float, float] | None = None
    n: int = 20
    candidates: int = 200
    near_candidates: int = 1500


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
        "n": asked.n,
        "candidates": asked.candidates,
        "near_candidates": asked.near_candidates,
    }


async def search(cursor: psycopg.AsyncCursor[Any], asked: SearchAsked, srid: int) -> str:
    """Search the city; best first.

    cursor: inside a transaction on the asker's behalf. srid: the city's working CRS. Returns a JSON array of hits as
    text: kind, code, label_zh, lon, lat, score in 0..1. A text without letters or digits finds nothing. Only when
    nothing is written as asked are things found that differ by a character.
    """
    values = search_values(asked, srid)
    if not values["forms"]:
        return "[]"
    await cursor.execute(INDEXES_ONLY)
    await cursor.execute(SEARCH, values)
    hits = [Hit(*row) for row in await cursor.fetchall()]
    if not hits or hits[0].score < SURE:
        hits = _best(hits + await _near(cursor, values), asked.n)
    return orjson.dumps([hit.as_json() for hit in hits]).decode()


async def _near(cursor: psycopg.AsyncCursor[Any], values: dict[str, Any]) -> list[Hit]:
    await cursor.execute(READ_ALOUD, values)
    read = await cursor.fetchone()
    assert read is not None  # noqa: S101 - one row, whatever the text
    await cursor.execute(SEARCH_NEAR, values)
    found = []
    for kind, code, label, lon, lat, weight, *written in await cursor.fetchall():
        alike = likeness(tuple(read), tuple(written))
        if alike > 0:
            found.append(Hit(kind, code, label, lon, lat, alike * (0.9 + 0.1 * weight)))
    return found


def likeness(asked: tuple[str, str, str | None], written: tuple[str, str, str | None, str | None]) -> float:
    """Say how like a text is to an entry: 0 not at all, at most just under what a whole match is worth.

    asked: the text plain, its core, how that is read. written: an entry's label plain, core, core's initials, pinyin.
    The distance is of restricted edits (wrong, missing, extra, two swapped) between the better fitting pair; a
    character read like the right one counts less.
    """
    plain, core, read = asked
    sought, entry_core, initials, pinyin = written
    readings = [reading for reading in (initials, pinyin) if reading and plain.isascii()]
    pairs = [(plain, sought), (core, entry_core), *((plain, reading) for reading in readings)]
    distance, length = min(((edits_between(a, b), max(len(a), len(b))) for a, b in pairs), key=lambda pair: pair[0])
    if distance and read and read == pinyin and not core.isascii():
        distance = min(distance, HOMOPHONE)
    inside = _inside(plain, sought)
    if inside is not None and inside < distance:
        distance, length = inside, len(plain)
    if distance > max(1.0, length / 5):
        return 0.0
    return FORGIVEN - distance / (length + 1) * FORGIVEN


def edits_between(typed: str, meant: str) -> float:
    """Count the edits from what is meant to what was typed: wrong, missing, extra, two neighbours swapped.

    One that can happen in one way only weighs a little less.
    """
    edits = float(OSA.distance(typed, meant))
    if edits == 1.0 and len(typed) < len(meant):
        return LEFT_OUT
    if edits == 1.0 and len(typed) == len(meant) and sorted(typed) == sorted(meant):
        return SWAPPED
    return edits


def _inside(plain: str, sought: str) -> float | None:
    """Give the edits from a text to the nearest part of a longer label, with a little for being just a part."""
    room = len(sought) - len(plain)
    if room < 1 or len(plain) < 4:
        return None
    edits = min(
        OSA.distance(plain, sought[start : start + len(plain) + extra])
        for start in range(room + 2)
        for extra in (-1, 0, 1)
    )
    return edits + 0.3


def _best(hits: list[Hit], n: int) -> list[Hit]:
    """Keep each thing once, with its better score; best first."""
    kept: dict[tuple[str, str | None, str], Hit] = {}
    for hit in hits:
        known = kept.setdefault((hit.kind, hit.code, hit.label_zh), hit)
        if hit.score > known.score:
            kept[hit.kind, hit.code, hit.label_zh] = replace(hit, score=hit.score)
    return sorted(kept.values(), key=lambda hit: (-hit.score, len(hit.label_zh), hit.label_zh, hit.code or ""))[:n]
