"""GET /search: find by name, address, code or pinyin initials."""

from __future__ import annotations

import math
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response

from api import examples
from api.caching import KEEP_NOTHING
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.needs import needs
from twin.errors import BadInput
from twin.queries.search import KINDS, SearchAsked, search

router = APIRouter(tags=["Place 地点"])


def read_kinds(text: str | None) -> list[str]:
    """Read a comma separated list of kinds. Raises BadInput for one that is not searched."""
    kinds = [kind.strip() for kind in (text or "").split(",") if kind.strip()]
    if any(kind not in KINDS for kind in kinds):
        raise BadInput("this kind is not searched", where="kind", do=f"Use {', '.join(KINDS)}")
    return kinds


def read_bbox(text: str | None, name: str = "bbox") -> tuple[float, float, float, float] | None:
    """Read west,south,east,north in degrees. Raises BadInput when it is no box."""
    if not text:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        west = south = east = north = math.nan
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise BadInput(
            "the box must be west,south,east,north in degrees, west <= east and south <= north",
            where=name,
            do=f"Give for example {name}=121.55,37.35,121.65,37.42",
        )
    return west, south, east, north


@router.get(
    "/search",
    dependencies=[needs("read", "places")],
    summary="Find by name, address, code or pinyin initials 搜索",
    responses=answers(examples.SEARCH),
)
async def find(
    services: ServicesOf,
    asker: Asker,
    q: Annotated[
        str, Query(min_length=1, max_length=100, description="What to find 关键词", examples=["政府大街101号"])
    ],
    kind: Annotated[
        str | None, Query(max_length=100, description=f"Any of {', '.join(KINDS)}", examples=["address,building"])
    ] = None,
    bbox: Annotated[
        str | None, Query(max_length=100, description="west,south,east,north 范围", examples=["121.5,37.3,121.7,37.5"])
    ] = None,
    view: Annotated[
        str | None,
        Query(
            max_length=100,
            description="west,south,east,north of what the map shows: what lies there comes first of what fits as well "
            "当前视野: 同样相近时优先",
            examples=["121.55,37.35,121.65,37.42"],
        ),
    ] = None,
    n: Annotated[int, Query(ge=1, le=100, description="How many 数量", examples=[20])] = 20,
) -> Response:
    """Exact codes first, then whole names, beginnings, parts, pinyin and initials.

    When nothing is written like that, what differs by one character, the likelier slip first: one left out,
    two swapped, doubled, a homophone, the next key; then any other.
    """
    asked = SearchAsked(q, read_kinds(kind), read_bbox(bbox), n, view=read_bbox(view, "view"))
    async with services.reading(asker) as asking:
        items = await search(asking.cursor, asked, services.settings.city.working_srid)
    query = {"q": q, "kind": asked.kinds, "bbox": asked.bbox, "view": asked.view, "n": n}
    body = orjson.dumps({"query": query, "items": orjson.Fragment(items)})
    return Response(body, headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")
