"""What the twin already holds of a kind of thing, read in bulk: codes, and rows as they were delivered."""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ingest_gis.key_map import KeyMap, Numbers
from ingest_gis.mappings import Target
from ingest_gis.row_hashes import first_eight, hash_keys
from ingest_gis.sql_text import statements
from twin.session import Actor, transaction

READ_AT_ONCE = 100_000
BULK_TARGETS: frozenset[Target] = frozenset({"building", "address", "asset", "record"})


class KnownRows:
    """Codes in the twin and the hashes of rows as delivered; 50 bytes a row."""

    def __init__(self, expected: int = 0) -> None:
        """Start with nothing known."""
        self._contents = KeyMap(expected)
        self._raw = KeyMap(expected)

    def add(self, keys: Numbers, raw: Numbers, contents: Numbers) -> None:
        """Enter rows. raw: 0 where the row must be read again (it has ended, or came in another way)."""
        self._contents.add(keys, contents)
        again = np.flatnonzero(raw)
        _, once = np.unique(raw[again], return_index=True)
        self._raw.add(raw[again[once]], keys[again[once]])

    def has(self, keys: Numbers) -> NDArray[np.bool_]:
        """Tell which of (N,) codes the twin has."""
        return self._contents.find(keys)[0]

    def match(self, raw_hashes: bytes) -> tuple[NDArray[np.bool_], Numbers, Numbers]:
        """Find rows that are in the twin exactly as delivered. raw_hashes: N x 16 bytes.

        Returns which of (N,) are, and of those (in order) the hashes of code and content.
        """
        found, keys = self._raw.find(first_eight(raw_hashes))
        return found, keys[found], self._contents.find(keys[found])[1]


def count_rows(connection: psycopg.Connection[Any], target: Target, most: int) -> int:
    """Count the rows of a target's table, up to `most`."""
    counted = statements("known")["count"].replace(b"{target}", target.encode())
    row = connection.execute(counted, {"most": most}).fetchone()
    return int(row[0]) if row else 0


def read_known_rows(
    connection: psycopg.Connection[Any], actor: Actor, target: Target, bound: dict[str, Any], expected: int
) -> KnownRows:
    """Read all rows of a target (of a department and kind, for records). Memory: 50 bytes a row.

    connection: role ingest, idle, in autocommit. bound: department_id and kind.
    """
    known, after = KnownRows(expected), 0
    sql = statements("known")[target]
    with transaction(connection, actor) as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")
        while True:
            row = cursor.execute(sql, bound | {"after": after, "count": READ_AT_ONCE}).fetchone()
            if row is None or row[0] is None:
                return known
            last, codes, raw, contents = row
            keys = hash_keys(pc.split_pattern(pa.scalar(codes, pa.large_string()), "\n").values)
            known.add(keys, first_eight(raw), np.frombuffer(contents, dtype="<u8").astype(np.uint64))
            after = last
