"""Rows of one part of a delivery, ready to be loaded, as columns; and the rows set aside with their reasons."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ingest_gis.row_hashes import Hashes, hash_keys

# One row: where it stood, its code, hashes of what it says and of how it was delivered, geometry as EWKB (EPSG:4490
# and the working CRS), the public and the private document as JSON.
SCHEMA = pa.schema(
    [
        ("row_no", pa.int64()), ("key", pa.string()), ("row_hash", pa.binary(16)), ("raw_hash", pa.binary(16)),
        ("content", pa.uint64()), ("geom", pa.large_binary()), ("geom_m", pa.large_binary()),
        ("public", pa.large_binary()), ("private", pa.large_binary()),
    ]
)  # fmt: skip


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

    def content(self) -> int:
        """Give a number that stands for everything the row says, private parts included."""
        digest = (
            hashlib.blake2b(self.row_hash + self.private, digest_size=8).digest() if self.private else self.row_hash
        )
        return int.from_bytes(digest[:8], "little")


@dataclass(frozen=True)
class Rejected:
    """One row set aside: the rule broken, where, and the row as delivered. key: its code, where it has one."""

    row_no: int
    code: str
    detail: str | None
    raw: bytes
    key: str | None = None


@dataclass
class PreparedRows:
    """What became of one part. read = len(rows) + len(rejected). notes: remarks counted by rule.

    rows: a table of SCHEMA; its rows number 0 .. direct-1 also stand, ready to be copied, in `copied`; their geometry
    is a multipolygon already.
    places: (direct,) points inside each of those, in metres.
    """

    read: int
    rows: pa.Table = field(default_factory=SCHEMA.empty_table)
    rejected: list[Rejected] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    unknown_classes: Counter[str] = field(default_factory=Counter)
    direct: int = 0
    copied: dict[str, pa.Array] = field(default_factory=dict)
    places: NDArray[np.object_] = field(default_factory=lambda: np.zeros(0, dtype=object))

    def keys(self) -> Hashes:
        """Hash the codes of the rows."""
        return hash_keys(self.rows["key"])

    def contents(self) -> Hashes:
        """Give numbers that stand for what the rows say."""
        return np.asarray(self.rows["content"].to_numpy(), dtype=np.uint64)

    def in_file_order(self) -> NDArray[np.int64]:
        """Give the order of the rows in the file, as row numbers of `rows`."""
        return np.argsort(self.rows["row_no"].to_numpy(), kind="stable")


def as_table(rows: Sequence[StageRow], raw_hashes: Sequence[bytes | None]) -> pa.Table:
    """Put rows one below the other. raw_hashes: of the rows as delivered (None: not known)."""
    columns: list[list[object]] = [
        [row.row_no for row in rows], [row.key for row in rows], [row.row_hash for row in rows], list(raw_hashes),
        [row.content() for row in rows], [row.geom for row in rows], [row.geom_m for row in rows],
        [row.public for row in rows], [row.private for row in rows],
    ]  # fmt: skip
    arrays = [pa.array(column, kind) for column, kind in zip(columns, SCHEMA.types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)
