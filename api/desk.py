"""Work at the service's desk (handing files in, reviewing links): in whose name, and in which transactions.

Who may work there the route's `needs` has judged before. Until there are accounts, whoever works at the server's own
computer does (api.identity); the name such a person gives is written down beside what the person does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import anyio
import psycopg
from fastapi import Depends, Request

from api.dependencies import Asker, Services
from api.identity import PERSON_HEADER, person_header
from twin.actions.access import sight_of
from twin.cluster import server
from twin.errors import BadInput
from twin.queries.sight import Sight
from twin.session import Actor, transaction

Result = TypeVar("Result")


async def named(request: Request, actor: Asker) -> str:
    """Give the name of the person who decides. Raises BadInput when the person has not said."""
    if actor.account is not None:
        return actor.name
    person = person_header(request)
    if not person:
        raise BadInput(
            "请先填写您的姓名 (say who you are first)",
            where=PERSON_HEADER,
            do="页面会询问一次; 程序请发送 Twin-Person (send Twin-Person)",
        )
    return person


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
    sight = sight_of(actor, services.rights)

    def do() -> Result:
        with server.connect(services.settings, "app") as connection, transaction(connection, actor):
            return read(connection, sight)

    return await anyio.to_thread.run_sync(do, limiter=services.desk)


Named = Annotated[str, Depends(named)]
