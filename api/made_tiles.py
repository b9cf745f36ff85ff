"""A vector tile made for whoever asks: packed, tagged, thinned until it is small enough to send, kept for the next."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace

import anyio

from api.dependencies import Services
from api.kept_tiles import KeptTile
from twin.queries.map_tiles import MOST_FEATURES, TileAsked, check_asked, vector_tile
from twin.session import Actor

MOST_PACKED_BYTES = 300_000
PACKED_IN_PLACE = 32_000  # more is packed in a thread
ROOM = 0.95
GZIP = 16 + zlib.MAX_WBITS
LEVEL = 5


def pack(body: bytes) -> bytes:
    """Compress a tile; the same bytes for the same tile, whenever it is made."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    return packer.compress(body) + packer.flush()


def unpack(packed: bytes) -> bytes:
    """Give a tile's own bytes."""
    return zlib.decompress(packed, GZIP)


async def tile_for(services: Services, asker: Actor, asked: TileAsked) -> tuple[KeptTile, bool]:
    """Give a tile as it is sent, and whether it had been kept. The asker's right to it has been checked before.

    Raises NotFound for an unknown collection, BadInput for a tile that cannot be.
    """
    kept = services.tiles.find(asked)
    if kept is not None:
        return kept, True
    check_asked(asked)
    begun = services.tiles.begin()
    tile = await _make(services, asker, asked)
    services.tiles.keep(asked, tile, begun)
    return tile, False


async def _make(services: Services, asker: Actor, asked: TileAsked) -> KeptTile:
    limit = MOST_FEATURES
    async with services.reading(asker) as asking:
        while True:
            made = await vector_tile(asking.cursor, replace(asked, limit=limit), services.settings.city.working_srid)
            if len(made.body) > PACKED_IN_PLACE:
                packed = await anyio.to_thread.run_sync(pack, made.body)
            else:
                packed = pack(made.body)
            if len(packed) <= MOST_PACKED_BYTES or made.shown <= 1:
                break
            limit = max(1, int(made.shown * MOST_PACKED_BYTES / len(packed) * ROOM))
    etag = f'"{hashlib.sha256(made.body).hexdigest()[:32]}"'
    return KeptTile(packed, etag, made.shown, made.found)
