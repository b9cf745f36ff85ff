"""Vector tiles of assets, buildings, grids and places (OGC API Tiles, part 1: core, mvt)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.caching import ALWAYS_ASK
from api.dependencies import ServicesOf
from api.documented import answers
from api.kept_tiles import KeptTile
from api.made_tiles import tile_for
from api.needs import needs
from api.routers.nearby import Classes, class_codes
from twin.queries.map_tiles import TileAsked, codes

router = APIRouter(tags=["Vector tiles 矢量瓦片"])

MVT = "application/vnd.mapbox-vector-tile"
TILE_TAIL = "/tiles/WebMercatorQuad/"
TILE_PATH = "/collections/{collection}" + TILE_TAIL + "{z}/{y}/{x}"
Collection = Annotated[
    str,
    Path(
        max_length=40,
        description="assets, assets-CODE (one class), buildings, grids or places",
        examples=["assets"],
    ),
]


@router.get(
    TILE_PATH,
    dependencies=[needs("read", "{collection}")],
    summary="A vector tile of assets, buildings, grids or places 矢量瓦片",
    response_class=Response,
    responses=answers(media=MVT),
)
async def tile(
    request: Request,
    services: ServicesOf,
    collection: Collection,
    z: Annotated[int, Path(ge=0, le=24, description="Zoom level", examples=[16])],
    y: Annotated[int, Path(ge=0, description="Row, from the north", examples=[25320])],
    x: Annotated[int, Path(ge=0, description="Column", examples=[54904])],
    classes: Classes = None,
) -> Response:
    """Features carry stable ids; a tile holds at most 10,000 of them and 300 KB (gzip).

    Where more lie there, a tile is thinned evenly and always the same way, and says so: Twin-Capped: true,
    Twin-Features: shown/there. Below zoom 13 assets and buildings are counts by squares (properties `count`,
    `square_m`).
    """
    packed = takes_packed(request.headers.get("accept-encoding"))
    made, was_kept = await tile_for(services, asked_tile(collection, z, x, y, classes), packed=packed)
    services.metrics.looked_in_cache("tiles", was_kept)
    return tile_answer(request.headers.get("if-none-match"), packed, made)


def asked_tile(collection: str, z: int, x: int, y: int, classes: str | None) -> TileAsked:
    """Read an address: assets-0118 are the assets of one class, as are assets with the parameter class=0118."""
    name, _, only = collection.partition("-")
    if name != "assets" or not only:
        return TileAsked(collection, z, x, y, codes(class_codes(classes)) if collection == "assets" else ())
    return TileAsked(name, z, x, y, (only,))


def takes_packed(accept_encoding: str | None) -> bool:
    """Say whether somebody takes gzip."""
    return "gzip" in (accept_encoding or "")


def tile_answer(if_none_match: str | None, packed: bool, tile: KeptTile) -> Response:
    """Send a tile in a form that is there, or 304 to those who have it."""
    headers = {
        "ETag": tile.etag_packed if packed else tile.etag,
        "Cache-Control": ALWAYS_ASK,
        "Vary": "Accept-Encoding",
    }
    if if_none_match and _names(if_none_match, tile):
        return Response(status_code=304, headers=headers)
    if tile.shown < tile.found:
        headers |= {"Twin-Capped": "true", "Twin-Features": f"{tile.shown}/{tile.found}"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(tile.packed if packed else tile.plain, headers=headers, media_type=MVT)


def _names(if_none_match: str, tile: KeptTile) -> bool:
    given = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return bool(given & {"*", tile.etag, tile.etag_packed})
