"""Audit entries of a service that answers many at once: they share a transaction, and are kept before anybody goes on.

The chain has one writer at a time. While one transaction is being written to the disk, the entries that come wait
together for the next, so that the cost of a commit is shared by all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import orjson
import psycopg

from twin.actions.audit_heads import HeadFile
from twin.session import Actor

AT_ONCE = 500
INSERT = """
INSERT INTO audit.log (actor, role, action, subject, purpose, request_id, detail)
SELECT e.actor, e.role, e.action, e.subject, nullif(e.purpose, ''), e.request_id, e.detail
FROM jsonb_to_recordset(%s::jsonb) AS e (n integer, actor text, role text, action text, subject text, purpose text,
                                         request_id text, detail jsonb)
ORDER BY e.n
RETURNING audit_id, hash
"""
Connect = Callable[[], AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]]


class AuditWriter:
    """Writes entries; `write` comes back when its entry is on the disk."""

    def __init__(self, connect: Connect, data_dir: Path) -> None:
        """connect: lends an idle connection of the role twin_app. data_dir: where the chain's heads are noted."""
        self._connect = connect
        self._heads = HeadFile(data_dir)
        self._waiting: list[tuple[dict[str, Any], asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None

    async def write(self, actor: Actor, action: str, subject: str | None, detail: Mapping[str, Any]) -> None:
        """Keep one entry. detail holds no personal value. Raises psycopg's OperationalError without a database."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = {
            "actor": actor.name, "role": actor.role, "action": action, "subject": subject, "purpose": actor.purpose,
            "request_id": actor.request_id, "detail": dict(detail),
        }  # fmt: skip
        self._waiting.append((entry, done))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await done

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
            try:
                head = await self._put([entry for entry, _ in batch])
            except BaseException as error:
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error if isinstance(error, Exception) else psycopg.OperationalError("ended"))
                if not isinstance(error, Exception):
                    raise
                continue
            for _, done in batch:
                if not done.done():
                    done.set_result(None)
            self._heads.note_now_and_then(*head)

    async def _put(self, entries: list[dict[str, Any]]) -> tuple[int, bytes]:
        numbered = [{"n": n, **entry} for n, entry in enumerate(entries)]
        async with self._connect() as connection, connection.transaction(), connection.cursor() as cursor:
            await cursor.execute(INSERT, (orjson.dumps(numbered).decode(),))
            rows = await cursor.fetchall()
        number, digest = max(rows)
        return int(number), bytes(digest)
