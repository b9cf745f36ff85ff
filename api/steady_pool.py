"""A pool of connections that finds a database that is back at once, however many have waited for it in vain.

psycopg_pool keeps those whose waiting timed out in its queue until a connection is handed out. Once max_waiting of them
lie there it refuses everybody, before it would try to connect: after an outage under load it never comes back (3.3.3).
So waiting is counted here, and while the database is away only a few ask the pool; the others are told at once.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, TooManyRequests

PROBE_EVERY_S = 0.25


class SteadyPool(AsyncConnectionPool[psycopg.AsyncConnection[Any]]):
    """psycopg's pool with a count of its own, and patience only where it helps."""

    def __init__(self, conninfo: str, *, most_waiting: int, **options: Any) -> None:
        """most_waiting: how many may wait for a connection at once. options: of AsyncConnectionPool."""
        super().__init__(conninfo, max_waiting=0, reconnect_failed=self._is_away, **options)
        self._most_waiting, self._asking = most_waiting, 0
        self._away, self._next_probe = False, 0.0

    async def _is_away(self, pool: Any) -> None:
        self._away = True

    async def getconn(self, timeout: float | None = None) -> psycopg.AsyncConnection[Any]:
        """Get a connection.

        Raises OperationalError at once while the database is known to be away (but for a probe now and then),
        TooManyRequests when too many wait, PoolTimeout.
        """
        if self._away:
            now = time.monotonic()
            if now < self._next_probe:
                raise psycopg.OperationalError("the database does not answer")
            self._next_probe = now + PROBE_EVERY_S
        if self._asking >= self._most_waiting:
            raise TooManyRequests("too many wait for a connection")
        self._asking += 1
        try:
            connection = await super().getconn(timeout)
        finally:
            self._asking -= 1
        self._away = False
        return connection
