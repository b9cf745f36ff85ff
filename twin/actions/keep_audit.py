"""Check the audit's chain against what was noted outside the database; put old entries into an archive."""

from __future__ import annotations

import gzip
import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import psycopg

from twin.actions.audit_heads import Head, HeadFile
from twin.cluster import server
from twin.errors import BadInput, Conflict
from twin.session import Actor, transaction
from twin.settings import Settings

KEPT_DAYS = 180


@dataclass(frozen=True)
class Verified:
    """What a check found. broken: the first entry that does not follow; missing: heads noted that are not there."""

    entries: int
    head: Head
    broken: int | None
    missing: tuple[Head, ...]
    checked: int

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing was changed, taken out or cut off."""
        return self.broken is None and not self.missing


def verify(settings: Settings, expected: tuple[int, str] | None = None) -> Verified:
    """Check every entry against the one before it, and every head noted outside the database; note the present one.

    expected: number and hash of an entry, as a person has kept them on paper. Where anything is missing, the present
    head is not noted. Raises DatabaseUnavailable.
    """
    heads = HeadFile(settings.data_dir)
    noted = heads.read()
    if expected is not None:
        noted.append(Head("given", *expected))
    with server.connect(settings, "owner") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        row = connection.execute(
            "SELECT audit.first_broken(), (SELECT count(*) FROM audit.log), h.last_id, h.last_hash FROM audit.head() h"
        ).fetchone()
        assert row is not None  # noqa: S101 - the statement gives one row
        broken, entries, last_id, last_hash = row
        missing = [head for head in noted if _is_missing(connection, head)]
    head = Head(datetime.now(UTC).isoformat(timespec="seconds"), last_id, bytes(last_hash).hex())
    if broken is None and not missing and last_id:
        head = heads.note(last_id, bytes(last_hash))
    return Verified(entries, head, broken, tuple(missing), len(noted))


def _is_missing(connection: psycopg.Connection[Any], head: Head) -> bool:
    try:
        digest = bytes.fromhex(head.hash)
    except ValueError:
        return True
    row = connection.execute("SELECT audit.still_there(%s, %s)", (head.audit_id, digest)).fetchone()
    return bool(row) and row is not None and row[0] is False


def put_away(settings: Settings, days: int, actor: Actor) -> tuple[Path, int] | None:
    """Move entries older than so many days into TWIN_DATA_DIR/audit/log_FIRST_LAST.jsonl.gz, and out of the log.

    The archive is on the disk before anything is taken out; the chain goes on from the hash of its last entry.
    Returns the archive and how many entries it has; None when there are none so old.
    Raises BadInput for fewer than 180 days, Conflict where the chain is not whole.
    """
    if days < KEPT_DAYS:
        raise BadInput(f"审计至少保留 {KEPT_DAYS} 天 (the audit is kept for at least {KEPT_DAYS} days)", where="--days")
    if not verify(settings).is_whole:
        raise Conflict("审计链不完整, 先查明 (the audit is not whole: find out why first)", do="twin audit verify")
    before = datetime.now(UTC) - timedelta(days=days)
    with server.connect(settings, "owner") as connection, transaction(connection, actor) as cursor:
        row = cursor.execute(
            "SELECT min(audit_id), max(audit_id), count(*) FROM audit.log WHERE at < %s", (before,)
        ).fetchone()
        if row is None or not row[2]:
            return None
        first, last, count = row
        path = settings.data_dir / "audit" / f"log_{first}_{last}.jsonl.gz"
        digest = _write_archive(connection, path, last)
        cursor.execute("SELECT audit.put_entries_away(%s, %s, %s, %s)", (last, path.name, digest, actor.name))
    return path, count


def _write_archive(connection: psycopg.Connection[Any], path: Path, last: int) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_suffix(".part")
    with part.open("wb") as handle:
        with gzip.GzipFile(fileobj=handle, mode="wb", mtime=0) as packed, connection.cursor(name="entries") as rows:
            rows.execute("SELECT to_jsonb(l) FROM audit.log l WHERE audit_id <= %s ORDER BY audit_id", (last,))
            for (entry,) in rows:
                packed.write(orjson.dumps(entry) + b"\n")
        handle.flush()
        os.fsync(handle.fileno())
    part.rename(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()
