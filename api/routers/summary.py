"""POST /summary: what there is in an area."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel, ConfigDict, Field

from api import examples_of_areas as examples
from api.caching import KEEP_NOTHING
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.needs import needs
from twin.errors import BadInput
from twin.queries.summaries import Area, named_area, read_polygon, sum_up

router = APIRouter(tags=["Place 地点"])


class AreaAsked(BaseModel):
    """An area: a polygon, or the code of one the register knows."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"code": "370612001"}})

    polygon: dict[str, Any] | None = Field(default=None, description="GeoJSON Polygon, MultiPolygon or Feature 多边形")
    code: str | None = Field(
        default=None, pattern=r"^[0-9]{6,15}$", description="Code of a division or unit grid 行政区划或单元网格代码"
    )


@router.post(
    "/summary",
    dependencies=[needs("read", "assets")],
    summary="What there is in an area 区域统计",
    responses=answers(examples.SUMMARY),
)
async def summary(
    services: ServicesOf,
    asker: Asker,
    asked: Annotated[AreaAsked, Body(openapi_examples=examples.SUMMARY_ASKED)],
) -> Response:
    """Assets by class, department, state and year, with lengths and areas; records by department; events by state.

    A thing counts where its point lies, or a point on its line or surface. People are told only in unit grids that lie
    whole inside, have at least ten of them, and rounded: `count` is null where there is nothing to tell.
    """
    if (asked.polygon is None) == (asked.code is None):
        raise BadInput("give either a polygon or a code", where="polygon, code", do='For example {"code": "370612001"}')
    city = services.settings.city
    async with services.reading(asker) as asking:
        area: Area
        if asked.code is not None:
            area = await named_area(asking.cursor, asked.code, city.working_srid)
        else:
            bounds = await services.bounds(asking)
            area = read_polygon(asked.polygon or {}, bounds, city.name_zh, city.working_srid)
        body = await sum_up(asking.cursor, area)
    return Response(body, headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")
