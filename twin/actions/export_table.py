"""Collections given away as files by a worker: asked for, approved where that is needed, written, fetched, removed.

Only what the standards' collections hold goes into a file: no names of persons, phones or rooms. Rights are judged when
an export is asked for, again when it is written, and again when it is fetched.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg.types.json import Jsonb

from twin.actions.access import Reach, Rights, absent, require
from twin.actions.table_files import SUFFIX, TABLE_FORMATS, TableFormat, write_table
from twin.actions.watermark import Mark
from twin.errors import BadInput, NotAllowed
from twin.personal.keyring import keys_of, keys_to_seal
from twin.personal.purposes import check_purpose, purposes
from twin.personal.subject_keys import open_words, seal_words_at_once
from twin.queries.collection_facts import asset_classes
from twin.queries.cql2_filter import compile_filter
from twin.queries.cql2_text import read_filter
from twin.queries.feature_collections import CLASS_PREFIX, COLLECTIONS, Collection, collection_of_class
from twin.queries.feature_crs import Box, find_crs
from twin.queries.features import Area, PageAsked, page_of
from twin.session import SET_ACTOR, Actor, actor_settings, transaction

KIND = "export.table"
KEPT_DAYS = 7
PAGE = 2000
# Collections that speak of people: whoever asks says what for and why; every file is marked (twin.actions.watermark).
PERSONAL: frozenset[str] = frozenset({"entities", "records"})
# Collections that somebody else has to approve of before a file of them is made (see docs/exports.md).
NEEDS_APPROVAL: frozenset[str] = PERSONAL
KEEP_WHY = "UPDATE twin.export SET question = question || %s WHERE export_id = %s"
ADD = """
INSERT INTO twin.export (collection, format, question, state, asked_by, asked_role, department_id)
VALUES (%(collection)s, %(format)s, %(question)s, %(state)s, %(asked_by)s, %(asked_role)s, %(department_id)s)
RETURNING export_id
"""
WRITE_AUDIT = "SELECT audit.write('export', %(subject)s, %(detail)s::jsonb)"
DECIDE = """
UPDATE twin.export SET state = %(state)s, decided_by = %(by)s, decided_at = now()
WHERE export_id = %(export_id)s AND state = 'asked' AND asked_by <> %(by)s
  AND (%(reach_all)s OR department_id = %(reach_department)s) RETURNING collection
"""
READ = """
SELECT e.export_id, e.collection, e.format, e.question, e.state, e.asked_by, e.asked_role, e.department_id, e.path,
       e.job_id, e.bytes, e.features, e.sha256, e.asked_at, e.ready_at, e.expires_at, e.expires_at < now() AS expired
FROM twin.export e WHERE e.export_id = %s
"""
READY = """
UPDATE twin.export SET state = 'ready', path = %(path)s, bytes = %(bytes)s, features = %(features)s,
  sha256 = %(sha256)s, ready_at = now(), expires_at = now() + make_interval(days => %(days)s),
  question = question || jsonb_build_object('whole', %(whole)s::boolean)
WHERE export_id = %(export_id)s
"""
EXPIRED = "UPDATE twin.export SET state = 'removed' WHERE state = 'ready' AND expires_at < now() RETURNING path"
LIST = """
SELECT e.export_id, e.collection, e.format, e.question ->> 'purpose' AS purpose, e.asked_by, e.asked_at, e.ready_at,
       e.expires_at, CASE WHEN e.state = 'ready' AND e.expires_at < now() THEN 'removed' ELSE e.state END AS state
FROM twin.export e
WHERE (%(state)s::text IS NULL OR e.state = %(state)s)
  AND (%(reach_all)s OR e.department_id = %(reach_department)s OR e.asked_by = %(by)s)
ORDER BY e.asked_at DESC, e.export_id LIMIT %(n)s
"""
# Who asked is still there, in the role and department of then; before there are accounts nobody is known.
STILL = """
SELECT NOT s.has_accounts OR EXISTS (
  SELECT FROM access.account a WHERE a.name = %(name)s AND a.role = %(role)s AND NOT a.disabled
    AND a.department_id IS NOT DISTINCT FROM %(department_id)s)
FROM access.state s
"""
JOB_OF = "UPDATE twin.export SET job_id = %s WHERE export_id = %s"
Enqueue = Callable[[psycopg.Cursor[Any], str, str, dict[str, Any], Actor], UUID]


@dataclass(frozen=True)
class TableAsked:
    """What is asked for. bbox: west, south, east, north in degrees. filter: CQL2 text. crs: as EPSG:4550 or a URI.

    purpose, reason: what for (one of data/access/purposes.csv) and why, for collections that speak of people.
    """

    collection: str
    format: TableFormat
    bbox: tuple[float, float, float, float] | None = None
    filter: str | None = None
    crs: str | None = None
    purpose: str | None = None
    reason: str | None = None

    def question(self) -> dict[str, Any]:
        """Give what is kept of it in the export's row."""
        return {"bbox": self.bbox, "filter": self.filter, "crs": self.crs, "purpose": self.purpose}


def base_collection(name: str) -> Collection:
    """Find a collection, that of all assets for one class. Raises NotFound."""
    found = COLLECTIONS.get("assets" if name.startswith(CLASS_PREFIX) else name)
    if found is None:
        raise absent("collection", name)
    return found


def check_export(asked: TableAsked, actor: Actor, rights: Rights, working_srid: int) -> None:
    """Raise unless this can be asked and the actor may: NotFound, NotAllowed, BadInput."""
    collection = base_collection(asked.collection)
    require(actor, "export", collection.rights, rights)
    if collection.rights in PERSONAL:
        check_purpose(asked.purpose or "", asked.reason or "")
    if asked.format not in TABLE_FORMATS:
        raise BadInput("this format is not written", where="format", do=f"Use {', '.join(TABLE_FORMATS)}")
    _page(collection, asked, working_srid, Area())


def ask_export(cursor: psycopg.Cursor[Any], asked: TableAsked, actor: Actor, enqueue: Enqueue) -> UUID:
    """Write an export down and queue its job, unless it waits for approval. Rights are checked before.

    cursor: inside a transaction of role ingest. enqueue: queues a job in the same transaction. Returns the export's id.
    """
    waits = base_collection(asked.collection).rights in NEEDS_APPROVAL
    values = {
        "collection": asked.collection, "format": asked.format, "question": Jsonb(asked.question()),
        "state": "asked" if waits else "approved", "asked_by": actor.name, "asked_role": actor.role,
        "department_id": actor.department_id,
    }  # fmt: skip
    row = cursor.execute(ADD, values).fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insert gives a row
    export_id = UUID(str(row[0]))
    detail = {"export": str(export_id), "format": asked.format, "waits": waits}
    if asked.purpose:
        detail["purpose"] = asked.purpose
    if asked.reason:
        _keep_why(cursor, export_id, asked.purpose, asked.reason)
    cursor.execute(WRITE_AUDIT, {"subject": asked.collection, "detail": orjson.dumps(detail).decode()})
    if not waits:
        _queue(cursor, export_id, actor, enqueue)
    return export_id


def _keep_why(cursor: psycopg.Cursor[Any], export_id: UUID, purpose: str | None, reason: str) -> None:
    """Keep the reason sealed, for whoever decides and for the audit; it may name somebody."""
    subject = f"export {export_id}"
    words = seal_words_at_once(cursor, keys_to_seal(cursor.connection), subject, " ".join(reason.split()))
    cursor.execute(KEEP_WHY, (Jsonb({"reason": words}), export_id))
    detail = orjson.dumps({"purpose": purpose, "reason": words}).decode()
    cursor.execute("SELECT audit.write('people.export_asked', %s, %s::jsonb)", (subject, detail))


def reason_of(connection: psycopg.Connection[Any], export_id: UUID, question: dict[str, Any]) -> str | None:
    """Open the reason that was given for an export; None where there is none, or it was erased."""
    subject = f"export {export_id}"
    row = connection.execute("SELECT sealed FROM audit.subject_key WHERE subject = %s", (subject,)).fetchone()
    if row is None or not question.get("reason"):
        return None
    return open_words(keys_of(connection), subject, row[0], question["reason"])


def decide_export(
    cursor: psycopg.Cursor[Any], export_id: UUID, approve: bool, actor: Actor, reach: Reach, enqueue: Enqueue
) -> None:
    """Approve or refuse an export that waits; nobody decides about their own. reach: of the right to decide.

    Raises NotFound.
    """
    state = "approved" if approve else "refused"
    values = {"state": state, "by": actor.name, "export_id": export_id, **reach.values()}
    row = cursor.execute(DECIDE, values).fetchone()
    if row is None:
        raise absent("export that waits for somebody else's approval", str(export_id))
    detail = {"export": str(export_id), "approved": approve}
    cursor.execute(WRITE_AUDIT, {"subject": row[0], "detail": orjson.dumps(detail).decode()})
    if approve:
        _queue(cursor, export_id, actor, enqueue)


def _queue(cursor: psycopg.Cursor[Any], export_id: UUID, actor: Actor, enqueue: Enqueue) -> None:
    job_id = enqueue(cursor, KIND, str(export_id), {}, actor)
    cursor.execute(JOB_OF, (job_id, export_id))


def write_export(
    connection: psycopg.Connection[Any],
    read_dsn: str,
    export_id: UUID,
    data_dir: Path,
    working_srid: int,
    rights: Rights,
    report: Callable[[int], None],
) -> dict[str, Any]:
    """Write an approved export's file; the worker's part.

    connection: of role ingest, autocommit. read_dsn: to read with, of role app. report: told how many were written.
    Raises NotAllowed when the asker may no longer, NotFound when the export is not approved.
    """
    remove_expired(connection, data_dir)
    found = read_export(connection, export_id)
    if found is None or found["state"] not in ("approved", "ready"):
        raise absent("approved export", str(export_id))
    kept = {name: found["question"].get(name) for name in ("bbox", "filter", "crs", "purpose")}
    asked = TableAsked(found["collection"], found["format"], **kept)
    actor = Actor(found["asked_by"], role=found["asked_role"], department_id=found["department_id"], purpose="export")
    collection = base_collection(asked.collection)
    require(actor, "export", collection.rights, rights)
    if not _is_still_there(read_dsn, actor):
        raise NotAllowed(
            "申请人的账号已停用或变更 (the account that asked is disabled, or has another role by now)",
            do="如仍需要, 请重新申请 (ask for it again if it is still needed)",
        )
    reach = rights.reach(actor, "export", collection.rights)
    if not reach.everything and reach.department_id is None:
        raise NotAllowed("nothing of this collection may be exported by this account")
    area = Area(reach.everything, reach.department_id, reach.grid_ids)
    folder = data_dir / "exports" / str(export_id)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / f"{asked.collection}{SUFFIX[asked.format]}"
    mark = _mark(connection, found) if collection.rights in PERSONAL else None
    try:
        count = write_collection(path, asked, actor, area, read_dsn, working_srid, report, mark)
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    except BaseException:  # a job that is stopped too leaves no half of a file behind
        shutil.rmtree(folder, ignore_errors=True)
        raise
    done = {"bytes": path.stat().st_size, "features": count, "sha256": sha256}
    relative = path.relative_to(data_dir).as_posix()
    ready = {**done, "export_id": export_id, "path": relative, "days": KEPT_DAYS, "whole": reach.everything}
    connection.execute(READY, ready)
    return {"export_id": str(export_id), **done}


def _is_still_there(read_dsn: str, actor: Actor) -> bool:
    values = {"name": actor.name, "role": actor.role, "department_id": actor.department_id}
    looking = Actor("export", role="system", purpose="export")
    with psycopg.connect(read_dsn) as connection, transaction(connection, looking) as cursor:
        row = cursor.execute(STILL, values).fetchone()
    return bool(row and row[0])


def check_fetch(found: dict[str, Any], actor: Actor, rights: Rights) -> None:
    """Raise unless an actor may have an export's file now. found: its row.

    A file that speaks of people is for whoever gave the reason alone; it says so on every row. A file of a whole
    collection is not for somebody who by now may export a department's part only. Raises NotAllowed, NotFound.
    """
    kind = base_collection(found["collection"]).rights
    require(actor, "export", kind, rights)
    if kind in PERSONAL and found["asked_by"] != actor.name:
        raise absent("export file", str(found["export_id"]))
    reach = rights.reach(actor, "export", kind)
    whole = found["question"].get("whole", True)
    if not reach.everything and (whole or not reach.holds(department_id=found["department_id"])):
        raise NotAllowed("此文件超出您现在的权限 (this file holds more than you may export by now)")


def note_fetch(cursor: psycopg.Cursor[Any], found: dict[str, Any]) -> None:
    """Have the audit say that an export's file was fetched."""
    action = "people.export_fetched" if base_collection(found["collection"]).rights in PERSONAL else "export.fetched"
    detail = orjson.dumps({"export": str(found["export_id"]), "format": found["format"]}).decode()
    cursor.execute("SELECT audit.write(%s, %s, %s::jsonb)", (action, found["collection"], detail))


def list_exports(
    connection: psycopg.Connection[Any], actor: Actor, reach: Reach, state: str | None, n: int
) -> list[dict[str, Any]]:
    """List exports within reach and one's own, the last asked for first. state: only those in it."""
    cursor = connection.execute(LIST, {"state": state, "n": n, "by": actor.name, **reach.values()})
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _mark(connection: psycopg.Connection[Any], found: dict[str, Any]) -> Mark:
    """Say on every row who has it, since when, what for, and which export it is."""
    purpose = purposes().get(found["question"].get("purpose") or "")
    what_for = f"{purpose.name_zh} {purpose.name_en}" if purpose else "-"
    who, at = f"{found['asked_by']} ({found['asked_role']})", f"{found['asked_at']:%Y-%m-%d %H:%M}Z"
    text = f"{who} {at} {what_for} {found['export_id']}"
    return Mark(keys_to_seal(connection), str(found["export_id"]), text)


def write_collection(
    path: Path,
    asked: TableAsked,
    actor: Actor,
    area: Area,
    read_dsn: str,
    working_srid: int,
    report: Callable[[int], None],
    mark: Mark | None = None,
) -> int:
    """Write what is asked for to a file, page after page in one snapshot. Rights are checked before.

    area: where the actor may look. read_dsn: of role app. report: told how many were read.
    mark: put on every row. Returns how many there are.
    Raises NotFound, BadInput.
    """
    temporary = path.with_name(f".{path.name}")
    with asyncio.Runner() as runner:
        connection = runner.run(psycopg.AsyncConnection.connect(read_dsn))
        try:
            cursor = runner.run(_snapshot(connection, actor))
            collection = runner.run(_collection(cursor, asked.collection))
            page = _page(collection, asked, working_srid, area)
            pages = _pages(runner, cursor, page, report)
            if mark is not None:
                collection, pages = mark.collection(collection), mark.pages(pages)
            count = write_table(temporary, asked.format, collection, pages, page.crs.srid)
        finally:
            runner.run(connection.close())
    temporary.replace(path)
    return count


async def _snapshot(connection: psycopg.AsyncConnection[Any], actor: Actor) -> psycopg.AsyncCursor[Any]:
    await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
    await connection.set_read_only(True)
    cursor = connection.cursor(binary=True)
    await cursor.execute(SET_ACTOR, actor_settings(actor))
    return cursor


async def _collection(cursor: psycopg.AsyncCursor[Any], name: str) -> Collection:
    if not name.startswith(CLASS_PREFIX):
        return base_collection(name)
    for one, _ in await asset_classes(cursor):
        if name == CLASS_PREFIX + one.code:
            return collection_of_class(one)
    raise absent("collection", name)


def _pages(
    runner: asyncio.Runner, cursor: psycopg.AsyncCursor[Any], asked: PageAsked, report: Callable[[int], None]
) -> Iterator[bytes]:
    done = 0
    while True:
        page = runner.run(page_of(cursor, asked))
        done += page.returned
        report(done)
        yield page.features
        if page.last is None:
            return
        asked = replace(asked, after=page.last)


def _page(collection: Collection, asked: TableAsked, working_srid: int, area: Area) -> PageAsked:
    named = f"[{asked.crs}]" if asked.crs and asked.crs.startswith("EPSG:") else asked.crs
    crs = replace(find_crs(named, working_srid, "crs"), north_first=False)  # files put x first
    lonlat = find_crs(None, working_srid, "crs")
    condition = compile_filter(read_filter(asked.filter, "cql2-text"), collection, lonlat) if asked.filter else None
    box = Box(*asked.bbox) if asked.bbox else None
    return PageAsked(collection, crs, working_srid, limit=PAGE, box=box, condition=condition, count="none", area=area)


def read_export(connection: psycopg.Connection[Any], export_id: UUID) -> dict[str, Any] | None:
    """Read an export's row; None when there is none."""
    cursor = connection.execute(READ, (export_id,))
    row = cursor.fetchone()
    return dict(zip([c.name for c in cursor.description or ()], row, strict=True)) if row else None


def remove_expired(connection: psycopg.Connection[Any], data_dir: Path) -> int:
    """Remove the files whose time is over; their rows stay. Returns how many."""
    gone = connection.execute(EXPIRED).fetchall()
    for (path,) in gone:
        shutil.rmtree((data_dir / path).parent, ignore_errors=True)
    return len(gone)
