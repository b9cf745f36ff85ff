"""Change the index key, so that a copy somebody has is worth nothing: hash anew what is found by keyed hashes.

From the moment the key file names another index key, whoever looks for a person looks under both; deliveries of
personal data wait until everything stands under the new one. It goes batch by batch; how far it has come is written
with the rows: broken off, it goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import psycopg

from twin.actions.passwords import open_code_secret, seal_code_secret
from twin.cluster import server
from twin.errors import BadInput, Conflict, KeysMissing
from twin.personal.keyring import Keyring, bound_to, is_hashed, keys_of, read_keys, rotate_index_key
from twin.personal.private_rows import entity_facts, record_facts
from twin.session import Actor, transaction
from twin.settings import Settings

AT_ONCE = 2000
KEEPER = Actor("twin key", role="system", purpose="keys")
# A load that has just ended may hold it for a moment yet.
TAKE_INDEX_KEY = "SET lock_timeout = '2s'; SELECT pg_advisory_lock(hashtext('twin.index_key')); RESET lock_timeout"
NOTE = "INSERT INTO private.index_key (key_id) VALUES (%s) ON CONFLICT DO NOTHING"
STATE = "SELECT key_id, past FROM private.index_key FOR UPDATE"
PAST = "UPDATE private.index_key SET past = past || jsonb_build_object(%s::text, %s::bigint)"
ROWS = {
    "entity": "SELECT entity_id, sealed, content_mac, key_mac FROM private.entity "
    "WHERE entity_id > %s AND sealed IS NOT NULL ORDER BY 1 LIMIT %s FOR UPDATE",
    "record": "SELECT record_id, sealed, content_mac, NULL::bytea FROM private.record "
    "WHERE record_id > %s AND sealed IS NOT NULL ORDER BY 1 LIMIT %s FOR UPDATE",
}
PUT = {
    "entity": "UPDATE private.entity SET content_mac = %(content_mac)s, id_mac = %(id_mac)s, "
    "phone_mac = %(phone_mac)s, name_mac = %(name_mac)s, key_mac = %(key_mac)s WHERE entity_id = %(row)s",
    "record": "UPDATE private.record SET content_mac = %(content_mac)s, id_mac = %(id_mac)s WHERE record_id = %(row)s",
}
VERSIONS = """
SELECT version_id, table_name, row_id, old_row FROM history.private_version
WHERE version_id > %s AND old_row ->> 'sealed' IS NOT NULL ORDER BY 1 LIMIT %s
"""
PUT_VERSION = "UPDATE history.private_version SET old_row = %s WHERE version_id = %s"
SECRETS = "SELECT account_id, totp_secret, totp_next FROM access.account WHERE totp_secret IS NOT NULL FOR UPDATE"
PUT_SECRETS = "UPDATE access.account SET totp_secret = %s, totp_next = %s WHERE account_id = %s"
MACS = ("content_mac", "id_mac", "phone_mac", "name_mac", "key_mac")
Progress = Callable[[str, int], None]


def begin_rotation(settings: Settings) -> Keyring:
    """Have a new index key from now on; `hash_anew` (twin key apply) changes what stands under the old one.

    Raises Conflict while personal data is being taken in, or an earlier change is not finished.
    """
    with server.connect(settings, "owner", autocommit=True) as connection:
        keys = keys_of(connection)
        try:
            connection.execute(TAKE_INDEX_KEY)
        except psycopg.errors.LockNotAvailable as error:
            busy = "个人数据正在入库 (personal data is being taken in)"
            raise Conflict(busy, do="稍后再试 (try again later)") from error
        if not is_hashed(connection, keys):
            raise Conflict("上次更换还没有完成 (the last change is not finished)", do="twin key apply")
        with transaction(connection, KEEPER) as cursor:
            cursor.execute(NOTE, (keys.index_id,))
            cursor.execute("SELECT audit.write('keys.index_rotated', NULL)")
        return rotate_index_key(Path(keys.path))


def is_unfinished(settings: Settings) -> bool:
    """Tell whether hashes may stand under another index key than the one in use."""
    try:
        keys = read_keys(settings.keys_path)
    except (KeysMissing, BadInput):
        return False
    if not keys.older:
        return False
    with server.connect(settings, "owner") as connection:
        return not is_hashed(connection, keys)


def hash_anew(connection: psycopg.Connection[Any], keys: Keyring, done: Counter[str], progress: Progress) -> None:
    """Bring all keyed hashes to the index key in use; goes on where it was broken off. Nothing to do: nothing is done.

    connection: of the owner, autocommit. done: counts rows by what they are.
    """
    if is_hashed(connection, keys):
        return
    with transaction(connection, KEEPER) as cursor:
        cursor.execute(NOTE, (keys.rings()[-1].index_id,))
        row = cursor.execute(STATE).fetchone()
        past = row[1] if row else {}
        if past.get("to") != keys.index_id:
            cursor.execute("UPDATE private.index_key SET past = jsonb_build_object('to', %s::text)", (keys.index_id,))
            past = {}
    for table in ROWS:
        _rows(connection, keys, table, int(past.get(table, 0)), done, progress)
    _versions(connection, keys, int(past.get("history", 0)), done, progress)
    with transaction(connection, KEEPER) as cursor:
        for account_id, *secrets in cursor.execute(SECRETS).fetchall():
            plain = [one and open_code_secret(keys, account_id, one) for one in secrets]
            fresh = [one and seal_code_secret(keys, account_id, one) for one in plain]
            cursor.execute(PUT_SECRETS, (*fresh, account_id))
        cursor.execute("UPDATE private.index_key SET key_id = %s, past = '{}'", (keys.index_id,))


def _rows(
    connection: psycopg.Connection[Any], keys: Keyring, table: str, after: int, done: Counter[str], progress: Progress
) -> None:
    while True:
        with transaction(connection, KEEPER) as cursor:
            rows = cursor.execute(ROWS[table].encode(), (after, AT_ONCE)).fetchall()
            if not rows:
                return
            # Hashing anew is no change of the row: history keeps none of it.
            cursor.execute(f"ALTER TABLE private.{table} DISABLE TRIGGER USER".encode())
            values = [{"row": row[0], **_macs(keys, table, *row)} for row in rows]
            cursor.executemany(PUT[table].encode(), values)
            cursor.execute(f"ALTER TABLE private.{table} ENABLE TRIGGER USER".encode())
            after = rows[-1][0]
            cursor.execute(PAST, (table, after))
        done[f"{table} hashed anew"] += len(rows)
        progress(table, done[f"{table} hashed anew"])


def _versions(
    connection: psycopg.Connection[Any], keys: Keyring, after: int, done: Counter[str], progress: Progress
) -> None:
    while True:
        with transaction(connection, KEEPER) as cursor:
            cursor.execute("SET LOCAL twin.keeping = 'on'")
            rows: Sequence[Any] = cursor.execute(VERSIONS, (after, AT_ONCE)).fetchall()
            if not rows:
                return
            cursor.executemany(PUT_VERSION, [(_version(keys, *row[1:]), row[0]) for row in rows])
            after = rows[-1][0]
            cursor.execute(PAST, ("history", after))
        done["history hashed anew"] += len(rows)
        progress("history", done["history hashed anew"])


def _version(keys: Keyring, table: str, number: int, old: dict[str, Any]) -> str:
    """Write an old row with its hashes under the index key in use."""
    if table in ROWS:
        macs = _macs(keys, table, number, *(_bytes(old.get(name)) for name in ("sealed", "content_mac", "key_mac")))
        old |= {name: "\\x" + macs[name].hex() for name in MACS if old.get(name) is not None and macs.get(name)}
    return orjson.dumps(old).decode()


def _bytes(text: str | None) -> bytes | None:
    return bytes.fromhex(text[2:]) if text else None


def _macs(
    keys: Keyring, table: str, number: int, sealed: bytes | None, content_mac: bytes | None, key_mac: bytes | None
) -> dict[str, Any]:
    """Hash what a sealed document says, as loading it would."""
    text = keys.open(bytes(sealed or b""), bound_to(f"private.{table}", number))
    document: Mapping[str, Any] = orjson.loads(text)
    macs: dict[str, Any] = {"content_mac": keys.macs("content", [text])[0]}
    if table == "record":
        return macs | {"id_mac": record_facts(keys, document)["id_mac"]}
    facts = entity_facts(keys, document)
    macs |= {name: facts[name] for name in ("id_mac", "phone_mac", "name_mac")}
    return {**macs, "key_mac": None if key_mac is None else _next(keys, text, content_mac, bytes(key_mac))}


def _next(keys: Keyring, text: bytes, content_mac: bytes | None, key_mac: bytes) -> bytes:
    """Bring a deliverer's key on from the index key it is hashed under: the one that the content is hashed under."""
    rings = keys.rings()
    under = [content_mac is not None and ring.macs("content", [text])[0] == bytes(content_mac) for ring in rings]
    for ring in reversed(rings[: under.index(True)] if True in under else ()):
        key_mac = ring.next_mac(key_mac)
    return key_mac
