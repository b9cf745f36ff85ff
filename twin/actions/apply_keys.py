"""Bring a database to its keys: seal what still stands in clear, seal anew what an older key has sealed.

Works in batches, each in a transaction of its own: broken off, it goes on where it stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import psycopg

from twin.actions.rotate_index import hash_anew
from twin.cluster import server
from twin.personal.keyring import Keyring, bound_to, keys_to_seal
from twin.personal.private_rows import entity_facts, record_facts, write_document
from twin.personal.subject_keys import TABLE as SUBJECTS
from twin.personal.values import mac_of
from twin.session import Actor, transaction
from twin.settings import Settings

AT_ONCE = 2000
KEEPER = Actor("twin key", role="system", purpose="keys")
ENTITY_FIELDS = ("name", "id_number", "phone", "room", "attributes")
KEYS = {"entity": "entity_id", "record": "record_id", "quarantine": "quarantine_id"}
# One batch of rows in clear or under another key, from a number on.
ROWS = """
SELECT {key}, {bound}, unsealed, sealed FROM private.{table}
WHERE {key} > %(after)s AND (unsealed IS NOT NULL OR (sealed IS NOT NULL AND substr(sealed, 2, 4) <> %(active)s))
ORDER BY {key} LIMIT %(count)s FOR UPDATE
"""
PUT = {
    "entity": "UPDATE private.entity SET unsealed = NULL, sealed = %(sealed)s, content_mac = coalesce(%(content_mac)s, "
    "content_mac), id_mac = coalesce(%(id_mac)s, id_mac), phone_mac = coalesce(%(phone_mac)s, phone_mac), "
    "name_mac = coalesce(%(name_mac)s, name_mac), key_mac = coalesce(%(key_mac)s, key_mac) WHERE entity_id = %(row)s",
    "record": "UPDATE private.record SET unsealed = NULL, sealed = %(sealed)s, content_mac = coalesce(%(content_mac)s, "
    "content_mac), id_mac = coalesce(%(id_mac)s, id_mac), credit_code = coalesce(%(credit_code)s, credit_code), "
    "has_name = coalesce(%(has_name)s, has_name) WHERE record_id = %(row)s",
    "quarantine": "UPDATE private.quarantine SET unsealed = NULL, sealed = %(sealed)s WHERE quarantine_id = %(row)s",
}
VERSIONS = """
SELECT version_id, table_name, row_id, old_row FROM history.private_version
WHERE version_id > %(after)s AND old_row IS NOT NULL
  AND (old_row ?| '{name,payload}' OR old_row -> 'unsealed' <> 'null'
       OR substr(old_row ->> 'sealed', 5, 8) <> %(active_hex)s)
ORDER BY version_id LIMIT %(count)s
"""
SEALED_BY = """
SELECT encode(substr(sealed, 2, 4), 'hex'), count(*) FROM {table} WHERE sealed IS NOT NULL GROUP BY 1
"""
SUBJECT_KEYS = """
SELECT subject, sealed FROM audit.subject_key WHERE substr(sealed, 2, 4) <> %(active)s LIMIT %(count)s FOR UPDATE
"""
PUT_SUBJECT_KEY = "UPDATE audit.subject_key SET sealed = %s WHERE subject = %s"
# A table that is known to hold nothing in clear says so by its constraint.
NOT_PROVEN = """
SELECT EXISTS (SELECT FROM pg_constraint WHERE conname LIKE '%_is_sealed' AND NOT convalidated
                 AND connamespace = 'private'::regnamespace)
"""
REWRITTEN = ("private.entity", "private.record", "private.quarantine")
Progress = Callable[[str, int], None]


def apply_keys(settings: Settings, progress: Progress = lambda *_: None) -> Counter[str]:
    """Seal everything with the key in use. Returns how many rows were sealed, by table and why.

    Tables in which anything stood in clear are written anew at the end, so that no page keeps it.
    Raises KeysMissing, DatabaseUnavailable.
    """
    done: Counter[str] = Counter()
    with server.connect(settings, "owner", autocommit=True) as connection:
        with transaction(connection, KEEPER):
            keys = keys_to_seal(connection)
        for table in KEYS:
            _seal_table(connection, keys, table, done, progress)
        _seal_subject_keys(connection, keys, done, progress)
        _seal_versions(connection, keys, done, progress)
        hash_anew(connection, keys, done, progress)
        for table in KEYS:
            connection.execute(f"ALTER TABLE private.{table} VALIDATE CONSTRAINT {table}_is_sealed".encode())
        if any(reason.endswith("in clear") for reason in done):
            for table in (*REWRITTEN, *_history_tables(connection)):
                progress(f"rewrite {table}", 0)
                connection.execute(f"VACUUM (FULL, ANALYZE) {table}".encode())
    return done


def is_anything_clear(settings: Settings) -> bool:
    """Tell whether rows may be left that stood in clear before the twin sealed."""
    with server.connect(settings, "owner") as connection:
        row = connection.execute(NOT_PROVEN).fetchone()
    return bool(row and row[0])


def _seal_table(
    connection: psycopg.Connection[Any], keys: Keyring, table: str, done: Counter[str], progress: Progress
) -> None:
    bound = "batch_id || '/' || row_no" if table == "quarantine" else KEYS[table]
    text, after = ROWS.format(key=KEYS[table], bound=bound, table=table).encode(), 0
    while True:
        with transaction(connection, KEEPER) as cursor:
            values = {"after": after, "active": keys.active, "count": AT_ONCE}
            rows = cursor.execute(text, values).fetchall()
            if not rows:
                return
            # Sealing what stood in clear is no change of the row: history would keep the clear text for ever.
            cursor.execute(f"ALTER TABLE private.{table} DISABLE TRIGGER USER".encode())
            for number, place, clear, sealed in rows:
                cursor.execute(PUT[table].encode(), _values(keys, table, number, place, clear, sealed))
                done[f"{table} in clear" if clear is not None else f"{table} under an older key"] += 1
            cursor.execute(f"ALTER TABLE private.{table} ENABLE TRIGGER USER".encode())
        after = rows[-1][0]
        progress(table, sum(done.values()))


def _seal_subject_keys(
    connection: psycopg.Connection[Any], keys: Keyring, done: Counter[str], progress: Progress
) -> None:
    """Seal anew the keys under which reasons stand in the audit; without theirs nobody could read them again."""
    while True:
        with transaction(connection, KEEPER) as cursor:
            rows = cursor.execute(SUBJECT_KEYS, {"active": keys.active, "count": AT_ONCE}).fetchall()
            for subject, sealed in rows:
                place = bound_to(SUBJECTS, subject)
                cursor.execute(PUT_SUBJECT_KEY, (keys.seal(keys.open(bytes(sealed), place), place), subject))
        if not rows:
            return
        done["reasons in the audit under an older key"] += len(rows)
        progress("audit", sum(done.values()))


def _values(
    keys: Keyring, table: str, number: int, place: object, clear: dict[str, Any] | None, sealed: bytes | None
) -> dict[str, Any]:
    where = bound_to(f"private.{table}", str(place))
    if clear is None:
        facts: dict[str, Any] = {"content_mac": None, **_no_facts(table)}
        text = keys.open(sealed or b"", where)
    else:
        text = write_document(clear)
        facts = {"content_mac": keys.macs("content", [text])[0], **_facts(keys, table, clear)}
    return {"row": number, "sealed": keys.seal(text, where), **facts}


def _facts(keys: Keyring, table: str, document: Mapping[str, Any]) -> dict[str, Any]:
    if table == "entity":
        attributes = dict(document.get("attributes") or {})
        key = attributes.get("source_key")
        return {**entity_facts(keys, document), "key_mac": mac_of(keys, "key", key)}
    return record_facts(keys, document) if table == "record" else {}


def _no_facts(table: str) -> dict[str, None]:
    names = {"entity": ("id_mac", "phone_mac", "name_mac", "key_mac"), "record": ("id_mac", "credit_code", "has_name")}
    return dict.fromkeys(names.get(table, ()))


def _seal_versions(connection: psycopg.Connection[Any], keys: Keyring, done: Counter[str], progress: Progress) -> None:
    after = 0
    while True:
        with transaction(connection, KEEPER) as cursor:
            cursor.execute("SET LOCAL twin.keeping = 'on'")
            values = {"after": after, "active_hex": keys.active.hex(), "count": AT_ONCE}
            rows = cursor.execute(VERSIONS, values).fetchall()
            if not rows:
                return
            for version, table, number, old in rows:
                row, was_clear = sealed_version(keys, table, number, old)
                cursor.execute(
                    "UPDATE history.private_version SET old_row = %s WHERE version_id = %s",
                    (orjson.dumps(row).decode(), version),
                )
                done["history in clear" if was_clear else "history under an older key"] += 1
        after = rows[-1][0]
        progress("history", sum(done.values()))


def sealed_version(keys: Keyring, table: str, number: int, old: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Give an old row with what is personal in it sealed by the key in use, and whether it stood there in clear."""
    where = bound_to(f"private.{table}", number)
    rest = {name: value for name, value in old.items() if name not in (*ENTITY_FIELDS, "payload", "unsealed")}
    clear = old.get("unsealed") or old.get("payload")
    if table == "entity" and clear is None and "attributes" in old:
        clear = {name: old[name] for name in ENTITY_FIELDS if old.get(name) not in (None, {})}
    if clear is None:
        text = keys.open(bytes.fromhex(str(rest["sealed"])[2:]), where)
        return {**rest, "sealed": "\\x" + keys.seal(text, where).hex()}, False
    text = write_document(clear)
    facts = {"content_mac": keys.macs("content", [text])[0], **_facts(keys, table, clear)}
    shown = {name: "\\x" + value.hex() if isinstance(value, bytes) else value for name, value in facts.items()}
    return {**rest, **shown, "unsealed": None, "sealed": "\\x" + keys.seal(text, where).hex()}, True


def keys_in_use(settings: Settings) -> Counter[str]:
    """Count the rows that each key has sealed, by its id in hexadecimal."""
    used: Counter[str] = Counter()
    with server.connect(settings, "owner") as connection, transaction(connection, KEEPER) as cursor:
        for table in (*(f"private.{table}" for table in KEYS), SUBJECTS):
            used.update(dict(cursor.execute(SEALED_BY.format(table=table).encode()).fetchall()))
        rows = cursor.execute(
            "SELECT substr(old_row ->> 'sealed', 5, 8), count(*) FROM history.private_version "
            "WHERE old_row ->> 'sealed' IS NOT NULL GROUP BY 1"
        ).fetchall()
        used.update(dict(rows))
    return used


def _history_tables(connection: psycopg.Connection[Any]) -> list[str]:
    rows = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'history.private_version'::regclass"
    ).fetchall()
    return [str(row[0]) for row in rows]
