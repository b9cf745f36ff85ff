"""The nearest assets to a place, of every class or of some, found in metres by the index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from twin.errors import BadInput
from twin.queries.asset_json import ASSET_COLUMNS, ASSET_JOINS, ASSET_JSON
from twin.queries.kept_plans import KEEP_PLANS
from twin.queries.known_then import sources_as_of, sources_now, valid
from twin.queries.place_asked import PlaceAsked
from twin.queries.sight import Sight

# class_id is a smallint column on both sides: an int4 literal would lose GiST(class_id, geom_m), 65 times slower.
_NEAREST = f"""
SELECT coalesce(json_agg({ASSET_JSON} ORDER BY a.distance_m, a.code), '[]')::text,
       (SELECT array_agg(code) FROM unnest(%(classes)s::text[]) AS t (code)
        WHERE NOT EXISTS (SELECT FROM twin.class k WHERE k.code = t.code))
FROM (SELECT ST_SetSRID(ST_MakePoint(%(east)s, %(north)s), %(srid)s::int) AS m) q
  CROSS JOIN LATERAL (
    {{nearest}}
    ORDER BY distance_m, code LIMIT %(n)s) a
  {ASSET_JOINS}
"""

_CANDIDATES = f"""SELECT {ASSET_COLUMNS}, a.geom_m <-> q.m AS distance_m
    FROM {{asset}} a
    WHERE {valid("a")} {{of_class}}
      AND (%(radius_m)s::float8 IS NULL OR ST_DWithin(a.geom_m, q.m, %(radius_m)s::float8))
    ORDER BY a.geom_m <-> q.m LIMIT %(n)s"""

_PER_CLASS = """SELECT near.* FROM twin.class k CROSS JOIN LATERAL ({candidates}) near
    WHERE k.code = ANY (%(classes)s::text[])"""


def _statements(sources: dict[str, str]) -> dict[bool, str]:
    any_class = f"SELECT near.* FROM ({_CANDIDATES.format(asset=sources['asset'], of_class='')}) near"
    per_class = _PER_CLASS.format(
        candidates=_CANDIDATES.format(asset=sources["asset"], of_class="AND a.class_id = k.class_id")
    )
    return {False: _NEAREST.format(nearest=any_class), True: _NEAREST.format(nearest=per_class)}


NEARBY = _statements(sources_now())
NEARBY_AS_OF = _statements(sources_as_of())


@dataclass(frozen=True)
class NearbyAsked:
    """What is asked: a place, how many, which classes (codes of data/catalogue; empty: all), how far at most (m)."""

    place: PlaceAsked
    n: int = 20
    classes: Sequence[str] = ()
    radius_m: float | None = None
    as_of: datetime | None = None


def nearby_statement(asked: NearbyAsked, sight: Sight) -> tuple[str, dict[str, Any]]:
    """Give the SQL text and its bound values for a question."""
    statements = NEARBY if asked.as_of is None else NEARBY_AS_OF
    values = {
        **asked.place.values(),
        **sight.values(),
        "n": asked.n,
        "classes": list(asked.classes),
        "radius_m": asked.radius_m,
        "as_of": asked.as_of or datetime.now(UTC),
    }
    return statements[bool(asked.classes)], values


async def nearest_assets(cursor: psycopg.AsyncCursor[Any], asked: NearbyAsked, sight: Sight) -> str:
    """Find the nearest assets, nearest first.

    cursor: inside a transaction on the asker's behalf. Returns a JSON array of assets as text.
    Raises BadInput when a class code is none of the 108.
    """
    await cursor.execute(KEEP_PLANS)
    await cursor.execute(*nearby_statement(asked, sight))
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate always gives a row
    items, unknown = row
    if unknown:
        raise BadInput(
            f"no class has the code {', '.join(unknown)}",
            where="class",
            do="Give four-digit codes as listed by /classes, such as 0118 for street lamps",
        )
    return str(items)
