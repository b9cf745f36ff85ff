"""Long work: what runs, how far it is, and its progress as server-sent events."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

import anyio
import psycopg
from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from api import examples
from api.caching import KEEP_NOTHING
from api.dependencies import Asker, Services, ServicesOf
from api.documented import answers
from api.needs import needs
from twin.actions.access import absent
from twin.queries.jobs import one_job, some_jobs
from twin.session import Actor

router = APIRouter(tags=["Jobs 任务"])

JobId = Annotated[UUID, Path(description="The job's id", examples=[examples.JOB["job_id"]])]
State = Literal["queued", "running", "done", "failed", "cancelled"]
HEARTBEAT_S = 15.0


@router.get(
    "/jobs",
    dependencies=[needs("read", "jobs")],
    summary="Jobs, newest first 任务列表",
    responses=answers(examples.JOBS),
)
async def jobs(
    services: ServicesOf,
    asker: Asker,
    state: Annotated[State | None, Query(description="Only jobs in this state", examples=["running"])] = None,
    n: Annotated[int, Query(ge=1, le=200, description="How many", examples=[50])] = 50,
) -> Response:
    """Long work that was asked for: surveys in processing, deliveries being read."""
    async with services.reading(asker) as asking:
        items = await some_jobs(asking.cursor, state, n, asking.sight)
    return Response(f'{{"items":{items}}}', headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")


@router.get(
    "/jobs/{job_id}", dependencies=[needs("read", "jobs")], summary="One job 任务详情", responses=answers(examples.JOB)
)
async def job(services: ServicesOf, asker: Asker, job_id: JobId) -> Response:
    """How far a job is, and its result when it has ended."""
    async with services.reading(asker) as asking:
        found = await one_job(asking.cursor, job_id, asking.sight)
    if found is None:
        raise absent("job", str(job_id))
    return Response(found[0], headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")


@router.get(
    "/jobs/{job_id}/events",
    dependencies=[needs("read", "jobs")],
    summary="A job's progress as server-sent events 任务进度",
    response_class=Response,
    responses=answers(media="text/event-stream"),
)
async def events(services: ServicesOf, asker: Asker, job_id: JobId) -> Response:
    """An event `progress` with the job whenever it changes, `end` with its last state, then the stream closes."""
    async with services.reading(asker) as asking:
        found = await one_job(asking.cursor, job_id, asking.sight)
    if found is None:
        raise absent("job", str(job_id))
    headers = {"Cache-Control": KEEP_NOTHING, "X-Accel-Buffering": "no"}
    return StreamingResponse(_progress(services, asker, job_id), headers=headers, media_type="text/event-stream")


async def _progress(services: Services, asker: Actor, job_id: UUID) -> AsyncIterator[str]:
    started = said_at = time.monotonic()
    said = ""
    while time.monotonic() - started < services.limits.job_stream_s:
        try:
            async with services.reading(asker) as asking:
                found = await one_job(asking.cursor, job_id, asking.sight)
        except psycopg.OperationalError:
            # The database is away for a moment; the stream waits for it like any other client.
            yield ": the database does not answer\n\n"
            await anyio.sleep(services.limits.job_poll_s)
            continue
        if found is None:
            return
        text, ended = found
        if text != said or ended:
            yield f"event: {'end' if ended else 'progress'}\ndata: {text}\n\n"
            said, said_at = text, time.monotonic()
        elif time.monotonic() - said_at > HEARTBEAT_S:
            yield ": still running\n\n"
            said_at = time.monotonic()
        if ended:
            return
        await anyio.sleep(services.limits.job_poll_s)
