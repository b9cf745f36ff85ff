"""One delivery's batch: its locks, its parts that are settled already, how it ends.

A killed load has settled whole parts only; given again, the same file goes on with the others and doubles nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb

from ingest_gis.mappings import DeliveryMapping
from ingest_gis.part_loader import Counts, LoadPlan
from ingest_gis.sql_text import statements
from twin.actions.set_aside_indexes import LOAD_LOCK
from twin.errors import Conflict
from twin.session import Actor, transaction

# Expected error of a position by accuracy class of the standard: A 0.5 m, B 1 m, C 10 m.
LOOK_UP_MS = 1000
SIGMA_M = {"A": 0.5, "B": 1.0, "C": 10.0}


@dataclass(frozen=True)
class Delivery:
    """What is loaded: the file (name, sha256 of all its parts), layer, mapping, deliverer, and how it was read.

    is_complete: what is not in it is no more. mends: the batch whose rejected rows these are, mended.
    """

    file: str
    file_sha256: str
    layer: str | None
    mapping: DeliveryMapping
    department_id: int | None
    source_crs: str | None
    source_datum: str | None
    encoding: str | None
    settings: dict[str, Any] = field(default_factory=dict)
    is_complete: bool = False
    mends: int | None = None

    def fingerprint(self) -> dict[str, Any]:
        """Say how the file is read: a load is resumed only by one that reads the same way."""
        mapping = self.mapping
        return {"name": mapping.name, "sha256": mapping.fingerprint, "kind": mapping.kind, **self.settings}


class BatchLoader:
    """The batch of one delivery. Use `open` as a context manager: it holds the locks.

    settled: stretches (first, end) of the file's rows that need not be loaded again.
    """

    def __init__(self, connection: psycopg.Connection[Any], delivery: Delivery, actor: Actor) -> None:
        """Prepare; nothing is written yet. connection: role ingest, idle, in autocommit."""
        self._connection = connection
        self._delivery = delivery
        self._actor = actor
        self._run = uuid4()
        self.batch_id = 0
        self.settled: list[tuple[int, int]] = []

    @property
    def resumed(self) -> bool:
        """Tell whether an earlier run has settled a part of this delivery."""
        return bool(self.settled)

    @contextmanager
    def open(self, waiting: Callable[[], None] = lambda: None) -> Iterator[BatchLoader]:
        """Take the locks, find or open the batch, and close it as done or failed at the end.

        One delivery of a kind of thing at a time: two that overlap give the same result at once as one after the
        other. waiting: called when another one must end first, and again and again until it has; may raise.
        Raises Conflict when another process is loading the same file into the same kind of thing.
        """
        delivery = self._delivery
        with (
            self._lock(f"{delivery.file_sha256}|{delivery.layer}|{delivery.mapping.target}|{delivery.department_id}"),
            self._lock(LOAD_LOCK.format(target=delivery.mapping.target), waiting),
        ):
            self._open_batch()
            try:
                yield self
            except BaseException:
                if not self._connection.closed and not self._connection.broken:
                    self._finish("failed")
                raise
            self._finish("done")

    def plan(self) -> LoadPlan:
        """Give what a process needs to load parts of this batch."""
        delivery, mapping = self._delivery, self._delivery.mapping
        bound = bound_values(mapping, delivery.department_id) | {"batch_id": self.batch_id}
        if mapping.target == "address":
            with transaction(self._connection, self._actor) as cursor:
                cursor.execute(statements("batch")["register_version"], {"batch_id": self.batch_id})
                version = cursor.fetchone()
            bound["register_version"] = version[0] if version else 1
        actor = batch_actor(self._actor, self.batch_id)
        return LoadPlan(mapping.target, self.batch_id, self._run, delivery.department_id, actor, bound)

    def counts(self) -> Counts:
        """Count all rows settled, parts of earlier runs included."""
        row = self._connection.execute(statements("batch")["counts"], {"batch_id": self.batch_id}).fetchone()
        return Counts(*row) if row else Counts()

    def reasons(self) -> dict[str, tuple[int, list[int]]]:
        """Count the rows set aside by rule and list the first of them, parts loaded before a resume included."""
        with transaction(self._connection, self._actor) as cursor:
            cursor.execute(statements("batch")["reasons"], {"batch_id": self.batch_id})
            return {code: (count, rows) for code, count, rows in cursor.fetchall()}

    @contextmanager
    def _lock(self, name: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold a lock of this session. waiting: wait for it, having said so; None: fail when it is taken."""
        taken = self._connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchone()
        if taken is None or not taken[0]:
            if waiting is None:
                raise Conflict(
                    "这个文件正在由另一个进程导入 (another process is loading this file)",
                    where=self._delivery.file,
                    do="请等它结束后再试 (try again when it has ended)",
                )
            waiting()
            while not self._wait_for(name):
                waiting()
        try:
            yield
        finally:
            if not self._connection.closed and not self._connection.broken:
                self._connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (name,))

    def _wait_for(self, name: str) -> bool:
        """Wait a little for a lock of this session, so that it can be broken off. Returns whether it was had."""
        try:
            with self._connection.transaction():
                self._connection.execute(f"SET LOCAL lock_timeout = {LOOK_UP_MS}".encode())
                self._connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    def _open_batch(self) -> None:
        delivery, mapping, datum = self._delivery, self._delivery.mapping, self._delivery.source_datum
        values = {
            "file_sha256": delivery.file_sha256, "target": mapping.target, "layer": delivery.layer,
            "mapping": Jsonb(delivery.fingerprint()), "department_id": delivery.department_id, "file": delivery.file,
            "source_crs": delivery.source_crs, "source_datum": datum, "encoding": delivery.encoding, "run": self._run,
            "given_by": self._actor.name, "method": None if datum in (None, "cgcs2000") else f"{datum} -> cgcs2000",
            "sigma_m": SIGMA_M.get(mapping.accuracy_class or ""), "is_complete": delivery.is_complete,
            "mends_batch_id": delivery.mends,
        }  # fmt: skip
        sql = statements("batch")
        with transaction(self._connection, self._actor) as cursor:
            cursor.execute(sql["others_end"], values)
            found = cursor.execute(sql["unfinished"], values).fetchone()
            if found is None:
                opened = cursor.execute(sql["open"], values).fetchone()
                self.batch_id = opened[0] if opened else 0
                return
            self.batch_id = found[0]
            cursor.execute(sql["resume"], {"batch_id": self.batch_id, **values})
            settled = cursor.execute(sql["settled"], {"batch_id": self.batch_id}).fetchall()
            self.settled = [(first, first + count) for first, count in settled]

    def _finish(self, state: Literal["done", "failed"]) -> None:
        with transaction(self._connection, self._actor) as cursor:
            cursor.execute(statements("batch")["finish"], {"batch_id": self.batch_id, "state": state})


def batch_actor(actor: Actor, batch_id: int) -> Actor:
    """Name the batch as the request: history says which batch changed a row."""
    return Actor(actor.name, actor.role, actor.department_id, actor.purpose, f"batch-{batch_id}")


def bound_values(mapping: DeliveryMapping, department_id: int | None) -> dict[str, Any]:
    """Give the values that a target's statements are bound to."""
    return {"department_id": department_id, "kind": mapping.kind, "private_key": mapping.private_key}
