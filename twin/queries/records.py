"""Departments' records: their public fields and where they are linked to. Private payloads are not read here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from twin.queries.evidence import evidence_of
from twin.queries.sight import Sight

_RECORD = f"""json_build_object(
         'record_id', r.record_id, 'department', json_build_object('code', d.code, 'name_zh', d.name_zh),
         'kind', r.kind, 'title_zh', r.title_zh, 'recorded_at', r.recorded_at, 'state', r.state,
         'address_given', r.address_given, 'attributes', r.attributes,
         'lon', ST_X(r.geom), 'lat', ST_Y(r.geom), 'valid_from', r.valid_from, 'valid_to', r.valid_to,
         'evidence', {evidence_of("r.evidence_id", delivered=True)})"""

# Pages by key: `after` is the last record_id of the page before.
RECORDS = f"""
SELECT coalesce(json_agg({_RECORD} ORDER BY r.record_id), '[]')::text, max(r.record_id), count(*)
FROM (
  SELECT r.* FROM twin.record r
  WHERE r.record_id > %(after)s
    AND (%(department)s::text IS NULL
         OR r.department_id = (SELECT department_id FROM twin.department WHERE code = %(department)s))
    AND (%(kind)s::text IS NULL OR r.kind = %(kind)s)
    AND (%(state)s::text IS NULL OR r.state = %(state)s)
    AND r.valid_to IS NULL
  ORDER BY r.record_id LIMIT %(n)s) r
  JOIN twin.department d USING (department_id)
"""

RECORD = f"""
SELECT {_RECORD}::text FROM twin.record r JOIN twin.department d USING (department_id) WHERE r.record_id = %(record_id)s
"""

LINKS = """
SELECT coalesce(json_agg(json_build_object(
         'link_id', l.link_id, 'method', l.method, 'score', l.score, 'margin', l.margin, 'distance_m', l.distance_m,
         'state', l.state, 'reason_zh', l.reason_zh, 'reason_en', l.reason_en,
         'register_version', l.register_version, 'created_at', l.created_at, 'decided_at', l.decided_at,
         'decided_by', CASE WHEN %(see_actors)s THEN l.decided_by END,
         'building', CASE WHEN b.code IS NOT NULL THEN json_build_object('code', b.code, 'name_zh', b.name_zh) END,
         'asset', CASE WHEN a.code IS NOT NULL THEN json_build_object('code', a.code, 'name_zh', a.name_zh) END,
         'address', CASE WHEN s.code IS NOT NULL THEN json_build_object('code', s.code, 'text_zh', s.text_zh) END)
         ORDER BY l.state, l.score DESC, l.link_id) FILTER (WHERE l.link_id IS NOT NULL), '[]')::text
FROM twin.record r
  LEFT JOIN twin.link l USING (record_id)
  LEFT JOIN twin.building b ON b.building_id = l.building_id
  LEFT JOIN twin.asset a ON a.asset_id = l.asset_id
  LEFT JOIN twin.address s ON s.address_id = l.address_id
WHERE r.record_id = %(record_id)s GROUP BY r.record_id
"""


@dataclass(frozen=True)
class RecordsAsked:
    """Which records: of a department (code), of a kind, in a state; n of them after a record_id."""

    department: str | None = None
    kind: str | None = None
    state: str | None = None
    after: int = 0
    n: int = 100


async def some_records(cursor: psycopg.AsyncCursor[Any], asked: RecordsAsked, sight: Sight) -> tuple[str, int | None]:
    """List current records. Returns a JSON array in text and the key to go on after (None at the end)."""
    await cursor.execute(RECORDS, {**vars(asked), **sight.values()})
    row = await cursor.fetchone()
    if row is None:
        return "[]", None
    return str(row[0]), row[1] if row[2] == asked.n else None


async def one_record(cursor: psycopg.AsyncCursor[Any], record_id: int, sight: Sight) -> str | None:
    """Give a record's public fields as JSON text; None when there is none."""
    await cursor.execute(RECORD, {"record_id": record_id, **sight.values()})
    row = await cursor.fetchone()
    return str(row[0]) if row else None


async def links_of(cursor: psycopg.AsyncCursor[Any], record_id: int, sight: Sight) -> str | None:
    """Give a record's links, accepted first, as a JSON array in text; None when there is no such record."""
    await cursor.execute(LINKS, {"record_id": record_id, **sight.values()})
    row = await cursor.fetchone()
    return str(row[0]) if row else None
