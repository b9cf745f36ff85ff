"""OGC API: where a client begins (landing page), what holds (conformance), and what there is (collections)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from api import examples_of_features as examples
from api.conformance import CONFORMS_TO
from api.documented import answers
from api.feature_answers import (
    HTML,
    JSON,
    OPENAPI,
    SCHEMA,
    base_of,
    described,
    json_answer,
    link,
    queryables_of,
    self_links,
)  # fmt: skip
from api.feature_pages import collection_page, collections_page, conformance_page, landing_page, queryables_page
from api.feature_parameters import PAGE_PARAMETERS
from api.feature_questions import OF_PAGES, form_of, given
from api.feature_service import FeatureService, features_of
from api.needs import needs
from api.routers.features import CollectionId, StandardRoute
from api.tilesets import SCHEMES
from twin.queries.feature_collections import Collection
from twin.queries.feature_crs import CRS84

router = APIRouter(tags=["OGC API Features 要素"], route_class=StandardRoute)
root = APIRouter(include_in_schema=False)
ABOUT = "城市数字孪生的开放标准接口。City digital twin by open standards."


@router.get(
    "/ogc",
    summary="Where a client of the standards begins 标准接口入口",
    dependencies=[needs("read", "service")],
    responses=answers(examples.LANDING, also=["text/html"]),
    openapi_extra={"parameters": PAGE_PARAMETERS},
)
async def landing(request: Request) -> Response:
    """The landing page: give this address to QGIS, GDAL or OWSLib. `/?f=json` answers the same."""
    parameters = given(request, OF_PAGES)
    city = features_of(request).services.settings.city
    base = base_of(request.scope)
    form = form_of(request, parameters)
    body: dict[str, Any] = {
        "title": f"{city.name_zh} {city.name_en}",
        "description": ABOUT,
        "links": [
            *self_links(request, form),
            link("service-desc", f"{base.removesuffix('/ogc')}/openapi.json", OPENAPI, "OpenAPI"),
            link("service-doc", f"{base.removesuffix('/ogc')}/docs", HTML, "接口说明 Documentation"),
            link("conformance", f"{base}/conformance?f=json", JSON, "符合性 Conformance"),
            link("data", f"{base}/collections?f=json", JSON, "图层 Collections"),
            link(SCHEMES, f"{base}/tileMatrixSets", JSON, "瓦片矩阵集 Tile matrix sets"),
            link(
                "http://www.opengis.net/def/rel/ogc/1.0/conformance", f"{base}/conformance?f=json", JSON, "Conformance"
            ),
            link("http://www.opengis.net/def/rel/ogc/1.0/data", f"{base}/collections?f=json", JSON, "Collections"),
        ],
    }
    return landing_page(request, parameters, body) if form == "html" else json_answer(body)


class _ProgramsOnly(APIRoute):
    """The root's own page is the planners' map; only who asks for JSON gets the landing page there."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match a question for JSON only."""
        if scope["type"] != "http" or scope["path"] != scope.get("root_path", "") + "/":
            return Match.NONE, {}
        accepts = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        if b"f=json" not in scope["query_string"].split(b"&") and b"application/json" not in accepts.split(b",")[0]:
            return Match.NONE, {}
        return super().matches(scope)


root.add_api_route(
    "/", landing, methods=["GET"], dependencies=[needs("read", "service")], route_class_override=_ProgramsOnly
)


@router.get(
    "/conformance",
    summary="Which parts of the standards hold 符合性声明",
    dependencies=[needs("read", "service")],
    responses=answers(examples.CONFORMANCE, also=["text/html"]),
    openapi_extra={"parameters": PAGE_PARAMETERS},
)
async def conformance(request: Request) -> Response:
    """The conformance classes, each of which has a test named after it."""
    parameters = given(request, OF_PAGES)
    form = form_of(request, parameters)
    body = {"conformsTo": CONFORMS_TO, "links": self_links(request, form)}
    return conformance_page(request, parameters, body) if form == "html" else json_answer(body)


@router.get(
    "/collections",
    summary="What there is: all collections 图层列表",
    dependencies=[needs("read", "service")],
    responses=answers(examples.COLLECTIONS, also=["text/html"]),
    openapi_extra={"parameters": PAGE_PARAMETERS},
)
async def collections(request: Request) -> Response:
    """The collections the asker may read; assets as one and by class (of the classes, those there are assets of)."""
    parameters = given(request, OF_PAGES)
    service, form = features_of(request), form_of(request, parameters)
    listed = await service.listed(request.state.asker.role)
    found = [await _with_extent(service, request, one) for one in listed]
    body = {"links": self_links(request, form), "collections": found}
    return collections_page(request, parameters, body) if form == "html" else json_answer(body)


@router.get(
    "/collections/{collection}",
    summary="One collection 图层说明",
    dependencies=[needs("read", "{collection}")],
    responses=answers(examples.COLLECTION, also=["text/html"]),
    openapi_extra={"parameters": PAGE_PARAMETERS},
)
async def one_collection(request: Request, collection: CollectionId) -> Response:
    """Its extent, its coordinate reference systems, and where its features are."""
    parameters = given(request, OF_PAGES)
    service, form = features_of(request), form_of(request, parameters)
    body = await _with_extent(service, request, await service.collection(collection))
    return collection_page(request, parameters, body) if form == "html" else json_answer(body)


async def _with_extent(service: FeatureService, request: Request, collection: Collection) -> dict[str, Any]:
    body = described(base_of(request.scope), collection, service.working_srid)
    box, since = await service.extent(collection)
    body["extent"] = {"temporal": {"interval": [[since, None]]}}
    if box is not None:
        body["extent"]["spatial"] = {"bbox": [list(box)], "crs": CRS84}
    return body


@router.get(
    "/collections/{collection}/queryables",
    summary="What a filter may name 可查询字段",
    dependencies=[needs("read", "{collection}")],
    response_class=Response,
    responses=answers(examples.QUERYABLES, media=SCHEMA, also=["text/html"]),
    openapi_extra={"parameters": PAGE_PARAMETERS},
)
async def queryables(request: Request, collection: CollectionId) -> Response:
    """A JSON Schema; `attributes.<name>` stands for an attribute of an asset's class."""
    parameters = given(request, OF_PAGES)
    chosen = await features_of(request).collection(collection)
    body = queryables_of(base_of(request.scope), chosen)
    if form_of(request, parameters) == "html":
        return queryables_page(request, parameters, chosen, body)
    return json_answer(body, SCHEMA)
