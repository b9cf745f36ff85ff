"""A vector tile made for whoever asks: packed, tagged, thinned until it is small enough to send, kept for the next."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import replace

import anyio

from api.dependencies import Services
from api.kept_tiles import KeptTile
from twin.queries.asset_tiles import Assets
from twin.queries.map_tiles import MOST_FEATURES, Tile, TileAsked, check_asked, draw_tile, read_tile

MOST_PACKED_BYTES = 300_000
PACKED_IN_PLACE = 64_000  # more is packed in a thread
DRAWN_IN_PLACE = 500  # more assets are drawn in a thread
ROOM = 0.95
GZIP = 16 + zlib.MAX_WBITS
LEVEL = 2  # half the time of 5, for tiles that are 8 % larger


def pack(body: bytes) -> bytes:
    """Compress a tile; the same bytes for the same tile, whenever it is made."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    return packer.compress(body) + packer.flush()


def unpack(packed: bytes) -> bytes:
    """Give a tile's own bytes."""
    return zlib.decompress(packed, GZIP)


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
        made = read if isinstance(read, Tile) else await _drawn(read, replace(asked, limit=limit))
        # What is small enough as it is need not be packed to know that; most who ask take it packed.
        small = await _away(pack, made.body) if packed or len(made.body) > MOST_PACKED_BYTES else None
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


async def _drawn(assets: Assets, asked: TileAsked) -> Tile:
    if len(assets) < DRAWN_IN_PLACE:
        return draw_tile(asked, assets)
    return await anyio.to_thread.run_sync(draw_tile, asked, assets)


async def _in_both_forms(tile: KeptTile) -> KeptTile:
    if tile.plain is not None:
        return replace(tile, packed=await _away(pack, tile.plain))
    assert tile.packed is not None  # noqa: S101 - a tile has one form at least
    return replace(tile, plain=unpack(tile.packed))


async def _away(work: Callable[[bytes], bytes], body: bytes) -> bytes:
    return await anyio.to_thread.run_sync(work, body) if len(body) > PACKED_IN_PLACE else work(body)
