"""Open what the private tables hold sealed. Only code that has asked who may see it calls these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from twin.personal.keyring import Keyring, bound_to


def open_document(keys: Keyring, table: str, row: int, sealed: bytes | None) -> dict[str, Any]:
    """Open the sealed document of a row of private.entity or private.record; empty where there is none.

    Raises KeysMissing, BadInput.
    """
    if sealed is None:
        return {}
    document: dict[str, Any] = orjson.loads(keys.open(sealed, bound_to(table, row)))
    return document


def open_documents(keys: Keyring, table: str, rows: Sequence[tuple[int, bytes | None]]) -> list[dict[str, Any]]:
    """Open the documents of many rows, given as (row number, sealed)."""
    return [open_document(keys, table, row, sealed) for row, sealed in rows]


def open_raw(keys: Keyring, batch_id: int, row_no: int, sealed: bytes | None) -> dict[str, Any]:
    """Open a row set aside, as it was delivered; empty where it was erased."""
    if sealed is None:
        return {}
    raw: dict[str, Any] = orjson.loads(keys.open(sealed, bound_to("private.quarantine", f"{batch_id}/{row_no}")))
    return raw
