"""Load one part of a delivery in one transaction: its rows, what was set aside, counts and checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from ingest_gis.copy_binary import Framed, copy_rows, fixed, fixed_bytes, integers, jsonb, plain
from ingest_gis.key_map import SAME_KEY, SAME_ROW, TAKEN
from ingest_gis.locate import NOWHERE, Locator, read_locator
from ingest_gis.mappings import Target
from ingest_gis.prepared import PreparedRows, Rejected
from ingest_gis.rows import raw_row
from ingest_gis.seal_rows import STAGED, WITH_PRIVATE, content_macs, sealed_raws, sealed_rows
from ingest_gis.sql_text import statement, statements
from twin.errors import Conflict
from twin.personal.keyring import Keyring, keys_to_seal
from twin.session import Actor, transaction

COUNTED = ("read", "inserted", "changed", "unchanged", "rejected")
STAGE_COLUMNS = ("row_no", "key", "row_hash", "raw_hash", "geom", "geom_m", "admin_id", "grid_id", "doc", "private_mac")
STAGED_BYTES = ("key", "row_hash", "raw_hash", "geom", "geom_m")
ORIGIN_COLUMNS = ("row_hash", "raw_hash", "batch_id", "row_no")
ORIGIN = np.dtype(
    [("size_1", ">i4"), ("row_hash", "V16"), ("size_2", ">i4"), ("raw_hash", "V16"),
     ("size_3", ">i4"), ("batch_id", ">i8"), ("size_4", ">i4"), ("row_no", ">i8")]
)  # fmt: skip


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
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True)
class LoadPlan:
    """How the parts of one batch are loaded. run: who may settle parts of it. bound: values of the target's SQL."""

    target: Target
    batch_id: int
    run: UUID | None
    department_id: int | None
    actor: Actor
    bound: dict[str, Any]
    dry_run: bool = False


@dataclass
class PartRows:
    """One part of the file: its rows as delivered, from row `first` (0 is the file's first).

    known: rows found in the twin exactly as delivered, which `batch` leaves out.
    """

    first: int
    batch: pa.RecordBatch
    raw_hashes: bytes = b""
    known: int = 0

    @property
    def read(self) -> int:
        """Count the rows of the file that this part settles."""
        return int(self.batch.num_rows) + self.known


@dataclass
class PartResult:
    """What became of a part. first_rows: by reason, the first rows set aside."""

    counts: Counts
    reasons: Counter[str] = field(default_factory=Counter)
    rows_by_reason: dict[str, list[int]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    unknown_classes: Counter[str] = field(default_factory=Counter)


class PartLoader:
    """Loads parts through one connection (role ingest, idle, in autocommit)."""

    def __init__(self, connection: psycopg.Connection[Any], plan: LoadPlan) -> None:
        """Make the session's staging tables."""
        self._connection = connection
        self._plan = plan
        self._sql = statements(f"load_{plan.target}")
        self._locator: Locator | None = None
        self._keyring: Keyring | None = None
        connection.execute(statement("stage"))

    def load(
        self,
        part: PartRows,
        prepared: PreparedRows,
        verdicts: NDArray[np.uint8],
        new: NDArray[np.bool_],
        repeated: Sequence[Rejected] = (),
    ) -> PartResult:
        """Load the rows with verdict TAKEN; those that repeat an earlier code are set aside.

        verdicts, new: (N,) for the rows of `prepared`; new: no row of that code is in the twin. repeated: rows set
        aside that `part.batch` leaves out. Raises Conflict when another run has taken the batch over.
        """
        rejected = [*prepared.rejected, *self._repeats(part, prepared, verdicts), *repeated]
        counts = Counts(read=part.read, rejected=len(rejected))
        taken = verdicts == TAKEN
        direct = np.zeros(len(taken), dtype=bool)
        direct[: prepared.direct] = taken[: prepared.direct] & new[: prepared.direct] & (not self._plan.dry_run)
        try:
            self._settle(prepared, taken, direct, rejected, counts, part.first)
        except psycopg.errors.UniqueViolation:  # somebody else entered one of them meanwhile
            counts = Counts(read=part.read, rejected=len(rejected))
            self._settle(prepared, taken, np.zeros_like(direct), rejected, counts, part.first)
        result = PartResult(counts, notes=prepared.notes, unknown_classes=prepared.unknown_classes)
        for row in rejected:
            result.reasons[row.code] += 1
            result.rows_by_reason.setdefault(row.code, []).append(row.row_no)
        return result

    def _settle(
        self,
        prepared: PreparedRows,
        taken: NDArray[np.bool_],
        direct: NDArray[np.bool_],
        rejected: Sequence[Rejected],
        counts: Counts,
        first: int,
    ) -> None:
        plan = self._plan
        with transaction(self._connection, plan.actor) as cursor:
            cursor.execute("SET LOCAL twin.search_later = 'on'")
            self._copy_new(cursor, prepared, direct)
            counts.inserted = int(direct.sum())
            self._stage(cursor, prepared, taken & ~direct, counts)
            counts.unchanged = counts.read - counts.rejected - counts.inserted - counts.changed
            if plan.dry_run:
                return
            self._quarantine(cursor, rejected)
            settled = {"batch_id": plan.batch_id, "run": plan.run, "first_row": first, **vars(counts)}
            cursor.execute(statements("batch")["part"], settled)
            cursor.execute(statements("batch")["settle"], settled)
            if cursor.rowcount != 1:
                raise Conflict("批次已由另一次运行接着做 (another run has taken this batch over)")

    def _copy_new(self, cursor: psycopg.Cursor[Any], prepared: PreparedRows, direct: NDArray[np.bool_]) -> None:
        """Copy new buildings straight into their table."""
        if not direct.any():
            return
        rows = np.flatnonzero(direct[: prepared.direct])
        at = pa.array(rows)
        admin_ids, grid_ids = self._areas.locate(prepared.places[rows])
        code = plain(prepared.rows["key"].take(at))
        columns = {
            "code": code, "source_key": code, **{name: column.take(at) for name, column in prepared.copied.items()},
            "admin_id": _ids(admin_ids), "grid_id": _ids(grid_ids),
        }  # fmt: skip
        text = f"COPY twin.building ({', '.join((*columns, *ORIGIN_COLUMNS))}) FROM STDIN (FORMAT binary)"
        with cursor.copy(text.encode()) as copy:
            copy.write(copy_rows([*columns.values(), self._origin(prepared.rows, rows)]))

    def _origin(self, rows: pa.Table, at: NDArray[np.int64]) -> Framed:
        """Write what of rows has the same size in all: their hashes, batch and row."""
        made = np.zeros(len(at), dtype=ORIGIN)
        for name in ("row_hash", "raw_hash"):
            made[name] = fixed_bytes(rows[name])[at]
        made["batch_id"], made["row_no"] = self._plan.batch_id, rows["row_no"].to_numpy()[at]
        made["size_1"] = made["size_2"] = 16
        made["size_3"] = made["size_4"] = 8
        return Framed(fixed(made), 4)

    def _stage(
        self, cursor: psycopg.Cursor[Any], prepared: PreparedRows, taken: NDArray[np.bool_], counts: Counts
    ) -> None:
        """Stage rows, find which are new or changed, and enter those."""
        if not taken.any():
            return
        rows = prepared.rows.filter(pa.array(taken))
        macs = self._macs(plain(rows["private"]))
        columns = [
            integers(rows["row_no"].to_numpy(), 8), *(plain(rows[name]) for name in STAGED_BYTES),
            *self._places(rows["geom_m"]), jsonb(plain(rows["public"])), macs,
        ]  # fmt: skip
        with cursor.copy(f"COPY stage_row ({', '.join(STAGE_COLUMNS)}) FROM STDIN (FORMAT binary)".encode()) as copy:
            copy.write(copy_rows(columns))
        cursor.execute("ANALYZE stage_row (row_no, key)")
        cursor.execute(self._sql["find"], self._plan.bound)
        cursor.execute("ANALYZE stage_todo")
        cursor.execute("SELECT count(*) FILTER (WHERE target_id IS NULL), count(target_id) FROM stage_todo")
        inserted, changed = cursor.fetchone() or (0, 0)
        counts.inserted += inserted
        counts.changed += changed
        if inserted + changed and not self._plan.dry_run:
            self._enter(cursor, rows, macs)

    def _places(self, geometries: pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
        """Find the administrative unit and the grid each thing stands in, as COPY takes them."""
        count = len(geometries)
        admin_ids, grid_ids = np.full(count, NOWHERE), np.full(count, NOWHERE)
        if self._plan.target not in ("admin_unit", "grid"):
            shapes = shapely.from_wkb(geometries.to_numpy())
            there = np.flatnonzero(~shapely.is_missing(shapes) & ~shapely.is_empty(shapes))
            admin_ids[there], grid_ids[there] = self._areas.locate(shapely.point_on_surface(shapes[there]))
        return _ids(admin_ids), _ids(grid_ids)

    @property
    def _areas(self) -> Locator:
        if self._locator is None:
            self._locator = read_locator(self._connection)
        return self._locator

    def _enter(self, cursor: psycopg.Cursor[Any], rows: pa.Table, macs: pa.Array) -> None:
        if self._plan.target == "asset":
            cursor.execute(statements("stage_common")["departments"])
        for section in ("insert", "update", "after"):
            if section == "after" and self._plan.target in WITH_PRIVATE:
                self._seal(cursor, rows, macs)
            if section in self._sql:
                cursor.execute(self._sql[section], self._plan.bound)

    def _seal(self, cursor: psycopg.Cursor[Any], rows: pa.Table, macs: pa.Array) -> None:
        """Seal the private documents of what is new or changed, each bound to its number in the twin."""
        given = cursor.execute(self._sql["numbers"], self._plan.bound).fetchall()
        if not given:
            return
        at = pc.index_in(pa.array([row[0] for row in given], pa.int64()), rows["row_no"].combine_chunks())
        documents = plain(rows["private"]).take(at).to_pylist()
        with cursor.copy(f"COPY stage_sealed ({', '.join(STAGED)}) FROM STDIN (FORMAT binary)".encode()) as copy:
            copy.write(sealed_rows(self._keys, self._plan.target, given, documents, macs.take(at)))
        cursor.execute("ANALYZE stage_sealed (row_no, target_id)")

    def _macs(self, documents: pa.Array) -> pa.Array:
        if self._plan.target not in WITH_PRIVATE:
            return documents
        return content_macs(self._keys, documents)

    @property
    def _keys(self) -> Keyring:
        if self._keyring is None:
            self._keyring = keys_to_seal(self._connection)
        return self._keyring

    def _repeats(self, part: PartRows, prepared: PreparedRows, verdicts: NDArray[np.uint8]) -> list[Rejected]:
        repeats = np.flatnonzero(verdicts != TAKEN)
        if not len(repeats):
            return []
        row_nos = prepared.rows["row_no"].take(pa.array(repeats)).to_pylist()
        keys = prepared.rows["key"].take(pa.array(repeats)).to_pylist()
        places = pc.index_in(pa.array(row_nos, pa.int64()), part.batch["_row_no"]).to_pylist()
        codes = {SAME_ROW: "duplicate_row", SAME_KEY: "duplicate_key"}
        return [
            Rejected(row_no, codes[int(verdicts[row])], None, delivered_row(part.batch, place), key)
            for row, row_no, key, place in zip(repeats, row_nos, keys, places, strict=True)
        ]

    def _quarantine(self, cursor: psycopg.Cursor[Any], rejected: Sequence[Rejected]) -> None:
        if not rejected:
            return
        cursor.execute(
            statements("batch")["quarantine"],
            {
                "batch_id": self._plan.batch_id,
                "department_id": self._plan.department_id,
                "row_nos": [row.row_no for row in rejected],
                "codes": [row.code for row in rejected],
                "details": [row.detail for row in rejected],
                "sealed": sealed_raws(
                    self._keys, self._plan.batch_id, [row.row_no for row in rejected], [row.raw for row in rejected]
                ),
            },
        )


def _ids(numbers: NDArray[np.int64]) -> pa.Array:
    return integers(numbers, 4, numbers == NOWHERE)


def delivered_row(batch: pa.RecordBatch, row: int) -> bytes:
    """Write one row of a batch as it was delivered, as JSON."""
    names = [name for name in batch.schema.names if name not in ("_row_no", "_wkb")]
    return raw_row({name: batch[name][row].as_py() for name in names}, batch, row)
