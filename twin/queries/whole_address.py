"""The whole address of a record or an entity, room and all: private, sealed, and cut by whoever shows it."""

from __future__ import annotations

from typing import Any

import psycopg

from twin.personal.documents import open_document
from twin.personal.keyring import keys_of
from twin.queries.link_review import Subject

# Row policies say whose rows are found.
SEALED = {
    "record": "SELECT sealed FROM private.record WHERE record_id = %s",
    "entity": "SELECT sealed FROM private.entity WHERE entity_id = %s",
}


def whole_address(connection: psycopg.Connection[Any], subject: Subject) -> str | None:
    """Open the address of a record or entity; None where there is none to be seen.

    connection: in a transaction on the reader's behalf. Raises KeysMissing.
    """
    row = connection.execute(SEALED[subject.kind].encode(), (subject.number,)).fetchone()
    if row is None or row[0] is None:
        return None
    said = open_document(keys_of(connection), f"private.{subject.kind}", subject.number, row[0])
    address = (said.get("attributes") or {} if subject.kind == "entity" else said).get("address")
    return str(address) if address else None
