"""Real PostGIS for the tests: one private cluster per run, a fresh copy of a migrated database per test."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from twin.cluster import server
from twin.migrations.upgrade import upgrade
from twin.session import Actor, transaction
from twin.settings import Settings, read_settings

TEMPLATE = "twin_template"
# Tests check crashes of programs, not of the machine.
SERVER_OPTIONS = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "128MB"}
SYSTEM = Actor(name="test", role="system", purpose="test")
numbers = count(1)


@dataclass(frozen=True)
class Database:
    """A migrated database of one's own. settings: point to it, with an empty data directory."""

    name: str
    settings: Settings

    def dsn(self, role: server.Role = "app") -> str:
        """Give the conninfo for a role: owner, ingest, app or admin."""
        return server.dsn(self.settings, role)

    def connect(self, role: server.Role = "app", **options: Any) -> psycopg.Connection[Any]:
        """Connect as a role; close it yourself or use `with`."""
        return server.connect(self.settings, role, **options)

    def fetch(
        self, query: str, values: Any = None, *, role: server.Role = "owner", actor: Actor = SYSTEM
    ) -> list[tuple[Any, ...]]:
        """Run one statement in its own transaction and give its rows (none for a statement without)."""
        with self.connect(role) as connection, transaction(connection, actor) as cursor:
            cursor.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def running_cluster() -> Iterator[Settings]:
    """Give the settings of a running, migrated private cluster, shared by the workers of one pytest run."""
    _clear_abandoned()
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:16]
    root = Path(tempfile.gettempdir()) / f"twin-tests-{os.geteuid()}-{run}"
    root.mkdir(exist_ok=True)
    root.chmod(0o755)
    # One key file for all databases of the run: they are copies of one template, and commands find it in the same way.
    os.environ["TWIN_KEY_FILE"] = str(root / "keys.json")
    settings = read_settings({"TWIN_DATA_DIR": str(root / "var"), "TWIN_KEY_FILE": os.environ["TWIN_KEY_FILE"]})
    with _users(root) as users:
        users.add(os.getpid())
        if server.start(settings, server_options=SERVER_OPTIONS):
            upgrade(settings)
            with server.connect(settings, "admin", database="postgres", autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE {server.DATABASE} STRATEGY FILE_COPY")
    try:
        yield settings
    finally:
        with _users(root) as users:
            users.discard(os.getpid())
            last = not users
            if last:
                server.stop(settings)
        if last:
            shutil.rmtree(root, ignore_errors=True)


@contextmanager
def fresh_database(cluster: Settings, data_dir: Path) -> Iterator[Database]:
    """Copy the migrated template; the copy is dropped at the end, whoever is still connected.

    File by file: page by page through the log, PostgreSQL's usual way, takes four times the processor time.
    """
    name = f"test_{os.getpid()}_{next(numbers)}"
    with server.connect(cluster, "admin", database="postgres", autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER twin_owner TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
        for grant in ("CONNECT ON DATABASE {} TO twin_app", "CONNECT, TEMPORARY ON DATABASE {} TO twin_ingest"):
            connection.execute(sql.SQL("GRANT " + grant).format(sql.Identifier(name)))
    yield Database(name, replace(server.for_database(cluster, name), data_dir=data_dir))
    with server.connect(cluster, "admin", database="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _users(root: Path) -> Iterator[set[int]]:
    """Hold the run's lock and its set of process numbers that use the cluster; dead ones are left out."""
    with (root / "users").open("a+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        handle.seek(0)
        users = {int(number) for number in handle.read().split() if psutil.pid_exists(int(number))}
        yield users
        handle.seek(0)
        handle.truncate()
        handle.write(" ".join(map(str, users)))


def _clear_abandoned() -> None:
    """Stop clusters that killed test runs of this user left behind."""
    for root in Path(tempfile.gettempdir()).glob(f"twin-tests-{os.geteuid()}-*"):
        users_file = root / "users"
        if not users_file.exists() or not users_file.read_text().strip():
            continue  # just being made, or just being removed, by another run
        with _users(root) as users:
            if users:
                continue
            server.stop(read_settings({"TWIN_DATA_DIR": str(root / "var")}))
        shutil.rmtree(root, ignore_errors=True)
