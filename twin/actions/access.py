"""Who may see and do what: the one module through which anything is read or done on someone's behalf.

Rights are data: rows of role, action, collection, area and fields, shipped in data/access/rights.csv, kept in the table
access.right. The database's row policies ask the same table, so private rows stay private whatever stands here; this
module says which questions a role may put at all, where, and which fields of an answer it gets. What the public may,
everyone may. "Not yours" and "not there" are told the same way.
"""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import psycopg

from twin.errors import BadInput, NotAllowed, NotFound
from twin.queries.sight import Sight
from twin.session import SET_ACTOR, Actor, actor_settings
from twin.settings import SHIPPED_DATA

Action = Literal["read", "create", "change", "remove", "export", "decide", "deliver", "run", "administer", "reveal"]
Collection = Literal[
    "assets", "buildings", "places", "grids", "addresses", "entities", "records", "events", "sensors", "surveys",
    "links", "deliveries", "jobs", "exports", "accounts", "audit", "rights", "keys", "service", "session",
]  # fmt: skip
Area = Literal["all", "own_grids", "own_department"]
ACTIONS: tuple[Action, ...] = get_args(Action)
COLLECTIONS: tuple[Collection, ...] = get_args(Collection)
ADMINISTRATORS = ("system_admin", "security_admin", "audit_admin")
PEOPLE = ("grid_worker", "officer", "planner", "steward", *ADMINISTRATORS)
PROGRAMS = ("ingest", "system")
ROLES = ("public", *PEOPLE, *PROGRAMS)
SHIPPED_RIGHTS = SHIPPED_DATA / "access" / "rights.csv"
READ_RIGHTS = "SELECT role, action, collection, area, fields FROM access.right WHERE allowed"

# Reading writes nothing, whatever a statement says.
SET_READER = SET_ACTOR.rstrip() + ", set_config('transaction_read_only', 'on', true)"


@dataclass(frozen=True)
class Grant:
    """One right: in which area, and which fields (public, persons, actors, rooms, contacts)."""

    area: str
    fields: frozenset[str]


@dataclass(frozen=True)
class Reach:
    """Which rows an action may touch: all of them, or those of a department or of grids.

    Queries bind `values()`; `holds` judges one row. Without a department or grids of its own a role reaches none.
    """

    everything: bool
    department_id: int | None = None
    grid_ids: tuple[int, ...] = ()

    def holds(self, *, department_id: int | None = None, grid_id: int | None = None) -> bool:
        """Tell whether a row of this department, in this grid, is within reach."""
        if self.everything:
            return True
        if department_id is not None and department_id == self.department_id:
            return True
        return grid_id is not None and grid_id in self.grid_ids

    def values(self) -> dict[str, Any]:
        """Give the bound values: reach_all, reach_department, reach_grids."""
        return {
            "reach_all": self.everything,
            "reach_department": self.department_id,
            "reach_grids": list(self.grid_ids),
        }


class Rights:
    """The matrix: what each role may do."""

    def __init__(self, rows: Iterable[tuple[str, str, str, str, Iterable[str]]]) -> None:
        """rows: role, action, collection, area, fields."""
        self._grants: dict[tuple[str, str, str], tuple[Grant, ...]] = {}
        for role, action, collection, area, fields in rows:
            key = (role, action, collection)
            self._grants[key] = (*self._grants.get(key, ()), Grant(area, frozenset(fields)))
        self._sights = {role: self._sight(role) for role in ROLES}

    def grants(self, role: str, action: str, collection: str) -> tuple[Grant, ...]:
        """Give the rights of a role for an action on a collection, the public's among them; none: it may not."""
        own = self._grants.get((role, action, collection), ())
        if role == "public" or role not in ROLES:
            return own if role == "public" else ()
        return own + self._grants.get(("public", action, collection), ())

    def may(self, role: str, action: str, collection: str) -> bool:
        """Tell whether a role may do something with a collection at all."""
        return bool(self.grants(role, action, collection))

    def reach(self, actor: Actor, action: str, collection: str) -> Reach:
        """Say which rows of a collection an actor's action may touch."""
        areas = {grant.area for grant in self.grants(actor.role, action, collection)}
        return Reach(
            everything="all" in areas,
            department_id=actor.department_id if "own_department" in areas else None,
            grid_ids=actor.grid_ids if "own_grids" in areas else (),
        )

    def sight(self, role: str) -> Sight:
        """Say which fields of answers a role gets. Raises BadInput for a role that does not exist."""
        try:
            return self._sights[role]
        except KeyError:
            raise BadInput(
                f"there is no role {role[:40]!r}", where="role", do=f"Use one of: {', '.join(sorted(ROLES))}"
            ) from None

    def _sight(self, role: str) -> Sight:
        def fields(collection: str) -> frozenset[str]:
            return frozenset().union(*(grant.fields for grant in self.grants(role, "read", collection)))

        of_entities = fields("entities")
        return Sight(
            persons="persons" in of_entities,
            actors="actors" in of_entities | fields("records"),
            rooms="rooms" in of_entities,
        )


@cache
def shipped_rights() -> Rights:
    """Read the rights that come with the program."""
    with SHIPPED_RIGHTS.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return Rights((row["role"], row["action"], row["collection"], row["area"], row["fields"].split()) for row in rows)


@dataclass(frozen=True)
class Reading:
    """A transaction somebody reads in, and what that reader may see."""

    cursor: psycopg.AsyncCursor[Any]
    actor: Actor
    sight: Sight


def sight_of(actor: Actor, rights: Rights | None = None) -> Sight:
    """Say what a reader may see. rights: by default the shipped ones. Raises BadInput for an unknown role."""
    return (rights or shipped_rights()).sight(actor.role)


def require(actor: Actor, action: str, collection: str, rights: Rights | None = None) -> None:
    """Raise NotAllowed unless an actor's role may do this to the collection at all."""
    if not (rights or shipped_rights()).may(actor.role, action, collection):
        raise NotAllowed(
            f"角色 {actor.role} 无此权限 (the role {actor.role} may not {action} {collection})",
            do="请联系安全管理员 (ask the security administrator)",
        )


@asynccontextmanager
async def reading(
    connection: psycopg.AsyncConnection[Any], actor: Actor, rights: Rights | None = None
) -> AsyncIterator[Reading]:
    """Open one read-only transaction on someone's behalf; row policies see who it is.

    connection: of the database role twin_app, idle. rights: by default the shipped ones. Raises BadInput for an unknown
    role.
    """
    sight = sight_of(actor, rights)
    async with connection.transaction(), connection.cursor(binary=True) as cursor:
        await cursor.execute(SET_READER, actor_settings(actor))
        yield Reading(cursor, actor, sight)


def absent(what: str, where: str) -> NotFound:
    """Make the one answer for what is not there and for what is not the asker's to see.

    what: the kind of thing, e.g. "survey". where: the name or code that was asked for.
    """
    return NotFound(f"there is no such {what}", where=where[:100])
