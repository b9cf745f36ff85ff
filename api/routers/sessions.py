"""One's own sessions: where one is logged in, and ending what is not one's own."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Request, Response

from api import account_examples as examples
from api.account_work import as_keeper, member_here
from api.caching import KEEP_NOTHING
from api.dependencies import ServicesOf
from api.documented import answers
from api.identity import session_of
from api.needs import needs
from twin.actions import sessions
from twin.errors import NotLoggedIn

router = APIRouter(prefix="/auth/sessions", tags=["Accounts 账号"])


def _json(document: Any) -> Response:
    body = orjson.dumps(document, default=str)
    return Response(body, headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")


def _own(request: Request) -> tuple[str, str]:
    """Give the account's name and the session's secret. A token, or half a log-in, is not enough."""
    member, secret = member_here(request), session_of(request)
    if secret is None or member.seen_at is None or member.bound:
        raise NotLoggedIn("请用浏览器登录后操作 (log in with the password for this; a token is not enough)")
    return member.name, secret


@router.get("", dependencies=[needs("read", "session")], summary="Where I am logged in 我的会话",
            responses=answers(examples.SESSIONS, writes=True))  # fmt: skip
async def list_all(request: Request, services: ServicesOf) -> Response:
    """Since when, last used, from which address, with which browser and system; `here` is the one that asks."""
    name, secret = _own(request)
    found = await as_keeper(services, request, name, lambda cursor: sessions.list_sessions(cursor, name, secret))
    return _json({"items": [vars(one) for one in found]})


@router.delete("", dependencies=[needs("change", "session")], summary="End my other sessions 结束其他会话",
               responses=answers(examples.ENDED, writes=True))  # fmt: skip
async def end_others(request: Request, services: ServicesOf) -> Response:
    """All but the one that asks. Tokens stay: revoke them one by one."""
    name, secret = _own(request)
    ended = await as_keeper(
        services, request, name, lambda cursor: sessions.end_sessions(cursor, name, keep=secret)
    )  # fmt: skip
    return _json({"ended": ended})


@router.delete("/{session_id}", dependencies=[needs("change", "session")], summary="End one of my sessions 结束会话",
               responses=answers(examples.ENDED, writes=True))  # fmt: skip
async def end_one(
    request: Request,
    services: ServicesOf,
    session_id: Annotated[
        UUID, Path(description="The session's id", examples=[examples.SESSIONS["items"][0]["session_id"]])
    ],
) -> Response:
    """Another one than the one that asks: that is ended by logging out."""
    name, secret = _own(request)
    ended = await as_keeper(
        services, request, name,
        lambda cursor: sessions.end_sessions(cursor, name, session_id=session_id, keep=secret),
    )  # fmt: skip
    return _json({"ended": ended})
