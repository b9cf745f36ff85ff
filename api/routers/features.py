"""OGC API Features: pages of features and single features."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from api import examples_of_features as examples
from api.caching import ALWAYS_ASK, still_good, unchanged
from api.documented import answers
from api.feature_answers import GEOJSON, HEAD, HTML, JSON, Frame, base_of, content_crs, here, link
from api.feature_pages import item_page, items_page
from api.feature_parameters import ITEM_PARAMETERS, ITEMS_PARAMETERS
from api.feature_questions import OF_ITEM, OF_ITEMS, Token, as_question, form_of, given, item_asked, items_asked
from api.feature_service import FeatureService, area_of, features_of
from api.needs import Needs, needs
from api.sorted_items import sorted_items
from twin.actions.access import absent
from twin.errors import BadInput
from twin.queries.features import Feature, Page, PageAsked, feature_of, page_of

PART = 1_000  # features of a larger page are read and sent so many at a time
ITEMS_PATH = "/collections/{collection}/items"
ITEM_PATH = ITEMS_PATH + "/{fid}"
KEPT_SHORTLY = "private, no-cache"

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
CollectionId = Annotated[str, Path(max_length=40, description="The collection's id 图层", examples=["assets"])]


class StandardRoute(APIRoute):
    """A route whose wrong parameters are answered 400, as OGC API asks."""

    def get_route_handler(self) -> Handler:
        """Give the handler that answers requests."""
        handler = super().get_route_handler()

        async def answering(request: Request) -> Response:
            try:
                return await handler(request)
            except BadInput as error:
                raise as_question(error) from error

        return answering


class QuickRoute(StandardRoute):
    """A route that reads its parameters itself: what it needs is checked, then it is called, without more ado.

    FastAPI's own way to the same end takes longer than everything else these routes do.
    """

    def get_route_handler(self) -> Handler:
        """Give the handler that answers requests."""
        endpoint: Callable[..., Coroutine[Any, Any, Response]] = self.endpoint
        (need,) = [item.call for item in self.dependant.dependencies if isinstance(item.call, Needs)]

        async def answering(request: Request) -> Response:
            await need(request)
            try:
                return await endpoint(request, **request.path_params)
            except BadInput as error:
                raise as_question(error) from error

        return answering


router = APIRouter(tags=["OGC API Features 要素"], route_class=QuickRoute)


@router.get(
    ITEMS_PATH,
    summary="A page of features 要素列表",
    dependencies=[needs("read", "{collection}")],
    response_class=Response,
    responses=answers(examples.ITEMS, media=GEOJSON, also=["text/html"]),
    openapi_extra={"parameters": ITEMS_PARAMETERS},
)
async def items(request: Request, collection: CollectionId) -> Response:
    """Features by key, or in the order of `sortby`; the link `next` leads to the following page, if there is one.

    `numberMatchedKind` says whether `numberMatched` is exact or estimated. A property's name is a parameter too.
    """
    service = features_of(request)
    chosen = await service.collection(collection)
    parameters = given(request, OF_ITEMS, (one.name for one in chosen.properties))
    area = area_of(request.state.reach)
    asked, token = items_asked(parameters, chosen, service.working_srid, area)
    form = form_of(request, parameters)
    if "sortby" in parameters:
        return await sorted_items(service, request, parameters, asked, token, form)
    first = replace(asked, limit=PART) if asked.limit > PART else asked
    page = await service.read(request, lambda cursor: page_of(cursor, first), keeps_plan=first.keeps_plan)
    matched, exact = (token.matched, token.exact) if token else (page.matched, page.exact)
    if form == "html":
        return items_page(request, parameters, chosen, page, _next(page.last, matched, exact), matched, exact)
    if asked.limit > PART and page.last is not None:
        parts = _parts(service, request, asked, page, matched, exact)
        return StreamingResponse(parts, headers=_page_headers(asked), media_type=GEOJSON)
    return page_answer(request, asked, page, matched, exact)


def page_answer(request: Request, asked: PageAsked, page: Page, matched: int | None, exact: bool) -> Response:
    """Answer with a page of features."""
    frame = Frame(request, page, _next(page.last, matched, exact), matched, exact)
    return Response(HEAD + page.features + frame.tail(page.returned), headers=_page_headers(asked), media_type=GEOJSON)


def _page_headers(asked: PageAsked) -> dict[str, str]:
    return content_crs(asked.crs) | {"Cache-Control": KEPT_SHORTLY}


def _next(last: int | None, matched: int | None, exact: bool) -> str | None:
    return None if last is None else Token(last, matched, exact).text()


async def _parts(
    service: FeatureService, request: Request, asked: PageAsked, page: Page, matched: int | None, exact: bool
) -> AsyncIterator[bytes]:
    """Send a large page in parts; no connection is held while the client takes its time."""
    yield HEAD + page.features
    returned = page.returned
    while page.last is not None and returned < asked.limit:
        part = replace(asked, after=page.last, limit=min(PART, asked.limit - returned), count="none")
        page = await _read_part(service, request, part)
        returned += page.returned
        if page.features:
            yield b"," + page.features
    yield Frame(request, page, _next(page.last, matched, exact), matched, exact).tail(returned)


async def _read_part(service: FeatureService, request: Request, part: PageAsked) -> Page:
    return await service.read(request, lambda cursor: page_of(cursor, part), keeps_plan=part.keeps_plan)


@router.get(
    ITEM_PATH,
    summary="One feature 要素详情",
    dependencies=[needs("read", "{collection}")],
    response_class=Response,
    responses=answers(examples.ITEM, media=GEOJSON, also=["text/html"]),
    openapi_extra={"parameters": ITEM_PARAMETERS},
)
async def item(
    request: Request,
    collection: CollectionId,
    fid: Annotated[str, Path(max_length=40, description="The feature's id 要素标识", examples=["1"])],
) -> Response:
    """A feature with its strong entity tag, which a change must name in If-Match."""
    service = features_of(request)
    chosen = await service.collection(collection)
    parameters = given(request, OF_ITEM)
    asked = item_asked(parameters, chosen, service.working_srid, area_of(request.state.reach))
    form = form_of(request, parameters)
    key = feature_key(fid)
    found = await service.read(request, lambda cursor: feature_of(cursor, asked, key), keeps_plan=asked.keeps_plan)
    if found is None:
        raise absent("feature", fid)
    if form == "html":
        return item_page(request, parameters, chosen, found.body)
    return feature_answer(request, asked, found)


def feature_answer(request: Request, asked: PageAsked, found: Feature) -> Response:
    """Answer with a feature that was read, or 304 when the client has it."""
    headers = content_crs(asked.crs) | {"Cache-Control": ALWAYS_ASK}
    if found.etag:
        if "if-none-match" in request.headers and still_good(request, found.etag):
            return unchanged(found.etag)
        headers["ETag"] = found.etag
    where = f"{base_of(request.scope)}/collections/{asked.collection.id}"
    links = [
        link("self", here(request, f="json"), GEOJSON, "This feature"),
        link("alternate", here(request, f="html"), HTML, "This feature as a page 网页"),
        link("collection", f"{where}?f=json", JSON, asked.collection.title_en),
    ]
    body = found.body[:-1] + b',"links":' + orjson.dumps(links) + b"}"
    return Response(body, headers=headers, media_type=GEOJSON)


def feature_key(fid: str) -> int:
    """Read a feature's id. Raises NotFound for what cannot be one."""
    if not fid.isascii() or not fid.isdigit() or len(fid) > 18:
        raise absent("feature", fid)
    return int(fid)
