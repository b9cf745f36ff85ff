"""Buildings as CityJSON 2.0, and as CityJSONSeq for as many as there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal
from urllib.parse import urlencode

import anyio
import numpy as np
import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.caching import tagged
from api.dependencies import Asker, Services, ServicesOf
from api.documented import answers
from api.feature_answers import base_of
from api.needs import needs
from api.routers.search import read_bbox
from twin.actions.export_city import mover
from twin.crs import read_crs
from twin.queries.building_models import Box, GivenBuilding, solids_in_box
from twin.queries.city_json import CityJsonFile
from twin.session import Actor
from twin.solids import Points

router = APIRouter(tags=["3D Tiles 三维"])

CITY_JSON, CITY_JSON_SEQ = "application/city+json", "application/city+json-seq"
PAGE, MOST = 500, 2000
EXAMPLE = {
    "type": "CityJSON",
    "version": "2.0",
    "metadata": {"referenceSystem": "https://www.opengis.net/def/crs-compound?1=...EPSG/0/4550&2=...EPSG/0/5737"},
    "transform": {"scale": [0.001, 0.001, 0.001], "translate": [376000, 4138000, 0]},
    "CityObjects": {"B1": {"type": "Building", "attributes": {"height_m": 24.4}}},
    "vertices": [],
}


@router.get(
    "/cityjson",
    dependencies=[needs("read", "buildings")],
    summary="Buildings as CityJSON 2.0 or CityJSONSeq 建筑三维模型",
    response_class=Response,
    responses=answers(EXAMPLE, media=CITY_JSON, also=["application/city+json-seq"]),
)
async def cityjson(
    request: Request,
    services: ServicesOf,
    asker: Asker,
    bbox: Annotated[
        str | None,
        Query(max_length=120, description="west,south,east,north in degrees", examples=["121.59,37.38,121.61,37.39"]),
    ] = None,
    f: Annotated[
        Literal["cityjson", "cityjsonseq"],
        Query(description="cityjson: one document, a page; cityjsonseq: a line for each building, all of them"),
    ] = "cityjson",
    crs: Annotated[
        str | None, Query(max_length=40, description="Of the corners; default: the city's", examples=["EPSG:4550"])
    ] = None,
    vertical_datum: Annotated[
        str | None,
        Query(max_length=40, description="Only heights in it; default: the city's", examples=["EPSG:5737"]),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Most buildings of a document", examples=[1000])] = 1000,
    after: Annotated[int, Query(ge=0, description="As the Link to the next page says", examples=[0])] = 0,
) -> Response:
    """Solids with what each face is, the system of coordinates and the datum of the heights in the metadata.

    Buildings without a solid, and those with heights in another datum, are left out. A document of more buildings than
    `limit` has a Link to the next (rel="next").
    """
    city = services.settings.city
    target = crs or f"EPSG:{city.working_srid}"
    read_crs(target)
    datum, box = vertical_datum or city.vertical_datum, read_bbox(bbox)
    if f == "cityjsonseq":
        first = await _page(services, asker, box, datum, after, PAGE)
        lines = _lines(services, asker, box, datum, target, first)
        return StreamingResponse(lines, media_type=CITY_JSON_SEQ)
    buildings, following = await _page(services, asker, box, datum, after, limit)
    body = await anyio.to_thread.run_sync(_document, buildings, city.working_srid, target, datum)
    answer = tagged(request, body, CITY_JSON)
    if following is not None:
        asked = {**request.query_params, "after": following}
        answer.headers["Link"] = (
            f'<{base_of(request.scope)}/cityjson?{urlencode(asked)}>; rel="next"; type="{CITY_JSON}"'
        )
    return answer


async def _page(
    services: Services, asker: Actor, box: Box | None, datum: str, after: int, limit: int
) -> tuple[list[GivenBuilding], int | None]:
    async with services.reading(asker) as asking:
        return await solids_in_box(asking.cursor, box, datum, after, limit)


def _document(buildings: list[GivenBuilding], srid: int, crs: str, datum: str) -> bytes:
    file, move = CityJsonFile(crs, datum), mover(srid, crs)
    for building in buildings:
        file.add(building, move)
    return orjson.dumps(file.document())


async def _lines(
    services: Services,
    asker: Actor,
    box: Box | None,
    datum: str,
    crs: str,
    page: tuple[list[GivenBuilding], int | None],
) -> AsyncIterator[bytes]:
    buildings, following = page
    move = mover(services.settings.city.working_srid, crs)
    solid = buildings[0].solid if buildings else None
    offset = np.floor(move(solid.corners()).min(axis=0)) if solid is not None else np.zeros(3)
    yield orjson.dumps(CityJsonFile(crs, datum).head(offset)) + b"\n"
    while buildings:
        yield await anyio.to_thread.run_sync(_features, buildings, services, crs, datum, offset)
        if following is None:
            return
        buildings, following = await _page(services, asker, box, datum, following, PAGE)


def _features(buildings: list[GivenBuilding], services: Services, crs: str, datum: str, offset: Points) -> bytes:
    move, lines = mover(services.settings.city.working_srid, crs), []
    for building in buildings:
        file = CityJsonFile(crs, datum)
        file.add(building, move)
        lines.append(orjson.dumps(file.feature(offset)))
    return b"\n".join(lines) + b"\n"
