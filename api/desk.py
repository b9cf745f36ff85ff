"""Who works at the service's desk (handing files in, reviewing links), and what is written on that person's behalf.

Until there are accounts, the role of whoever works at the desk comes from the server's settings, never from a request:
by default the desk is open on the server's own computer only. The name a person gives is written down beside what the
person does; it opens nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote, urlsplit

import anyio
import psycopg
from fastapi import Depends, Request

from api.dependencies import Services, services_of
from api.errors import request_id_of
from twin.actions.access import require, sight_of
from twin.cluster import server
from twin.errors import BadInput, NotAllowed
from twin.queries.sight import Sight
from twin.session import Actor, transaction

Result = TypeVar("Result")
OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
PERSON_HEADER = "twin-person"
LONGEST_NAME = 60


def who_works(request: Request) -> Actor:
    """Say in which role the desk is used, and by whom. Raises NotAllowed where it is closed to this computer."""
    desk = services_of(request).settings.desk
    if desk == "closed":
        raise NotAllowed("工作台已关闭 (the desk is closed)", do="由管理员设置 TWIN_DESK (ask for TWIN_DESK)")
    if desk == "here" and not is_this_computer(request):
        raise NotAllowed(
            "工作台只在服务器本机开放 (the desk is open on the server's own computer only)",
            do="请在服务器上打开, 或由管理员设置 TWIN_DESK (open it there, or have TWIN_DESK set)",
        )
    _refuse_other_sites(request)
    return Actor(
        _header(request, PERSON_HEADER) or "desk",
        role="steward" if desk == "here" else desk,
        purpose="desk",
        request_id=request_id_of(request),
    )


def named(request: Request) -> str:
    """Give the name of the person who decides. Raises BadInput when the person has not said."""
    person = _header(request, PERSON_HEADER)
    if not person:
        raise BadInput(
            "请先填写您的姓名 (say who you are first)",
            where=PERSON_HEADER,
            do="页面会询问一次; 程序请发送 Twin-Person (send Twin-Person)",
        )
    return person


def _header(request: Request, name: str) -> str:
    text = unquote(request.headers.get(name, "")).strip()
    if len(text) > LONGEST_NAME or any(not letter.isprintable() for letter in text):
        raise BadInput("姓名太长或含有控制字符 (the name is too long or holds control characters)", where=name)
    return text


def is_this_computer(request: Request) -> bool:
    """Tell whether a request comes from this machine and was meant for it (not for a name that leads here)."""
    host = request.url.hostname or ""
    try:
        return bool(request.client and ip_address(request.client.host).is_loopback) and host in OWN_NAMES
    except ValueError:
        return False


def _refuse_other_sites(request: Request) -> None:
    """Another site's page must not write here through somebody's browser."""
    origin = request.headers.get("origin")
    own = request.headers.get("host", "")
    if request.method not in ("GET", "HEAD") and origin is not None and urlsplit(origin).netloc != own:
        raise NotAllowed("请求来自别的网站 (the request comes from another site)", do="请在本页操作 (use this page)")


async def on_behalf(
    services: Services, actor: Actor, purpose: str, work: Callable[[psycopg.Cursor[Any]], Result]
) -> Result:
    """Do something in one transaction, as the system acting on a person's word (rights are checked before).

    work: gets a cursor of the database role ingest. Raises what it raises, and DatabaseUnavailable.
    """
    acting = Actor(actor.name, role="system", purpose=purpose, request_id=actor.request_id)

    def do() -> Result:
        with server.connect(services.settings, "ingest") as connection, transaction(connection, acting) as cursor:
            return work(cursor)

    return await anyio.to_thread.run_sync(do, limiter=services.desk)


async def for_eyes_of(
    services: Services, actor: Actor, read: Callable[[psycopg.Connection[Any], Sight], Result]
) -> Result:
    """Read something in one transaction on a person's behalf; row policies see who it is.

    read: gets a connection of the database role app and what the person may see.
    """
    sight = sight_of(actor)

    def do() -> Result:
        with server.connect(services.settings, "app") as connection, transaction(connection, actor):
            return read(connection, sight)

    return await anyio.to_thread.run_sync(do, limiter=services.desk)


def may_review(actor: Annotated[Actor, Depends(who_works)]) -> Actor:
    """Give the actor where the role may review links. Raises NotAllowed."""
    require(actor, "review")
    return actor


def may_deliver(actor: Annotated[Actor, Depends(who_works)]) -> Actor:
    """Give the actor where the role may hand files in. Raises NotAllowed."""
    require(actor, "deliver")
    return actor


MayReview = Annotated[Actor, Depends(may_review)]
MayDeliver = Annotated[Actor, Depends(may_deliver)]
Named = Annotated[str, Depends(named)]
