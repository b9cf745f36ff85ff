"""GET /audit: who did and saw what, for the audit administrator."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Query, Response

from api import examples_of_people as examples
from api.caching import KEEP_NOTHING
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.needs import needs
from api.routers.lookup import moment
from twin.queries.audit_log import COLUMNS, AuditAsked, audit_page

router = APIRouter(tags=["Audit 审计"])
Time = Annotated[
    datetime | None,
    Query(description="RFC 3339; without a zone the city's own 时间", examples=["2026-11-28T08:00:00+08:00"]),
]
PRIVATE = {"Cache-Control": KEEP_NOTHING}


@router.get(
    "/audit",
    dependencies=[needs("read", "audit")],
    summary="Who did and saw what 审计日志",
    responses=answers(examples.AUDIT),
)
async def audit(
    services: ServicesOf,
    asker: Asker,
    actor: Annotated[str | None, Query(max_length=100, description="Who 操作人", examples=["li"])] = None,
    subject: Annotated[
        str | None, Query(max_length=100, description="About whom or what 对象", examples=["E03-0a1b2c3d4e5f6071"])
    ] = None,
    action: Annotated[
        str | None, Query(max_length=60, description="Action, or the part before its dot 操作", examples=["people"])
    ] = None,
    since: Time = None,
    until: Time = None,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only older than this number")] = None,
    n: Annotated[int, Query(ge=1, le=1000, description="How many on a page", examples=[100])] = 100,
    form: Annotated[Literal["json", "csv"], Query(alias="f", description="json or csv", examples=["json"])] = "json",
) -> Response:
    """Entries, the newest first; `next` leads to older ones. Reading is itself an entry.

    A person's name, number or phone never stands here: subjects are the twin's own codes.
    """
    asked = AuditAsked(actor, subject, action, moment(services, since), moment(services, until), before, n)
    async with services.writing(asker) as cursor:
        items = await audit_page(cursor, asked)
    if form == "csv":
        return Response(_as_csv(items), headers=PRIVATE, media_type="text/csv; charset=utf-8")
    answer: dict[str, Any] = {"items": items}
    if len(items) == n:
        rest = {**vars(asked), "before": items[-1]["audit_id"], "n": n}
        rest.pop("most")
        answer["next"] = "/audit?" + urlencode(
            {key: value.isoformat() if isinstance(value, datetime) else value for key, value in rest.items() if value}
        )
    return Response(orjson.dumps(answer), headers=PRIVATE, media_type="application/json")


def _as_csv(items: list[dict[str, Any]]) -> bytes:
    """Write entries as CSV as a spreadsheet takes it; a cell that it would take for a formula begins with a tab."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for item in items:
        cells = {**item, "at": item["at"].isoformat(), "detail": orjson.dumps(item["detail"]).decode()}
        writer.writerow([_harmless(cells[name]) for name in COLUMNS])
    return b"\xef\xbb\xbf" + buffer.getvalue().encode()


def _harmless(cell: Any) -> str:
    text = "" if cell is None else str(cell)
    return f"\t{text}" if text[:1] in ("=", "+", "-", "@") else text
