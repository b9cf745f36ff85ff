"""Reading goes through one door: known roles only, and nothing is written on the way."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.databases import Database
from twin.actions.access import ACTIONS, COLLECTIONS, ROLES, absent, reading, shipped_rights, sight_of
from twin.errors import BadInput
from twin.session import PUBLIC, Actor


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(BadInput, match="there is no role 'king'"):
        sight_of(Actor("x", role="king"))


def test_the_public_sees_no_persons_and_no_names_of_those_who_act() -> None:
    assert shipped_rights().sight("public").values() == {"see_persons": False, "see_actors": False}


def test_not_there_and_not_yours_sound_alike() -> None:
    assert str(absent("survey", "x")) == "x: there is no such survey."


def test_reading_writes_nothing_and_tells_the_database_who_reads(database: Database) -> None:
    async def try_it() -> None:
        async with await psycopg.AsyncConnection.connect(database.dsn("app")) as connection:
            async with reading(connection, Actor("li", "officer", 3, "inspection")) as asking:
                await asking.cursor.execute(
                    "SELECT current_setting('twin.actor'), current_setting('twin.role'), "
                    "current_setting('twin.department_id'), current_setting('twin.purpose')"
                )
                assert await asking.cursor.fetchone() == ("li", "officer", "3", "inspection")
            async with reading(connection, PUBLIC) as asking:
                await asking.cursor.execute("SELECT count(*) FROM private.entity")
                await asking.cursor.execute("SELECT current_setting('twin.department_id')")
                assert await asking.cursor.fetchone() == ("",), "nothing is left of the reader before"
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                async with reading(connection, PUBLIC) as asking:
                    await asking.cursor.execute(
                        "INSERT INTO twin.job (kind, subject, state) VALUES ('x', 'x', 'queued')"
                    )

    asyncio.run(try_it())


def test_what_the_public_may_everyone_may_and_programs_roles_are_known() -> None:
    rights = shipped_rights()
    for role in ROLES:
        assert rights.may(role, "read", "assets"), role
    assert not rights.may("king", "read", "assets")
    assert not rights.may("public", "deliver", "deliveries")


@given(
    st.sampled_from(ROLES), st.sampled_from(ACTIONS), st.sampled_from(COLLECTIONS),
    st.one_of(st.none(), st.integers(1, 5)), st.one_of(st.none(), st.integers(1, 5)),
)  # fmt: skip
def test_reach_never_goes_beyond_a_grant(
    role: str, action: str, collection: str, department: int | None, grid: int | None
) -> None:
    """A row is within reach when a grant says all, or it is of the actor's own department or grids; else it is not."""
    rights = shipped_rights()
    reach = rights.reach(Actor("x", role, 3, grid_ids=(4,)), action, collection)
    areas = {grant.area for grant in rights.grants(role, action, collection)}
    right = (
        "all" in areas
        or ("own_department" in areas and department == 3)
        or ("own_grids" in areas and grid == 4)
    )  # fmt: skip
    assert reach.holds(department_id=department, grid_id=grid) == right
    nobody = rights.reach(Actor("x", role), action, collection)
    assert nobody.holds(department_id=department, grid_id=grid) == ("all" in areas)
