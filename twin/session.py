"""One transaction: who asks, in which role, what for, under which request id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

import psycopg

DatabaseRole = Literal["owner", "ingest", "app"]


@dataclass(frozen=True)
class Actor:
    """Who does something: a name for the logs, a role of the city, a purpose, and the request it belongs to.

    role: public, grid_worker, officer, planner, steward, an administrator's, ingest or system.
    department_id: set for officers and deliveries; row policies read it. grid_ids: a grid worker's own grids; row
    policies read them. purpose and reason: what for, as the person has stated it. account: the account's number for
    somebody who has logged in.
    """

    name: str
    role: str = "public"
    department_id: int | None = None
    purpose: str = ""
    request_id: str = field(default_factory=lambda: uuid4().hex)
    grid_ids: tuple[int, ...] = ()
    reason: str = ""
    account: int | None = None


PUBLIC = Actor(name="anonymous")

SET_ACTOR = """
SELECT set_config('twin.actor', %(actor)s, true), set_config('twin.role', %(role)s, true),
       set_config('twin.department_id', %(department_id)s, true), set_config('twin.purpose', %(purpose)s, true),
       set_config('twin.request_id', %(request_id)s, true), set_config('twin.grid_ids', %(grid_ids)s, true),
       set_config('twin.reason', %(reason)s, true)
"""


def actor_settings(actor: Actor) -> dict[str, str]:
    """Give the bound values of SET_ACTOR."""
    return {
        "actor": actor.name,
        "role": actor.role,
        "department_id": "" if actor.department_id is None else str(actor.department_id),
        "purpose": actor.purpose,
        "request_id": actor.request_id,
        "grid_ids": "{" + ",".join(map(str, actor.grid_ids)) + "}" if actor.grid_ids else "",
        "reason": actor.reason,
    }


@contextmanager
def transaction(connection: psycopg.Connection[Any], actor: Actor) -> Iterator[psycopg.Cursor[Any]]:
    """Open one transaction on someone's behalf; commit at the end, roll back on an error.

    Without a role the row policies show nothing of the private tables.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(SET_ACTOR, actor_settings(actor))
        yield cursor
