"""Seal the private documents of the rows a part brings, once the database has given their numbers.

What is personal leaves the loading process only sealed or as keyed hashes: staging tables are files as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from ingest_gis.copy_binary import copy_rows, integers
from ingest_gis.mappings import Target
from twin.personal.keyring import Keyring
from twin.personal.private_rows import entity_facts, record_facts
from twin.personal.values import mac_of

WITH_PRIVATE: frozenset[Target] = frozenset({"entity", "record"})
STAGED = (
    "row_no", "target_id", "sealed", "content_mac", "id_mac", "phone_mac", "name_mac", "credit_code", "building_code",
    "has_name",
)  # fmt: skip
QUARANTINED = "private.quarantine"
Facts = tuple[bytes | None, ...]


def hidden_keys(keys: Keyring) -> Callable[[str], str]:
    """Give the function by which a personal key (a household's number) is replaced, as hexadecimal text."""
    return lambda key: (mac_of(keys, "key", key) or b"").hex()


def content_macs(keys: Keyring, documents: pa.Array) -> pa.Array:
    """Hash (N,) documents; null where there is none."""
    rows = documents.to_pylist()
    there = [row for row in rows if row is not None]
    found = iter(keys.macs("content", there))
    return pa.array([None if row is None else next(found) for row in rows], pa.large_binary())


def sealed_rows(
    keys: Keyring, target: Target, given: Sequence[tuple[int, int]], documents: Sequence[bytes], macs: pa.Array
) -> bytes:
    """Seal documents for COPY into stage_sealed. given: number in the file and number in the twin of each.

    macs: (N,) their hashes, as content_macs gives them.
    """
    table = f"private.{target}/".encode()
    sealed = keys.seal_many(documents, [table + str(number).encode() for _, number in given])
    facts = [_facts(keys, target, orjson.loads(document)) for document in documents]
    numbers = np.array(given, dtype=np.int64).reshape(-1, 2)
    columns = [
        integers(numbers[:, 0], 8), integers(numbers[:, 1], 8), pa.array(sealed, pa.large_binary()),
        macs,
        *(pa.array(column, pa.large_binary()) for column in zip(*facts, strict=True)),
    ]  # fmt: skip
    return copy_rows(columns)


def sealed_raws(keys: Keyring, batch_id: int, row_nos: Sequence[int], raws: Sequence[bytes]) -> list[bytes]:
    """Seal rows set aside, as delivered."""
    return keys.seal_many(raws, [f"{QUARANTINED}/{batch_id}/{row_no}".encode() for row_no in row_nos])


def _facts(keys: Keyring, target: Target, document: dict[str, Any]) -> Facts:
    found = entity_facts(keys, document) if target == "entity" else record_facts(keys, document)
    named = found.get("has_name")
    return (
        found["id_mac"], found.get("phone_mac"), found.get("name_mac"), _text(found["credit_code"]),
        _text(found.get("building_code")), None if named is None else bytes([named]),
    )  # fmt: skip


def _text(value: object) -> bytes | None:
    return None if value is None else str(value).encode()
