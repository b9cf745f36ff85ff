"""The catalogue of imagery: surveys and their products by STAC 1.1, and the products' files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse

from api import stac
from api.caching import ALWAYS_ASK, entity_tag, still_good, tagged, unchanged
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.feature_answers import base_of
from api.needs import needs
from twin.actions.access import absent
from twin.queries.survey_catalogue import catalogued_surveys
from twin.queries.surveys import file_inside, product_of

router = APIRouter(tags=["Surveys 航测"])

Name = Annotated[str, Path(max_length=100, description="The survey's name 航测名称", examples=["spring-2026"])]
ROOT = "https://twin.example"
EXAMPLE = {
    "name": "spring-2026",
    "kind": "drone",
    "taken_from": datetime(2026, 4, 2, 2, tzinfo=UTC),
    "taken_to": datetime(2026, 4, 2, 3, tzinfo=UTC),
    "published_at": datetime(2026, 4, 3, tzinfo=UTC),
    "crs": "EPSG:4550",
    "vertical_datum": "EPSG:5737",
    "gsd_m": 0.03,
    "footprint": None,
    "bbox": None,
    "products": [],
}


@router.get(
    "/stac",
    dependencies=[needs("read", "service")],
    summary="The catalogue of imagery (STAC) 影像目录",
    responses=answers(stac.catalog(ROOT, "牟平区 Muping")),
)
async def catalog(request: Request, services: ServicesOf) -> Response:
    """Where a STAC client begins."""
    city = services.settings.city
    body = stac.catalog(base_of(request.scope), f"{city.name_zh} {city.name_en}")
    return tagged(request, orjson.dumps(body), stac.JSON)


@router.get(
    "/stac/collections/surveys",
    dependencies=[needs("read", "surveys")],
    summary="All surveys as a STAC collection 航测目录",
    responses=answers(stac.collection(ROOT, [EXAMPLE], (121.5, 37.1, 122.1, 37.6))),
)
async def collection(request: Request, services: ServicesOf, asker: Asker) -> Response:
    """Where and when, with a link to each survey."""
    async with services.reading(asker) as asking:
        surveys = await catalogued_surveys(asking.cursor)
        bounds = await services.bounds(asking)
    box = (bounds.west, bounds.south, bounds.east, bounds.north)
    return tagged(request, orjson.dumps(stac.collection(base_of(request.scope), surveys, box)), stac.JSON)


@router.get(
    "/stac/collections/surveys/items",
    dependencies=[needs("read", "surveys")],
    summary="All surveys as STAC items 航测条目",
    response_class=Response,
    responses=answers(stac.items(ROOT, [EXAMPLE]), media=stac.GEOJSON),
)
async def items(request: Request, services: ServicesOf, asker: Asker) -> Response:
    """Newest first, each with its products as assets."""
    async with services.reading(asker) as asking:
        surveys = await catalogued_surveys(asking.cursor)
    return tagged(request, orjson.dumps(stac.items(base_of(request.scope), surveys)), stac.GEOJSON)


@router.get(
    "/stac/collections/surveys/items/{name}",
    dependencies=[needs("read", "surveys")],
    summary="One survey as a STAC item 航测条目详情",
    response_class=Response,
    responses=answers(stac.item(ROOT, EXAMPLE), media=stac.GEOJSON),
)
async def item(request: Request, services: ServicesOf, asker: Asker, name: Name) -> Response:
    """Its footprint, times, systems, and its products: orthophoto, surfaces, point cloud, 3D Tiles, report."""
    async with services.reading(asker) as asking:
        surveys = await catalogued_surveys(asking.cursor, name)
    if not surveys:
        raise absent("survey", name)
    return tagged(request, orjson.dumps(stac.item(base_of(request.scope), surveys[0])), stac.GEOJSON)


@router.get(
    "/surveys/{name}/products/{kind}",
    dependencies=[needs("export", "surveys")],
    summary="A product's file 成果文件",
    response_class=Response,
    responses=answers(media="image/tiff"),
)
async def product_file(
    request: Request,
    services: ServicesOf,
    asker: Asker,
    name: Name,
    kind: Annotated[str, Path(max_length=40, description="orthophoto, dsm, cloud ...", examples=["orthophoto"])],
) -> Response:
    """The whole file, for those who may export surveys; ranges are answered, so a COG can be read in parts."""
    async with services.reading(asker) as asking:
        product = await product_of(asking.cursor, name, kind)
    found = file_inside(services.settings.data_dir, product.path) if product and kind != "tileset" else None
    if found is None or product is None:
        raise absent("product", f"{name}/{kind}")
    stat = found.stat()
    tag = entity_tag(product.sha256, stat.st_mtime_ns, stat.st_size)
    if still_good(request, tag):
        return unchanged(tag)
    headers = {"ETag": tag, "Cache-Control": ALWAYS_ASK}
    return FileResponse(found, headers=headers, media_type=product.media_type, filename=found.name)
