"""What the audit says about somebody in words, under a key of that subject's own.

The audit is never changed, so that its chain can be checked. What somebody wrote as a reason may name a person; it
stands in the entry sealed, and erasing the person destroys the key: the entry stays, its words are gone for ever.
"""

from __future__ import annotations

import os
from typing import Any

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twin.personal.keyring import KEY_BYTES, NONCE_BYTES, Keyring, bound_to

TABLE = "audit.subject_key"
PUT = "INSERT INTO audit.subject_key (subject, sealed) VALUES (%s, %s) ON CONFLICT (subject) DO NOTHING"
GET = "SELECT sealed FROM audit.subject_key WHERE subject = %s"


async def seal_words(cursor: psycopg.AsyncCursor[Any], keys: Keyring, subject: str, words: str) -> str:
    """Seal words about a subject, as hexadecimal text; the subject gets a key when it has none.

    cursor: role twin_app, in a transaction that may write.
    """
    fresh = keys.seal(os.urandom(KEY_BYTES), bound_to(TABLE, subject))
    await cursor.execute(PUT, (subject, fresh))
    await cursor.execute(GET, (subject,))
    row = await cursor.fetchone()
    return _seal(keys, subject, row[0] if row else fresh, words)


def seal_words_at_once(cursor: psycopg.Cursor[Any], keys: Keyring, subject: str, words: str) -> str:
    """Do the same through a connection that waits."""
    fresh = keys.seal(os.urandom(KEY_BYTES), bound_to(TABLE, subject))
    cursor.execute(PUT, (subject, fresh))
    row = cursor.execute(GET, (subject,)).fetchone()
    return _seal(keys, subject, row[0] if row else fresh, words)


def open_words(keys: Keyring, subject: str, sealed_key: bytes, words: str) -> str:
    """Open words about a subject. Raises KeysMissing, ValueError for what is no such text."""
    secret = keys.open(bytes(sealed_key), bound_to(TABLE, subject))
    data = bytes.fromhex(words)
    return AESGCM(secret).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], subject.encode()).decode()


def _seal(keys: Keyring, subject: str, sealed_key: bytes, words: str) -> str:
    secret, nonce = keys.open(bytes(sealed_key), bound_to(TABLE, subject)), os.urandom(NONCE_BYTES)
    return (nonce + AESGCM(secret).encrypt(nonce, words.encode(), subject.encode())).hex()
