"""Prepare the buildings of a part all at once. Whatever is not plainly sound goes the careful way (rows.py).

Both ways give the same rows: this one only takes what the careful one would take unchanged.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ingest_gis.anchors import Anchors
from ingest_gis.datum import Datum
from ingest_gis.fast_fields import FastColumn, Mask, can_read_keys, find_sound_text, nothing, read_column, read_keys
from ingest_gis.fast_shapes import FastShapes, read_outlines
from ingest_gis.mappings import DeliveryMapping
from ingest_gis.position_columns import position_kind
from ingest_gis.positions import GEOGRAPHIC_SRID
from ingest_gis.prepared import SCHEMA, PreparedRows, Rejected
from ingest_gis.row_hashes import as_column, first_eight, joined
from ingest_gis.rows import RowMaker, raw_row
from ingest_gis.solids import SOLID
from ingest_gis.source_crs import SourceCrs
from ingest_gis.values import ValueProblem, read_value

# What a building's public document says, in the order of its JSON, and how COPY takes each.
WRITE: dict[str, Callable[[Any], bytes]] = {
    "name_zh": lambda text: str(text).encode(),
    "storeys": lambda number: int(number).to_bytes(2, "big", signed=True),
    "use_zh": lambda text: str(text).encode(),
}
GRID = "grid_code"  # checked against the place, not kept
SMALLEST = 64  # fewer rows than this are not worth it


class PartMaker:
    """Prepares parts of one delivery: the plain rows all at once, the others one by one."""

    def __init__(
        self,
        careful: RowMaker,
        mapping: DeliveryMapping,
        columns: Sequence[str],
        anchors: Anchors,
        crs: SourceCrs | None,
        datum: Datum,
        utc_offset_h: int,
    ) -> None:
        """Find out whether this kind of delivery can be prepared all at once."""
        self._careful = careful
        self._mapping = mapping
        self._anchors = anchors
        self._crs = crs
        self._datum: Datum = datum
        self._utc_offset_h = utc_offset_h
        self._key = mapping.fields["key"].column_in(columns)
        fields = (*mapping.fields.values(), *mapping.public, *mapping.private)
        self._fields = [(item, item.column_in(columns)) for item in fields if item.name != "key"]
        self.is_fast = (
            mapping.target == "building"
            and {item.name for item in fields} <= {"key", GRID, *WRITE}
            and mapping.class_column is None
            and position_kind(mapping, [*columns, "_wkb"]) == "geometry"
            and crs is not None
            and self._key is not None
            and can_read_keys(mapping.fields["key"])
        )

    def prepare(self, batch: pa.RecordBatch, raw_hashes: bytes) -> PreparedRows:
        """Check and transform one part. raw_hashes: N x 16 bytes, of the rows as delivered."""
        has_solids, has_shapes = SOLID in batch.schema.names, "_wkb" in batch.schema.names
        if not self.is_fast or batch.num_rows < SMALLEST or has_solids or not has_shapes:
            return self._carefully(batch, raw_hashes, np.arange(batch.num_rows))
        keys, sound_keys = read_keys(self._mapping.fields["key"], batch[self._key])
        columns, sound = self._read_fields(batch)
        if self._crs is None:
            raise ValueError("positions without a coordinate system")
        shapes = read_outlines(batch["_wkb"], self._crs, self._datum, self._anchors)
        placed = np.zeros(batch.num_rows, dtype=bool)
        placed[shapes.rows] = self._in_stated_grid(batch, shapes)
        plain = sound & placed
        taken = plain & sound_keys
        prepared = self._assemble(batch, keys, columns, shapes, taken, raw_hashes)
        prepared.rejected, refused = self._refuse(batch, np.flatnonzero(plain & ~sound_keys))
        others = ~taken
        others[refused] = False
        if others.any():
            _add(prepared, self._carefully(batch, raw_hashes, np.flatnonzero(others)))
        return prepared

    def _refuse(self, batch: pa.RecordBatch, rows: NDArray[np.int64]) -> tuple[list[Rejected], list[int]]:
        """Set aside rows of which all but the code is sound. Returns them, and which of `rows` they are."""
        made, refused = [], []
        names = [name for name in batch.schema.names if name not in ("_row_no", "_wkb")]
        for row in rows.tolist():
            try:
                code = read_value(self._mapping.fields["key"], batch[self._key][row].as_py(), self._utc_offset_h)
                if code is not None:
                    continue  # sound, but not written as it is kept
                problem = "key_missing"
            except ValueProblem as error:
                problem = error.code
            raw = raw_row({name: batch[name][row].as_py() for name in names}, batch, row)
            made.append(Rejected(batch["_row_no"][row].as_py(), problem, self._key, raw))
            refused.append(row)
        return made, refused

    def _in_stated_grid(self, batch: pa.RecordBatch, shapes: FastShapes) -> Mask:
        """Tell which of the outlines stand in the unit grid their row names; all where no row names one."""
        column = next((column for field, column in self._fields if field.name == GRID), None)
        if column is None:
            return np.ones(len(shapes.rows), dtype=bool)
        cells = batch[column].take(pa.array(shapes.rows)).to_pylist()
        verdict = self._anchors.grids.judge(cells, shapes.middles, self._anchors.working_srid)
        return ~(verdict.shifted | verdict.elsewhere | verdict.unknown)

    def _carefully(self, batch: pa.RecordBatch, raw_hashes: bytes, rows: np.ndarray[Any, Any]) -> PreparedRows:
        hashes = [raw_hashes[16 * row : 16 * row + 16] for row in rows.tolist()]
        some = batch if len(rows) == batch.num_rows else batch.take(pa.array(rows))
        return self._careful.prepare(some, hashes)

    def _read_fields(self, batch: pa.RecordBatch) -> tuple[dict[str, FastColumn], Mask]:
        """Read all fields but the code. Returns them, and which rows are sound in them."""
        raw = {name: batch[name] for name in batch.schema.names if name not in ("_row_no", "_wkb", "_extra")}
        sound = find_sound_text(raw)
        if "_extra" in batch.schema.names:
            sound &= batch["_extra"].is_null().to_numpy(zero_copy_only=False)
        columns = {name: nothing(batch.num_rows) for name in WRITE}
        for field, column in self._fields:
            cells = batch[column] if column is not None else pa.nulls(batch.num_rows, pa.string())
            columns[field.name] = read_column(field, cells, self._utc_offset_h)
            sound &= columns[field.name].sound
        return columns, sound

    def _assemble(
        self,
        batch: pa.RecordBatch,
        keys: pa.Array,
        columns: dict[str, FastColumn],
        shapes: FastShapes,
        taken: Mask,
        raw_hashes: bytes,
    ) -> PreparedRows:
        rows = np.flatnonzero(taken)
        at, srid = pa.array(rows), self._anchors.working_srid
        shapes = shapes.some(taken[shapes.rows])
        public = joined(
            b'{"name_zh":', columns["name_zh"].json, b',"storeys":', columns["storeys"].json,
            b',"use_zh":', columns["use_zh"].json, b"}",
        ).take(at)  # fmt: skip
        hashes = _hash_content(shapes.as_delivered(srid, public))
        raw = np.frombuffer(raw_hashes, dtype="V16")[rows].tobytes()
        copied = {name: columns[name].copied(write).take(at) for name, write in WRITE.items()}
        copied["geom"] = shapes.as_multi(GEOGRAPHIC_SRID, shapes.degrees)
        copied["geom_m"] = shapes.as_multi(srid, shapes.metres)
        values = [
            batch["_row_no"].take(at), keys.take(at), as_column(hashes), as_column(raw), pa.array(first_eight(hashes)),
            copied["geom"], copied["geom_m"], public, pa.nulls(len(rows), pa.large_binary()),
        ]  # fmt: skip
        table = pa.Table.from_arrays(values, schema=SCHEMA)
        return PreparedRows(batch.num_rows, table, direct=len(rows), copied=copied, places=shapes.inside())


def _hash_content(rows: pa.Array) -> bytes:
    """Hash each of (N,) large_binary as rows.py does. Returns N x 16 bytes."""
    ends = np.frombuffer(rows.buffers()[1], dtype=np.int64)[rows.offset : rows.offset + len(rows) + 1].tolist()
    data, digest = memoryview(rows.buffers()[2] or b""), hashlib.blake2b
    return b"".join([digest(data[start:end], digest_size=16).digest() for start, end in itertools.pairwise(ends)])


def _add(prepared: PreparedRows, others: PreparedRows) -> None:
    prepared.rows = pa.concat_tables([prepared.rows, others.rows])
    prepared.rejected += others.rejected
    prepared.notes += others.notes
    prepared.unknown_classes += others.unknown_classes
