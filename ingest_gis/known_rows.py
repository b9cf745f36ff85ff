"""What the twin already holds of a kind of thing, read in bulk: codes, and rows as they were delivered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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

Contents = NDArray[np.uint32]
READ_AT_ONCE = 100_000
BULK_TARGETS: frozenset[Target] = frozenset({"building", "address", "asset", "record"})


class KnownRows:
    """Codes in the twin and the hashes of rows as delivered, sorted; 24 bytes a row."""

    def __init__(self, keys: Numbers, raw: Numbers, contents: Contents) -> None:
        """Take (N,) hashes of code, of the row as delivered (0: it must be read again), and half of that of content.

        The arrays given are sorted in place, one after the other, so that at most 16 bytes a row are taken beside them.
        """
        order = np.argsort(raw, kind="stable")
        raw[:], keys[:] = raw[order], keys[order]
        contents[:] = contents[order]
        del order
        self._keys = np.sort(_halves(keys))
        first = int(np.searchsorted(raw, 0, side="right"))
        self._raw, self._keys_by_raw, self._contents_by_raw = raw[first:], keys[first:], contents[first:]

    def has(self, keys: Numbers) -> NDArray[np.bool_]:
        """Tell which of (N,) codes the twin has; of 400 it has not, it may say so of one, which then is looked up."""
        return _find(self._keys, _halves(keys))[0]

    def match(self, raw_hashes: bytes) -> tuple[NDArray[np.bool_], Numbers, Contents]:
        """Find rows that are in the twin exactly as delivered. raw_hashes: N x 16 bytes.

        Returns which of (N,) are, and of those (in order) the hashes of code and (half of it) content.
        """
        found, at = _find(self._raw, first_eight(raw_hashes))
        return found, self._keys_by_raw[at[found]], self._contents_by_raw[at[found]]


def _halves(numbers: Numbers) -> NDArray[np.uint32]:
    return (numbers >> np.uint64(32)).astype(np.uint32)


def _find(among: NDArray[Any], numbers: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
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
    connection: psycopg.Connection[Any], actor: Actor, target: Target, bound: dict[str, Any], expected: int = 0
) -> KnownRows:
    """Read all rows of a target (of a department and kind, for records). Memory: 24 bytes a row, 36 to begin.

    connection: role ingest, idle, in autocommit. bound: department_id and kind. expected: how many rows there may be.
    """
    room, count = max(expected, READ_AT_ONCE), 0
    found, content = np.empty((2, room), dtype=np.uint64), np.empty(room, dtype=np.uint32)
    with transaction(connection, actor) as cursor, ThreadPoolExecutor(1) as ahead:
        # The server gathers the next rows while the codes of the last ones are hashed here.
        asked = ahead.submit(_read_some, cursor, target, bound, 0)
        while (row := asked.result())[0] is not None:
            after, codes, raw, contents = row
            asked = ahead.submit(_read_some, cursor, target, bound, after)
            keys = hash_keys(pc.split_pattern(pa.scalar(codes, pa.large_string()), "\n").values)
            end = count + len(keys)
            if end > len(content):  # somebody has entered more meanwhile
                found = np.concatenate((found, np.empty_like(found)), axis=1)
                content = np.concatenate((content, np.empty_like(content)))
            found[0, count:end], found[1, count:end] = keys, first_eight(raw)
            content[count:end] = np.frombuffer(contents, dtype="<u8").astype(np.uint32)
            count = end
    return KnownRows(found[0, :count], found[1, :count], content[:count])


def _read_some(cursor: psycopg.Cursor[Any], target: Target, bound: dict[str, Any], after: int) -> tuple[Any, ...]:
    values = bound | {"after": after, "count": READ_AT_ONCE}
    return cursor.execute(statements("known")[target], values, binary=True).fetchone() or (None,)
