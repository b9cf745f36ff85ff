"""A linking run in parts: planned once, each done in one transaction with its links, taken up again after a crash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg

from ingest_gis.known_places import KnownPlaces
from ingest_gis.link_people import propose_by_name
from ingest_gis.link_places import propose_for_ledger, propose_links
from ingest_gis.link_subject import read_subject
from ingest_gis.sql_text import statements
from twin.actions.link_records import LinkProposal, replace_machine_links
from twin.personal.keyring import keys_of
from twin.queries.link_review import SubjectKind
from twin.session import Actor, transaction

PART_SIZE = 10_000
# Records may stand where the enterprise of their credit code does, so entities come first; names come last.
ENTITIES, RECORDS, PEOPLE = 1, 2, 3
PEOPLE_AT_ONCE = 200_000

UNFINISHED = """
SELECT link_run_id, fingerprint FROM twin.link_run WHERE state = 'running' ORDER BY link_run_id DESC LIMIT 1 FOR UPDATE
"""
START = """
INSERT INTO twin.link_run (fingerprint, register_version, only_new, state)
VALUES (%(fingerprint)s, %(register_version)s, %(only_new)s, 'running') RETURNING link_run_id
"""
ADD_PART = """
INSERT INTO twin.link_part (link_run_id, phase, kind, from_id, to_id, ledger_department_id, ledger_kind, ledger_class,
                            subjects)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
# The next part nobody works on, of the earliest phase that is not done.
NEXT = """
SELECT link_part_id, kind, from_id, to_id, ledger_department_id, ledger_kind, ledger_class, subjects
FROM twin.link_part p
WHERE link_run_id = %(run)s AND done_at IS NULL
  AND phase = (SELECT min(phase) FROM twin.link_part WHERE link_run_id = %(run)s AND done_at IS NULL)
ORDER BY link_part_id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
LEFT = "SELECT EXISTS (SELECT FROM twin.link_part WHERE link_run_id = %s AND done_at IS NULL)"
DONE = "UPDATE twin.link_part SET done_at = now(), counts = %s WHERE link_part_id = %s"
FINISH = "UPDATE twin.link_run SET state = 'done', finished_at = now() WHERE link_run_id = %s"
COUNTS = """
SELECT coalesce(sum(subjects) FILTER (WHERE done_at IS NOT NULL), 0), coalesce(sum(subjects), 0) FROM twin.link_part
WHERE link_run_id = %s
"""


@dataclass(frozen=True)
class LinkOptions:
    """What to link: which kinds, only what has no link yet, by how many processes, how many subjects at once.

    batches: only what these deliveries brought or changed, and the ledgers their rows are part of; None: everything.
    """

    kinds: tuple[SubjectKind, ...] = ("entity", "record")
    only_new: bool = False
    processes: int = 2
    part_size: int = PART_SIZE
    batches: tuple[int, ...] | None = None

    def bound(self) -> dict[str, Any]:
        """Give the values that choose among the subjects in the statements."""
        return {"only_new": self.only_new, "batches": None if self.batches is None else list(self.batches)}


def plan_run(cursor: psycopg.Cursor[Any], options: LinkOptions, register_version: int) -> int:
    """Find the run that was broken off and can go on, or plan a new one. Returns its number.

    A run goes on when nothing it was made on has changed: deliveries, register, surveys, options.
    """
    sql = statements("link")
    row = cursor.execute(sql["fingerprint"]).fetchone()
    asked = f"{','.join(options.kinds)} {options.only_new} {options.batches}"
    fingerprint = f"{row[0] if row else ''} {asked} {register_version}"
    unfinished = cursor.execute(UNFINISHED).fetchone()
    if unfinished and unfinished[1] == fingerprint:
        return int(unfinished[0])
    cursor.execute("UPDATE twin.link_run SET state = 'abandoned', finished_at = now() WHERE state = 'running'")
    values = {"fingerprint": fingerprint, "register_version": register_version, "only_new": options.only_new}
    run = cursor.execute(START, values).fetchone()
    assert run is not None  # noqa: S101 - RETURNING of an insert gives a row
    bound = {**options.bound(), "size": options.part_size}
    parts: list[tuple[Any, ...]] = []
    if "entity" in options.kinds:
        found = cursor.execute(sql["entity_parts"], bound).fetchall()
        parts += [(run[0], ENTITIES, "entity", first, last, None, None, None, n) for first, last, n in found]
    if "record" in options.kinds:
        ledgers = cursor.execute(sql["ledger_parts"], bound).fetchall()
        parts += [(run[0], RECORDS, "ledger", None, None, *ledger) for ledger in ledgers]
        found = cursor.execute(sql["record_parts"], bound).fetchall()
        parts += [(run[0], RECORDS, "record", first, last, None, None, None, n) for first, last, n in found]
        found = cursor.execute(sql["people_parts"], {**bound, "size": PEOPLE_AT_ONCE}).fetchall()
        parts += [(run[0], PEOPLE, "people", first, last, None, None, None, 0) for first, last, _ in found]
    cursor.executemany(ADD_PART, parts)
    cursor.execute(
        "UPDATE twin.link_run r SET subjects = (SELECT coalesce(sum(subjects), 0) FROM twin.link_part p "
        "WHERE p.link_run_id = r.link_run_id) WHERE link_run_id = %s", (run[0],),
    )  # fmt: skip
    return int(run[0])


def is_anything_left(cursor: psycopg.Cursor[Any], run: int) -> bool:
    """Tell whether a run has parts that are not done."""
    row = cursor.execute(LEFT, (run,)).fetchone()
    return bool(row and row[0])


def do_next_part(
    connection: psycopg.Connection[Any], actor: Actor, run: int, places: KnownPlaces, options: LinkOptions
) -> int | None:
    """Do one part of a run: read, match and write in one transaction.

    Returns how many subjects it had; 0 when others are working on what is left of this phase; None at the end.
    """
    with transaction(connection, actor) as cursor:
        part = cursor.execute(NEXT, {"run": run}).fetchone()
        if part is None:
            return 0 if is_anything_left(cursor, run) else None
        number, kind, from_id, to_id, department_id, ledger_kind, ledger_class, planned = part
        bound = {
            "from_id": from_id, "to_id": to_id, "department_id": department_id, "kind": ledger_kind,
            "class_code": ledger_class, **options.bound(),
        }  # fmt: skip
        if kind == "people":
            numbers, proposals = propose_by_name(cursor, bound)
        else:
            cursor.execute(statements("link")[kind], bound)
            rows = cursor.fetchall()
            keys = keys_of(connection) if any(row[-1] is not None for row in rows) else None
            subjects = [read_subject(row, keys) for row in rows]
            if kind == "ledger":
                proposals = propose_for_ledger(subjects, ledger_class, places)
            else:
                proposals = propose_links(subjects, places)
            found = {item.record_id or item.entity_id for item in proposals}
            # What only its name can place is left to the part of the people, with the link it may have from there.
            numbers = [item.number for item in subjects if not item.has_name or item.number in found]
        subject_kind: SubjectKind = "entity" if kind == "entity" else "record"
        changes = replace_machine_links(cursor, subject_kind, numbers, proposals, places.register_version)
        counts = {"changes": changes, "outcome": _outcome(proposals), "unlinked": _unlinked(numbers, proposals)}
        cursor.execute(DONE, (orjson.dumps({**counts, "subjects": len(numbers)}).decode(), number))
    return max(1, int(planned))


def _outcome(proposals: Sequence[LinkProposal]) -> dict[str, int]:
    return dict(Counter(f"{item.method}:{item.state}" for item in proposals))


def _unlinked(numbers: Sequence[int], proposals: Sequence[LinkProposal]) -> int:
    return len(numbers) - len({item.record_id or item.entity_id for item in proposals})
