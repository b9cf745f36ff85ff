"""Turn a batch of delivered rows into rows of the twin, setting aside each one that breaks a rule."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from ingest_gis.checks import Problems, check_geometry_kind, find_broken_text
from ingest_gis.mappings import DeliveryMapping, Field
from ingest_gis.positions import Placed, PositionReader
from ingest_gis.targets import RowBuilder
from ingest_gis.values import ValueProblem, read_value

Raw = dict[str, str | None]


@dataclass(frozen=True)
class StageRow:
    """One row ready to be loaded. geom, geom_m: EWKB (EPSG:4490; working CRS) or None. public, private: documents."""

    row_no: int
    key: str
    row_hash: bytes
    geom: bytes | None
    geom_m: bytes | None
    public: bytes
    private: bytes | None


@dataclass(frozen=True)
class Rejected:
    """One row set aside: the rule broken, where, and the row as delivered."""

    row_no: int
    code: str
    detail: str | None
    raw: bytes


@dataclass
class PreparedRows:
    """What became of one batch. read = len(rows) + len(rejected). notes: remarks counted by rule."""

    read: int
    rows: list[StageRow] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    unknown_classes: Counter[str] = field(default_factory=Counter)


class RowMaker:
    """Prepares the rows of one delivery, batch by batch, in order; remembers the codes it has seen."""

    def __init__(
        self, mapping: DeliveryMapping, columns: Sequence[str], positions: PositionReader, builder: RowBuilder
    ) -> None:
        """Find the mapping's columns in the delivery."""
        self._mapping = mapping
        self._positions = positions
        self._builder = builder
        fields = (*mapping.fields.values(), *mapping.public, *mapping.private)
        self._columns = {id(item): item.column_in(columns) for item in fields}
        self._key_is_geometry = self._columns[id(mapping.fields["key"])] is None
        self._seen: dict[bytes, bytes] = {}

    def prepare(self, batch: pa.RecordBatch) -> PreparedRows:
        """Check and transform one batch. Never fails for a row: it is taken or set aside with its reason."""
        raw: dict[str, list[str | None]] = {
            name: batch[name].to_pylist() for name in batch.schema.names if name not in ("_row_no", "_wkb")
        }
        count = batch.num_rows
        problems = Problems(count)
        for row, cell in enumerate(raw.get("_extra", ())):
            if cell is not None:
                problems.add(row, "row_shape")
        find_broken_text(raw, problems)
        values = self._read_fields(raw, count, problems)
        placed = self._positions.read(batch, raw, problems)
        self._builder.check(values, raw, placed, problems)
        check_geometry_kind(self._mapping.target, placed, problems)
        return self._assemble(batch, raw, values, placed, problems)

    def _read_fields(self, raw: Mapping[str, list[str | None]], count: int, problems: Problems) -> list[dict[str, Any]]:
        """Read all fields of all rows; public attributes and private ones stand in dictionaries of their own."""
        rows: list[dict[str, Any]] = [{"public": {}, "private": {}} for _ in range(count)]
        for item in self._mapping.fields.values():
            self._read_field(item, raw, rows, problems, None)
        for item in self._mapping.public:
            self._read_field(item, raw, rows, problems, "public")
        for item in self._mapping.private:
            self._read_field(item, raw, rows, problems, "private")
        return rows

    def _read_field(
        self,
        item: Field,
        raw: Mapping[str, list[str | None]],
        rows: list[dict[str, Any]],
        problems: Problems,
        part: str | None,
    ) -> None:
        column = self._columns[id(item)]
        cells = raw[column] if column is not None else [None] * len(rows)
        offset_h = self._builder.utc_offset_h
        is_key = item.name == "key" and part is None and not self._key_is_geometry
        for row, cell in enumerate(cells):
            try:
                value = read_value(item, cell, offset_h)
            except ValueProblem as problem:
                problems.add(row, problem.code, column or item.columns[0])
                continue
            if value is None:
                if is_key:
                    problems.add(row, "key_missing", column)
                continue
            (rows[row] if part is None else rows[row][part])[item.name] = value

    def _assemble(
        self,
        batch: pa.RecordBatch,
        raw: Mapping[str, list[str | None]],
        values: list[dict[str, Any]],
        placed: Placed,
        problems: Problems,
    ) -> PreparedRows:
        numbers: list[int] = batch["_row_no"].to_pylist()
        prepared = PreparedRows(read=len(numbers), notes=problems.notes, unknown_classes=problems.unknown_classes)
        for row, number in enumerate(numbers):
            made = None if row in problems.first else self._make(row, number, values[row], placed)
            if made is not None and (repeated := self._repeats(made)):
                problems.add(row, repeated)
            if row in problems.first:
                code, detail = problems.first[row]
                kept = {name: cells[row] for name, cells in raw.items() if cells[row] is not None}
                text = orjson.dumps(kept).replace(b"\\u0000", b"")
                prepared.rejected.append(Rejected(number, code, detail, text))
            elif made is not None:
                prepared.rows.append(made)
        return prepared

    def _make(self, row: int, number: int, values: dict[str, Any], placed: Placed) -> StageRow:
        geom, geom_m = placed.geom[row], placed.geom_m[row]
        public, private = self._builder.build(values)
        key = values.get("key")
        if key is None:
            key = "g" + hashlib.blake2b(placed.snapped(row), digest_size=10).hexdigest()
        document = orjson.dumps(public, option=orjson.OPT_SORT_KEYS)
        digest = hashlib.blake2b(document, digest_size=16)
        digest.update(geom_m or b"")
        hidden = None if private is None else orjson.dumps(private, option=orjson.OPT_SORT_KEYS)
        return StageRow(number, str(key), digest.digest(), geom, geom_m, document, hidden)

    def _repeats(self, made: StageRow) -> str | None:
        """Tell whether the code was seen earlier in the file, with the same content or another."""
        key = hashlib.blake2b(made.key.encode(), digest_size=8).digest()
        content = hashlib.blake2b(made.row_hash + (made.private or b""), digest_size=8).digest()
        earlier = self._seen.setdefault(key, content)
        if earlier is content:
            return None
        return "duplicate_row" if earlier == content else "duplicate_key"
