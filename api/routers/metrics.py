"""GET /metrics: the service's figures for Prometheus; for its own computer and for a monitor with the token."""

from __future__ import annotations

import hmac
import time
from typing import Annotated

import psycopg
from fastapi import APIRouter, Depends, Request, Response

from api.caching import KEEP_NOTHING
from api.dependencies import Asker, ServicesOf, services_of
from api.documented import answers
from api.identity import is_this_computer
from api.metrics import CONTENT_TYPE
from api.needs import needs
from twin.errors import NotAllowed
from twin.queries.health import jobs_by_state

router = APIRouter(tags=["Service 服务"])


def may_see_figures(request: Request) -> None:
    """Raise NotAllowed unless the request comes from this computer or carries the monitor's token."""
    token = services_of(request).metrics_token
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return
    if not is_this_computer(request):
        raise NotAllowed(
            "指标只对监控系统开放 (the figures are for the monitor only)",
            do="TWIN_METRICS_TOKEN, Authorization: Bearer",
        )


@router.get(
    "/metrics",
    dependencies=[needs("read", "service")],
    summary="Figures for Prometheus 运行指标",
    response_class=Response,
    responses=answers(media="text/plain", writes=True),
)
async def metrics(services: ServicesOf, asker: Asker, _: Annotated[None, Depends(may_see_figures)]) -> Response:
    """Requests by route and status, their times, the pool, jobs by state, caches: of this web process; about nobody.

    With the database away it answers all the same, without the jobs.
    """
    started = time.perf_counter()
    try:
        async with services.reading(asker) as asking:
            jobs, answered = await jobs_by_state(asking.cursor), time.perf_counter() - started
    except psycopg.Error:
        jobs, answered = {}, None
    text = services.metrics.text(jobs, answered)
    return Response(text, headers={"Cache-Control": KEEP_NOTHING}, media_type=CONTENT_TYPE)
