"""Find places, buildings, assets and institutions by name, address, code or pinyin initials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from twin.queries.search_text import search_forms

KINDS = ("address", "building", "asset", "entity", "admin_unit", "grid")

# Exact codes come first, then labels equal to, starting with and containing the text, then initials.
# Each way of matching uses its own index; a row found in two ways keeps its better score.
SEARCH = """
WITH asked AS (
  SELECT (SELECT string_agg('(' || q::text || ')', ' | ')::tsquery
          FROM (SELECT DISTINCT twin.search_query(form) AS q FROM unnest(%(forms)s::text[]) AS f (form)) s
          WHERE numnode(q) > 0) AS tokens,
         (SELECT array_agg(DISTINCT array_to_string(twin.search_units(form), ''))
          FROM unnest(%(forms)s::text[]) AS f (form)) AS labels
), found AS (
  SELECT e.kind, e.row_id, e.code, e.label_zh, e.geom, e.weight, 1.0::real AS score FROM twin.search_entry e
  WHERE e.code = %(code)s OR e.code = upper(%(code)s)
  UNION ALL
  (SELECT e.kind, e.row_id, e.code, e.label_zh, e.geom, e.weight, 0.9 FROM twin.search_entry e
   WHERE e.code LIKE %(code_prefix)s OR e.code LIKE upper(%(code_prefix)s) ORDER BY e.code LIMIT %(candidates)s)
  UNION ALL
  (SELECT e.kind, e.row_id, e.code, e.label_zh, e.geom, e.weight,
          CASE WHEN label = ANY (asked.labels) THEN 0.95
               WHEN EXISTS (SELECT FROM unnest(asked.labels) l (l) WHERE starts_with(label, l)) THEN 0.85
               WHEN EXISTS (SELECT FROM unnest(asked.labels) l (l) WHERE strpos(label, l) > 0) THEN 0.8 ELSE 0.6 END
   FROM asked, twin.search_entry e
     CROSS JOIN LATERAL (SELECT array_to_string(twin.search_units(e.label_zh), '') AS label) n
   WHERE e.tokens @@ asked.tokens LIMIT %(candidates)s)
  UNION ALL
  (SELECT e.kind, e.row_id, e.code, e.label_zh, e.geom, e.weight,
          CASE WHEN e.pinyin_initials = %(initials)s THEN 0.7 ELSE 0.65 END
   FROM twin.search_entry e
   WHERE e.pinyin_initials LIKE %(initials_prefix)s ORDER BY e.pinyin_initials LIMIT %(candidates)s)
)
SELECT coalesce(json_agg(json_build_object(
         'kind', kind, 'code', code, 'label_zh', label_zh, 'lon', round(ST_X(geom)::numeric, 7),
         'lat', round(ST_Y(geom)::numeric, 7), 'score', round(score::numeric, 3))
         ORDER BY score DESC, label_zh, code), '[]')::text
FROM (
  SELECT kind, code, label_zh, geom, max(score) * (0.9 + 0.1 * weight) AS score
  FROM found
  WHERE (%(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s::text[]))
    AND (%(west)s::float8 IS NULL
         OR geom && ST_MakeEnvelope(%(west)s::float8, %(south)s::float8, %(east)s::float8, %(north)s::float8, 4490))
  GROUP BY kind, row_id, code, label_zh, geom, weight
  ORDER BY score DESC, label_zh, code LIMIT %(n)s) ranked
"""

# Nothing has all the words: what has most of their pairs, or holds the initials somewhere inside.
SEARCH_LOOSELY = """
WITH asked AS (
  SELECT tsvector_to_array(twin.search_tokens(%(text)s)) AS words
), pairs AS (
  SELECT array_agg(w) AS words FROM asked, unnest(asked.words) w
  WHERE char_length(w) > 1 OR cardinality(asked.words) = 1
), found AS (
  (SELECT e.kind, e.row_id, e.code, e.label_zh, e.geom, e.weight, (0.5 * share)::real AS score
   FROM pairs, twin.search_entry e CROSS JOIN LATERAL (
     SELECT count(*) FILTER (WHERE w = ANY (tsvector_to_array(e.tokens)))::float8 / cardinality(pairs.words) AS share
     FROM unnest(pairs.words) w) s
   WHERE e.tokens @@ (SELECT string_agg(quote_literal(w), ' | ')::tsquery FROM unnest(pairs.words) w) AND share >= 0.5
   ORDER BY share DESC LIMIT %(candidates)s)
  UNION ALL
  (SELECT e.kind, e.row_id, e.code, e.label_zh, e.geom, e.weight, 0.6 FROM twin.search_entry e
   WHERE e.pinyin_initials LIKE %(initials_inside)s LIMIT %(candidates)s)
)""" + SEARCH[SEARCH.index("\nSELECT coalesce(json_agg") :]


@dataclass(frozen=True)
class SearchAsked:
    """What is sought: a text, of which kinds (empty: all), inside which box (west, south, east, north; degrees)."""

    text: str
    kinds: Sequence[str] = ()
    bbox: tuple[float, float, float, float] | None = None
    n: int = 20
    candidates: int = 2000


def search_values(asked: SearchAsked) -> dict[str, Any]:
    """Give the bound values of SEARCH and SEARCH_LOOSELY."""
    wish = search_forms(asked.text)
    west, south, east, north = asked.bbox or (None,) * 4
    initials = _like(wish.initials) if wish.initials else None
    return {
        "text": wish.forms[0] if wish.forms else "",
        "forms": list(wish.forms),
        "code": wish.code,
        "code_prefix": f"{_like(wish.code)}%" if wish.code else None,
        "initials": wish.initials,
        "initials_prefix": f"{initials}%" if initials else None,
        "initials_inside": f"%{initials}%" if initials else None,
        "kinds": list(asked.kinds) or None,
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "n": asked.n,
        "candidates": asked.candidates,
    }


async def search(cursor: psycopg.AsyncCursor[Any], asked: SearchAsked) -> str:
    """Search the city; best first.

    cursor: inside a transaction on the asker's behalf. Returns a JSON array of hits as text: kind, code, label_zh,
    lon, lat, score in 0..1. A text without letters or digits finds nothing.
    """
    values = search_values(asked)
    for statement in (SEARCH, SEARCH_LOOSELY):
        await cursor.execute(statement, values)
        row = await cursor.fetchone()
        if row is not None and row[0] != "[]":
            return str(row[0])
    return "[]"


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
