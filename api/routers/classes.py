"""GET /classes: the 108 classes with their code schemes; GET /event-classes: what may be reported."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api import examples
from api.caching import KEEP_NOTHING, tagged
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.needs import needs
from twin.queries.classes import all_classes, all_event_classes

router = APIRouter(tags=["Catalogue 目录"])


@router.get(
    "/classes",
    dependencies=[needs("read", "service")],
    summary="The 108 classes 108类部件",
    responses=answers(examples.CLASSES),
)
async def classes(request: Request, services: ServicesOf, asker: Asker) -> Response:
    """Each with its codes in CJ/T 214-2007, GB/T 30428.2-2013 and GB/T 47678.5-2026 and its attributes' schema."""
    async with services.reading(asker) as asking:
        items = await all_classes(asking.cursor)
    return tagged(request, f'{{"items":{items}}}', "application/json")


@router.get(
    "/event-classes",
    dependencies=[needs("read", "service")],
    summary="The classes of events 事件分类",
    responses=answers(examples.EVENT_CLASSES),
)
async def event_classes(services: ServicesOf, asker: Asker) -> Response:
    """Each with the condition and time limit it is filed under; `may_report`: whether who asks may report one."""
    async with services.reading(asker) as asking:
        items = await all_event_classes(asking.cursor)
    may = "true" if services.rights.may(asker.role, "create", "events") else "false"
    body = f'{{"may_report":{may},"items":{items}}}'
    return Response(body, headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")
