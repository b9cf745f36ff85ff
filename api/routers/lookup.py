"""GET /lookup: everything known at a place."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import examples
from api.caching import KEEP_NOTHING
from api.dependencies import Asker, Services, ServicesOf
from api.documented import answers
from api.needs import needs
from twin.actions.access import Reading
from twin.crs import LonLat
from twin.queries.city_bounds import check_place
from twin.queries.lookup import LookupAsked, look_up
from twin.queries.place_asked import PlaceAsked, place_asked

router = APIRouter(tags=["Place 地点"])

Lon = Annotated[float, Query(description="Longitude, degrees (CGCS2000/WGS 84) 经度", examples=[121.6])]
Lat = Annotated[float, Query(description="Latitude, degrees 纬度", examples=[37.387])]
AsOf = Annotated[
    datetime | None,
    Query(
        description="What was so and was known at this time (RFC 3339) 历史时刻", examples=["2026-10-12T08:00:00+08:00"]
    ),
]


async def place_in_city(services: Services, asking: Reading, lon: float, lat: float) -> PlaceAsked:
    """Check a place against the city and project it. Raises BadInput or OutsideCity in the asker's terms."""
    place = LonLat(lon, lat)
    check_place(place, await services.bounds(asking), services.settings.city.name_zh)
    return place_asked(place, services.settings.city.working_srid)


def moment(services: Services, as_of: datetime | None) -> datetime | None:
    """Read a time without a zone as the city's own."""
    if as_of is None or as_of.tzinfo is not None:
        return as_of
    return as_of.replace(tzinfo=timezone(timedelta(hours=services.settings.city.utc_offset_h)))


@router.get(
    "/lookup",
    dependencies=[needs("read", "places")],
    summary="Everything known at a place 一点全知",
    responses=answers(examples.LOOKUP),
)
async def lookup(
    services: ServicesOf,
    asker: Asker,
    lon: Lon,
    lat: Lat,
    height_m: Annotated[
        float | None,
        Query(
            ge=-500, le=9000, description="Height of the point (m, city's datum); default: the surface", examples=[44.0]
        ),
    ] = None,
    radius_m: Annotated[float, Query(ge=0, le=500, description="How far around to look (m)", examples=[30])] = 30.0,
    as_of: AsOf = None,
) -> Response:
    """Address, grid, terrain, building, assets, records by department, entities, events, sensors, photos, history.

    Every value carries its evidence: file and row of a delivery, or survey and photo, when, how sure, who confirmed.
    """
    people: list[str] = []
    async with services.reading(asker) as asking:
        place = await place_in_city(services, asking, lon, lat)
        asked = LookupAsked(place, height_m, radius_m, moment(services, as_of))
        body = await look_up(asking.cursor, asked, asking.sight, services.surveys, asker.role, people)
    if people:  # who looked at whom stands in the audit before anybody sees the answer
        await services.audit.write(asker, "people.seen", None, {"persons": people, "masked": True})
    return Response(body, headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")
