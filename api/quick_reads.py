"""Questions answered by one statement whose plan is kept: no transaction around it, no setting before it.

Such questions read public tables only, which no row policy guards; who may ask is judged before, in memory. Anything
that touches private rows goes through `Services.reading`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from api.limits import ApiLimits
from api.steady_pool import SteadyPool

Result = TypeVar("Result")
Cursor = psycopg.AsyncCursor[Any]
SETTINGS = """
SELECT set_config('statement_timeout', %s, false), set_config('default_transaction_read_only', 'on', false),
       set_config('plan_cache_mode', 'force_generic_plan', false), set_config('timezone', 'UTC', false)
"""


class QuickReads:
    """A pool of connections that only read and keep their plans."""

    def __init__(self, address: str, limits: ApiLimits, warm: Callable[[Cursor], Awaitable[None]]) -> None:
        """address: of the database, for role twin_app. warm: asks what the first to come should not have to wait for.

        Nothing is opened before `running`.
        """
        self._address, self._limits, self._warm = address, limits, warm
        self._pool: SteadyPool | None = None
        # The pool's book-keeping takes as long as a short question; connections at rest are kept beside it.
        self._idle: list[Cursor] = []
        self._waiting = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the pool; the database may be away now and come back later."""
        limits = self._limits
        pool = SteadyPool(
            self._address,
            min_size=min(limits.quick_min, limits.pool_max),
            max_size=limits.pool_max,
            timeout=limits.pool_wait_s,
            most_waiting=limits.pool_waiting,
            reconnect_timeout=limits.pool_wait_s,
            configure=self._configure,
            kwargs={"autocommit": True},
            open=False,
            name="twin-api-quick",
        )
        await pool.open(wait=False)
        self._pool = pool
        try:
            yield
        finally:
            self._pool = None
            for cursor in self._idle:
                await pool.putconn(cursor.connection)
            self._idle.clear()
            await pool.close(timeout=limits.pool_wait_s)

    async def _configure(self, connection: psycopg.AsyncConnection[Any]) -> None:
        connection.prepared_max = 400
        await connection.execute(SETTINGS, (str(int(self._limits.statement_s * 1000)),))
        if self._waiting:  # after an outage, say: whoever waits comes first
            return
        with suppress(psycopg.errors.ProgrammingError):  # a database without tables is no reason to fail
            await self._warm(connection.cursor(binary=True))

    async def ask(self, read: Callable[[Cursor], Awaitable[Result]]) -> Result:
        """Answer one question; a connection that was lost while it lay idle is replaced by another.

        Raises psycopg's OperationalError (PoolTimeout, TooManyRequests) when there is no connection to be had.
        """
        for last in (*[False] * self._limits.pool_max, True):
            cursor = self._idle.pop() if self._idle else await self._another()
            try:
                return await read(cursor)
            except psycopg.OperationalError:
                if last or not cursor.connection.closed:
                    raise
            finally:
                await self._give_back(cursor)
        raise AssertionError

    async def _another(self) -> Cursor:
        if self._pool is None:
            raise psycopg.OperationalError("the service is not running")
        self._waiting += 1
        try:
            connection = await self._pool.getconn()
        finally:
            self._waiting -= 1
        return connection.cursor(binary=True)

    async def _give_back(self, cursor: Cursor) -> None:
        """Keep a good connection at hand, unless somebody waits for one; the pool mends broken ones."""
        connection = cursor.connection
        good = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
        if good and not self._waiting and self._pool is not None:
            self._idle.append(cursor)
        elif self._pool is not None:
            await self._pool.putconn(connection)
        else:
            await connection.close()
