"""What every route needs: the pool of database connections, who asks, where the city lies."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Annotated, Any

import anyio
import psycopg
from fastapi import Depends, Request

from api.kept_tiles import KeptTiles
from api.limits import ApiLimits
from api.members import Members
from api.metrics import Metrics
from api.openid import OpenId
from api.quick_reads import QuickReads
from api.steady_pool import SteadyPool
from twin.actions.access import READ_RIGHTS, Reach, Reading, Rights, reading, shipped_rights
from twin.actions.audit_writer import AuditWriter
from twin.cluster.server import dsn
from twin.crs import LonLat
from twin.personal.keyring import remember_keys
from twin.queries.city_bounds import CityBounds, city_bounds
from twin.queries.imagery import OpenSurveys
from twin.queries.kept_plans import KEEP_PLANS
from twin.queries.lookup import LookupAsked, lookup_statement
from twin.queries.map_tiles import tiles_around, vector_tile
from twin.queries.place_asked import place_asked
from twin.session import SET_ACTOR, Actor, actor_settings
from twin.settings import Settings

BOUNDS_KEPT_S = 30.0
READ_VERSION = "SELECT version, has_accounts FROM access.state"


class Services:
    """What the application holds while it runs."""

    def __init__(self, settings: Settings, limits: ApiLimits) -> None:
        """Prepare; nothing is opened before `running`."""
        self.settings = settings
        self.limits = limits
        self.surveys = OpenSurveys(settings.data_dir)
        self.metrics = Metrics(self.pool_figures)
        self.metrics_token = ""
        self.rights: Rights = shipped_rights()
        self.has_accounts = True  # until the database has said otherwise
        self.openid: OpenId | None = None
        self.https = False  # people come by https only, whatever stands between
        self.members = Members(self._connection)
        self._rights_version: int | None = None
        self._rights_checked_at = 0.0
        self.tiles = KeptTiles(settings.city.working_srid)
        self._bounds: tuple[float, CityBounds] | None = None
        self._pool: SteadyPool | None = None
        self.quick = QuickReads(dsn(settings, "app"), limits, self._warm_quick)

    def pool_figures(self) -> Mapping[str, int]:
        """Give what the pool of connections says of itself; nothing before the service runs."""
        return self._pool.get_stats() if self._pool is not None else {}

    @cached_property
    def drawing(self) -> anyio.CapacityLimiter:
        """Limits how many tiles and crops are drawn at once."""
        return anyio.CapacityLimiter(self.limits.drawing_at_once)

    @cached_property
    def desk(self) -> anyio.CapacityLimiter:
        """Limits how much is done at the desk at once; each piece of work has a connection of its own."""
        return anyio.CapacityLimiter(self.limits.desk_at_once)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep a pool of connections; the database may be away now and come back later."""
        limits = self.limits
        pool = SteadyPool(
            dsn(self.settings, "app"),
            min_size=limits.pool_min,
            max_size=limits.pool_max,
            timeout=limits.pool_wait_s,
            most_waiting=limits.pool_waiting,
            # Give up an attempt soon: the next question starts a new one, so a database that is back is found at once.
            reconnect_timeout=limits.pool_wait_s,
            check=SteadyPool.check_connection,
            configure=self._configure,
            kwargs={"prepare_threshold": 1},
            open=False,
            name="twin-api",
        )
        await pool.open(wait=False)
        self._pool = pool
        try:
            async with self.tiles.running(dsn(self.settings, "app")), self.quick.running():
                yield
        finally:
            self._pool = None
            await pool.close(timeout=limits.pool_wait_s)

    async def _configure(self, connection: psycopg.AsyncConnection[Any]) -> None:
        remember_keys(connection, self.settings.keys_path)
        limit_ms = str(int(self.limits.statement_s * 1000))
        await connection.execute("SELECT set_config('statement_timeout', %s, false)", (limit_ms,))
        await connection.commit()
        await self._warm(connection)

    async def _warm(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Plan the click's statement before somebody waits for it; a database without tables is no reason to fail."""
        city = self.settings.city
        place = place_asked(LonLat(city.centre_lon, city.centre_lat), city.working_srid)
        with contextlib.suppress(psycopg.errors.ProgrammingError):
            for _ in range(2):  # the second time it is prepared
                async with reading(connection, Actor("warm-up")) as asking:
                    await asking.cursor.execute(KEEP_PLANS)
                    await asking.cursor.execute(*lookup_statement(LookupAsked(place), asking.sight))

    async def _warm_quick(self, cursor: psycopg.AsyncCursor[Any]) -> None:
        """Have the statements of tiles planned, and the database's process know its tables."""
        city = self.settings.city
        for asked in tiles_around(LonLat(city.centre_lon, city.centre_lat)):
            await vector_tile(cursor, asked, city.working_srid)

    @asynccontextmanager
    async def reading(self, actor: Actor) -> AsyncIterator[Reading]:
        """Open a reading transaction on someone's behalf.

        Raises psycopg's OperationalError (PoolTimeout, TooManyRequests) when there is no connection to be had.
        """
        async with self._connection() as connection, reading(connection, actor, self.rights) as asking:
            yield asking

    def look_again(self) -> None:
        """Have rights and accounts looked at again at the next request: something has changed here."""
        self._rights_checked_at = 0.0

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        if self._pool is None:
            raise psycopg.OperationalError("the service is not running")
        async with self._pool.connection() as connection:
            yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Lend a connection of the pool, idle. Raises psycopg's OperationalError when there is none to be had."""
        if self._pool is None:
            raise psycopg.OperationalError("the service is not running")
        async with self._pool.connection() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self, actor: Actor) -> AsyncIterator[psycopg.AsyncCursor[Any]]:
        """Open a transaction that may write on someone's behalf; it is kept when this ends without an error."""
        async with self.connection() as connection, connection.transaction(), connection.cursor() as cursor:
            await cursor.execute(SET_ACTOR, actor_settings(actor))
            yield cursor

    @cached_property
    def audit(self) -> AuditWriter:
        """Writes into the audit, many entries at once where many wait."""
        return AuditWriter(self.connection, self.settings.data_dir)

    async def fresh_rights(self) -> Rights:
        """Give the rights as they stand in the database, looked up again when they have changed.

        Changes are noticed within limits.access_kept_s. Raises psycopg's OperationalError without a database.
        """
        now = time.monotonic()
        if self._rights_version is not None and now - self._rights_checked_at < self.limits.access_kept_s:
            return self.rights
        checked_before, self._rights_checked_at = self._rights_checked_at, now  # others go on with what is known
        try:
            await self._read_rights()
        except psycopg.OperationalError:
            self._rights_checked_at = checked_before
            raise
        except psycopg.errors.ProgrammingError:  # a database of an older version, or an empty one
            self._rights_version, self.has_accounts = 0, False
        return self.rights

    async def _read_rights(self) -> None:
        async with self._connection() as connection, connection.cursor() as cursor:
            row = await (await cursor.execute(READ_VERSION)).fetchone()
            version = int(row[0]) if row else 0
            self.has_accounts = bool(row and row[1])
            if version != self._rights_version:
                self.members.forget()
                self.rights = Rights(await (await cursor.execute(READ_RIGHTS)).fetchall())
                self._rights_version = version

    async def bounds(self, asking: Reading) -> CityBounds:
        """Say where the city lies; looked up again every half minute."""
        now = time.monotonic()
        if self._bounds is None or now - self._bounds[0] > BOUNDS_KEPT_S:
            city = self.settings.city
            centre = LonLat(city.centre_lon, city.centre_lat)
            self._bounds = (now, await city_bounds(asking.cursor, centre))
        return self._bounds[1]


def services_of(request: Request) -> Services:
    """Give the running application's services."""
    services: Services = request.app.state.services
    return services


async def who_asks(request: Request) -> Actor:
    """Say on whose behalf a request is answered, as the route's `needs` has found and judged it (api.needs)."""
    try:
        actor: Actor = request.state.asker
    except AttributeError:
        raise RuntimeError("a route without needs() answers nobody") from None
    return actor


async def reach_of(request: Request) -> Reach:
    """Say which rows the asker's action may touch, as the route's `needs` has found."""
    reach: Reach = request.state.reach
    return reach


async def _services(request: Request) -> Services:
    return services_of(request)  # a coroutine: a plain function would be sent to a thread for every request


ServicesOf = Annotated[Services, Depends(_services)]
Asker = Annotated[Actor, Depends(who_asks)]
ReachOf = Annotated[Reach, Depends(reach_of)]
