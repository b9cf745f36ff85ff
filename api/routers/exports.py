"""Collections as files, made by a worker: asked for, approved where that is needed, fetched."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from api.caching import KEEP_NOTHING
from api.dependencies import Asker, ReachOf, Services, ServicesOf
from api.desk import for_eyes_of, on_behalf
from api.documented import answers
from api.feature_answers import base_of
from api.needs import needs
from twin.actions.access import Reach, absent
from twin.actions.export_table import (
    TableAsked,
    ask_export,
    check_export,
    check_fetch,
    decide_export,
    list_exports,
    note_fetch,
    read_export,
    reason_of,
)
from twin.actions.table_files import MEDIA, TableFormat
from twin.errors import Conflict
from twin.jobs.queue import enqueue
from twin.queries.surveys import file_inside
from twin.session import Actor

router = APIRouter(tags=["Exports 导出"])

ExportId = Annotated[UUID, Path(description="The export's id", examples=["5b0a7c1e-6a3f-4f8e-9d59-0d1f3c1f7a11"])]
EXAMPLE: dict[str, Any] = {
    "export_id": "5b0a7c1e-6a3f-4f8e-9d59-0d1f3c1f7a11",
    "job_id": "0d1f3c1f-6a3f-4f8e-9d59-5b0a7c1e7a11",
    "collection": "assets-0118",
    "format": "gpkg",
    "state": "ready",
    "asked_at": "2026-11-28T10:00:00Z",
    "ready_at": "2026-11-28T10:00:04Z",
    "expires_at": "2026-12-05T10:00:04Z",
    "features": 41200,
    "bytes": 9830400,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "links": [{"rel": "enclosure", "href": "/exports/5b0a7c1e-6a3f-4f8e-9d59-0d1f3c1f7a11/file"}],
}


State = Literal["asked", "approved", "ready", "refused", "removed"]
LISTED = {
    "items": [
        {
            "export_id": EXAMPLE["export_id"], "collection": "records", "format": "csv", "purpose": "data_quality",
            "asked_by": "li.na", "asked_at": EXAMPLE["asked_at"], "ready_at": None, "expires_at": None,
            "state": "asked",
        }
    ]
}  # fmt: skip


class ExportAsked(BaseModel):
    """What to write."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"collection": "assets-0118", "format": "gpkg", "bbox": [121.59, 37.38, 121.61, 37.39]}
        },
    )
    collection: Annotated[str, Field(max_length=40, description="As in /collections 图层")]
    format: Annotated[TableFormat, Field(description="csv, geojson, flatgeobuf, geoparquet or gpkg 格式")]
    bbox: Annotated[
        tuple[float, float, float, float] | None, Field(description="west, south, east, north in degrees 范围")
    ] = None
    filter: Annotated[str | None, Field(max_length=8000, description="CQL2 text 条件")] = None
    crs: Annotated[str | None, Field(max_length=100, description="EPSG:4550 or a URI; default: degrees 坐标系")] = None
    purpose: Annotated[
        str | None, Field(max_length=40, description="What for, a code of GET /purposes; records need it 用途")
    ] = None
    reason: Annotated[str | None, Field(max_length=800, description="Why, in words; records need it 理由")] = None


class Decision(BaseModel):
    """What somebody decides about an export."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"approve": True}})
    approve: Annotated[bool, Field(description="Whether the file may be made 是否同意")]


QUEUED = answers(EXAMPLE, writes=True)
QUEUED[202] = QUEUED[200] | {"description": "Queued"}


@router.post(
    "/exports",
    dependencies=[needs("create", "exports")],
    summary="Ask for a collection as a file 申请导出",
    responses=QUEUED,
)
async def ask(request: Request, services: ServicesOf, asker: Asker, asked: ExportAsked) -> Response:
    """A worker writes it; /jobs/{job_id} says how far it is. Only public fields are written, for those who may export.

    Records need a purpose and a reason and somebody else's approval; their files are marked.
    The file lies there for seven days. Some collections wait for somebody else's approval first (state `asked`).
    """
    table = TableAsked(asked.collection, asked.format, asked.bbox, asked.filter, asked.crs, asked.purpose, asked.reason)
    check_export(table, asker, services.rights, services.settings.city.working_srid)
    export_id = await on_behalf(services, asker, "export", lambda cursor: ask_export(cursor, table, asker, queue))
    answer = await _described(request, services, asker, export_id)
    answer.headers["Location"] = f"{base_of(request.scope)}/exports/{export_id}"
    answer.status_code = 202
    return answer


def queue(cursor: Any, kind: str, subject: str, payload: dict[str, Any], actor: Actor) -> UUID:
    """Queue a job in a cursor's transaction."""
    return enqueue(cursor.connection, kind, subject, payload, actor)


@router.get(
    "/exports",
    dependencies=[needs("read", "exports")],
    summary="Exports 导出列表",
    responses=answers(LISTED),
)
async def list_all(
    services: ServicesOf,
    asker: Asker,
    reach: ReachOf,
    state: Annotated[State | None, Query(description="Only those in this state 状态", examples=["asked"])] = None,
    n: Annotated[int, Query(ge=1, le=200, description="How many 数量", examples=[50])] = 50,
) -> Response:
    """One's own and those one may see, the last asked for first. With `state=asked`: those that wait for approval."""
    items = await for_eyes_of(services, asker, lambda connection, _: list_exports(connection, asker, reach, state, n))
    body = orjson.dumps({"items": items}, default=str)
    return Response(body, headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")


@router.get(
    "/exports/{export_id}",
    dependencies=[needs("read", "exports")],
    summary="One export 导出详情",
    responses=answers(EXAMPLE),
)
async def one(request: Request, services: ServicesOf, asker: Asker, reach: ReachOf, export_id: ExportId) -> Response:
    """Its state: asked (waits for approval), approved (a worker is at it), ready, refused, removed."""
    await _own(services, asker, reach, export_id)
    return await _described(request, services, asker, export_id)


@router.get(
    "/exports/{export_id}/file",
    dependencies=[needs("read", "exports")],
    summary="Fetch an export's file 下载导出文件",
    response_class=Response,
    responses=answers(media="application/octet-stream"),
)
async def file(services: ServicesOf, asker: Asker, reach: ReachOf, export_id: ExportId) -> Response:
    """For as long as it lies there, and as long as the asker may export what is in it. Ranges are answered.

    A file of records is given to whoever asked for it alone. The audit notes each fetch.
    """
    found = await _own(services, asker, reach, export_id)
    check_fetch(found, asker, services.rights)
    if found["state"] in ("asked", "approved"):
        raise Conflict("导出尚未完成 (the export is not ready)", do="请稍后再试 (ask again later)")
    path = file_inside(services.settings.data_dir, found["path"]) if found["path"] and not found["expired"] else None
    if found["state"] != "ready" or path is None:
        raise absent("export file", str(export_id))
    await on_behalf(services, asker, "export", lambda cursor: note_fetch(cursor, found))
    headers = {"Cache-Control": KEEP_NOTHING}
    return FileResponse(path, headers=headers, media_type=MEDIA[found["format"]], filename=path.name)


@router.post(
    "/exports/{export_id}/decision",
    dependencies=[needs("decide", "exports")],
    summary="Approve or refuse an export 审批导出",
    responses=answers(EXAMPLE, writes=True),
)
async def decide(
    request: Request, services: ServicesOf, asker: Asker, reach: ReachOf, export_id: ExportId, decision: Decision
) -> Response:
    """Nobody decides about an export of their own."""
    await on_behalf(
        services,
        asker,
        "export",
        lambda cursor: decide_export(cursor, export_id, decision.approve, asker, reach, queue),
    )
    return await _described(request, services, asker, export_id)


async def _own(services: Services, asker: Actor, reach: Reach, export_id: UUID) -> dict[str, Any]:
    found = await for_eyes_of(services, asker, lambda connection, _: read_export(connection, export_id))
    if found is None:
        raise absent("export", str(export_id))
    if found["asked_by"] != asker.name and not reach.holds(department_id=found["department_id"]):
        raise absent("export", str(export_id))
    return found


async def _described(request: Request, services: Services, asker: Actor, export_id: UUID) -> Response:
    def read(connection: Any, _: object) -> dict[str, Any] | None:
        found = read_export(connection, export_id)
        if found is not None and services.rights.may(asker.role, "decide", "exports"):
            found["reason"] = reason_of(connection, export_id, found["question"])
        return found

    found = await for_eyes_of(services, asker, read)
    if found is None:
        raise absent("export", str(export_id))
    shown = {key: found[key] for key in EXAMPLE if key in found}
    if found["question"].get("purpose"):
        shown |= {"asked_by": found["asked_by"], "purpose": found["question"]["purpose"], "reason": found.get("reason")}
    if found["expired"] and found["state"] == "ready":
        shown["state"] = "removed"
    here = f"{base_of(request.scope)}/exports/{export_id}"
    links = [{"rel": "self", "href": here, "type": "application/json"}]
    if shown["state"] == "ready":
        links.append({"rel": "enclosure", "href": f"{here}/file", "type": MEDIA[found["format"]]})
    if found["job_id"]:
        links.append({"rel": "monitor", "href": f"{base_of(request.scope)}/jobs/{found['job_id']}"})
    body = orjson.dumps({**shown, "links": links}, default=str)
    return Response(body, headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")
