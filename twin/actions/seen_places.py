"""What a survey sees of buildings, beside what the registers say: kept, reviewed, and the heights of assets with it.

A person's word on a match is never overturned by matching again; what is the same stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from twin.errors import Conflict, NotFound

SeenKind = Literal["building", "asset"]


@dataclass(frozen=True)
class SeenMatch:
    """Places and the outlines a survey sees for them. relation: registered : seen; one side may be empty.

    seen_ewkt: in EPSG:4490, None where nothing is seen. score, iou 0..1. state: accepted or review.
    """

    relation: str
    place_ids: tuple[int, ...]
    seen_keys: tuple[str, ...]
    seen_ewkt: str | None
    iou: float | None
    score: float
    state: str
    reason_zh: str
    reason_en: str


@dataclass(frozen=True)
class AssetHeight:
    """Ground height at an asset in metres, and how sure (1 sigma)."""

    asset_id: int
    height_m: float
    sigma_m: float


STAGE = """
CREATE TEMP TABLE IF NOT EXISTS stage_seen (
  relation text, place_ids bigint[], seen_keys text[], seen_geom geometry, iou real, score real, state text,
  reason_zh text, reason_en text
) ON COMMIT DELETE ROWS
"""
COPY = """
COPY stage_seen (relation, place_ids, seen_keys, seen_geom, iou, score, state, reason_zh, reason_en) FROM STDIN
"""
REMOVE = """
DELETE FROM twin.seen_match m
WHERE m.survey_id = %(survey)s AND m.kind = %(kind)s AND m.decided_by IS NULL
  AND NOT EXISTS (SELECT FROM stage_seen s WHERE (s.place_ids, s.seen_keys) = (m.place_ids, m.seen_keys))
"""
CHANGE = """
UPDATE twin.seen_match m
SET relation = s.relation, seen_geom = s.seen_geom, iou = s.iou, score = s.score, state = s.state,
    reason_zh = s.reason_zh, reason_en = s.reason_en, shift_east_m = %(east)s, shift_north_m = %(north)s
FROM stage_seen s
WHERE m.survey_id = %(survey)s AND m.kind = %(kind)s AND m.decided_by IS NULL
  AND (s.place_ids, s.seen_keys) = (m.place_ids, m.seen_keys)
  AND (m.relation, m.iou, m.score, m.state, m.reason_zh, m.shift_east_m, m.shift_north_m)
      IS DISTINCT FROM (s.relation, s.iou, s.score, s.state, s.reason_zh, %(east)s::real, %(north)s::real)
"""
ADD = """
INSERT INTO twin.seen_match (survey_id, kind, relation, place_ids, seen_keys, seen_geom, shift_east_m, shift_north_m,
                             iou, score, state, reason_zh, reason_en)
SELECT %(survey)s, %(kind)s, relation, place_ids, seen_keys, seen_geom, %(east)s, %(north)s, iou, score, state,
       reason_zh, reason_en
FROM stage_seen
ON CONFLICT (survey_id, kind, place_ids, seen_keys) DO NOTHING
"""
# Ground heights only where none is known or this one is surer; the vertical datum comes with them.
SET_HEIGHTS = """
UPDATE twin.asset a SET height_m = h.height_m, height_sigma_m = h.sigma_m, vertical_datum = %(datum)s
FROM unnest(%(ids)s::bigint[], %(heights)s::real[], %(sigmas)s::real[]) AS h (asset_id, height_m, sigma_m)
WHERE a.asset_id = h.asset_id AND a.valid_to IS NULL
  AND (a.height_m IS NULL OR (a.height_sigma_m IS NOT NULL AND h.sigma_m < a.height_sigma_m))
"""
DECIDE = """
UPDATE twin.seen_match SET state = %(state)s, decided_by = %(person)s, decided_at = now()
WHERE seen_match_id = %(match)s AND decided_by IS NULL RETURNING seen_match_id
"""


def keep_seen_matches(
    cursor: psycopg.Cursor[Any],
    survey_id: int,
    kind: SeenKind,
    matches: Sequence[SeenMatch],
    shift_east_north_m: tuple[float, float],
) -> dict[str, int]:
    """Bring what is kept of a survey to what matching finds now. Returns how many were inserted, changed, removed.

    cursor: role ingest, in a transaction with an actor.
    """
    cursor.execute(STAGE)
    with cursor.copy(COPY) as copy:
        for item in matches:
            copy.write_row(
                (
                    item.relation, sorted(item.place_ids), sorted(item.seen_keys), item.seen_ewkt,
                    None if item.iou is None else round(item.iou, 3), round(item.score, 3), item.state,
                    item.reason_zh, item.reason_en,
                )
            )  # fmt: skip
    east, north = (round(metres, 2) for metres in shift_east_north_m)
    values = {"survey": survey_id, "kind": kind, "east": east, "north": north}
    removed = cursor.execute(REMOVE, values).rowcount
    changed = cursor.execute(CHANGE, values).rowcount
    inserted = cursor.execute(ADD, values).rowcount
    return {"inserted": inserted, "changed": changed, "removed": removed}


def set_asset_heights(cursor: psycopg.Cursor[Any], heights: Sequence[AssetHeight], vertical_datum: str) -> int:
    """Give assets the height of the ground they stand on, unless a surer one is known. Returns how many changed.

    cursor: role ingest, in a transaction with an actor. heights: metres in vertical_datum.
    """
    values = {
        "ids": [item.asset_id for item in heights], "heights": [round(item.height_m, 3) for item in heights],
        "sigmas": [round(item.sigma_m, 3) for item in heights], "datum": vertical_datum,
    }  # fmt: skip
    return cursor.execute(SET_HEIGHTS, values).rowcount


def decide_seen_match(cursor: psycopg.Cursor[Any], match_id: int, accept: bool, person: str) -> None:
    """Accept or refuse a match on a person's word. Raises NotFound, or Conflict when somebody has decided it."""
    values = {"state": "accepted" if accept else "rejected", "person": person, "match": match_id}
    if cursor.execute(DECIDE, values).fetchone() is None:
        there = cursor.execute("SELECT 1 FROM twin.seen_match WHERE seen_match_id = %s", (match_id,)).fetchone()
        if there is None:
            raise NotFound(f"没有编号为 {match_id} 的对照 (there is no match {match_id})")
        raise Conflict(f"对照 {match_id} 已由他人处理 (match {match_id} has been decided already)")
