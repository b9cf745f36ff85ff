"""Load prepared rows: binary COPY into staging, set-based upsert, quarantine, counts and checkpoint in one transaction.

A killed load has settled whole batches only: it is resumed from its checkpoint and doubles nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
import psycopg
from psycopg.types.json import Jsonb

from ingest_gis.mappings import DeliveryMapping, Target
from ingest_gis.rows import PreparedRows, Rejected, StageRow
from ingest_gis.sql_text import statement, statements
from twin.errors import Conflict
from twin.session import Actor, transaction

STAGE_COLUMNS = "row_no, key, row_hash, geom, geom_m, doc, private"
STAGE_TYPES = ["int8", "text", "bytea", "bytea", "bytea", "jsonb", "jsonb"]
WITH_EVIDENCE: frozenset[Target] = frozenset({"building", "address", "asset", "entity", "record"})
# Expected error of a position by accuracy class of the standard: A 0.5 m, B 1 m, C 10 m.
SIGMA_M = {"A": 0.5, "B": 1.0, "C": 10.0}


@dataclass(frozen=True)
class Delivery:
    """What is loaded: the file (name, sha256 of all its parts), layer, mapping, deliverer, and how it was read."""

    file: str
    file_sha256: str
    layer: str | None
    mapping: DeliveryMapping
    department_id: int | None
    source_crs: str | None
    source_datum: str | None
    encoding: str | None
    settings: dict[str, Any] = field(default_factory=dict)

    def fingerprint(self) -> dict[str, Any]:
        """Say how the file is read: a load is resumed only by one that reads the same way."""
        mapping = self.mapping
        return {"name": mapping.name, "sha256": mapping.fingerprint, "kind": mapping.kind, **self.settings}


@dataclass
class Counts:
    """read = inserted + changed + unchanged + rejected."""

    read: int = 0
    inserted: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0

    def add(self, other: Counts) -> None:
        """Add another's counts."""
        for name in ("read", "inserted", "changed", "unchanged", "rejected"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


class BatchLoader:
    """Loads the rows of one delivery, batch by batch. Use as a context manager: it holds the delivery's lock."""

    def __init__(self, connection: psycopg.Connection[Any], delivery: Delivery, actor: Actor) -> None:
        """Prepare; nothing is written yet. connection: role ingest, idle, in autocommit."""
        self._connection = connection
        self._delivery = delivery
        self._actor = actor
        self._sql = statements(f"load_{delivery.mapping.target}")
        self.batch_id: int | None = None
        self.checkpoint = 0
        self.resumed = False
        self.counts = Counts()

    @contextmanager
    def open(self) -> Iterator[BatchLoader]:
        """Take the delivery's lock, find or open its batch, and close it as done or failed at the end.

        Raises Conflict when another process is loading the same file into the same kind of thing.
        """
        lock = self._lock_number()
        taken = self._connection.execute("SELECT pg_try_advisory_lock(%s)", (lock,)).fetchone()
        if taken is None or not taken[0]:
            raise Conflict(
                "这个文件正在由另一个进程导入 (another process is loading this file)",
                where=self._delivery.file,
                do="请等它结束后再试 (try again when it has ended)",
            )
        try:
            self._connection.execute(statement("stage"))
            self._open_batch()
            try:
                yield self
            except BaseException:
                if not self._connection.closed and not self._connection.broken:
                    self._finish("failed")
                raise
            self._finish("done")
        finally:
            if not self._connection.closed and not self._connection.broken:
                self._connection.execute("SELECT pg_advisory_unlock(%s)", (lock,))

    def load(self, prepared: PreparedRows) -> Counts:
        """Load one batch in one transaction: rows, evidence, history (by triggers), quarantine, counts, checkpoint."""
        with transaction(self._connection, self._actor) as cursor:
            # One loader of a kind at a time, for the length of a batch: two overlapping deliveries give the same
            # result together as one after the other.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (self._delivery.mapping.target,))
            counts = find_changes(cursor, self._sql, prepared, self._values(cursor))
            if counts.inserted + counts.changed:
                self._write(cursor)
            self._quarantine(cursor, prepared.rejected)
            cursor.execute(
                statements("batch")["settle"],
                {"batch_id": self.batch_id, "checkpoint": self.checkpoint, **vars(counts)},
            )
            if cursor.rowcount != 1:
                raise Conflict(
                    "批次进度已被改动 (the batch has been carried on by someone else)", where=self._delivery.file
                )
        self.checkpoint += counts.read
        self.counts.add(counts)
        return counts

    def reasons(self) -> dict[str, tuple[int, list[int]]]:
        """Count the rows set aside by rule and list the first of them, parts loaded before a resume included."""
        with transaction(self._connection, self._actor) as cursor:
            cursor.execute(statements("batch")["reasons"], {"batch_id": self.batch_id})
            return {code: (count, rows) for code, count, rows in cursor.fetchall()}

    def _lock_number(self) -> int:
        delivery = self._delivery
        name = f"{delivery.file_sha256}|{delivery.layer}|{delivery.mapping.target}|{delivery.department_id}"
        return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)

    def _open_batch(self) -> None:
        delivery = self._delivery
        values = {
            "file_sha256": delivery.file_sha256, "target": delivery.mapping.target, "layer": delivery.layer,
            "mapping": Jsonb(delivery.fingerprint()), "department_id": delivery.department_id, "file": delivery.file,
            "source_crs": delivery.source_crs, "source_datum": delivery.source_datum, "encoding": delivery.encoding,
        }  # fmt: skip
        sql = statements("batch")
        with transaction(self._connection, self._actor) as cursor:
            cursor.execute(sql["unfinished"], values)
            found = cursor.fetchone()
            if found is not None:
                self.batch_id, self.checkpoint, *counts = found
                self.counts = Counts(*counts)
                self.resumed = self.checkpoint > 0
                cursor.execute(sql["resume"], {"batch_id": self.batch_id})
                return
            cursor.execute(sql["open"], values)
            opened = cursor.fetchone()
            self.batch_id = opened[0] if opened else None

    def _values(self, cursor: psycopg.Cursor[Any]) -> dict[str, Any]:
        mapping = self._delivery.mapping
        values = bound_values(mapping, self._delivery.department_id)
        values |= {"batch_id": self.batch_id, "file": self._delivery.file, "method": self._method()}
        values["sigma_m"] = SIGMA_M.get(mapping.accuracy_class or "")
        if mapping.target == "address":
            cursor.execute(statements("batch")["register_version"], {"batch_id": self.batch_id})
            version = cursor.fetchone()
            values["register_version"] = version[0] if version else 1
        self._bound = values
        return values

    def _method(self) -> str | None:
        datum = self._delivery.source_datum
        return None if datum in (None, "cgcs2000") else f"{datum} -> cgcs2000"

    def _write(self, cursor: psycopg.Cursor[Any]) -> None:
        common, target = statements("stage_common"), self._delivery.mapping.target
        if target in WITH_EVIDENCE:
            cursor.execute(common["evidence"], self._bound)
            cursor.execute(common["places"])
        if target == "asset":
            cursor.execute(common["departments"])
        for section in ("insert", "update", "after"):
            if section in self._sql:
                cursor.execute(self._sql[section], self._bound)

    def _quarantine(self, cursor: psycopg.Cursor[Any], rejected: Sequence[Rejected]) -> None:
        if not rejected:
            return
        cursor.execute(
            statements("batch")["quarantine"],
            {
                "batch_id": self.batch_id,
                "department_id": self._delivery.department_id,
                "row_nos": [row.row_no for row in rejected],
                "codes": [row.code for row in rejected],
                "details": [row.detail for row in rejected],
                "raws": [row.raw.decode() for row in rejected],
            },
        )

    def _finish(self, state: Literal["done", "failed"]) -> None:
        with transaction(self._connection, self._actor) as cursor:
            cursor.execute(statements("batch")["finish"], {"batch_id": self.batch_id, "state": state})


def bound_values(mapping: DeliveryMapping, department_id: int | None) -> dict[str, Any]:
    """Give the values that a target's statements are bound to."""
    return {"department_id": department_id, "kind": mapping.kind, "private_key": mapping.private_key}


def find_changes(
    cursor: psycopg.Cursor[Any], sql: dict[str, bytes], prepared: PreparedRows, values: dict[str, Any]
) -> Counts:
    """Stage the rows and find which are new or changed; writes nothing but the session's own staging tables."""
    counts = Counts(read=prepared.read, rejected=len(prepared.rejected))
    if prepared.rows:
        _copy_rows(cursor, prepared.rows)
        cursor.execute("ANALYZE stage_row")
        cursor.execute(sql["find"], values)
        cursor.execute("ANALYZE stage_todo")
        cursor.execute("SELECT count(*) FILTER (WHERE target_id IS NULL), count(target_id) FROM stage_todo")
        counts.inserted, counts.changed = cursor.fetchone() or (0, 0)
    counts.unchanged = len(prepared.rows) - counts.inserted - counts.changed
    return counts


def _copy_rows(cursor: psycopg.Cursor[Any], rows: Sequence[StageRow]) -> None:
    with cursor.copy(f"COPY stage_row ({STAGE_COLUMNS}) FROM STDIN (FORMAT binary)".encode()) as copy:
        copy.set_types(STAGE_TYPES)
        for row in rows:
            private = None if row.private is None else _json(row.private)
            copy.write_row((row.row_no, row.key, row.row_hash, row.geom, row.geom_m, _json(row.public), private))


def _json(text: bytes) -> Jsonb:
    return Jsonb(orjson.Fragment(text), dumps=orjson.dumps)
