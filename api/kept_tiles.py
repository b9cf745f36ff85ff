"""Vector tiles kept in memory, ready to send, for as long as nothing they show has changed.

The database tells what has changed where (channel twin_tiles, migration 0016) when the change commits; a tile that
shows one of these squares is forgotten then. Tiles are only answered from memory while the database is being listened
to: no answer is older than the message's way through the socket, or, should the database vanish without a word,
TRUSTED_S.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psycopg

from twin.queries.map_tiles import LAYERS, TileAsked
from twin.queries.tile_grid import EVERYWHERE, Squares, tile_squares

log = logging.getLogger("twin.api")

CHANNEL = "twin_tiles"
MOST_BYTES = 128 * 1024 * 1024
ENTRY_BYTES = 1000  # what an entry costs beside its body
MOST_SQUARES = 64  # tiles that touch more are looked through one by one
HEARTBEAT_S = 3.0
TRUSTED_S = 10.0
AGAIN_S = 1.0
REMEMBERED = 10_000
COLLECTION_OF = {layer.kind: collection for collection, layer in LAYERS.items()}


@dataclass(frozen=True)
class KeptTile:
    """A tile as it is sent: strong entity tag, how many features it shows of how many, its bytes plain and as gzip.

    Of the two forms those are there that have been asked for.
    """

    etag: str
    shown: int
    found: int
    plain: bytes | None = None
    packed: bytes | None = None
    # What is sent before either form (packed or not), written once for all who ask.
    heads: dict[bool, list[tuple[bytes, bytes]]] = field(default_factory=dict, compare=False, repr=False)

    def has(self, *, packed: bool) -> bool:
        """Say whether a form is there."""
        return (self.packed if packed else self.plain) is not None

    @property
    def size(self) -> int:
        """Say how many bytes both forms take."""
        return len(self.plain or b"") + len(self.packed or b"")

    @property
    def etag_packed(self) -> str:
        """Give the tag of the compressed form, which is another sequence of bytes."""
        return f'{self.etag[:-1]}-gzip"'


@dataclass(frozen=True)
class _Entry:
    tile: KeptTile
    squares: Squares


class KeptTiles:
    """The tiles one worker keeps; of the event loop's thread alone."""

    def __init__(self, working_srid: int, most_bytes: int = MOST_BYTES) -> None:
        """Keep nothing yet, and answer nothing before `listening` runs."""
        self._srid = working_srid
        self._most = most_bytes
        self._bytes = 0
        self._trusted_until = 0.0
        self._kept: OrderedDict[TileAsked, _Entry] = OrderedDict()
        self._by_square: defaultdict[tuple[str, int, int], set[TileAsked]] = defaultdict(set)
        self._wide: defaultdict[str, set[TileAsked]] = defaultdict(set)
        self._changes = 0
        self._changed_at: OrderedDict[tuple[str, int, int], int] = OrderedDict()
        self._all_changed_at = dict.fromkeys(LAYERS, 0)  # when all of a collection counted as changed

    def find(self, asked: TileAsked) -> KeptTile | None:
        """Give a kept tile that is known to be as the database has it; None when there is none."""
        entry = self._kept.get(asked)
        if entry is None or time.monotonic() > self._trusted_until:
            return None
        self._kept.move_to_end(asked)
        return entry.tile

    def begin(self) -> int:
        """Give the moment before a tile is made, for `keep`."""
        return self._changes

    def keep(self, asked: TileAsked, tile: KeptTile, begun: int) -> None:
        """Keep a tile that was made since `begun`, unless something in it has changed meanwhile."""
        squares = tile_squares(asked.z, asked.x, asked.y, self._srid)
        if time.monotonic() > self._trusted_until or self._changed_since(asked.collection, squares, begun):
            return
        self._forget(asked)
        self._kept[asked] = _Entry(tile, squares)
        self._bytes += tile.size + ENTRY_BYTES
        for place in self._places(asked, squares):
            place.add(asked)
        while self._bytes > self._most:
            self._forget(next(iter(self._kept)))

    def changed(self, message: str) -> None:
        """Take in what the database told: "kind col:row,col:row" or "kind *"."""
        kind, _, where = message.partition(" ")
        collection = COLLECTION_OF.get(kind)
        if collection is None:
            return
        self._changes += 1
        if where == "*":
            self._all_changed_at[collection] = self._changes
            for asked in [asked for asked in self._kept if asked.collection == collection]:
                self._forget(asked)
            return
        for pair in where.split(","):
            col, row = (int(part) for part in pair.split(":"))
            square = (collection, col, row)
            self._changed_at[square] = self._changes
            self._changed_at.move_to_end(square)
            for asked in list(self._by_square.get(square, ())):
                self._forget(asked)
            for asked in [asked for asked in self._wide[collection] if self._kept[asked].squares.holds(col, row)]:
                self._forget(asked)
        while len(self._changed_at) > REMEMBERED:
            (of, _, _), at = self._changed_at.popitem(last=False)
            self._all_changed_at[of] = max(self._all_changed_at[of], at)

    async def listening(self, conninfo: str) -> None:
        """Listen until cancelled; what was kept is forgotten whenever the database cannot be heard."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    self.clear()  # whatever was told before is not known
                    while True:
                        await asyncio.wait_for(connection.execute("SELECT"), HEARTBEAT_S)
                        self._trusted_until = time.monotonic() + TRUSTED_S
                        async for told in connection.notifies(timeout=HEARTBEAT_S):
                            self.changed(told.payload)
            except (psycopg.Error, TimeoutError, OSError) as error:
                self._trusted_until = 0.0
                log.debug("tiles_not_listening: %s", type(error).__name__)
                await asyncio.sleep(AGAIN_S)

    def clear(self) -> None:
        """Forget everything."""
        self._changes += 1
        self._all_changed_at = dict.fromkeys(LAYERS, self._changes)
        self._kept.clear()
        self._by_square.clear()
        self._wide.clear()
        self._bytes = 0

    @asynccontextmanager
    async def running(self, conninfo: str) -> AsyncIterator[None]:
        """Listen in the background for as long as the application runs."""
        task = asyncio.create_task(self.listening(conninfo))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _changed_since(self, collection: str, squares: Squares, begun: int) -> bool:
        if self._all_changed_at[collection] > begun:
            return True
        if self._changes == begun:
            return False
        return any(
            at > begun and kind == collection and squares.holds(col, row)
            for (kind, col, row), at in self._changed_at.items()
        )

    def _places(self, asked: TileAsked, squares: Squares) -> list[set[TileAsked]]:
        if squares == EVERYWHERE or squares.count() > MOST_SQUARES:
            return [self._wide[asked.collection]]
        return [
            self._by_square[asked.collection, col, row]
            for col in range(squares.col_min, squares.col_max + 1)
            for row in range(squares.row_min, squares.row_max + 1)
        ]

    def _forget(self, asked: TileAsked) -> None:
        entry = self._kept.pop(asked, None)
        if entry is None:
            return
        self._bytes -= entry.tile.size + ENTRY_BYTES
        for place in self._places(asked, entry.squares):
            place.discard(asked)
