"""Kept tiles for everybody: answered before the routes, when no more is asked than what the public may read.

Only requests without credentials and without parameters come by this way; it checks the same right as the route's
`needs`. Anything else, and any tile that is not kept, goes on to the route.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg
from starlette.types import ASGIApp, Receive, Scope, Send

from api.dependencies import Services
from api.routers.tiles import TILE_PATH, TILE_TAIL, asked_tile, takes_packed, tile_answer

_ADDRESS = re.compile(
    r"(?:/ogc)?/collections/([a-z]+(?:-[0-9A-Za-z]{1,20})?)/tiles/WebMercatorQuad/(\d{1,2})/(\d{1,8})/(\d{1,8})"
)
ASKED_BY_SOMEBODY = (b"authorization", b"cookie")


@dataclass(frozen=True)
class RouteAnswered:
    """Which route a request answered before the routes belongs to, for log and metrics."""

    path: str


class AnswerKeptTiles:
    """Answer a kept tile at once."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        """app: answers everything else."""
        self._app, self._services = app, services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if (
            scope["type"] != "http"
            or TILE_TAIL not in scope["path"]
            or scope["query_string"]
            or scope["method"] != "GET"
            or (match := _ADDRESS.fullmatch(scope["path"])) is None
        ):
            await self._app(scope, receive, send)
            return
        named = {b"accept-encoding": "", b"if-none-match": ""}
        for name, value in scope["headers"]:
            if name in ASKED_BY_SOMEBODY:
                await self._app(scope, receive, send)
                return
            if name in named:
                named[name] = value.decode("latin-1")
        collection, z, y, x = match.groups()
        asked = asked_tile(collection, int(z), int(x), int(y), None)
        packed = takes_packed(named[b"accept-encoding"])
        tile = self._services.tiles.find(asked)
        if tile is None or not tile.has(packed=packed) or not await self._public_may_read(asked.collection):
            await self._app(scope, receive, send)
            return
        scope["route"] = RouteAnswered(TILE_PATH)
        answer = tile_answer(named[b"if-none-match"], packed, tile)
        self._services.metrics.looked_in_cache("tiles", True)
        await answer(scope, receive, send)

    async def _public_may_read(self, collection: str) -> bool:
        try:
            return (await self._services.fresh_rights()).may("public", "read", collection)
        except psycopg.OperationalError:
            return False  # the route says so in due form
