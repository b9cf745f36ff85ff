"""What is personal, in clear: for a stated purpose and reason, to a role with the right, and written down."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from api import examples_of_people as examples
from api.caching import KEEP_NOTHING
from api.dependencies import Asker, ReachOf, Services, ServicesOf
from api.documented import answers
from api.needs import needs
from twin.actions.access import Reach
from twin.actions.reveal import Field as PersonalField
from twin.actions.reveal import Kind, reveal, revealable
from twin.personal.purposes import LONGEST_REASON, purposes
from twin.session import Actor

router = APIRouter(tags=["People 个人信息"])
PRIVATE = {"Cache-Control": KEEP_NOTHING}


class RevealAsked(BaseModel):
    """What to show in clear, what for, and why."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.REVEAL_ASKED})

    purpose: str = Field(max_length=40, description="A code of GET /purposes 用途")
    reason: str = Field(max_length=4 * LONGEST_REASON, description="Why, in words; kept in the audit, sealed 理由")
    fields: list[PersonalField] = Field(min_length=1, max_length=7, description="Which fields 字段")


@router.get(
    "/purposes",
    dependencies=[needs("read", "service")],
    summary="What personal data is shown in clear for 查看用途",
    responses=answers(examples.PURPOSES),
)
async def list_purposes(services: ServicesOf, asker: Asker) -> Response:
    """The purposes, and which fields whoever asks may be shown in clear (none without the right)."""
    answer = {
        "purposes": [vars(purpose) for purpose in purposes().values()],
        "fields": {
            "entity": revealable(services.rights, asker.role, "entity"),
            "record": revealable(services.rights, asker.role, "record"),
        },
    }
    return Response(orjson.dumps(answer), headers=PRIVATE, media_type="application/json")


@router.post(
    "/entities/{code}/reveal",
    dependencies=[needs("reveal", "entities")],
    summary="A person's data in clear 查看原文",
    responses=answers(examples.REVEALED, writes=True),
)
async def reveal_entity(
    services: ServicesOf,
    asker: Asker,
    reach: ReachOf,
    code: Annotated[str, Path(max_length=60, description="The entity's code 编码", examples=["E03-0a1b2c3d4e5f6071"])],
    asked: RevealAsked,
) -> Response:
    """Fields of a person, household or enterprise in clear. Who looked at whom, and why, is kept in the audit first."""
    return await _reveal(services, asker, reach, "entity", code, asked)


@router.post(
    "/records/{record_id}/reveal",
    dependencies=[needs("reveal", "records")],
    summary="What a record says of people, in clear 查看记录原文",
    responses=answers(examples.REVEALED, writes=True),
)
async def reveal_record(
    services: ServicesOf,
    asker: Asker,
    reach: ReachOf,
    record_id: Annotated[int, Path(ge=1, le=2**63 - 1, description="The record's key", examples=[42])],
    asked: RevealAsked,
) -> Response:
    """Contact, phone, whole address and what was written in a department's record, in clear."""
    return await _reveal(services, asker, reach, "record", record_id, asked)


async def _reveal(
    services: Services, asker: Actor, reach: Reach, kind: Kind, key: str | int, asked: RevealAsked
) -> Response:
    async with services.connection() as connection:
        values: dict[str, Any] = await reveal(
            connection, asker, services.rights, reach, kind, key,
            purpose=asked.purpose, reason=asked.reason, fields=asked.fields,
        )  # fmt: skip
    answer = {"subject": str(key), "purpose": asked.purpose, "values": values}
    return Response(orjson.dumps(answer), headers=PRIVATE, media_type="application/json")
