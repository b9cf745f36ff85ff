"""Private rows for tests, sealed as the product seals them; and opened again, to look what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.databases import SYSTEM, Database
from twin.personal import private_rows
from twin.personal.documents import open_document, open_raw
from twin.personal.keyring import keys_of
from twin.session import transaction


def put_entity(
    database: Database, entity_id: int, department_id: int, document: Mapping[str, Any], **more: Any
) -> None:
    """Write an entity's private row. more: grid_id, key."""
    with database.connect("ingest") as connection, transaction(connection, SYSTEM) as cursor:
        private_rows.put_entity(cursor, entity_id, department_id, document, **more)


def put_record(database: Database, record_id: int, department_id: int, document: Mapping[str, Any]) -> None:
    """Write a record's private row."""
    with database.connect("ingest") as connection, transaction(connection, SYSTEM) as cursor:
        private_rows.put_record(cursor, record_id, department_id, document)


def opened(database: Database, kind: str) -> dict[int, dict[str, Any]]:
    """Open all private rows of a kind (entity, record), by number."""
    rows = database.fetch(f"SELECT {kind}_id, sealed FROM private.{kind} ORDER BY 1")
    with database.connect("ingest") as connection:
        keys = keys_of(connection)
        return {number: open_document(keys, f"private.{kind}", number, sealed) for number, sealed in rows}


def opened_raws(database: Database, reason: str) -> list[dict[str, Any]]:
    """Open the rows set aside for a reason."""
    query = "SELECT batch_id, row_no, sealed FROM private.quarantine WHERE reason_code = %s ORDER BY 1, 2"
    rows = database.fetch(query, (reason,))
    with database.connect("ingest") as connection:
        keys = keys_of(connection)
        return [open_raw(keys, *row) for row in rows]
