"""Kept tiles for everybody: answered before the routes, when no more is asked than what the public may read.

Only requests without credentials and without parameters come by this way; it checks the same right as the route's
`needs`. Anything else, and any tile that is not kept, goes on to the route.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import psycopg
from starlette.types import ASGIApp, Receive, Scope, Send

from api.dependencies import Services
from api.kept_tiles import KeptTile
from api.routers.tiles import TILE_PATH, TILE_TAIL, asked_tile, takes_packed, tile_answer
from twin.queries.map_tiles import TileAsked

_ADDRESS = re.compile(
    r"(?:/ogc)?/collections/([a-z]+(?:-[0-9A-Za-z]{1,20})?)/tiles/WebMercatorQuad/(\d{1,2})/(\d{1,8})/(\d{1,8})"
)
ASKED_BY_SOMEBODY = frozenset({b"authorization", b"cookie"})


@dataclass(frozen=True)
class RouteAnswered:
    """Which route a request answered before the routes belongs to, for log and metrics."""

    path: str


TILE_ROUTE = RouteAnswered(TILE_PATH)


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
            or (named := _headers(scope["headers"])) is None
            or (asked := _tile_at(scope["path"])) is None
        ):
            await self._app(scope, receive, send)
            return
        encoding, if_none_match = named
        packed = takes_packed(encoding)
        tile = self._services.tiles.find(asked)
        if tile is None or not tile.has(packed=packed) or not await self._public_may_read(asked.collection):
            await self._app(scope, receive, send)
            return
        scope["route"] = TILE_ROUTE
        self._services.metrics.looked_in_cache("tiles", True)
        if if_none_match:
            await tile_answer(if_none_match, packed, tile)(scope, receive, send)
        else:
            await _send_whole(tile, packed, send)

    async def _public_may_read(self, collection: str) -> bool:
        try:
            return (await self._services.fresh_rights()).may("public", "read", collection)
        except psycopg.OperationalError:
            return False  # the route says so in due form


@lru_cache(maxsize=4096)
def _tile_at(path: str) -> TileAsked | None:
    match = _ADDRESS.fullmatch(path)
    if match is None:
        return None
    collection, z, y, x = match.groups()
    return asked_tile(collection, int(z), int(x), int(y), None)


def _headers(given: Iterable[tuple[bytes, bytes]]) -> tuple[str, str] | None:
    """Read Accept-Encoding and If-None-Match; None when the request comes from somebody rather than anybody."""
    encoding = if_none_match = b""
    for name, value in given:
        if name in ASKED_BY_SOMEBODY:
            return None
        if name == b"accept-encoding":
            encoding = value
        elif name == b"if-none-match":
            if_none_match = value
    return encoding.decode("latin-1"), if_none_match.decode("latin-1")


async def _send_whole(tile: KeptTile, packed: bool, send: Send) -> None:
    head = tile.heads.get(packed)
    if head is None:
        head = tile.heads[packed] = tile_answer("", packed, tile).raw_headers
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": tile.packed if packed else tile.plain})
