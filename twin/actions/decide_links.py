"""What people decide about links: accept, refuse, choose a place, take it back. Nothing one decided is lost to another.

A decision may name the state of the subject it was made on (`seen`, from twin.queries.link_review): if somebody else
has decided meanwhile, or a new run has changed the proposals, it is a Conflict and nothing is written.
Every cursor here is in a transaction of the person (twin.session.transaction), database role app or ingest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from twin.errors import BadInput, Conflict, NotFound
from twin.queries.link_review import Subject, state_of

TargetKind = Literal["building", "asset", "address"]
UNDO_FIRST = "请先用 twin link undo 撤销 (undo it first with twin link undo)"
LOOK_AGAIN = "请刷新后再定 (look again, then decide)"

LOCK = """
SELECT pg_advisory_xact_lock(hashtext('twin.link'), hashtext(%(kind)s || %(number)s::text))
"""
FIND = """
SELECT state, method, decided_by, record_id, entity_id, asset_id IS NOT NULL FROM twin.link WHERE link_id = %s
"""
SETTLE = """
UPDATE twin.link SET state = %(state)s, decided_by = %(person)s, version = version + 1,
  decided_at = CASE WHEN %(person)s::text IS NULL THEN NULL ELSE now() END
WHERE link_id = %(link_id)s
"""
# Open proposals of a subject whose place a person has settled are kept aside, so that undoing brings them back.
SET_ASIDE = """
UPDATE twin.link SET state = 'set_aside', version = version + 1
WHERE (record_id = %(record_id)s OR entity_id = %(entity_id)s) AND decided_by IS NULL
  AND state IN ('accepted', 'review') AND (asset_id IS NOT NULL) = %(to_asset)s AND link_id IS DISTINCT FROM %(keep)s
"""
# Another place a person had settled on before gives way, and says who made it give way.
SUPERSEDE = """
UPDATE twin.link SET state = 'undone', decided_by = %(person)s, decided_at = now(), version = version + 1
WHERE (record_id = %(record_id)s OR entity_id = %(entity_id)s) AND decided_by IS NOT NULL AND state = 'accepted'
  AND (asset_id IS NOT NULL) = %(to_asset)s AND link_id IS DISTINCT FROM %(keep)s
"""
BRING_BACK = """
UPDATE twin.link l SET state = 'review', version = version + 1
WHERE (record_id = %(record_id)s OR entity_id = %(entity_id)s) AND state = 'set_aside'
  AND (asset_id IS NOT NULL) = %(to_asset)s
  AND NOT EXISTS (SELECT FROM twin.link k
                  WHERE (k.record_id, k.entity_id, k.building_id, k.asset_id, k.address_id)
                          IS NOT DISTINCT FROM (l.record_id, l.entity_id, l.building_id, l.asset_id, l.address_id)
                    AND k.state IN ('accepted', 'review'))
  AND NOT EXISTS (SELECT FROM twin.link k
                  WHERE (k.record_id = %(record_id)s OR k.entity_id = %(entity_id)s) AND k.decided_by IS NOT NULL
                    AND k.state = 'accepted' AND (k.asset_id IS NOT NULL) = %(to_asset)s)
"""
REFUSE_ALL = """
UPDATE twin.link SET state = 'rejected', decided_by = %(person)s, decided_at = now(), version = version + 1
WHERE (record_id = %(record_id)s OR entity_id = %(entity_id)s) AND decided_by IS NULL AND state = 'review'
RETURNING link_id
"""
CHOOSE = """
INSERT INTO twin.link (record_id, entity_id, building_id, asset_id, address_id, method, score, state,
                       reason_zh, reason_en, register_version, decided_by, decided_at)
SELECT %(record_id)s, %(entity_id)s, %(building_id)s, %(asset_id)s, %(address_id)s, 'person', 1, 'accepted',
       %(zh)s, %(en)s, (SELECT coalesce(max(register_version), 1) FROM twin.address), %(person)s, now()
WHERE EXISTS (SELECT FROM twin.record WHERE record_id = %(record_id)s)
   OR EXISTS (SELECT FROM twin.entity WHERE entity_id = %(entity_id)s)
RETURNING link_id
"""
OPEN_AT = """
SELECT link_id FROM twin.link
WHERE (record_id, entity_id, building_id, asset_id, address_id) IS NOT DISTINCT FROM
      (%(record_id)s, %(entity_id)s, %(building_id)s, %(asset_id)s, %(address_id)s) AND state IN ('accepted', 'review')
"""
PLACE_BY_CODE: dict[TargetKind, str] = {
    "building": "SELECT building_id, NULL FROM twin.building WHERE code = %s AND valid_to IS NULL",
    "asset": "SELECT asset_id, NULL FROM twin.asset WHERE code = %s AND valid_to IS NULL",
    "address": "SELECT address_id, building_id FROM twin.address WHERE code = %s AND valid_to IS NULL",
}


@dataclass(frozen=True)
class _Found:
    """A link as it stands, with its subject."""

    link_id: int
    state: str
    method: str
    decided_by: str | None
    subject: Subject
    to_asset: bool

    def around(self, person: str | None) -> dict[str, Any]:
        """Give the bound values of the statements about the subject's other links."""
        return {**self.subject.values(), "to_asset": self.to_asset, "keep": self.link_id, "person": person}


def decide_link(
    cursor: psycopg.Cursor[Any], link_id: int, accept: bool, person: str, *, seen: str | None = None
) -> None:
    """Accept or refuse a link on a person's word; an accepted one sets the subject's other open proposals aside.

    seen: the subject's state the person looked at; None to decide whatever it is now.
    Raises NotFound when there is no such link, Conflict when somebody has decided it or the subject has changed.
    """
    found = _lock(cursor, link_id, seen)
    if found.decided_by is not None or found.state not in ("review", "accepted"):
        raise Conflict(f"关联 {link_id} 已由他人处理 (link {link_id} has been decided already)", do=UNDO_FIRST)
    values = {"state": "accepted" if accept else "rejected", "person": person, "link_id": link_id}
    if accept:
        cursor.execute(SUPERSEDE, found.around(person))
        cursor.execute(SET_ASIDE, found.around(person))
    cursor.execute(SETTLE, values)
    _place(cursor, found.subject)


def refuse_all(cursor: psycopg.Cursor[Any], subject: Subject, person: str, *, seen: str | None = None) -> list[int]:
    """Refuse every open proposal of a subject: it belongs to none of these places. Returns the links refused.

    Raises Conflict when the subject has changed since it was seen.
    """
    _lock_subject(cursor, subject, seen)
    refused = cursor.execute(REFUSE_ALL, {**subject.values(), "person": person}).fetchall()
    _place(cursor, subject)
    return [int(row[0]) for row in refused]


def choose_place(
    cursor: psycopg.Cursor[Any],
    *,
    record_id: int | None,
    entity_id: int | None,
    kind: TargetKind,
    code: str,
    person: str,
    reason: str = "",
    seen: str | None = None,
) -> int:
    """Link a record or entity to a place a person names by its code. Returns the link's number.

    A proposal that is open for just this place is accepted; otherwise a new link of method `person` is made. What a
    person had chosen before becomes undone.
    Raises NotFound when subject or place is not there, BadInput unless just one subject is given, Conflict when the
    subject has changed since it was seen.
    """
    if (record_id is None) == (entity_id is None):
        raise BadInput("请给出一条记录或一个实体 (give one record or one entity)")
    subject = Subject("record" if record_id is not None else "entity", int(record_id or entity_id or 0))
    _lock_subject(cursor, subject, seen)
    place = cursor.execute(PLACE_BY_CODE[kind].encode(), (code,)).fetchone()
    if place is None:
        raise NotFound(f"没有编码为 {code} 的{kind} (there is no {kind} {code})")
    bound = {**subject.values(), "building_id": place[1], "asset_id": None, "address_id": None, "person": person}
    bound |= {f"{kind}_id": place[0], "to_asset": kind == "asset"}
    bound["zh"], bound["en"] = f"人工指定{reason}", f"chosen by a person {reason}".strip()
    there = cursor.execute(OPEN_AT, bound).fetchone()
    bound["keep"] = there[0] if there else None
    cursor.execute(SUPERSEDE, bound)
    cursor.execute(SET_ASIDE, bound)
    if there:
        cursor.execute(SETTLE, {"state": "accepted", "person": person, "link_id": there[0]})
        made: tuple[Any, ...] | None = there
    else:
        made = cursor.execute(CHOOSE, bound).fetchone()
    if made is None:
        raise NotFound("没有这条记录或实体 (there is no such record or entity)")
    _place(cursor, subject)
    return int(made[0])


def undo_link(cursor: psycopg.Cursor[Any], link_id: int, person: str, *, seen: str | None = None) -> str:
    """Take back the last word on a link. Returns its new state.

    A person's accept or refusal goes back to review, with what was set aside for it; a place a person chose, or a link
    matching had accepted, becomes undone and is not made again; an undone one comes back for review.
    Raises NotFound when there is no such link, Conflict when the subject has changed since it was seen, or when what is
    to come back stands there already.
    """
    found = _lock(cursor, link_id, seen)
    back_to_review = found.state == "undone" or (found.decided_by is not None and found.method != "person")
    new_state = "review" if back_to_review else "undone"
    try:
        with cursor.connection.transaction():
            cursor.execute(
                SETTLE, {"state": new_state, "person": None if back_to_review else person, "link_id": link_id}
            )
            cursor.execute(BRING_BACK, found.around(person))
    except psycopg.errors.UniqueViolation as error:
        raise Conflict(
            f"关联 {link_id} 的地点已另有关联 (another link to the place of link {link_id} is open)", do=LOOK_AGAIN
        ) from error
    _place(cursor, found.subject)
    return new_state


def _lock(cursor: psycopg.Cursor[Any], link_id: int, seen: str | None) -> _Found:
    """Find a link, wait until nobody else is deciding about its subject, and read it as it stands then."""
    found = _find(cursor, link_id)
    _lock_subject(cursor, found.subject, seen)
    return _find(cursor, link_id)


def _find(cursor: psycopg.Cursor[Any], link_id: int) -> _Found:
    row = cursor.execute(FIND, (link_id,)).fetchone()
    if row is None:
        raise NotFound(f"没有编号为 {link_id} 的关联 (there is no link {link_id})")
    state, method, decided_by, record_id, entity_id, to_asset = row
    subject = Subject("record", record_id) if record_id is not None else Subject("entity", entity_id)
    return _Found(link_id, state, method, decided_by, subject, to_asset)


def _lock_subject(cursor: psycopg.Cursor[Any], subject: Subject, seen: str | None) -> None:
    cursor.execute(LOCK, vars(subject))
    if seen is not None and state_of(cursor, subject) != seen:
        raise Conflict("这一条已有变化 (this item has changed since you saw it)", do=LOOK_AGAIN)


def _place(cursor: psycopg.Cursor[Any], subject: Subject) -> None:
    """Bring an entity's building and grid in line with its accepted link."""
    if subject.kind == "entity":
        cursor.execute("SELECT twin.place_entities(%s)", ([subject.number],))
