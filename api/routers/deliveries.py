"""Departments' files: handed in, checked, taken in as jobs; what became of each, and of each row set aside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from uuid import UUID

import anyio
import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, Field

from api import delivery_examples as examples
from api.caching import KEEP_NOTHING
from api.delivery_reach import batch_within, department_within, job_within, upload_within
from api.dependencies import Asker, ReachOf, Services, ServicesOf
from api.desk import Named, for_eyes_of, on_behalf
from api.documented import answers
from api.needs import needs
from api.uploads import receive_file
from twin.actions.access import Reach
from twin.actions.delivery_folder import deliverable, files_folder, read_document, write_document
from twin.errors import BadInput
from twin.jobs.queue import cancel, enqueue
from twin.queries import deliveries
from twin.queries.jobs import latest_job
from twin.session import Actor

router = APIRouter(tags=["Deliveries 交付"])

BatchId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The batch's number 批次号", examples=[3])]
UploadId = Annotated[UUID, Path(description="The upload's id 上传编号", examples=[examples.UPLOAD["upload"]])]
Datum = Literal["auto", "cgcs2000", "gcj02", "bd09"]
CRS = re.compile(r"EPSG:\d{4,6}|\+proj=[\w .,=+\-]{1,300}", re.ASCII)
KINDS = {"check": "delivery.check", "take_in": "delivery.take_in"}
DOCUMENTS = "asked", "check", "taken"


class FileAnswer(BaseModel):
    """What was answered about one file: its contents, or the datum of its degrees."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"mapping": "repairs"}})
    mapping: Annotated[str | None, Field(max_length=60)] = None
    datum: Datum | None = None


class DeliveryAsked(BaseModel):
    """What to do with an upload, and what its deliverer knows about it; what is left out is found from the files."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"upload": examples.UPLOAD["upload"], "step": "check", "datum": "auto"}},
    )
    upload: UUID
    step: Literal["check", "take_in"]
    department: Annotated[str | None, Field(max_length=60)] = None
    mapping: Annotated[str | None, Field(max_length=60)] = None
    crs: Annotated[str | None, Field(max_length=320)] = None
    datum: Datum = "auto"
    complete: bool = False
    mends: Annotated[int | None, Field(ge=1, le=2**63 - 1, description="The batch whose mended rows these are")] = None
    of_file: Annotated[dict[str, FileAnswer], Field(max_length=100)] = {}

    def checked(self) -> dict[str, Any]:
        """Give it as it is kept. Raises BadInput for a mapping or coordinate system that cannot be."""
        known = {None, *(item["name"] for item in deliveries.mapping_titles())}
        if not {self.mapping, *(answer.mapping for answer in self.of_file.values())} <= known:
            raise BadInput("没有这个映射 (there is no such mapping)", where="mapping")
        # Only what names a system: a PROJ text could name files of the server.
        if self.crs is not None and (not CRS.fullmatch(self.crs) or "grids" in self.crs):
            raise BadInput("坐标系请写 EPSG 编号或 PROJ 参数 (give an EPSG code or a PROJ text)", where="crs")
        kept = self.model_dump(mode="json", exclude={"step", "upload", "of_file"})
        kept["of_file"] = {name: answer.model_dump(exclude_none=True) for name, answer in self.of_file.items()}
        return kept


def _json(document: Any) -> Response:
    body = orjson.dumps(document, default=str)
    return Response(body, headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")


@router.post(
    "/deliveries/files",
    dependencies=[needs("deliver", "deliveries")],
    summary="Hand in a file 上传文件",
    responses=answers(examples.UPLOAD, writes=True),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {
                    "schema": {"type": "string", "format": "binary"},
                    "example": "the file's bytes",
                }
            },
        }
    },
)
async def hand_in(
    request: Request,
    services: ServicesOf,
    actor: Asker,
    reach: ReachOf,
    person: Named,
    name: Annotated[str, Query(max_length=255, description="The file's name 文件名", examples=["报修工单.xlsx"])],
    upload: Annotated[UUID | None, Query(description="Add it to this upload; a new one without 加入哪次上传")] = None,
) -> Response:
    """The body is the file. All files of one delivery (a Shapefile's parts, for instance) go into one upload."""
    uploads = services.settings.uploads_dir
    if upload is not None:
        upload_within(read_document(uploads, upload, "asked"), upload, actor, reach)
    return _json(await receive_file(request.stream(), uploads, upload, name, services.limits))


@router.get(
    "/deliveries/choices",
    dependencies=[needs("deliver", "deliveries")],
    summary="What can be chosen 可选项",
    responses=answers(examples.CHOICES, writes=True),
)
async def choose_from(services: ServicesOf, actor: Asker) -> Response:
    """Departments the twin knows, mappings that come with it, datums."""
    return _json(await for_eyes_of(services, actor, lambda connection, _: deliveries.choices(connection)))


@router.post(
    "/deliveries",
    dependencies=[needs("deliver", "deliveries")],
    summary="Check it or take it in 检查或入库",
    responses=answers(examples.STARTED, writes=True),
)
async def start(services: ServicesOf, actor: Asker, reach: ReachOf, person: Named, asked: DeliveryAsked) -> Response:
    """Queue a job: `check` writes nothing, `take_in` loads the files and links what is in them."""
    uploads, kept = services.settings.uploads_dir, asked.checked()

    def check(connection: Any, _: Any) -> str | None:
        if asked.mends is not None:
            batch_within(connection, asked.mends, reach)
        return department_within(connection, asked.department, reach)

    kept["department"] = await for_eyes_of(services, actor, check)
    upload_within(read_document(uploads, asked.upload, "asked"), asked.upload, actor, reach)
    files = [path.name for path in await anyio.to_thread.run_sync(deliverable, files_folder(uploads, asked.upload))]
    if not files:
        raise BadInput("还没有上传文件 (no file has been handed in)")
    if asked.mends is not None and len(files) > 1:
        raise BadInput("改好的行请放在一个文件里交 (hand in mended rows as one file)", where="mends")
    write_document(uploads, asked.upload, "asked", {**kept, "files": files, "given_by": person})

    def queue(cursor: Any) -> UUID:
        kind = KINDS[asked.step]
        job_id = enqueue(cursor.connection, kind, str(asked.upload), {}, Actor(person, role="system"))
        detail = Jsonb({"files": files, "job": str(job_id)})
        cursor.execute("SELECT audit.write(%s, %s, %s)", (kind, f"upload {asked.upload}", detail))
        return job_id

    job_id = await on_behalf(services, actor, "deliver files", queue)
    return _json({"upload": asked.upload, "job_id": job_id})


@router.get(
    "/deliveries/uploads/{upload}",
    dependencies=[needs("deliver", "deliveries")],
    summary="What became of an upload 上传的结果",
    responses=answers(examples.RESULT, writes=True),
)
async def result(services: ServicesOf, actor: Asker, reach: ReachOf, upload: UploadId) -> Response:
    """What was asked, what the check found and what was taken in; each null until it has been done."""
    uploads = services.settings.uploads_dir
    upload_within(read_document(uploads, upload, "asked"), upload, actor, reach)
    # The job first: one that has ended has written its document before.
    job = await for_eyes_of(services, actor, lambda connection, _: latest_job(connection, str(upload)))
    found = {name: read_document(uploads, upload, name) for name in DOCUMENTS}  # type: ignore[arg-type]
    return _json({"upload": upload, **found, "job": job, "rules": _rules(found)})


def _rules(found: dict[str, dict[str, Any] | None]) -> dict[str, Any]:
    """Give the texts of the rules that a result speaks of."""
    files = [entry for name in ("check", "taken") for entry in (found[name] or {}).get("files", ())]
    codes = {code for entry in files for code in (*entry["reasons"], *entry["notes"])}
    return {code: text for code, text in deliveries.rule_texts().items() if code in codes}


@router.post(
    "/jobs/{job_id}/cancel",
    dependencies=[needs("run", "jobs")],
    summary="Cancel a job 取消任务",
    responses=answers(examples.CANCELLED, writes=True),
)
async def stop(
    services: ServicesOf,
    actor: Asker,
    reach: ReachOf,
    person: Named,
    job_id: Annotated[UUID, Path(description="The job's id", examples=[examples.STARTED["job_id"]])],
) -> Response:
    """It stops at its next report; rows already settled stay, and taking the same file in again goes on from there."""

    def do(cursor: Any) -> bool:
        job_within(cursor, job_id, actor, reach)
        cursor.execute("SELECT audit.write('job.cancel', %s)", (f"job {job_id}",))
        return cancel(cursor.connection, job_id)

    return _json({"cancelled": await on_behalf(services, actor, "cancel a job", do)})


@router.get(
    "/deliveries",
    dependencies=[needs("deliver", "deliveries")],
    summary="What has been delivered 交付历史",
    responses=answers(examples.BATCHES, writes=True),
)
async def history(
    services: ServicesOf,
    actor: Asker,
    reach: ReachOf,
    department: Annotated[str | None, Query(max_length=60, description="Department's code 部门")] = None,
    before: Annotated[int | None, Query(ge=1, description="Only batches older than this 更早的")] = None,
    n: Annotated[int, Query(ge=1, le=200, description="How many 数量", examples=[50])] = 50,
) -> Response:
    """Batches with their counts, newest first. read = inserted + changed + unchanged + rejected, always."""

    def read(connection: Any, _: Any) -> Any:
        return deliveries.batches(connection, department=department, before=before, n=n, reach=reach.values())

    return _json({"items": await for_eyes_of(services, actor, read)})


@router.get(
    "/deliveries/refused",
    dependencies=[needs("deliver", "deliveries")],
    summary="Files refused as a whole 整份退回的文件",
    responses=answers(examples.REFUSED, writes=True),
)
async def refused(
    services: ServicesOf,
    actor: Asker,
    reach: ReachOf,
    n: Annotated[int, Query(ge=1, le=200, description="How many 数量", examples=[50])] = 50,
) -> Response:
    """Which file, why, and whether the same has been taken since."""
    items = await for_eyes_of(
        services, actor, lambda connection, sight: deliveries.refused(connection, sight, n, reach.values())
    )
    return _json({"items": items})


@router.get(
    "/deliveries/{batch}",
    dependencies=[needs("deliver", "deliveries")],
    summary="One batch 批次详情",
    responses=answers(examples.BATCH, writes=True),
)
async def one(services: ServicesOf, actor: Asker, reach: ReachOf, batch: BatchId) -> Response:
    """Its counts, why rows were set aside with what to do about it, and where its rows are linked."""

    def read(connection: Any, _: Any) -> Any:
        batch_within(connection, batch, reach)
        return deliveries.one_batch(connection, batch)

    return _json(await for_eyes_of(services, actor, read))


@router.post(
    "/deliveries/{batch}/roll-back",
    dependencies=[needs("deliver", "deliveries")],
    summary="Take a batch back 整批撤回",
    responses=answers(examples.ROLLING_BACK, writes=True),
)
async def roll_back(services: ServicesOf, actor: Asker, reach: ReachOf, person: Named, batch: BatchId) -> Response:
    """Queue a job: what the batch inserted goes, what it changed or ended is again what it was. Later batches first."""

    def queue(cursor: Any) -> UUID:
        batch_within(cursor, batch, reach)
        job = enqueue(cursor.connection, "delivery.roll_back", str(batch), {}, Actor(person, role="system"))
        cursor.execute("SELECT audit.write('delivery.roll_back', %s)", (f"batch {batch}",))
        return job

    job_id = await on_behalf(services, actor, "roll back a delivery", queue)
    return _json({"batch": batch, "job_id": job_id})


async def _note_reading(services: Services, actor: Actor, reach: Reach, batch: int) -> None:
    """Have the audit say who reads rows set aside: they are shown as delivered, with the people in them."""

    def log(cursor: Any) -> None:
        batch_within(cursor, batch, reach)
        cursor.execute("SELECT audit.write('rejected_rows.read', %s)", (f"batch {batch}",))

    await on_behalf(services, actor, "mend rejected rows", log)


@router.get(
    "/deliveries/{batch}/rejected",
    dependencies=[needs("deliver", "deliveries")],
    summary="Rows set aside 被拒收的行",
    responses=answers(examples.REJECTED, writes=True),
)
async def rejected(
    services: ServicesOf,
    actor: Asker,
    reach: ReachOf,
    batch: BatchId,
    code: Annotated[str | None, Query(max_length=60, description="Only for this reason 只看这个原因")] = None,
    after: Annotated[int, Query(ge=0, description="Go on after this row 从此行之后", examples=[0])] = 0,
    n: Annotated[int, Query(ge=1, le=500, description="How many 数量", examples=[50])] = 50,
) -> Response:
    """As delivered, with the reason; who may not see a department's rows gets none of them. The audit notes it."""

    def read(connection: Any, _: Any) -> Any:
        return deliveries.rejected(connection, batch, after=after, code=code, n=n)

    await _note_reading(services, actor, reach, batch)
    items = await for_eyes_of(services, actor, read)
    found = await for_eyes_of(services, actor, lambda connection, _: deliveries.one_batch(connection, batch))
    return _json({"columns": deliveries.columns_of(items, (found or {}).get("mapping")), "items": items})


@router.get(
    "/deliveries/{batch}/rejected.csv",
    dependencies=[needs("deliver", "deliveries")],
    summary="The same as CSV 拒收行下载",
    response_class=Response,
    responses=answers(media="text/csv", writes=True),
)
async def rejected_as_csv(
    services: ServicesOf,
    actor: Asker,
    reach: ReachOf,
    batch: BatchId,
    lang: Annotated[Literal["zh", "en"], Query(description="Language of the reasons 原因的语言")] = "zh",
) -> StreamingResponse:
    """UTF-8 with a mark, first the row number, reason and fix, then the columns as delivered; mended rows are left out.

    Put the cells right, keep the row numbers, and hand it in with `mends`.
    """
    await _note_reading(services, actor, reach, batch)
    pieces = await for_eyes_of(
        services, actor, lambda connection, _: list(deliveries.rejected_csv(connection, batch, lang))
    )

    def stream() -> Iterator[bytes]:
        yield from pieces

    headers = {"Cache-Control": KEEP_NOTHING, "Content-Disposition": f'attachment; filename="rejected-{batch}.csv"'}
    return StreamingResponse(stream(), headers=headers, media_type="text/csv; charset=utf-8")
