"""Links of records and entities to places: what matching proposes, what people decide, and how both live together.

A person's decision is never overturned by matching. Matching replaces its own links only, and only where they differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg import sql

from twin.errors import BadInput, Conflict, NotFound

Method = Literal["code", "address", "point", "name_grid", "person"]
State = Literal["accepted", "review"]
SubjectKind = Literal["record", "entity"]
TargetKind = Literal["building", "asset", "address"]


@dataclass(frozen=True)
class LinkProposal:
    """What matching found for one record or entity: the place, how, how sure (score, margin 0..1), and why in words."""

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


STAGE = """
CREATE TEMP TABLE IF NOT EXISTS stage_link (
  record_id bigint, entity_id bigint, building_id bigint, asset_id bigint, address_id bigint,
  method text NOT NULL, score real NOT NULL, margin real, distance_m real, state text NOT NULL,
  reason_zh text NOT NULL, reason_en text NOT NULL
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_subject (subject_id bigint NOT NULL) ON COMMIT DELETE ROWS
"""
COPY_LINKS = """
COPY stage_link (record_id, entity_id, building_id, asset_id, address_id, method, score, margin, distance_m, state,
                 reason_zh, reason_en) FROM STDIN
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
    reason_zh = s.reason_zh, reason_en = s.reason_en, register_version = %(register_version)s
FROM stage_link s
WHERE l.decided_by IS NULL AND l.state IN ('accepted', 'review')
  AND l.{subject} = s.{subject}
  AND (l.building_id, l.asset_id, l.address_id) IS NOT DISTINCT FROM (s.building_id, s.asset_id, s.address_id)
  AND (l.method, l.score, l.margin, l.distance_m, l.state, l.reason_zh, l.reason_en) IS DISTINCT FROM
      (s.method, s.score, s.margin, s.distance_m, s.state, s.reason_zh, s.reason_en)
"""
ADD = """
INSERT INTO twin.link (record_id, entity_id, building_id, asset_id, address_id, method, score, margin, distance_m,
                       state, reason_zh, reason_en, register_version)
SELECT record_id, entity_id, building_id, asset_id, address_id, method, score, margin, distance_m, state,
       reason_zh, reason_en, %(register_version)s
FROM stage_link s
WHERE NOT EXISTS (SELECT FROM twin.link l WHERE l.{subject} = s.{subject}
                  AND (l.building_id, l.asset_id, l.address_id)
                      IS NOT DISTINCT FROM (s.building_id, s.asset_id, s.address_id)
                  AND l.state IN ('accepted', 'review'))
"""
# An entity stands in the building of its accepted link, and in that building's grid when it has no position itself.
PLACE_ENTITIES = """
UPDATE twin.entity e
SET building_id = place.building_id, address_id = place.address_id,
    grid_id = CASE WHEN e.geom_m IS NULL THEN place.grid_id ELSE e.grid_id END,
    admin_id = CASE WHEN e.geom_m IS NULL THEN place.admin_id ELSE e.admin_id END
FROM (
  SELECT s.subject_id AS entity_id, best.building_id, best.address_id, b.grid_id, b.admin_id
  FROM stage_subject s
    LEFT JOIN (SELECT DISTINCT ON (l.entity_id) l.entity_id, l.building_id, l.address_id
               FROM twin.link l JOIN stage_subject x ON x.subject_id = l.entity_id
               WHERE l.state = 'accepted' AND l.building_id IS NOT NULL
               ORDER BY l.entity_id, l.decided_by IS NULL, l.score DESC, l.link_id
              ) best ON best.entity_id = s.subject_id
    LEFT JOIN twin.building b ON b.building_id = best.building_id
) place
WHERE e.entity_id = place.entity_id
  AND ((e.building_id, e.address_id) IS DISTINCT FROM (place.building_id, place.address_id)
       OR (e.geom_m IS NULL AND (e.grid_id, e.admin_id) IS DISTINCT FROM (place.grid_id, place.admin_id)))
"""
PLACE_PRIVATE = """
UPDATE private.entity p SET grid_id = e.grid_id
FROM twin.entity e JOIN stage_subject s ON s.subject_id = e.entity_id
WHERE p.entity_id = e.entity_id AND p.grid_id IS DISTINCT FROM e.grid_id
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
        cursor.execute(PLACE_ENTITIES)
        cursor.execute(PLACE_PRIVATE)
    return {"inserted": inserted, "changed": changed, "removed": removed, "left_to_person": left}


def _row(item: LinkProposal) -> tuple[Any, ...]:
    return (
        item.record_id, item.entity_id, item.building_id, item.asset_id, item.address_id, item.method,
        round(item.score, 4), None if item.margin is None else round(item.margin, 4),
        None if item.distance_m is None else round(item.distance_m, 2), item.state, item.reason_zh, item.reason_en,
    )  # fmt: skip


def decide_link(cursor: psycopg.Cursor[Any], link_id: int, accept: bool, person: str) -> None:
    """Accept or reject a link on a person's word; an accepted one clears the subject's other open proposals.

    Raises NotFound when there is no such link, Conflict when somebody has decided it meanwhile.
    """
    row = cursor.execute(
        "SELECT state, decided_by, record_id, entity_id, asset_id FROM twin.link WHERE link_id = %s FOR UPDATE",
        (link_id,),
    ).fetchone()
    if row is None:
        raise NotFound(f"没有编号为 {link_id} 的关联 (there is no link {link_id})")
    state, decided_by, record_id, entity_id, asset_id = row
    if decided_by is not None or state not in ("review", "accepted"):
        raise Conflict(
            f"关联 {link_id} 已由他人处理 (link {link_id} has been decided already)",
            do="请先用 twin link undo 撤销 (undo it first with twin link undo)",
        )
    cursor.execute(
        "UPDATE twin.link SET state = %s, decided_by = %s, decided_at = now() WHERE link_id = %s",
        ("accepted" if accept else "rejected", person, link_id),
    )
    if accept:
        _clear_open(cursor, record_id, entity_id, asset_id is not None, keep=link_id)
    place_entity(cursor, entity_id)


def choose_place(
    cursor: psycopg.Cursor[Any],
    *,
    record_id: int | None,
    entity_id: int | None,
    kind: TargetKind,
    code: str,
    person: str,
    reason: str = "",
) -> int:
    """Link a record or entity to a place a person names by its code. Returns the link's number.

    Raises NotFound when subject or place is not there, BadInput unless just one subject is given.
    """
    if (record_id is None) == (entity_id is None):
        raise BadInput("请给出一条记录或一个实体 (give one record or one entity)")
    place = cursor.execute(PLACE_BY_CODE[kind], (code,)).fetchone()
    if place is None:
        raise NotFound(f"没有编码为 {code} 的{kind} (there is no {kind} {code})")
    values = {"record_id": record_id, "entity_id": entity_id, f"{kind}_id": place[0], "person": person}
    bound = {"building_id": None, "asset_id": None, "address_id": None, **values}
    bound["zh"], bound["en"] = f"人工指定{reason}", f"chosen by a person {reason}".strip()
    _clear_open(cursor, record_id, entity_id, kind == "asset", keep=None)
    made = cursor.execute(CHOOSE, bound).fetchone()
    if made is None:
        raise NotFound("没有这条记录或实体 (there is no such record or entity)")
    place_entity(cursor, entity_id)
    return int(made[0])


PLACE_BY_CODE: dict[TargetKind, bytes] = {
    "building": b"SELECT building_id FROM twin.building WHERE code = %s AND valid_to IS NULL",
    "asset": b"SELECT asset_id FROM twin.asset WHERE code = %s AND valid_to IS NULL",
    "address": b"SELECT address_id FROM twin.address WHERE code = %s AND valid_to IS NULL",
}
CHOOSE = """
INSERT INTO twin.link (record_id, entity_id, building_id, asset_id, address_id, method, score, state,
                       reason_zh, reason_en, register_version, decided_by, decided_at)
SELECT %(record_id)s, %(entity_id)s, %(building_id)s, %(asset_id)s, %(address_id)s, 'person', 1, 'accepted',
       %(zh)s, %(en)s, (SELECT coalesce(max(register_version), 1) FROM twin.address), %(person)s, now()
WHERE EXISTS (SELECT FROM twin.record WHERE record_id = %(record_id)s)
   OR EXISTS (SELECT FROM twin.entity WHERE entity_id = %(entity_id)s)
RETURNING link_id
"""


def undo_link(cursor: psycopg.Cursor[Any], link_id: int, person: str) -> str:
    """Take back the last word on a link. Returns its new state.

    A person's accept or reject goes back to review; a place a person chose, or a link matching had accepted, becomes
    undone and is not made again; an undone one comes back for review.
    Raises NotFound when there is no such link.
    """
    row = cursor.execute(
        "SELECT state, method, decided_by, entity_id FROM twin.link WHERE link_id = %s FOR UPDATE", (link_id,)
    ).fetchone()
    if row is None:
        raise NotFound(f"没有编号为 {link_id} 的关联 (there is no link {link_id})")
    state, method, decided_by, entity_id = row
    back_to_review = state == "undone" or (decided_by is not None and method != "person")
    new_state = "review" if back_to_review else "undone"
    cursor.execute(
        "UPDATE twin.link SET state = %(state)s, decided_by = %(person)s, "
        "decided_at = CASE WHEN %(person)s::text IS NULL THEN NULL ELSE now() END WHERE link_id = %(link_id)s",
        {"state": new_state, "person": None if back_to_review else person, "link_id": link_id},
    )
    place_entity(cursor, entity_id)
    return new_state


def place_entity(cursor: psycopg.Cursor[Any], entity_id: int | None) -> None:
    """Bring one entity's building and grid in line with its accepted link."""
    if entity_id is None:
        return
    cursor.execute(STAGE)
    cursor.execute("INSERT INTO stage_subject (subject_id) VALUES (%s)", (entity_id,))
    cursor.execute(PLACE_ENTITIES)
    cursor.execute(PLACE_PRIVATE)
    cursor.execute("DELETE FROM stage_subject")


def _clear_open(
    cursor: psycopg.Cursor[Any], record_id: int | None, entity_id: int | None, to_asset: bool, keep: int | None
) -> None:
    """Drop what matching still proposes for a subject whose place a person has settled."""
    cursor.execute(
        "DELETE FROM twin.link WHERE (record_id = %(record_id)s OR entity_id = %(entity_id)s) AND decided_by IS NULL "
        "AND state IN ('accepted', 'review') AND (asset_id IS NOT NULL) = %(to_asset)s "
        "AND link_id IS DISTINCT FROM %(keep)s",
        {"record_id": record_id, "entity_id": entity_id, "to_asset": to_asset, "keep": keep},
    )
