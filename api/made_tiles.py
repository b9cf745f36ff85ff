"""A vector tile made for whoever asks: packed, tagged, thinned until it is small enough to send, kept for the next."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import anyio
from isal import isal_zlib

from api.dependencies import Services
from api.kept_tiles import KeptTile
from twin.queries.asset_tiles import Assets
from twin.queries.map_tiles import MOST_FEATURES, Tile, TileAsked, check_asked, draw_tile, read_tile

MOST_PACKED_BYTES = 300_000
PACKED_IN_PLACE = 64_000  # more is packed in a thread
DRAWN_IN_PLACE = 500  # more assets are drawn in a thread
ROOM = 0.95
GZIP = 16 + isal_zlib.MAX_WBITS
LEVEL = 2  # of isal's three


def pack(body: bytes) -> bytes:
    """Compress a tile; the same bytes for the same tile, whenever it is made."""
    packer = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, GZIP)
    return packer.compress(body) + packer.flush()


def unpack(packed: bytes) -> bytes:
    """Give a tile's own bytes."""
    return isal_zlib.decompress(packed, GZIP)


async def tile_for(services: Services, asked: TileAsked, *, packed: bool) -> tuple[KeptTile, bool]:
    """Give a tile in the form it is sent in, and whether it had been kept. The right to it has been checked before.

    packed: as gzip. Raises NotFound for an unknown collection, BadInput for a tile that cannot be.
    """
    begun = services.tiles.begin()
    kept = services.tiles.find(asked)
    if kept is not None and kept.has(packed=packed):
        return kept, True
    if kept is not None:
        tile = await _in_both_forms(kept)
    else:
        check_asked(asked)
        tile = await _make(services, asked, packed)
    services.tiles.keep(asked, tile, begun)
    return tile, kept is not None


async def _make(services: Services, asked: TileAsked, packed: bool) -> KeptTile:
    limit = MOST_FEATURES
    read = await _read(services, asked)
    while True:
        made, small = await _drawn_and_packed(read, replace(asked, limit=limit), packed)
        if small is None or len(small) <= MOST_PACKED_BYTES or made.shown <= 1:
            break
        limit = max(1, int(made.shown * MOST_PACKED_BYTES / len(small) * ROOM))
        if isinstance(read, Tile):
            read = await _read(services, replace(asked, limit=limit))
    etag = f'"{hashlib.sha256(made.body).hexdigest()[:32]}"'
    return KeptTile(etag, made.shown, made.found, None if packed else made.body, small if packed else None)


async def _read(services: Services, asked: TileAsked) -> Tile | Assets:
    srid = services.settings.city.working_srid
    return await services.quick.ask(lambda cursor: read_tile(cursor, asked, srid))


async def _drawn_and_packed(read: Tile | Assets, asked: TileAsked, packed: bool) -> tuple[Tile, bytes | None]:
    """Draw what is not drawn yet, and pack it if it is sent so or might be too large; a large one in a thread."""

    def work() -> tuple[Tile, bytes | None]:
        made = read if isinstance(read, Tile) else draw_tile(asked, read)
        # What is small enough as it is need not be packed to know that; most who ask take it packed.
        return made, pack(made.body) if packed or len(made.body) > MOST_PACKED_BYTES else None

    little = len(read.body) <= PACKED_IN_PLACE if isinstance(read, Tile) else len(read) < DRAWN_IN_PLACE
    return work() if little else await anyio.to_thread.run_sync(work)


async def _in_both_forms(tile: KeptTile) -> KeptTile:
    if tile.plain is not None:
        return replace(tile, packed=await _away(pack, tile.plain), heads={})
    assert tile.packed is not None  # noqa: S101 - a tile has one form at least
    return replace(tile, plain=unpack(tile.packed), heads={})


async def _away(work: Callable[[bytes], bytes], body: bytes) -> bytes:
    return await anyio.to_thread.run_sync(work, body) if len(body) > PACKED_IN_PLACE else work(body)
