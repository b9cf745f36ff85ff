"""PostgreSQL's binary COPY format, built for many rows at once from Arrow columns.

Source: PostgreSQL documentation, COPY, "Binary Format".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ingest_gis.row_hashes import joined

START = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
END = b"\xff\xff"


@dataclass(frozen=True)
class Framed:
    """Several columns written already, each value after its length. rows: (N,) large_binary. columns: how many."""

    rows: pa.Array
    columns: int


def copy_rows(columns: Sequence[pa.Array | Framed]) -> bytes:
    """Write rows for COPY ... FROM STDIN (FORMAT binary). columns: (N,) large_binary each, null is NULL."""
    ready = [column.rows if isinstance(column, Framed) else column for column in columns]
    if not ready or not len(ready[0]):
        return START + END
    count = sum(column.columns if isinstance(column, Framed) else 1 for column in columns)
    parts: list[pa.Array | bytes] = [count.to_bytes(2, "big")]
    for column in columns:
        if isinstance(column, Framed):
            parts.append(column.rows)
            continue
        lengths = pc.fill_null(pc.binary_length(column), -1)
        parts += [fixed(np.asarray(lengths.to_numpy(zero_copy_only=False)).astype(">i4")), column]
    return b"".join((START, _data(joined(*parts)), END))


def fixed(numbers: NDArray[np.generic]) -> pa.Array:
    """Make (N,) large_binary of the bytes of (N,) numbers or records."""
    data = np.ascontiguousarray(numbers)
    offsets = np.arange(len(data) + 1, dtype=np.int64) * data.dtype.itemsize
    return pa.Array.from_buffers(
        pa.large_binary(), len(data), [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data.tobytes())]
    )


def integers(numbers: NDArray[np.int64], size: int, nulls: NDArray[np.bool_] | None = None) -> pa.Array:
    """Write (N,) integers of `size` bytes as PostgreSQL takes them; nulls: which are NULL."""
    column = fixed(numbers.astype(f">i{size}"))
    if nulls is None or not nulls.any():
        return column
    return pc.if_else(pa.array(nulls), pa.scalar(None, pa.large_binary()), column)


def jsonb(documents: pa.Array) -> pa.Array:
    """Write JSON texts as jsonb (version 1)."""
    marked = joined(b"\x01", documents)
    return pc.if_else(pc.is_null(documents), pa.scalar(None, pa.large_binary()), marked)


def fixed_bytes(column: pa.ChunkedArray) -> NDArray[np.void]:
    """Give a column of values of one size as (N,) of so many bytes; nulls are anything."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    size = array.type.byte_width
    values = np.frombuffer(array.buffers()[1] or b"", dtype=f"V{size}")
    return values[array.offset : array.offset + len(array)]


def plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Give a column of text or bytes as one array of large_binary."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return pc.cast(array, pa.large_binary())


def _data(rows: pa.Array) -> memoryview:
    _, offsets, data = rows.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[rows.offset : rows.offset + len(rows) + 1]
    return memoryview(data)[int(ends[0]) : int(ends[-1])]
