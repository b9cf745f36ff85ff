"""Everything known at one place: the database's part in one statement, heights and photos from the surveys' files."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg

from twin.personal.keyring import keys_if_there
from twin.queries.imagery import OpenSurveys, SeenFrom, seen_from
from twin.queries.kept_plans import KEEP_PLANS
from twin.queries.lookup_sql import LOOKUP, LOOKUP_AS_OF
from twin.queries.masked_people import mask_entities
from twin.queries.place_asked import PlaceAsked
from twin.queries.sight import Sight

PARTS = ("place", "building", "assets", "records", "entities", "events", "sensors", "history")


@dataclass(frozen=True)
class LookupLimits:
    """How far is looked (metres) and how much is listed of each kind."""

    building_reach_m: float = 2.0
    address_reach_m: float = 60.0
    asset_limit: int = 100
    record_limit: int = 50
    entity_limit: int = 100
    event_limit: int = 50
    sensor_limit: int = 50


@dataclass(frozen=True)
class LookupAsked:
    """What is asked: a place, its height if known (m), how far around (m), for which moment (None: now)."""

    place: PlaceAsked
    height_m: float | None = None
    radius_m: float = 30.0
    as_of: datetime | None = None
    limits: LookupLimits = LookupLimits()


def lookup_statement(asked: LookupAsked, sight: Sight) -> tuple[str, dict[str, Any]]:
    """Give the SQL text and its bound values for a question."""
    values = {
        **asked.place.values(),
        **sight.values(),
        **vars(asked.limits),
        "radius_m": asked.radius_m,
        "as_of": asked.as_of or datetime.now(UTC),
        "as_of_now": asked.as_of is None,
    }
    return LOOKUP if asked.as_of is None else LOOKUP_AS_OF, values


async def look_up(
    cursor: psycopg.AsyncCursor[Any],
    asked: LookupAsked,
    sight: Sight,
    surveys: OpenSurveys,
    role: str,
    people: list[str] | None = None,
) -> bytes:
    """Answer what is known at a place, as JSON bytes (the shape of GET /lookup).

    cursor: inside a transaction on the asker's behalf. sight: what that asker may see. role: said in the answer.
    people: gets the codes of those of whom the answer shows something personal, masked.
    """
    await cursor.execute(KEEP_PLANS)
    await cursor.execute(*lookup_statement(asked, sight))
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - the statement starts from one row
    texts = dict(zip(PARTS, row, strict=False))
    texts["entities"], shown = mask_entities(texts["entities"] or "null", keys_if_there(cursor.connection))
    if people is not None:
        people += shown
    listed: list[dict[str, Any]] = row[len(PARTS)]
    photo_sets = [await surveys.photos(cursor, survey) for survey in listed]
    position = asked.place.position
    seen = await asyncio.to_thread(seen_from, position, asked.height_m, listed, photo_sets, surveys.rasters)
    return _compose(asked, role, texts, listed, seen)


def _compose(
    asked: LookupAsked, role: str, texts: dict[str, str | None], surveys: list[dict[str, Any]], seen: SeenFrom
) -> bytes:
    place = asked.place
    query = {
        "lon": place.position.lon,
        "lat": place.position.lat,
        "height_m": asked.height_m,
        "radius_m": asked.radius_m,
        "as_of": asked.as_of,
        "role": role,
    }
    projected = {
        "crs": f"EPSG:{place.working_srid}",
        "east": round(place.projected.east, 3),
        "north": round(place.projected.north, 3),
    }
    imagery = {
        "surveys": [
            {
                "name": survey["name"],
                "kind": survey["kind"],
                "taken_from": survey["taken_from"],
                "gsd_m": survey["gsd_m"],
                "products": sorted(survey["products"]),
            }
            for survey in surveys
        ],
        "photos": seen.photos,
        "hidden": seen.hidden,
    }
    answer = {
        "query": query,
        "place": {**orjson.loads(texts["place"] or "{}"), "projected": projected},
        "terrain": seen.heights.as_json() if seen.heights else None,
        **{part: orjson.Fragment(texts[part] or "null") for part in PARTS[1:-1]},
        "imagery": imagery,
        "history": orjson.Fragment(texts["history"] or "[]"),
    }
    return orjson.dumps(answer)
