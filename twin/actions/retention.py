"""Let go of what is no longer needed: how long each kind is kept stands in data/access/retention.csv."""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psycopg

from twin.cluster import server
from twin.errors import BadInput
from twin.session import Actor, transaction
from twin.settings import SHIPPED_DATA, Settings

RETENTION = SHIPPED_DATA / "access" / "retention.csv"
DAY_S = 86_400
ENDED = """
SELECT entity_id FROM twin.entity WHERE public_name_zh IS NULL AND valid_to < now() - %(days)s * interval '1 day'
"""
# What goes, by kind; the last statement's count is told. {ended}: the query above.
ROWS: dict[str, tuple[str, ...]] = {
    "rejected_rows": (
        "UPDATE private.quarantine q SET sealed = NULL, detail = NULL FROM twin.batch b WHERE b.batch_id = q.batch_id "
        "AND q.sealed IS NOT NULL AND b.started_at < now() - %(days)s * interval '1 day'",
    ),
    "private_history": ("DELETE FROM history.private_version WHERE known_to < now() - %(days)s * interval '1 day'",),
    "ended_people": (
        "DELETE FROM twin.link WHERE entity_id IN ({ended})",
        "DELETE FROM history.private_version WHERE table_name = 'entity' AND row_id IN ({ended})",
        "DELETE FROM history.version WHERE table_name = 'link' AND old_row ->> 'entity_id' IN "
        "(SELECT entity_id::text FROM ({ended}) ended)",
        "DELETE FROM audit.subject_key WHERE subject IN (SELECT code FROM twin.entity WHERE entity_id IN ({ended}))",
        "DELETE FROM private.entity WHERE entity_id IN ({ended})",
        "DELETE FROM history.private_version v WHERE v.table_name = 'entity' AND v.operation = 'D' "
        "AND v.row_id IN ({ended})",
        "DELETE FROM twin.entity WHERE entity_id IN ({ended})",
    ),
    "job_words": (
        "UPDATE twin.job SET message_zh = NULL, message_en = NULL "
        "WHERE finished_at < now() - %(days)s * interval '1 day' "
        "AND (message_zh IS NOT NULL OR message_en IS NOT NULL)",
    ),
}
FOLDERS = {"uploads": "uploads", "exports": "exports"}


@dataclass(frozen=True)
class Kept:
    """How long one kind is kept, and how much of it is older: rows, or files and folders."""

    kind: str
    days: int
    what_zh: str
    what_en: str
    gone: int


def read_retention(path: Path = RETENTION) -> list[dict[str, Any]]:
    """Read the table. Raises BadInput for a kind there is no rule for, or a number of days that is none."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows: list[dict[str, Any]] = list(csv.DictReader(handle))
    for row in rows:
        if row["kind"] not in {*ROWS, *FOLDERS} or not str(row["days"]).isdigit() or int(row["days"]) < 1:
            raise BadInput("这一行不能用 (this row cannot be used)", where=f"{path.name}: {row['kind']}")
        row["days"] = int(row["days"])
    return rows


def apply_retention(settings: Settings, actor: Actor, *, dry_run: bool = False, path: Path = RETENTION) -> list[Kept]:
    """Remove what is older than the table says. dry_run: only count. The audit notes how much of each kind went.

    Raises BadInput, DatabaseUnavailable.
    """
    found: list[Kept] = []
    with (
        server.connect(settings, "owner") as connection,
        transaction(connection, Actor(actor.name, "system", purpose="retention")) as cursor,
    ):
        cursor.execute("SET LOCAL twin.keeping = 'on'")
        for row in read_retention(path):
            kind, days = row["kind"], row["days"]
            gone = _old_rows(cursor, kind, days) if kind in ROWS else 0
            if kind in FOLDERS:
                old = list(_old_entries(settings.data_dir / FOLDERS[kind], days))
                gone = len(old)
                for entry in [] if dry_run else old:
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            found.append(Kept(kind, days, row["what_zh"], row["what_en"], gone))
        if dry_run:
            raise psycopg.Rollback
        detail = {kept.kind: kept.gone for kept in found}
        cursor.execute("SELECT audit.write('people.retention', NULL, %s)", (orjson.dumps(detail).decode(),))
    return found


def _old_rows(cursor: psycopg.Cursor[Any], kind: str, days: int) -> int:
    count = 0
    for statement in ROWS[kind]:
        count = cursor.execute(statement.replace("{ended}", ENDED).encode(), {"days": days}).rowcount
    return max(0, count)


def _old_entries(folder: Path, days: int) -> Iterator[Path]:
    """List what lies in a folder and was last changed so many days ago or earlier."""
    before = time.time() - days * DAY_S
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        times = [entry.stat().st_mtime, *(path.stat().st_mtime for path in entry.rglob("*"))]
        if not entry.name.startswith(".") and max(times) < before:
            yield entry
