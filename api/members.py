"""Who a session or a token belongs to: looked up in the database, remembered until accounts change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from twin.actions.log_in import BY_SESSION, BY_TOKEN, IDLE_S, SEEN, SEEN_EVERY_S, Member, member_of
from twin.actions.passwords import hash_of
from twin.session import SET_ACTOR, Actor, actor_settings

LOOKING = Actor("login", role="system", purpose="log in")
NOTE_REFUSAL = "SELECT audit.write('refused', %(asked)s, jsonb_build_object('needs', %(needed)s::text))"
KEPT_AT_MOST = 4096
Connecting = Callable[[], AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]]


class Members:
    """Remembers whose sessions and tokens those of the last requests were."""

    def __init__(self, connecting: Connecting) -> None:
        """connecting: gives a connection of the database role app."""
        self._connecting = connecting
        self._known: dict[bytes, Member] = {}

    def forget(self) -> None:
        """Look everybody up again."""
        self._known.clear()

    async def by_session(self, secret: str) -> Member | None:
        """Give the owner of a session; None when there is none, or it is over or was not used for an hour."""
        hashed = hash_of(secret)
        member = await self._look_up(hashed, BY_SESSION)
        if member is None or member.seen_at is None:
            return None
        now = datetime.now(UTC)
        if now - member.seen_at > timedelta(seconds=IDLE_S):
            self._known.pop(hashed, None)
            return None
        if now - member.seen_at > timedelta(seconds=SEEN_EVERY_S):
            self._known.pop(hashed, None)
            async with self._cursor() as cursor:
                await cursor.execute(SEEN, {"hash": hashed})
        return member

    async def by_token(self, token: str) -> Member | None:
        """Give the account a token belongs to; None when it is not good, or no longer."""
        return await self._look_up(hash_of(token), BY_TOKEN)

    async def note_refusal(self, actor: Actor, asked: str, needed: str) -> None:
        """Write into the audit that somebody who has logged in was refused. asked: method and route, no values."""
        async with self._cursor(actor) as cursor:
            await cursor.execute(NOTE_REFUSAL, {"asked": asked, "needed": needed})

    async def _look_up(self, hashed: bytes, query: str) -> Member | None:
        member = self._known.get(hashed)
        if member is None:
            async with self._cursor() as cursor:
                row = await (await cursor.execute(query, {"hash": hashed})).fetchone()
            if row is None:
                return None
            member = member_of(row)
            if len(self._known) >= KEPT_AT_MOST:
                self._known.clear()
            self._known[hashed] = member
        if member.expires_at <= datetime.now(UTC):
            self._known.pop(hashed, None)
            return None
        return member

    @asynccontextmanager
    async def _cursor(self, actor: Actor = LOOKING) -> AsyncIterator[psycopg.AsyncCursor[Any]]:
        async with self._connecting() as connection, connection.transaction(), connection.cursor() as cursor:
            await cursor.execute(SET_ACTOR, actor_settings(actor))
            yield cursor
