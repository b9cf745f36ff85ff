"""What the twin already holds of a kind of thing, read in bulk: codes, and rows as they were delivered."""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ingest_gis.key_map import Numbers
from ingest_gis.mappings import Target
from ingest_gis.row_hashes import first_eight, hash_keys
from ingest_gis.sql_text import statements
from twin.session import Actor, transaction

READ_AT_ONCE = 100_000
BULK_TARGETS: frozenset[Target] = frozenset({"building", "address", "asset", "record"})


class KnownRows:
    """Codes in the twin and the hashes of rows as delivered, sorted; 32 bytes a row."""

    def __init__(self, keys: Numbers, raw: Numbers, contents: Numbers) -> None:
        """Take (N,) hashes of code, of the row as delivered (0: it must be read again) and of content."""
        self._keys = np.sort(keys)
        order = np.flatnonzero(raw)
        order = order[np.argsort(raw[order], kind="stable")]
        self._raw, self._keys_by_raw, self._contents_by_raw = raw[order], keys[order], contents[order]

    def has(self, keys: Numbers) -> NDArray[np.bool_]:
        """Tell which of (N,) codes the twin has."""
        return _find(self._keys, keys)[0]

    def match(self, raw_hashes: bytes) -> tuple[NDArray[np.bool_], Numbers, Numbers]:
        """Find rows that are in the twin exactly as delivered. raw_hashes: N x 16 bytes.

        Returns which of (N,) are, and of those (in order) the hashes of code and content.
        """
        found, at = _find(self._raw, first_eight(raw_hashes))
        return found, self._keys_by_raw[at[found]], self._contents_by_raw[at[found]]


def _find(among: Numbers, numbers: Numbers) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Look (N,) numbers up among sorted ones. Returns which are there and where."""
    if not len(among):
        return np.zeros(len(numbers), dtype=bool), np.zeros(len(numbers), dtype=np.int64)
    at = np.minimum(np.searchsorted(among, numbers), len(among) - 1)
    return np.asarray(among[at] == numbers), at


def count_rows(connection: psycopg.Connection[Any], target: Target, most: int) -> int:
    """Count the rows of a target's table, up to `most`."""
    counted = statements("known")["count"].replace(b"{target}", target.encode())
    row = connection.execute(counted, {"most": most}).fetchone()
    return int(row[0]) if row else 0


def read_known_rows(
    connection: psycopg.Connection[Any], actor: Actor, target: Target, bound: dict[str, Any]
) -> KnownRows:
    """Read all rows of a target (of a department and kind, for records). Memory: 32 bytes a row, twice that to begin.

    connection: role ingest, idle, in autocommit. bound: department_id and kind.
    """
    parts: list[tuple[Numbers, Numbers, Numbers]] = [(np.zeros(0, dtype=np.uint64),) * 3]
    sql, after = statements("known")[target], 0
    with transaction(connection, actor) as cursor:
        while True:
            row = cursor.execute(sql, bound | {"after": after, "count": READ_AT_ONCE}, binary=True).fetchone()
            if row is None or row[0] is None:
                break
            after, codes, raw, contents = row
            keys = hash_keys(pc.split_pattern(pa.scalar(codes, pa.large_string()), "\n").values)
            parts.append((keys, first_eight(raw), np.frombuffer(contents, dtype="<u8").astype(np.uint64)))
    keys, raw, contents = (np.concatenate(column) for column in zip(*parts, strict=True))
    return KnownRows(keys, raw, contents)
