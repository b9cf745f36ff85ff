"""One reviewer, one item: a claim keeps two people from working on the same record; it ends by itself.

Every cursor here is in a transaction of the person (twin.session.transaction), database role app or ingest.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from twin.errors import Conflict
from twin.queries.link_review import QueueAsked, Subject, queue_conditions

LEASE_S = 300

# The likeliest open item nobody else holds. A row another transaction is just claiming is passed over.
NEXT = """
SELECT l.record_id, l.entity_id
FROM twin.link l LEFT JOIN twin.record r USING (record_id) LEFT JOIN twin.entity e USING (entity_id)
WHERE l.state = 'review' AND {conditions}
  AND NOT EXISTS (SELECT FROM twin.review_claim c
                  WHERE (c.record_id = l.record_id OR c.entity_id = l.entity_id)
                    AND c.claimed_until > now() AND c.claimed_by <> %(person)s)
  AND NOT l.link_id = ANY (%(skip)s)
ORDER BY l.score DESC, l.link_id LIMIT 1 FOR UPDATE OF l SKIP LOCKED
"""
CLAIM = """
INSERT INTO twin.review_claim (record_id, entity_id, claimed_by, claimed_until)
VALUES (%(record_id)s, %(entity_id)s, %(person)s, now() + make_interval(secs => %(lease_s)s))
ON CONFLICT ({subject}) DO UPDATE
  SET claimed_by = excluded.claimed_by, claimed_at = now(), claimed_until = excluded.claimed_until
  WHERE twin.review_claim.claimed_until <= now() OR twin.review_claim.claimed_by = excluded.claimed_by
RETURNING review_claim_id
"""
RELEASE = """
DELETE FROM twin.review_claim
WHERE claimed_by = %(person)s AND (record_id = %(record_id)s OR entity_id = %(entity_id)s OR %(all)s)
   OR claimed_until <= now()
"""


def claim_next(
    cursor: psycopg.Cursor[Any],
    person: str,
    asked: QueueAsked | None = None,
    *,
    skip: list[int] | None = None,
    lease_s: int = LEASE_S,
) -> Subject | None:
    """Take the next item of the queue for a person; None when nothing is left that nobody else holds.

    asked: which department, kind, method; all by default. skip: links (link_id) to pass over, such as those the person
    has put off. A person's own claim is found again before others, by the order of the queue. lease_s: seconds until
    the claim ends by itself.
    """
    asked = asked or QueueAsked()
    passed = list(skip or [])
    query = sql.SQL(NEXT).format(conditions=sql.SQL(queue_conditions(asked)))
    while True:
        row = cursor.execute(query, {**asked.values(), "person": person, "skip": passed}).fetchone()
        if row is None:
            return None
        subject = Subject("record", row[0]) if row[0] is not None else Subject("entity", row[1])
        if _claim(cursor, subject, person, lease_s):
            return subject
        # Another link of the same subject was claimed between the two statements.
        passed += [
            int(link_id)
            for (link_id,) in cursor.execute(
                "SELECT link_id FROM twin.link WHERE record_id = %(record_id)s OR entity_id = %(entity_id)s",
                subject.values(),
            )
        ]


def claim_item(cursor: psycopg.Cursor[Any], subject: Subject, person: str, *, lease_s: int = LEASE_S) -> None:
    """Take one item for a person, or hold it longer. Raises Conflict when another person holds it."""
    if not _claim(cursor, subject, person, lease_s):
        raise Conflict("这一条正由他人处理 (somebody else is working on this item)", do="换一条 (take another)")


def release_claim(cursor: psycopg.Cursor[Any], person: str, subject: Subject | None = None) -> None:
    """Let an item go, or all of a person's items; claims that have ended are cleared away too."""
    values = subject.values() if subject else {"record_id": None, "entity_id": None}
    cursor.execute(RELEASE, {**values, "person": person, "all": subject is None})


def _claim(cursor: psycopg.Cursor[Any], subject: Subject, person: str, lease_s: int) -> bool:
    query = sql.SQL(CLAIM).format(subject=sql.Identifier(f"{subject.kind}_id"))
    values = {**subject.values(), "person": person, "lease_s": lease_s}
    return cursor.execute(query, values).fetchone() is not None
