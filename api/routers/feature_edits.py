"""OGC API Features Part 4: create, replace, update and delete, each for the version that was read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeVar

import anyio
import orjson
import psycopg
from fastapi import APIRouter, Path, Request, Response
from starlette.exceptions import HTTPException

from api import examples_of_features as examples
from api.documented import answers
from api.feature_answers import GEOJSON, base_of
from api.feature_service import FeatureService, features_of
from api.needs import needs
from api.routers.features import CollectionId, StandardRoute, feature_key
from twin.actions.access import absent
from twin.actions.edit_assets import change_asset, create_asset, end_asset, replace_asset
from twin.actions.edited_features import Editor
from twin.actions.report_event import change_event, replace_event, report_event, withdraw_event
from twin.cluster import server
from twin.errors import BadInput, Unconditional
from twin.queries.cql2_filter import GEOMETRIES, plain_geometry
from twin.queries.feature_collections import Collection
from twin.queries.feature_crs import ServedCrs, find_crs
from twin.queries.features import Feature, PageAsked, feature_of
from twin.session import Actor, transaction

Result = TypeVar("Result")
MEDIA = (GEOJSON, "application/json", "application/merge-patch+json")
router = APIRouter(tags=["OGC API Features 要素"], route_class=StandardRoute)


class Edits(NamedTuple):
    """How features of a table are written: anew, in place of what is there, in part, and taken out."""

    create: Callable[..., int]
    replace: Callable[..., None]
    change: Callable[..., None]
    end: Callable[..., None]


EDITS = {
    "asset": Edits(create_asset, replace_asset, change_asset, end_asset),
    "event": Edits(report_event, replace_event, change_event, withdraw_event),
}
FeatureId = Annotated[str, Path(max_length=40, description="The feature's id 要素标识", examples=["1"])]
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The entity tag that was read; without it 428, for another version 412 所改版本",
    "schema": {"type": "string"},
}
CONTENT_CRS = {
    "name": "Content-Crs",
    "in": "header",
    "required": False,
    "description": "CRS of the coordinates that are sent, by default CRS84 坐标系",
    "schema": {"type": "string"},
}


def _body(media: str, example: Any) -> dict[str, Any]:
    return {"required": True, "content": {media: {"schema": {"type": "object"}, "example": example}}}


@router.post(
    "/collections/{collection}/items",
    summary="Create a feature 新建要素",
    status_code=201,
    dependencies=[needs("create", "{collection}")],
    response_class=Response,
    responses=answers(examples.ITEM, media=GEOJSON, writes=True),
    openapi_extra={"parameters": [CONTENT_CRS], "requestBody": _body(GEOJSON, examples.WRITTEN)},
)
async def create(request: Request, collection: CollectionId) -> Response:
    """Write a new asset or report a case (`events`); Location says where it is.

    Evidence, history, search and audit are written with it. A grid worker reports in the grids of its own, an officer
    at assets of its department (`asset_code`).
    """
    service, chosen, edits = await _editable(request, collection)
    feature, crs = await _sent(request, service)
    editor = _editor(request)
    key = await _write(request, service, lambda cursor: edits.create(cursor, editor, chosen, feature, crs))
    answer = await _now(request, service, chosen, key)
    answer.status_code = 201
    answer.headers["Location"] = f"{base_of(request.scope)}/collections/{chosen.id}/items/{key}"
    return answer


@router.put(
    "/collections/{collection}/items/{fid}",
    summary="Replace a feature 替换要素",
    dependencies=[needs("change", "{collection}")],
    response_class=Response,
    responses=answers(examples.ITEM, media=GEOJSON, writes=True),
    openapi_extra={"parameters": [IF_MATCH, CONTENT_CRS], "requestBody": _body(GEOJSON, examples.WRITTEN)},
)
async def replace(request: Request, collection: CollectionId, fid: FeatureId) -> Response:
    """Write an asset or a case anew; what is not said is emptied. If-Match names the version it replaces."""
    service, chosen, edits = await _editable(request, collection)
    key, tag = feature_key(fid), _if_match(request)
    feature, crs = await _sent(request, service)
    editor = _editor(request)
    await _write(request, service, lambda cursor: edits.replace(cursor, editor, chosen, key, tag, feature, crs))
    return await _now(request, service, chosen, key)


@router.patch(
    "/collections/{collection}/items/{fid}",
    summary="Change some of a feature 修改要素",
    dependencies=[needs("change", "{collection}")],
    response_class=Response,
    responses=answers(examples.ITEM, media=GEOJSON, writes=True),
    openapi_extra={
        "parameters": [IF_MATCH, CONTENT_CRS],
        "requestBody": _body("application/merge-patch+json", {"properties": {"state": "破损"}}),
    },
)
async def change(request: Request, collection: CollectionId, fid: FeatureId) -> Response:
    """Change what is named and leave the rest (JSON merge patch: null empties)."""
    service, chosen, edits = await _editable(request, collection)
    key, tag = feature_key(fid), _if_match(request)
    patch, crs = await _sent(request, service)
    editor = _editor(request)
    await _write(request, service, lambda cursor: edits.change(cursor, editor, chosen, key, tag, patch, crs))
    return await _now(request, service, chosen, key)


@router.delete(
    "/collections/{collection}/items/{fid}",
    summary="End a feature 注销要素",
    status_code=204,
    dependencies=[needs("remove", "{collection}")],
    response_class=Response,
    responses=answers(examples.ITEM, media=GEOJSON, writes=True),
    openapi_extra={"parameters": [IF_MATCH]},
)
async def end(request: Request, collection: CollectionId, fid: FeatureId) -> Response:
    """An asset is no more from now on, a case is withdrawn; history keeps both (`as_of`, for assets `datetime` too)."""
    service, chosen, edits = await _editable(request, collection)
    key, tag = feature_key(fid), _if_match(request)
    editor = _editor(request)
    await _write(request, service, lambda cursor: edits.end(cursor, editor, chosen, key, tag))
    return Response(status_code=204)


def _editor(request: Request) -> Editor:
    asker: Actor = request.state.asker
    return Editor(asker.name, request.state.reach, asker.role)


async def _editable(request: Request, name: str) -> tuple[FeatureService, Collection, Edits]:
    service = features_of(request)
    chosen = await service.collection(name)
    if not chosen.editable:
        raise HTTPException(405, headers={"Allow": "GET, HEAD"})
    return service, chosen, EDITS[chosen.table]


def _if_match(request: Request) -> str:
    tag = request.headers.get("if-match", "").strip()
    if not tag:
        raise Unconditional("须带 If-Match (say which version you change)", where="If-Match", do="先读取, 用其 ETag")
    return tag


async def _sent(request: Request, service: FeatureService) -> tuple[dict[str, Any], ServedCrs]:
    """Read a feature (or part of one) from the body, its coordinates longitude or easting first."""
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media not in MEDIA:
        raise HTTPException(415)
    try:
        feature = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise BadInput("内容不是 JSON (the body is no JSON)", where="body") from error
    if not isinstance(feature, dict) or feature.get("type", "Feature") != "Feature":
        raise BadInput("内容不是 GeoJSON 要素 (the body is no GeoJSON feature)", where="body")
    crs = find_crs(request.headers.get("content-crs"), service.working_srid, "Content-Crs")
    geometry = feature.get("geometry")
    if geometry is not None:
        if not isinstance(geometry, dict) or geometry.get("type") not in GEOMETRIES:
            raise BadInput("几何无法识别 (the geometry is not known)", where="geometry")
        feature["geometry"] = plain_geometry(geometry, crs.north_first)
    return feature, crs


async def _write(request: Request, service: FeatureService, work: Callable[[psycopg.Cursor[Any]], Result]) -> Result:
    """Do it in one transaction of the person who asks (rights are judged before, by `needs` and by the work itself)."""
    asker: Actor = request.state.asker
    services = service.services

    def do() -> Result:
        with server.connect(services.settings, "ingest") as connection, transaction(connection, asker) as cursor:
            return work(cursor)

    return await anyio.to_thread.run_sync(do, limiter=services.desk)


async def _now(request: Request, service: FeatureService, collection: Collection, key: int) -> Response:
    asked = PageAsked(collection, find_crs(None, service.working_srid, "crs"), service.working_srid)
    found: Feature | None = await service.read(
        request, lambda cursor: feature_of(cursor, asked, key), keeps_plan=asked.keeps_plan
    )
    if found is None:
        raise absent("feature", str(key))
    return Response(found.body, headers={"ETag": found.etag or "", "Cache-Control": "no-store"}, media_type=GEOJSON)
