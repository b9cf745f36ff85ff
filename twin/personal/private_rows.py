"""Write private rows one by one: what is personal sealed, beside it the keyed hashes that find it again.

Deliveries write theirs many at once (ingest_gis/seal_rows.py), with the same facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import psycopg

from twin.personal.keyring import Keyring, bound_to, keys_to_seal
from twin.personal.values import CREDIT_KEYS, ID_KEYS, NAME_KEYS, first_of, mac_of

PUT_ENTITY = """
INSERT INTO private.entity (entity_id, department_id, grid_id, credit_code, building_code, sealed, content_mac, key_mac,
                            id_mac, phone_mac, name_mac)
VALUES (%(row)s, %(department_id)s, %(grid_id)s, %(credit_code)s, %(building_code)s, %(sealed)s, %(content_mac)s,
        %(key_mac)s, %(id_mac)s, %(phone_mac)s, %(name_mac)s)
ON CONFLICT (entity_id) DO UPDATE
SET credit_code = excluded.credit_code, building_code = excluded.building_code, sealed = excluded.sealed,
    content_mac = excluded.content_mac, key_mac = coalesce(excluded.key_mac, private.entity.key_mac),
    id_mac = excluded.id_mac, phone_mac = excluded.phone_mac, name_mac = excluded.name_mac
"""
PUT_RECORD = """
INSERT INTO private.record (record_id, department_id, sealed, content_mac, id_mac, credit_code, has_name)
VALUES (%(row)s, %(department_id)s, %(sealed)s, %(content_mac)s, %(id_mac)s, %(credit_code)s, %(has_name)s)
ON CONFLICT (record_id) DO UPDATE
SET sealed = excluded.sealed, content_mac = excluded.content_mac, id_mac = excluded.id_mac,
    credit_code = excluded.credit_code, has_name = excluded.has_name
"""


def entity_facts(keys: Keyring, document: Mapping[str, Any]) -> dict[str, Any]:
    """Give what stands beside an entity's sealed document. document: name, id_number, phone, room, attributes ..."""
    return {
        "id_mac": mac_of(keys, "id_number", document.get("id_number")),
        "phone_mac": mac_of(keys, "phone", document.get("phone")),
        "name_mac": mac_of(keys, "name", document.get("name")),
        "credit_code": document.get("credit_code"),
        "building_code": (document.get("attributes") or {}).get("building_code"),
    }


def record_facts(keys: Keyring, document: Mapping[str, Any]) -> dict[str, Any]:
    """Give what stands beside a record's sealed payload."""
    return {
        "id_mac": mac_of(keys, "id_number", first_of(document, ID_KEYS)),
        "credit_code": first_of(document, CREDIT_KEYS),
        "has_name": any(name in document for name in NAME_KEYS),
    }


def write_document(document: Mapping[str, Any]) -> bytes:
    """Write a private document as it is sealed: the same content gives the same bytes."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def put_entity(
    cursor: psycopg.Cursor[Any],
    entity_id: int,
    department_id: int,
    document: Mapping[str, Any],
    *,
    grid_id: int | None = None,
    key: str | None = None,
) -> None:
    """Write an entity's private row, or write it anew. key: the deliverer's, where that is personal."""
    keys = keys_to_seal(cursor.connection)
    text = write_document(document)
    values = {
        "row": entity_id, "department_id": department_id, "grid_id": grid_id,
        "content_mac": keys.macs("content", [text])[0],
        "sealed": keys.seal(text, bound_to("private.entity", entity_id)), "key_mac": mac_of(keys, "key", key),
        **entity_facts(keys, document),
    }  # fmt: skip
    cursor.execute(PUT_ENTITY, values)


def put_record(cursor: psycopg.Cursor[Any], record_id: int, department_id: int, document: Mapping[str, Any]) -> None:
    """Write a record's private row, or write it anew."""
    keys = keys_to_seal(cursor.connection)
    text = write_document(document)
    values = {
        "row": record_id, "department_id": department_id, "content_mac": keys.macs("content", [text])[0],
        "sealed": keys.seal(text, bound_to("private.record", record_id)), **record_facts(keys, document),
    }  # fmt: skip
    cursor.execute(PUT_RECORD, values)
