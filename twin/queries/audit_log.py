"""The audit as its administrator reads it: entries, newest first, reasons opened while their keys are there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from cryptography.exceptions import InvalidTag

from twin.errors import BadInput, KeysMissing
from twin.personal.keyring import Keyring, keys_if_there
from twin.personal.subject_keys import open_words

# The function checks who reads, and writes down who read what.
PAGE = """
SELECT audit_id, at, actor, role, action, subject, purpose, request_id, detail, hash
FROM audit.page(%(before)s::bigint, %(actor)s::text, %(subject)s::text, %(action)s::text, %(since)s::timestamptz,
                %(until)s::timestamptz, %(most)s::integer)
"""
KEYS = "SELECT subject, sealed FROM audit.subject_key WHERE subject = ANY (%s)"
COLUMNS = ("audit_id", "at", "actor", "role", "action", "subject", "purpose", "request_id", "detail", "hash")
ERASED = "(erased 已删除)"


@dataclass(frozen=True)
class AuditAsked:
    """Which entries: of an actor, about a subject (an entity's code), of an action or group of actions, in a time."""

    actor: str | None = None
    subject: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    most: int = 100


async def audit_page(cursor: psycopg.AsyncCursor[Any], asked: AuditAsked) -> list[dict[str, Any]]:
    """List entries before a number, the newest first.

    cursor: role twin_app, in a transaction that may write, on the reader's behalf: reading is itself written down.
    Raises psycopg's InsufficientPrivilege for a role that may not read the audit.
    """
    await cursor.execute(PAGE, vars(asked))
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in await cursor.fetchall()]
    await cursor.execute(KEYS, (_subjects(rows),))
    return _readable(rows, dict(await cursor.fetchall()), keys_if_there(cursor.connection))


def audit_page_at_once(cursor: psycopg.Cursor[Any], asked: AuditAsked) -> list[dict[str, Any]]:
    """Do the same through a connection that waits."""
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in cursor.execute(PAGE, vars(asked)).fetchall()]
    keys = dict(cursor.execute(KEYS, (_subjects(rows),)).fetchall())
    return _readable(rows, keys, keys_if_there(cursor.connection))


def _subjects(rows: list[dict[str, Any]]) -> list[str]:
    return [row["subject"] for row in rows if row["subject"] and "reason" in row["detail"]]


def _readable(rows: list[dict[str, Any]], subject_keys: dict[str, bytes], keys: Keyring | None) -> list[dict[str, Any]]:
    for row in rows:
        row["hash"] = bytes(row["hash"]).hex()
        if "reason" in row["detail"]:
            row["detail"]["reason"] = _words(row, subject_keys, keys)
    return rows


def _words(row: dict[str, Any], subject_keys: dict[str, bytes], keys: Keyring | None) -> str:
    sealed = subject_keys.get(row["subject"])
    if sealed is None:
        return ERASED
    if keys is None:
        return "(the keys are missing 密钥缺失)"
    try:
        return open_words(keys, row["subject"], sealed, row["detail"]["reason"])
    except (KeysMissing, BadInput, ValueError, InvalidTag):
        return "(cannot be opened 打不开)"
