"""Vector tiles of assets and building outlines (OGC API Tiles addresses)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.caching import tagged
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.needs import needs
from api.routers.nearby import Classes, class_codes
from twin.queries.map_tiles import TileAsked, vector_tile

router = APIRouter(tags=["Vector tiles 矢量瓦片"])

MVT = "application/vnd.mapbox-vector-tile"


@router.get(
    "/collections/{collection}/tiles/WebMercatorQuad/{z}/{y}/{x}",
    dependencies=[needs("read", "{collection}")],
    summary="A vector tile of assets or buildings 矢量瓦片",
    response_class=Response,
    responses=answers(media=MVT),
)
async def tile(
    request: Request,
    services: ServicesOf,
    asker: Asker,
    collection: Annotated[str, Path(max_length=40, description="assets or buildings", examples=["assets"])],
    z: Annotated[int, Path(ge=0, le=24, description="Zoom level", examples=[16])],
    y: Annotated[int, Path(ge=0, description="Row, from the north", examples=[25320])],
    x: Annotated[int, Path(ge=0, description="Column", examples=[54904])],
    classes: Classes = None,
) -> Response:
    """Features carry stable ids and at most 10,000 stand in a tile (Twin-Capped: true when some are left out).

    Below zoom 13 assets are counts in 32 x 32 cells (property `count`).
    """
    asked = TileAsked(collection, z, x, y, class_codes(classes))
    async with services.reading(asker) as asking:
        body, capped = await vector_tile(asking.cursor, asked)
    answer = tagged(request, body, MVT)
    if capped:
        answer.headers["Twin-Capped"] = "true"
    return answer
