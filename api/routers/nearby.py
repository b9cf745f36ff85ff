"""GET /nearby: the nearest assets."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response

from api import examples
from api.caching import KEEP_NOTHING
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.needs import needs
from api.routers.lookup import AsOf, Lat, Lon, moment, place_in_city
from twin.queries.nearby import NearbyAsked, nearest_assets

router = APIRouter(tags=["Place 地点"])

Classes = Annotated[
    str | None,
    Query(
        alias="class", max_length=600, description="Class codes, comma separated (/classes) 小类代码", examples=["0118"]
    ),
]


def class_codes(text: str | None) -> list[str]:
    """Read a comma separated list of class codes."""
    return [code.strip()[:20] for code in (text or "").split(",") if code.strip()]


@router.get(
    "/nearby",
    dependencies=[needs("read", "assets")],
    summary="The nearest assets 附近部件",
    responses=answers(examples.NEARBY),
)
async def nearby(
    services: ServicesOf,
    asker: Asker,
    lon: Lon,
    lat: Lat,
    n: Annotated[int, Query(ge=1, le=200, description="How many 数量", examples=[20])] = 20,
    classes: Classes = None,
    radius_m: Annotated[
        float | None, Query(gt=0, le=50_000, description="Not further than (m) 半径", examples=[300])
    ] = None,
    as_of: AsOf = None,
) -> Response:
    """Nearest first, with distance (m) and bearing (degrees from true north), measured in the city's metric CRS."""
    codes = class_codes(classes)
    async with services.reading(asker) as asking:
        place = await place_in_city(services, asking, lon, lat)
        asked = NearbyAsked(place, n, codes, radius_m, moment(services, as_of))
        items = await nearest_assets(asking.cursor, asked, asking.sight)
    query = {"lon": lon, "lat": lat, "n": n, "class": codes, "radius_m": radius_m, "as_of": asked.as_of}
    body = orjson.dumps({"query": query, "items": orjson.Fragment(items)})
    return Response(body, headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")
