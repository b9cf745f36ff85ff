"""Work on accounts over HTTP: one short transaction in the database role app, in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import psycopg
from fastapi import Request

from api.dependencies import Services, services_of
from api.errors import request_id_of
from api.identity import COOKIE, SECURE_COOKIE
from twin.actions.log_in import SESSION_S, Member
from twin.cluster import server
from twin.errors import NotLoggedIn
from twin.session import Actor, transaction

Result = TypeVar("Result")


async def as_keeper(
    services: Services,
    request: Request,
    name: str,
    work: Callable[[psycopg.Cursor[Any]], Result],
    *,
    role: str = "system",
) -> Result:
    """Do something with accounts in the name of an account; committed when work returns.

    role: system for one's own log-in and secrets, else the role of whoever administers.
    """
    actor = Actor(name, role=role, purpose="accounts", request_id=request_id_of(request))

    def do() -> Result:
        with server.connect(services.settings, "app") as connection, transaction(connection, actor) as cursor:
            return work(cursor)

    result = await anyio.to_thread.run_sync(do, limiter=services.desk)
    services.look_again()
    return result


def member_here(request: Request) -> Member:
    """Give who has logged in. Raises NotLoggedIn."""
    member: Member | None = getattr(request.state, "member", None)
    if member is None:
        raise NotLoggedIn("请先登录 (log in first)", do="打开 /login 或发送令牌 (open /login or send a token)")
    return member


def cookie_of(request: Request, secret: str | None) -> dict[str, str]:
    """Give the header that sets the session's cookie, or with None takes it away.

    Only this site gets it, no script reads it, and over https it never travels in clear.
    """
    secure = request.url.scheme == "https" or services_of(request).https
    name = SECURE_COOKIE if secure else COOKIE
    age = SESSION_S if secret else 0
    flags = "; Secure" if secure else ""
    return {"Set-Cookie": f"{name}={secret or ''}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{flags}"}
