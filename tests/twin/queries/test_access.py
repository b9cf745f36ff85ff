"""Reading goes through one door: known roles only, and nothing is written on the way."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from tests.databases import Database
from twin.actions.access import absent, reading, shipped_rights, sight_of
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
