"""Deliveries as people look at them: batches, the rows set aside, files refused as a whole."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from ingest_gis.sql_text import statements
from twin.errors import NotFound
from twin.personal.documents import open_raw
from twin.personal.keyring import keys_of
from twin.session import Actor, transaction

ROW, REASON, DETAIL = "_row", "_reason", "_detail"  # columns of a file of rejected rows that are not the delivery's


@dataclass(frozen=True)
class RejectedRow:
    """A row set aside: its number in the file, why, and its cells as delivered. mended_in: the batch that took it."""

    row_no: int
    code: str
    detail: str | None
    raw: dict[str, str]
    mended_in: int | None


def list_batches(connection: psycopg.Connection[Any], *, count: int = 50, before: int | None = None) -> list[Any]:
    """List batches, the newest first, as dictionaries. before: older ones than this number."""
    return _rows(connection, "batches", {"count": count, "before": before})


def show_batch(connection: psycopg.Connection[Any], batch_id: int) -> dict[str, Any]:
    """Give one batch with its reasons and, by reason, how many rows were set aside and how many of them are mended.

    Raises NotFound.
    """
    found = _rows(connection, "batches", {"count": 1, "before": batch_id + 1})
    if not found or found[0]["batch_id"] != batch_id:
        raise NotFound(f"没有批次 {batch_id} (no such batch)", do="twin ingest batches")
    batch: dict[str, Any] = found[0]
    batch["reasons"] = _rows(connection, "reasons", {"batch_id": batch_id})
    return batch


def list_refused(connection: psycopg.Connection[Any], *, count: int = 50) -> list[Any]:
    """List files and layers refused as a whole, the latest first, as dictionaries."""
    return _rows(connection, "refused", {"count": count})


def rejected_rows(
    connection: psycopg.Connection[Any], batch_id: int, actor: Actor, *, count: int | None = None, after: int = 0
) -> list[RejectedRow]:
    """List the rows a batch has set aside, in the order of the file. after: rows behind this one.

    actor: row policies decide whose rows are shown. Raises NotFound when there is no such batch.
    """
    show_batch(connection, batch_id)
    with transaction(connection, actor) as cursor:
        cursor.execute(statements("batches")["rejected"], {"batch_id": batch_id, "count": count, "after": after})
        rows = cursor.fetchall()
    keys = keys_of(connection) if rows else None
    return [
        RejectedRow(row_no, code, detail, open_raw(keys, batch_id, row_no, sealed), mended)
        for row_no, code, detail, sealed, mended in rows
        if keys is not None
    ]


def write_rejected(path: Path, rows: Sequence[RejectedRow]) -> None:
    """Write rows set aside to a CSV file that can be mended and given back: row, reason, detail, then all columns."""
    names = list(dict.fromkeys(name for row in rows for name in row.raw))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, [ROW, REASON, DETAIL, *names], restval="")
        writer.writeheader()
        for row in rows:
            if row.mended_in is None:
                writer.writerow({ROW: row.row_no, REASON: row.code, DETAIL: row.detail or "", **row.raw})


def _rows(connection: psycopg.Connection[Any], section: str, values: dict[str, Any]) -> list[Any]:
    actor = Actor("twin ingest", role="system", purpose="look at deliveries")
    with transaction(connection, actor), connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statements("batches")[section], values).fetchall()
