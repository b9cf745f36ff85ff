"""Where records and entities belong: the queue that waits for a person, and what people decide."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api import review_examples as examples
from api.caching import KEEP_NOTHING
from api.dependencies import Asker, Services, ServicesOf
from api.desk import Named, for_eyes_of, on_behalf
from api.documented import answers
from api.needs import needs
from twin.actions import review_desk
from twin.actions.access import absent
from twin.actions.claim_review import LEASE_S, claim_next, release_claim
from twin.queries.link_review import WHYS, QueueAsked, Subject
from twin.queries.review_items import read_item, read_queue
from twin.session import Actor

router = APIRouter(prefix="/links", tags=["Review 关联复核"])

SubjectKind = Literal["record", "entity"]
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
LinkId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The link's number", examples=[17])]
Word = Annotated[str | None, Field(max_length=60)]
Seen = Annotated[str | None, Field(max_length=64, description="`seen` of the item as it was shown")]
PURPOSE = "review links"


def _example(document: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": document})


class Body(BaseModel):
    """A request's JSON; keys it does not know are refused."""

    model_config = ConfigDict(extra="forbid")


class SubjectAsked(Body):
    """A record or an entity."""

    model_config = _example({"kind": "record", "number": 5})

    kind: SubjectKind
    number: Number

    def subject(self) -> Subject:
        """Give it as the twin's own."""
        return Subject(self.kind, self.number)


class ClaimAsked(Body):
    """Which item: one by its number, or the next of a department, kind and cause. skip: links left for later."""

    model_config = _example({"department": "housing", "skip": []})

    subject: SubjectAsked | None = None
    department: Word = None
    kind: Word = None
    why: Word = None
    skip: Annotated[list[Number], Field(max_length=500)] = []


class Decision(Body):
    """A word on one proposal."""

    model_config = _example({"decision": "accept", "seen": examples.ITEM["seen"]})

    decision: Literal["accept", "reject"]
    seen: Seen = None


class NoneOfThem(Body):
    """The subject stands at none of the places proposed."""

    model_config = _example({"subject": {"kind": "record", "number": 5}, "seen": examples.ITEM["seen"]})

    subject: SubjectAsked
    seen: Seen = None


class Choice(Body):
    """Another place, by its code."""

    model_config = _example(
        {"subject": {"kind": "record", "number": 5}, "kind": "building", "code": "3706120010010004"}
    )

    subject: SubjectAsked
    kind: Literal["building", "asset", "address"]
    code: Annotated[str, Field(min_length=1, max_length=60)]
    seen: Seen = None


def _json(document: Any) -> Response:
    return Response(orjson.dumps(document), headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")


async def _item(services: Services, actor: Actor, subject: Subject) -> dict[str, Any]:
    found = await for_eyes_of(services, actor, lambda connection, sight: read_item(connection, subject, sight))
    if found is None:
        raise absent(subject.kind, str(subject.number))
    return found


@router.get(
    "/review",
    dependencies=[needs("decide", "links")],
    summary="What waits for a person 待复核队列",
    responses=answers(examples.QUEUE, writes=True),
)
async def queue(
    services: ServicesOf,
    actor: Asker,
    person: Named,
    department: Annotated[str | None, Query(max_length=60, description="Department's code 部门")] = None,
    kind: Annotated[str | None, Query(max_length=60, description="Kind of record or entity 类型")] = None,
    why: Annotated[str | None, Query(max_length=20, description=f"Cause 原因: {', '.join(WHYS)}")] = None,
    n: Annotated[int, Query(ge=1, le=200, description="How many 数量", examples=[20])] = 20,
) -> Response:
    """The likeliest first; how much waits by department, kind and cause; how far today's work is."""
    asked = QueueAsked(department, kind, why=why)
    return _json(
        await for_eyes_of(services, actor, lambda connection, sight: read_queue(connection, asked, n, person, sight))
    )


@router.get(
    "/review/{kind}/{number}", dependencies=[needs("decide", "links")], summary="One item with its candidates 复核详情",
    responses=answers(examples.ITEM, writes=True),
)  # fmt: skip
async def item(
    services: ServicesOf,
    actor: Asker,
    person: Named,
    kind: Annotated[SubjectKind, Path(description="record or entity", examples=["record"])],
    number: Annotated[int, Path(ge=1, le=2**63 - 1, description="Its number", examples=[5])],
) -> Response:
    """The record or entity, up to five places with score, method, distance and differences marked, and decisions."""
    return _json(await _item(services, actor, Subject(kind, number)))


@router.post(
    "/review/claim",
    dependencies=[needs("decide", "links")],
    summary="Take an item 领取一条",
    responses=answers(examples.CLAIM, writes=True),
)
async def claim(services: ServicesOf, actor: Asker, person: Named, asked: ClaimAsked) -> Response:
    """Take the next item nobody else looks at, or one by its number, for five minutes; `item` is null at the end."""
    wanted, queue_asked = asked.subject, QueueAsked(asked.department, asked.kind, why=asked.why)

    def take(cursor: Any) -> Subject | None:
        if wanted is not None:
            review_desk.claim(cursor, person, wanted.subject())
            return wanted.subject()
        release_claim(cursor, person)
        return claim_next(cursor, person, queue_asked, skip=asked.skip)

    taken = await on_behalf(services, actor, PURPOSE, take)
    found = None if taken is None else await _item(services, actor, taken)
    return _json({"item": found, "lease_s": LEASE_S})


@router.post(
    "/review/release",
    dependencies=[needs("decide", "links")],
    summary="Let go of it 放回队列",
    responses=answers(examples.RELEASED, writes=True),
)
async def release(services: ServicesOf, actor: Asker, person: Named) -> Response:
    """Let go of what this person holds, so that others get it at once."""
    await on_behalf(services, actor, PURPOSE, lambda cursor: release_claim(cursor, person))
    return _json({"released": True})


@router.post(
    "/review/none",
    dependencies=[needs("decide", "links")],
    summary="None of the places 都不对",
    responses=answers(examples.DECIDED, writes=True),
)
async def none_of_them(services: ServicesOf, actor: Asker, person: Named, asked: NoneOfThem) -> Response:
    """Reject every proposal of an item; matching does not make them again."""
    subject = asked.subject.subject()
    links = await on_behalf(
        services, actor, PURPOSE, lambda cursor: review_desk.refuse_all(cursor, person, subject, asked.seen)
    )
    return await _decided(services, actor, subject, links)


@router.post(
    "/choose",
    dependencies=[needs("decide", "links")],
    summary="Choose another place 另选地点",
    responses=answers(examples.DECIDED, writes=True),
)
async def choose(services: ServicesOf, actor: Asker, person: Named, asked: Choice) -> Response:
    """Put a record or entity at a place named by its code; what matching proposed is cleared away."""
    subject = asked.subject.subject()
    link_id = await on_behalf(
        services, actor, PURPOSE,
        lambda cursor: review_desk.choose(cursor, person, subject, asked.kind, asked.code, asked.seen),
    )  # fmt: skip
    return await _decided(services, actor, subject, [link_id])


@router.post("/{link_id}/decision", dependencies=[needs("decide", "links")], summary="Accept or reject 接受或否决",
             responses=answers(examples.DECIDED, writes=True))  # fmt: skip
async def decide(services: ServicesOf, actor: Asker, person: Named, link_id: LinkId, asked: Decision) -> Response:
    """Decide on one proposal. 409 when another reviewer was first or the item has changed: nothing is written then."""
    accept = asked.decision == "accept"
    subject = await on_behalf(
        services, actor, PURPOSE, lambda cursor: review_desk.decide(cursor, person, link_id, accept, asked.seen)
    )
    return await _decided(services, actor, subject, [link_id])


@router.post(
    "/{link_id}/undo",
    dependencies=[needs("decide", "links")],
    summary="Take a decision back 撤销",
    responses=answers(examples.DECIDED, writes=True),
)
async def undo(services: ServicesOf, actor: Asker, person: Named, link_id: LinkId) -> Response:
    """Take back the last decision on a link; the proposals it cleared away come back."""
    subject = await on_behalf(services, actor, PURPOSE, lambda cursor: review_desk.undo(cursor, person, link_id))
    return await _decided(services, actor, subject, [link_id])


async def _decided(services: Services, actor: Actor, subject: Subject, links: list[int]) -> Response:
    """Say what stands now: the links decided on, and the item with whatever still waits."""
    found = await _item(services, actor, subject)
    waits = any(link["state"] == "review" for link in found["links"])
    return _json({"links": links, "done": not waits, "item": found})
