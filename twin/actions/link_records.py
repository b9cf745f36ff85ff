"""Links of records and entities to places as matching proposes them, beside what people have decided.

A person's decision (twin.actions.decide_links) is never overturned by matching. Matching replaces its own links only,
and only where they differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
import psycopg
from psycopg import sql

from twin.queries.link_review import SubjectKind

Method = Literal["code", "address", "point", "name_grid", "name", "person"]
State = Literal["accepted", "review"]


@dataclass(frozen=True)
class LinkProposal:
    """What matching found for one record or entity: the place, how, how sure (score, margin 0..1), and why in words.

    weighed: for a reviewer, {"given": {part: text}, "candidates": [{"building_id", "asset_id", "address_id", "score",
    "distance_m", "parts": {part: same | near | differs | silent}}]}, best first; empty where nothing waits.
    """

    method: Method
    score: float
    state: State
    reason_zh: str
    reason_en: str
    record_id: int | None = None
    entity_id: int | None = None
    building_id: int | None = None
    asset_id: int | None = None
    address_id: int | None = None
    margin: float | None = None
    distance_m: float | None = None
    weighed: Mapping[str, Any] = field(default_factory=dict)


STAGE = """
CREATE TEMP TABLE IF NOT EXISTS stage_link (
  record_id bigint, entity_id bigint, building_id bigint, asset_id bigint, address_id bigint,
  method text NOT NULL, score real NOT NULL, margin real, distance_m real, state text NOT NULL,
  reason_zh text NOT NULL, reason_en text NOT NULL, weighed jsonb NOT NULL
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_subject (subject_id bigint NOT NULL) ON COMMIT DELETE ROWS
"""
COPY_LINKS = """
COPY stage_link (record_id, entity_id, building_id, asset_id, address_id, method, score, margin, distance_m, state,
                 reason_zh, reason_en, weighed) FROM STDIN
"""
# What a person has settled is left as it is: a subject with a place of that kind chosen, a place refused.
LEAVE_TO_PERSON = """
DELETE FROM stage_link s USING twin.link l
WHERE l.decided_by IS NOT NULL AND l.{subject} = s.{subject}
  AND ((l.state = 'accepted' AND (l.asset_id IS NULL) = (s.asset_id IS NULL))
       OR (l.state IN ('rejected', 'undone') AND (l.building_id, l.asset_id, l.address_id)
           IS NOT DISTINCT FROM (s.building_id, s.asset_id, s.address_id)))
"""
REMOVE = """
DELETE FROM twin.link l USING stage_subject x
WHERE l.decided_by IS NULL AND l.state IN ('accepted', 'review')
  AND l.{subject} = x.subject_id
  AND NOT EXISTS (SELECT FROM stage_link s WHERE l.{subject} = s.{subject}
                  AND (l.building_id, l.asset_id, l.address_id)
                      IS NOT DISTINCT FROM (s.building_id, s.asset_id, s.address_id))
"""
CHANGE = """
UPDATE twin.link l
SET method = s.method, score = s.score, margin = s.margin, distance_m = s.distance_m, state = s.state,
    reason_zh = s.reason_zh, reason_en = s.reason_en, weighed = s.weighed, version = l.version + 1,
    register_version = %(register_version)s
FROM stage_link s
WHERE l.decided_by IS NULL AND l.state IN ('accepted', 'review')
  AND l.{subject} = s.{subject}
  AND (l.building_id, l.asset_id, l.address_id) IS NOT DISTINCT FROM (s.building_id, s.asset_id, s.address_id)
  AND (l.method, l.score, l.margin, l.distance_m, l.state, l.reason_zh, l.reason_en, l.weighed) IS DISTINCT FROM
      (s.method, s.score, s.margin, s.distance_m, s.state, s.reason_zh, s.reason_en, s.weighed)
"""
ADD = """
INSERT INTO twin.link (record_id, entity_id, building_id, asset_id, address_id, method, score, margin, distance_m,
                       state, reason_zh, reason_en, weighed, register_version)
SELECT record_id, entity_id, building_id, asset_id, address_id, method, score, margin, distance_m, state,
       reason_zh, reason_en, weighed, %(register_version)s
FROM stage_link s
WHERE NOT EXISTS (SELECT FROM twin.link l WHERE l.{subject} = s.{subject}
                  AND (l.building_id, l.asset_id, l.address_id)
                      IS NOT DISTINCT FROM (s.building_id, s.asset_id, s.address_id)
                  AND l.state IN ('accepted', 'review'))
"""


def replace_machine_links(
    cursor: psycopg.Cursor[Any],
    kind: SubjectKind,
    subjects: Sequence[int],
    proposals: Sequence[LinkProposal],
    register_version: int,
) -> dict[str, int]:
    """Bring the links that matching made for these subjects to what it finds now.

    cursor: database role ingest, in a transaction of role system. kind, subjects: the records or entities looked at;
    those without a proposal lose their machine-made link. Links that are the same stay untouched, link_id included.
    Returns how many were inserted, changed, removed, and how many proposals were left to a person's decision.
    """
    cursor.execute(STAGE)
    with cursor.copy("COPY stage_subject FROM STDIN") as copy:
        for subject_id in subjects:
            copy.write_row((subject_id,))
    with cursor.copy(COPY_LINKS) as copy:
        for item in proposals:
            copy.write_row(_row(item))
    cursor.execute("ANALYZE stage_link, stage_subject")
    subject = sql.Identifier(f"{kind}_id")
    version = {"register_version": register_version}
    left = cursor.execute(sql.SQL(LEAVE_TO_PERSON).format(subject=subject)).rowcount
    removed = cursor.execute(sql.SQL(REMOVE).format(subject=subject)).rowcount
    changed = cursor.execute(sql.SQL(CHANGE).format(subject=subject), version).rowcount
    inserted = cursor.execute(sql.SQL(ADD).format(subject=subject), version).rowcount
    if kind == "entity":
        cursor.execute("SELECT twin.place_entities(%s)", (list(subjects),))
    return {"inserted": inserted, "changed": changed, "removed": removed, "left_to_person": left}


def _row(item: LinkProposal) -> tuple[Any, ...]:
    return (
        item.record_id, item.entity_id, item.building_id, item.asset_id, item.address_id, item.method,
        round(item.score, 4), None if item.margin is None else round(item.margin, 4),
        None if item.distance_m is None else round(item.distance_m, 2), item.state, item.reason_zh, item.reason_en,
        orjson.dumps(item.weighed).decode(),
    )  # fmt: skip
