"""Hashes of many rows at once: of a row as delivered, of what it became, of its code."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
NOT_THE_ROW = frozenset({"_row_no"})
BETWEEN = b"\x1f"  # a cell that holds it is broken text and never taken
NOTHING = b"\x1e"


def joined(*parts: pa.Array | bytes) -> pa.Array:
    """Write columns of bytes one after the other, row by row. Returns (N,) large_binary; nulls count as empty."""
    ready = [
        pa.scalar(part, pa.large_binary()) if isinstance(part, bytes) else pc.cast(part, pa.large_binary())
        for part in parts
    ]
    empty = pa.scalar(b"", pa.large_binary())
    return pc.binary_join_element_wise(*ready, empty, null_handling="replace", null_replacement=b"")


def hash_rows(rows: pa.Array, seed: int = 0) -> bytes:
    """Hash each of (N,) large_binary to 16 bytes. Returns N x 16 bytes."""
    digest = xxhash.xxh3_128_digest
    ends, data = _slices(rows)
    return b"".join([digest(data[start:end], seed) for start, end in itertools.pairwise(ends)])


def hash_keys(keys: pa.Array) -> Hashes:
    """Hash each of (N,) text to a number; the same in every process."""
    texts = pc.fill_null(pc.cast(keys, pa.large_binary()), b"").to_pylist()
    return np.fromiter(map(xxhash.xxh3_64_intdigest, texts), np.uint64, len(texts))


def hash_delivered(batch: pa.RecordBatch, seed: int) -> bytes:
    """Hash rows as they were delivered, all columns and the geometry. seed: how they are read. Returns N x 16 bytes."""
    columns = [batch[name] for name in batch.schema.names if name not in NOT_THE_ROW]
    ready = [pc.cast(column, pa.large_binary()) for column in columns]
    between = pa.scalar(BETWEEN, pa.large_binary())
    rows = pc.binary_join_element_wise(*ready, between, null_handling="replace", null_replacement=NOTHING)
    return hash_rows(rows, seed)


def first_eight(hashes: bytes) -> Hashes:
    """Give the first eight bytes of each of N x 16 bytes as numbers."""
    return np.frombuffer(hashes, dtype=np.uint64).reshape(-1, 2)[:, 0].copy()


def as_column(hashes: bytes, size: int = 16) -> pa.Array:
    """Make a column of N x size bytes."""
    count = len(hashes) // size
    return pa.Array.from_buffers(pa.binary(size), count, [None, pa.py_buffer(hashes)])


def _slices(rows: pa.Array) -> tuple[list[int], memoryview]:
    if isinstance(rows, pa.ChunkedArray):
        rows = rows.combine_chunks()
    if rows.null_count:
        rows = rows.fill_null(b"")
    _, offsets, data = rows.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[rows.offset : rows.offset + len(rows) + 1].tolist()
    return ends, memoryview(data) if data is not None else memoryview(b"")
