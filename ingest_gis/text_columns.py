"""Arrow columns of any type as text, the form in which deliveries are checked; runs in the guarded child only."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Decode = Callable[[str], str]


def text_column(column: pa.Array, decode: Decode | None = None) -> pa.Array:
    """Write any column as text; codes that look like numbers keep their digits.

    decode: what turns a text as read into the text meant; None when it is the same.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        if decode is None:
            return pc.cast(column, pa.string())
        return pa.array([None if value is None else decode(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        values = [
            None if item is None else json.dumps(item, default=str, ensure_ascii=False) for item in column.to_pylist()
        ]
        return pa.array(values, pa.string())
    return pc.cast(column, pa.string())


def text_batch(
    names: list[str], columns: list[list[str | None]], first: int, wkb: list[bytes | None]
) -> pa.RecordBatch:
    """Make one batch of text columns, `_row_no` from `first` on and `_wkb`."""
    arrays = [pa.array(column, pa.string()) for column in columns]
    arrays.append(pa.array(np.arange(first, first + len(wkb), dtype=np.int64)))
    arrays.append(pa.array(wkb, pa.binary()))
    return pa.RecordBatch.from_arrays(arrays, names=[*names, "_row_no", "_wkb"])
