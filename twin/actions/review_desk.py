"""A reviewer's word on the queue: decided only by who holds the item, on what was shown, and written to the audit log.

Each function works in the caller's transaction (twin.session.transaction). Besides what twin.actions.decide_links
raises there is a Conflict when another reviewer has the item on the desk: nothing is written then.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from twin.actions import decide_links
from twin.actions.claim_review import claim_item, release_claim
from twin.actions.decide_links import TargetKind
from twin.errors import Conflict, NotFound
from twin.queries.link_review import Subject

CLAIM = """
SELECT claimed_by FROM twin.review_claim
WHERE (record_id = %(record_id)s OR entity_id = %(entity_id)s) AND claimed_until > now()
"""
WAITS = """
SELECT EXISTS (SELECT FROM twin.link
               WHERE (record_id = %(record_id)s OR entity_id = %(entity_id)s) AND state = 'review')
"""
IS_THERE = {
    "record": "SELECT record_id FROM twin.record WHERE record_id = %s",
    "entity": "SELECT entity_id FROM twin.entity WHERE entity_id = %s",
}


def claim(cursor: psycopg.Cursor[Any], person: str, subject: Subject) -> None:
    """Take one item, or hold it longer, and let go of any other.

    Raises NotFound when there is no such record or entity, Conflict when somebody else has it.
    """
    if cursor.execute(IS_THERE[subject.kind].encode(), (subject.number,)).fetchone() is None:
        raise NotFound("没有这条记录或实体 (there is no such record or entity)")
    _refuse_if_held(cursor, person, subject)
    release_claim(cursor, person)
    claim_item(cursor, subject, person)


def decide(cursor: psycopg.Cursor[Any], person: str, link_id: int, accept: bool, seen: str | None) -> Subject:
    """Accept or refuse one proposal. seen: the item's state as it was shown; None leaves it unchecked."""
    subject = subject_of(cursor, link_id)
    _refuse_if_held(cursor, person, subject)
    decide_links.decide_link(cursor, link_id, accept, person, seen=seen)
    _done(cursor, "link.accept" if accept else "link.reject", [link_id], person, subject)
    return subject


def refuse_all(cursor: psycopg.Cursor[Any], person: str, subject: Subject, seen: str | None) -> list[int]:
    """Refuse every open proposal of a subject. Returns the links' numbers."""
    _refuse_if_held(cursor, person, subject)
    links = decide_links.refuse_all(cursor, subject, person, seen=seen)
    _done(cursor, "link.reject", links, person, subject)
    return links


def choose(
    cursor: psycopg.Cursor[Any], person: str, subject: Subject, kind: TargetKind, code: str, seen: str | None
) -> int:
    """Put a subject at a place the person names by its code. Returns the link's number."""
    _refuse_if_held(cursor, person, subject)
    link_id = decide_links.choose_place(
        cursor,
        record_id=subject.values()["record_id"],
        entity_id=subject.values()["entity_id"],
        kind=kind,
        code=code,
        person=person,
        seen=seen,
    )
    _done(cursor, "link.choose", [link_id], person, subject, {"kind": kind, "code": code})
    return link_id


def undo(cursor: psycopg.Cursor[Any], person: str, link_id: int) -> Subject:
    """Take a decision back, with what it set aside; the item is the person's again if it waits now."""
    subject = subject_of(cursor, link_id)
    _refuse_if_held(cursor, person, subject)
    state = decide_links.undo_link(cursor, link_id, person)
    _done(cursor, "link.undo", [link_id], person, subject, {"state": state})
    return subject


def subject_of(cursor: psycopg.Cursor[Any], link_id: int) -> Subject:
    """Say whose link it is. Raises NotFound."""
    row = cursor.execute("SELECT record_id, entity_id FROM twin.link WHERE link_id = %s", (link_id,)).fetchone()
    if row is None:
        raise NotFound(f"没有编号为 {link_id} 的关联 (there is no link {link_id})")
    return Subject("record", row[0]) if row[0] is not None else Subject("entity", row[1])


def _refuse_if_held(cursor: psycopg.Cursor[Any], person: str, subject: Subject) -> None:
    held = cursor.execute(CLAIM, subject.values()).fetchone()
    if held is not None and held[0] != person:
        raise Conflict(
            f"{held[0]} 正在处理这一条, 没有写入任何内容 ({held[0]} is working on this one; nothing was written)",
            do="请处理下一条 (go on with the next)",
        )


def _done(
    cursor: psycopg.Cursor[Any],
    action: str,
    links: list[int],
    person: str,
    subject: Subject,
    detail: dict[str, Any] | None = None,
) -> None:
    about = {"of": f"{subject.kind} {subject.number}", **(detail or {})}
    for link_id in links:
        cursor.execute("SELECT audit.write(%s, %s, %s)", (action, f"link {link_id}", Jsonb(about)))
    waits = cursor.execute(WAITS, subject.values()).fetchone()
    if waits is not None and not waits[0]:
        release_claim(cursor, person, subject)
