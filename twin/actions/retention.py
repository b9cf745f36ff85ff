"""Let go of what is no longer needed: how long each kind is kept stands in data/access/retention.csv."""

from __future__ import annotations

import csv
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psycopg

from twin.actions.export_table import remove_expired
from twin.cluster import server
from twin.errors import BadInput, Conflict
from twin.session import Actor, transaction
from twin.settings import SHIPPED_DATA, Settings

RETENTION = SHIPPED_DATA / "access" / "retention.csv"
DAY_S = 86_400
AT_ONCE = 5000


@dataclass(frozen=True)
class Rule:
    """What of one kind is old, and how it goes. rows: from and where of the old rows. key: their column.

    goes: statements over %(rows)s, the keys of one batch; each takes its rows out of what is old.
    """

    rows: str
    key: str
    goes: tuple[str, ...]


# {before}: the moment before which it is old.
ROWS: dict[str, Rule] = {
    "rejected_rows": Rule(
        "private.quarantine q JOIN twin.batch b USING (batch_id) "
        "WHERE q.sealed IS NOT NULL AND b.started_at < {before}",
        "q.quarantine_id",
        ("UPDATE private.quarantine SET sealed = NULL, detail = NULL WHERE quarantine_id = ANY (%(rows)s)",),
    ),
    "private_history": Rule(
        "history.private_version v WHERE v.known_to < {before}",
        "v.version_id",
        ("DELETE FROM history.private_version WHERE version_id = ANY (%(rows)s) AND known_to < {before}",),
    ),
    "ended_people": Rule(
        "twin.entity e WHERE e.public_name_zh IS NULL AND e.valid_to < {before}",
        "e.entity_id",
        (
            "DELETE FROM twin.link WHERE entity_id = ANY (%(rows)s)",
            "DELETE FROM history.version "
            "WHERE table_name = 'link' AND old_row ->> 'entity_id' = ANY (%(rows)s::text[])",
            "DELETE FROM audit.subject_key WHERE subject IN "
            "(SELECT code FROM twin.entity WHERE entity_id = ANY (%(rows)s))",
            "DELETE FROM private.entity WHERE entity_id = ANY (%(rows)s)",
            "DELETE FROM history.private_version WHERE table_name = 'entity' AND row_id = ANY (%(rows)s)",
            "DELETE FROM twin.entity WHERE entity_id = ANY (%(rows)s)",
        ),
    ),
    "job_words": Rule(
        "twin.job j WHERE j.finished_at < {before} AND (j.message_zh IS NOT NULL OR j.message_en IS NOT NULL)",
        "j.job_id",
        ("UPDATE twin.job SET message_zh = NULL, message_en = NULL WHERE job_id = ANY (%(rows)s)",),
    ),
    "sessions": Rule(
        "access.session s WHERE s.expires_at < {before}",
        "s.session_id",
        ("DELETE FROM access.session WHERE session_id = ANY (%(rows)s)",),
    ),
}
BEFORE = "now() - %(days)s * interval '1 day'"
ONE_RUN = "SELECT pg_try_advisory_lock(hashtext('twin.retention'))"
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


def apply_retention(
    settings: Settings,
    actor: Actor,
    *,
    dry_run: bool = False,
    path: Path = RETENTION,
    report: Callable[[str, int], None] = lambda *_: None,
) -> list[Kept]:
    """Remove what is older than the table says, batch by batch; what was broken off goes on with the next run.

    dry_run: only count. report: told kind and how much of it went so far; what it raises ends the run between two
    batches. The audit notes how much of each kind went, also of a run that was ended.
    Raises BadInput, Conflict while another run is at it, DatabaseUnavailable.
    """
    rules, found = read_retention(path), list[Kept]()
    acting = Actor(actor.name, "system", purpose="retention")
    gone: Counter[str] = Counter()
    with server.connect(settings, "owner", autocommit=True) as connection:
        free = connection.execute(ONE_RUN).fetchone()
        if not free or not free[0]:
            raise Conflict("清理正在进行 (another run is at it)", do="稍后再试 (try again later)")
        try:
            for row in rules:
                kind, days = row["kind"], row["days"]
                for count in _steps(settings, connection, acting, kind, days, dry_run=dry_run):
                    gone[kind] += count
                    report(kind, gone[kind])
                found.append(Kept(kind, days, row["what_zh"], row["what_en"], gone[kind]))
        finally:
            if not dry_run and not connection.broken:
                detail = {row["kind"]: gone[row["kind"]] for row in rules} | {"whole": len(found) == len(rules)}
                with transaction(connection, acting) as cursor:
                    cursor.execute("SELECT audit.write('people.retention', NULL, %s)", (orjson.dumps(detail).decode(),))
    return found


def _steps(
    settings: Settings, connection: psycopg.Connection[Any], acting: Actor, kind: str, days: int, *, dry_run: bool
) -> Iterator[int]:
    """Let a kind's old things go, step by step; give how many went in each."""
    if kind in FOLDERS:
        if kind == "exports" and not dry_run:
            remove_expired(connection, settings.data_dir)
        for entry in list(_old_entries(settings.data_dir / FOLDERS[kind], days)):
            if not dry_run:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            yield 1
        return
    rule, before = ROWS[kind], set[Any]()
    rows = rule.rows.format(before=BEFORE)
    count = f"SELECT count(*) FROM {rows}"  # noqa: S608 - this module's own constants; days are bound
    some = f"SELECT array_agg(k) FROM (SELECT {rule.key} AS k FROM {rows} ORDER BY 1 LIMIT {AT_ONCE}) x"  # noqa: S608
    while True:
        with transaction(connection, acting) as cursor:
            cursor.execute("SET LOCAL twin.keeping = 'on'")
            row = cursor.execute((count if dry_run else some).encode(), {"days": days}).fetchone()
            if dry_run:
                yield row[0] if row else 0
                return
            batch = row[0] if row and row[0] else []
            if not batch or set(batch) == before:
                return
            for statement in rule.goes:
                cursor.execute(statement.format(before=BEFORE).encode(), {"rows": batch, "days": days})
        before = set(batch)
        yield len(batch)


def _old_entries(folder: Path, days: int) -> Iterator[Path]:
    """List what lies in a folder and was last changed so many days ago or earlier."""
    before = time.time() - days * DAY_S
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        times = [entry.stat().st_mtime, *(path.stat().st_mtime for path in entry.rglob("*"))]
        if not entry.name.startswith(".") and max(times) < before:
            yield entry
