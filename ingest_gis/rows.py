"""Turn a batch of delivered rows into rows of the twin, setting aside each one that breaks a rule."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa
import shapely

from ingest_gis.checks import Problems, check_geometry_kind, find_broken_text
from ingest_gis.mappings import DeliveryMapping, Field
from ingest_gis.positions import Placed, PositionReader
from ingest_gis.prepared import PreparedRows, Rejected, StageRow, as_table
from ingest_gis.targets import RowBuilder
from ingest_gis.values import ValueProblem, ValueReader

ERASED = "person_erased"
GEOMETRY = "_wkt"  # the cell of a rejected row that holds its geometry


class RowMaker:
    """Prepares the rows of one delivery, part by part, each row for itself."""

    def __init__(
        self,
        mapping: DeliveryMapping,
        columns: Sequence[str],
        positions: PositionReader,
        builder: RowBuilder,
        hide_key: Callable[[str], str] = str,
        is_erased: Callable[[Mapping[str, str | None]], bool] | None = None,
    ) -> None:
        """Find the mapping's columns in the delivery. hide_key: what stands for the code of a row from here on.

        is_erased: tells rows that speak of somebody who was erased and must not come back.
        """
        self._hide_key = hide_key
        self._is_erased = is_erased
        self._mapping = mapping
        self._positions = positions
        self._builder = builder
        fields = (*mapping.fields.values(), *mapping.public, *mapping.private)
        self._columns = {id(item): item.column_in(columns) for item in fields}
        self._key_is_geometry = self._columns[id(mapping.fields["key"])] is None

    def prepare(self, batch: pa.RecordBatch, raw_hashes: Sequence[bytes] | None = None) -> PreparedRows:
        """Check and transform one batch. Never fails for a row: it is taken or set aside with its reason.

        raw_hashes: of the rows as delivered, to be kept with them.
        """
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
        return self._assemble(batch, raw, values, placed, problems, raw_hashes or [None] * count)

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
        reader = ValueReader(item, self._builder.utc_offset_h)
        is_key = item.name == "key" and part is None and not self._key_is_geometry
        for row, cell in enumerate(cells):
            try:
                value = reader.read(cell)
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
        raw_hashes: Sequence[bytes | None],
    ) -> PreparedRows:
        numbers: list[int] = batch["_row_no"].to_pylist()
        prepared = PreparedRows(read=len(numbers), notes=problems.notes, unknown_classes=problems.unknown_classes)
        made, hashes = [], []
        for row, number in enumerate(numbers):
            if self._is_erased is not None and self._is_erased({name: cells[row] for name, cells in raw.items()}):
                prepared.rejected.append(Rejected(number, ERASED, None, b"{}"))
            elif row in problems.first:
                code, detail = problems.first[row]
                key = values[row].get("key")
                text = raw_row({name: cells[row] for name, cells in raw.items()}, batch, row)
                hidden = None if key is None else self._hide_key(str(key))
                prepared.rejected.append(Rejected(number, code, detail, text, hidden))
            else:
                made.append(self._make(row, number, values[row], placed))
                hashes.append(raw_hashes[row])
        prepared.rows = as_table(made, hashes)
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
        return StageRow(number, self._hide_key(str(key)), digest.digest(), geom, geom_m, document, hidden)


def raw_row(cells: Mapping[str, str | None], batch: pa.RecordBatch, row: int) -> bytes:
    """Write a row as it was delivered, as JSON; its geometry as WKT (readable) or hex WKB (as given) under `_wkt`."""
    kept = {name: cell for name, cell in cells.items() if cell is not None}
    if "_wkb" in batch.schema.names and (wkb := batch["_wkb"][row].as_py()) is not None:
        shape = shapely.from_wkb(wkb, on_invalid="ignore")
        kept[GEOMETRY] = wkb.hex() if shape is None else shapely.to_wkt(shape, rounding_precision=-1)
    return orjson.dumps(kept).replace(b"\\u0000", b"")
