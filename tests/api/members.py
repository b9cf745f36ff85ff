"""People with accounts for the tests: made as the command line makes them, with quick password hashes."""

from __future__ import annotations

from argon2 import PasswordHasher
from starlette.testclient import TestClient

from tests.databases import SYSTEM, Database
from twin.actions import passwords
from twin.actions.accounts import NewAccount, add_account
from twin.actions.tokens import make_token
from twin.session import transaction

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "a long enough pass phrase"


def add_member(
    database: Database, name: str, role: str, *, department: str | None = None, grids: tuple[str, ...] = ()
) -> None:
    """Make an account with PASSWORD, which need not be changed first."""
    kept, passwords._hasher = passwords._hasher, QUICK
    try:
        with database.connect("owner") as connection, transaction(connection, SYSTEM) as cursor:
            add_account(cursor, NewAccount(name, f"person {name}", role, department, grids), PASSWORD, "test")
            cursor.execute("UPDATE access.account SET must_change = false WHERE name = %s", (name,))
    finally:
        passwords._hasher = kept


def token_for(database: Database, name: str) -> str:
    """Make a token for an account."""
    with database.connect("owner") as connection, transaction(connection, SYSTEM) as cursor:
        return make_token(cursor, name, "test", 1, "test")[1]


def session_for(database: Database, name: str) -> str:
    """Begin a session of an account as after a log-in with both factors; give the cookie's value."""
    from twin.actions.log_in import begin_session

    with database.connect("owner") as connection, transaction(connection, SYSTEM) as cursor:
        row = cursor.execute("SELECT account_id FROM access.account WHERE name = %s", (name,)).fetchone()
        assert row is not None
        return begin_session(cursor, row[0], second_factor=True, way="test")


def log_in(client: TestClient, name: str, password: str = PASSWORD, **more: str) -> int:
    """Log in; the client keeps the cookie."""
    return client.post("/auth/login", json={"name": name, "password": password, **more}).status_code
