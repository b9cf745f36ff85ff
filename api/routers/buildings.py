"""What a person says of a building: its height."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from api.caching import KEEP_NOTHING
from api.dependencies import Asker, ServicesOf
from api.desk import on_behalf
from api.documented import answers
from api.needs import needs
from twin.actions.edit_buildings import set_building_height

router = APIRouter(tags=["3D Tiles 三维"])


class HeightSaid(BaseModel):
    """A building's height above ground."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"height_m": 27.4, "sigma_m": 0.2}})
    height_m: Annotated[float, Field(ge=1, le=1000, description="Above ground, in metres 高度")]
    sigma_m: Annotated[float | None, Field(ge=0, le=100, description="Standard deviation in metres 中误差")] = None


@router.post(
    "/buildings/{code}/height",
    dependencies=[needs("change", "buildings")],
    summary="Say how high a building is 更正建筑高度",
    responses=answers({"code": "B1", "height_m": 27.4}, writes=True),
)
async def height(
    services: ServicesOf,
    asker: Asker,
    code: Annotated[str, Path(max_length=60, description="The building's code 建筑编码", examples=["370612-0001"])],
    said: HeightSaid,
) -> Response:
    """Its solid, CityJSON and 3D Tiles follow at once; a later survey does not overturn it."""
    await on_behalf(
        services,
        asker,
        "edit a building",
        lambda cursor: set_building_height(cursor, code, said.height_m, said.sigma_m, asker.name),
    )
    body = orjson.dumps({"code": code, "height_m": said.height_m})
    return Response(body, headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")
