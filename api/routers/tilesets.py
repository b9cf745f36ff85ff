"""Which tilesets there are and how they are cut (OGC API Tiles: tilesets list, tileset, tile matrix sets)."""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from api import tilesets as made
from api.caching import tagged
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.feature_answers import base_of
from api.needs import needs
from api.routers.tiles import Collection
from twin.actions.access import absent

router = APIRouter(tags=["Vector tiles 矢量瓦片"])
BOX = (121.5, 37.1, 122.1, 37.6)
ROOT = "https://twin.example"


@router.get(
    "/tileMatrixSets",
    dependencies=[needs("read", "service")],
    summary="Tile matrix sets 瓦片矩阵集",
    responses=answers(made.matrix_sets(ROOT)),
)
async def matrix_sets(request: Request) -> Response:
    """There is one: WebMercatorQuad, as web maps are cut."""
    return tagged(request, orjson.dumps(made.matrix_sets(base_of(request.scope))), "application/json")


@router.get(
    "/tileMatrixSets/{matrix_set}",
    dependencies=[needs("read", "service")],
    summary="A tile matrix set 瓦片矩阵集定义",
    responses=answers({**made.matrix_set(), "tileMatrices": made.matrix_set()["tileMatrices"][:1]}),
)
async def matrix_set(
    request: Request,
    matrix_set: Annotated[str, Path(max_length=60, description="Its name", examples=["WebMercatorQuad"])],
) -> Response:
    """Its zoom levels with scale, cell size in metres and number of tiles."""
    if matrix_set != made.MATRIX_SET:
        raise absent("tile matrix set", matrix_set)
    return tagged(request, orjson.dumps(made.matrix_set()), "application/json")


@router.get(
    "/collections/{collection}/tiles",
    dependencies=[needs("read", "{collection}")],
    summary="A collection's tilesets 瓦片集列表",
    responses=answers(made.tilesets(ROOT, "assets")),
)
async def tilesets(request: Request, collection: Collection) -> Response:
    """One tileset for each collection that has tiles."""
    if not made.has_tiles(collection):
        raise absent("tileset", collection)
    return tagged(request, orjson.dumps(made.tilesets(base_of(request.scope), collection)), "application/json")


@router.get(
    "/collections/{collection}/tiles/WebMercatorQuad",
    dependencies=[needs("read", "{collection}")],
    summary="A tileset 瓦片集",
    responses=answers(made.tileset(ROOT, "assets", BOX)),
)
async def tileset(
    request: Request,
    services: ServicesOf,
    asker: Asker,
    collection: Collection,
    f: Annotated[
        Literal["json", "tilejson"], Query(description="json (OGC) or tilejson (map libraries)", examples=["tilejson"])
    ] = "json",
) -> Response:
    """What it shows, where, with which properties, and the address of its tiles."""
    if not made.has_tiles(collection):
        raise absent("tileset", collection)
    async with services.reading(asker) as asking:
        bounds = await services.bounds(asking)
    box = (bounds.west, bounds.south, bounds.east, bounds.north)
    describe = made.tilejson if f == "tilejson" else made.tileset
    return tagged(request, orjson.dumps(describe(base_of(request.scope), collection, box)), "application/json")
