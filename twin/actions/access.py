"""Who may see what: the one module through which anything is read on someone's behalf.

A role is a row of RIGHTS. The database's row policies keep private rows to themselves whatever stands here; this
table says which fields of an answer a role gets at all. "Not yours" and "not there" are told the same way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from twin.errors import BadInput, NotAllowed, NotFound
from twin.queries.sight import Sight
from twin.session import SET_ACTOR, Actor, actor_settings

RIGHTS: dict[str, Sight] = {
    "public": Sight(),
    "grid_worker": Sight(persons=True),
    "officer": Sight(persons=True, actors=True),
    "planner": Sight(actors=True),
    "steward": Sight(persons=True, actors=True),
    "ingest": Sight(),
    "system": Sight(persons=True, actors=True, rooms=True),
}

Duty = Literal["deliver", "review"]
# Who may hand files in, and who may decide where records belong.
DUTIES: dict[str, frozenset[Duty]] = {
    "officer": frozenset({"deliver"}),
    "steward": frozenset({"deliver", "review"}),
    "system": frozenset({"deliver", "review"}),
}

# Reading writes nothing, whatever a statement says.
SET_READER = SET_ACTOR.rstrip() + ", set_config('transaction_read_only', 'on', true)"


@dataclass(frozen=True)
class Reading:
    """A transaction somebody reads in, and what that reader may see."""

    cursor: psycopg.AsyncCursor[Any]
    actor: Actor
    sight: Sight


def sight_of(actor: Actor) -> Sight:
    """Say what a reader may see. Raises BadInput for a role that does not exist."""
    try:
        return RIGHTS[actor.role]
    except KeyError:
        raise BadInput(
            f"there is no role {actor.role[:40]!r}", where="role", do=f"Use one of: {', '.join(sorted(RIGHTS))}"
        ) from None


def require(actor: Actor, duty: Duty) -> None:
    """Raise NotAllowed unless a person's role has this duty."""
    if duty not in DUTIES.get(actor.role, frozenset()):
        raise NotAllowed(f"the role {actor.role} may not {duty}", do="Ask whoever runs the service")


@asynccontextmanager
async def reading(connection: psycopg.AsyncConnection[Any], actor: Actor) -> AsyncIterator[Reading]:
    """Open one read-only transaction on someone's behalf; row policies see who it is.

    connection: of the database role twin_app, idle. Raises BadInput for an unknown role.
    """
    sight = sight_of(actor)
    async with connection.transaction(), connection.cursor(binary=True) as cursor:
        await cursor.execute(SET_READER, actor_settings(actor))
        yield Reading(cursor, actor, sight)


def absent(what: str, where: str) -> NotFound:
    """Make the one answer for what is not there and for what is not the asker's to see.

    what: the kind of thing, e.g. "survey". where: the name or code that was asked for.
    """
    return NotFound(f"there is no such {what}", where=where[:100])
