"""GET /classes: the 108 classes with their code schemes."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api import examples
from api.caching import tagged
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.needs import needs
from twin.queries.classes import all_classes

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
