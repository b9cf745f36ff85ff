"""PostgreSQL's binary COPY format, built for many rows at once from Arrow columns.

Source: PostgreSQL documentation, COPY, "Binary Format".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ingest_gis.row_hashes import joined

START = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
END = b"\xff\xff"


def copy_rows(columns: Sequence[pa.Array]) -> bytes:
    """Write rows for COPY ... FROM STDIN (FORMAT binary). columns: (N,) large_binary each, null is NULL."""
    if not columns or not len(columns[0]):
        return START + END
    count = np.full(len(columns[0]), len(columns), dtype=">i2")
    parts: list[pa.Array | bytes] = [fixed(count)]
    for column in columns:
        lengths = pc.fill_null(pc.binary_length(column), -1)
        parts += [fixed(np.asarray(lengths.to_numpy(zero_copy_only=False)).astype(">i4")), column]
    return START + _data(joined(*parts)) + END


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


def constant(value: bytes | None, count: int) -> pa.Array:
    """Repeat one value."""
    return pa.repeat(pa.scalar(value, pa.large_binary()), count)


def plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Give a column of text or bytes as one array of large_binary."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return pc.cast(array, pa.large_binary())


def _data(rows: pa.Array) -> bytes:
    _, offsets, data = rows.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[rows.offset : rows.offset + len(rows) + 1]
    return bytes(memoryview(data)[int(ends[0]) : int(ends[-1])])
