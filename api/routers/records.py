"""Departments' records: public fields and links."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Path, Query, Response

from api import examples
from api.caching import KEEP_NOTHING
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.needs import needs
from twin.actions.access import absent
from twin.queries.records import RecordsAsked, links_of, one_record, some_records

router = APIRouter(tags=["Records 业务数据"])

RecordId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The record's key", examples=[42])]
Word = Annotated[str | None, Query(max_length=60)]
PRIVATE = {"Cache-Control": KEEP_NOTHING}


@router.get(
    "/records",
    dependencies=[needs("read", "records")],
    summary="Departments' records 业务记录",
    responses=answers(examples.RECORDS),
)
async def records(
    services: ServicesOf,
    asker: Asker,
    department: Annotated[
        str | None, Query(max_length=60, description="Department's code", examples=["housing"])
    ] = None,
    kind: Annotated[str | None, Query(max_length=60, description="Sort of record", examples=["repair_order"])] = None,
    state: Annotated[str | None, Query(max_length=60, description="State", examples=["待处理"])] = None,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Go on after this record_id", examples=[0])] = 0,
    n: Annotated[int, Query(ge=1, le=500, description="How many on a page", examples=[100])] = 100,
) -> Response:
    """Current records by key; `next` leads to the following page and is missing on the last."""
    asked = RecordsAsked(department, kind, state, after, n)
    async with services.reading(asker) as asking:
        items, last = await some_records(asking.cursor, asked, asking.sight)
    answer: dict[str, object] = {"items": orjson.Fragment(items)}
    if last is not None:
        rest = {"department": department, "kind": kind, "state": state, "after": last, "n": n}
        answer["next"] = "/records?" + urlencode({key: value for key, value in rest.items() if value is not None})
    return Response(orjson.dumps(answer), headers=PRIVATE, media_type="application/json")


@router.get(
    "/records/{record_id}",
    dependencies=[needs("read", "records")],
    summary="One record 记录详情",
    responses=answers(examples.RECORD),
)
async def record(services: ServicesOf, asker: Asker, record_id: RecordId) -> Response:
    """The public fields of a record with their evidence."""
    async with services.reading(asker) as asking:
        found = await one_record(asking.cursor, record_id, asking.sight)
    if found is None:
        raise absent("record", str(record_id))
    return Response(found, headers=PRIVATE, media_type="application/json")


@router.get(
    "/records/{record_id}/links",
    dependencies=[needs("read", "records")],
    summary="Where a record belongs 记录关联",
    responses=answers(examples.LINKS),
)
async def links(services: ServicesOf, asker: Asker, record_id: RecordId) -> Response:
    """Every link with method, score, margin to the runner-up, state and reason in both languages."""
    async with services.reading(asker) as asking:
        found = await links_of(asking.cursor, record_id, asking.sight)
    if found is None:
        raise absent("record", str(record_id))
    return Response(f'{{"items":{found}}}', headers=PRIVATE, media_type="application/json")
