"""The audit log can be added to, never changed; a change behind its back is noticed."""

from __future__ import annotations

import threading

import psycopg
import pytest

from tests.databases import Database
from twin.session import Actor, transaction

OFFICER = Actor("officer", "officer", department_id=1, purpose="inspection", request_id="r-1")


def write(database: Database, action: str) -> None:
    database.fetch("SELECT audit.write(%s, 'entity 7', '{\"fields\": 2}')", (action,), role="app", actor=OFFICER)


def test_an_entry_knows_who_asked_in_which_role_and_what_for(database: Database) -> None:
    write(database, "read_private")
    with database.connect("app") as connection, transaction(connection, OFFICER) as cursor:
        cursor.execute(
            "INSERT INTO audit.log (actor, role, action, detail) VALUES ('someone', 'planner', 'export', '{}')"
        )
    rows = database.fetch("SELECT actor, role, action, purpose, request_id FROM audit.log ORDER BY audit_id")
    assert rows[-2:] == [
        ("officer", "officer", "read_private", "inspection", "r-1"),
        ("someone", "planner", "export", "inspection", "r-1"),
    ]


@pytest.mark.parametrize("role", ["app", "ingest", "owner", "admin"])
@pytest.mark.parametrize(
    "statement", ["UPDATE audit.log SET actor = 'x'", "DELETE FROM audit.log", "TRUNCATE audit.log"]
)
def test_nobody_changes_an_entry(module_database: Database, role: str, statement: str) -> None:
    write(module_database, "look")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        module_database.fetch(statement, role=role)


def test_the_app_cannot_read_the_log(module_database: Database) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        module_database.fetch("SELECT * FROM audit.log", role="app")


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE audit.log SET detail = '{}' WHERE audit_id = 3", 3),
        ("DELETE FROM audit.log WHERE audit_id = 2", 3),
        ("UPDATE audit.log SET at = at + interval '1 second' WHERE audit_id = 1", 1),
    ],
)
def test_tampering_by_a_superuser_is_noticed(database: Database, tampering: str, broken: int) -> None:
    for number in range(5):
        write(database, f"look {number}")
    assert database.fetch("SELECT audit.first_broken()") == [(None,)]
    # the check does not depend on the session's settings
    with database.connect("owner", options="-c role=twin_owner -c timezone=Asia/Shanghai -c datestyle=German") as other:
        assert other.execute("SELECT audit.first_broken()").fetchone() == (None,)
    database.fetch("ALTER TABLE audit.log DISABLE TRIGGER ALL", role="admin")
    database.fetch(tampering, role="admin")
    assert database.fetch("SELECT audit.first_broken()") == [(broken,)]


def test_writers_at_once_make_one_chain(database: Database) -> None:
    [(before,)] = database.fetch("SELECT count(*) FROM audit.log")  # an upgrade writes down the rights it brings
    threads = [threading.Thread(target=lambda: [write(database, "look") for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.fetch("SELECT count(*), max(audit_id), audit.first_broken() FROM audit.log") == [
        (before + 40, before + 40, None)
    ]
