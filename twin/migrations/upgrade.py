"""Bring a database to this program's version, in one transaction, one upgrade at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from twin.actions.apply_keys import apply_keys, is_anything_clear
from twin.actions.erase_person import apply_ledger
from twin.actions.rotate_index import is_unfinished
from twin.cluster.bootstrap import ensure_database
from twin.cluster.server import connect, dsn, unavailable
from twin.errors import DatabaseTooNew, DatabaseUnavailable, NoSpace
from twin.migrations.catalogue import load_catalogue
from twin.settings import Settings

FOLDER = Path(__file__).parent
GROWING_TABLES = ("history.version", "history.private_version", "twin.observation")
READ_REVISION = "SELECT version_num FROM twin.schema_version"


@dataclass(frozen=True)
class DatabaseVersion:
    """The version a database has (None: empty) and the one this program knows."""

    revision: str | None
    newest: str

    @property
    def state(self) -> str:
        """One of empty, older, current, newer."""
        if self.revision is None:
            return "empty"
        if self.revision == self.newest:
            return "current"
        return "older" if self.revision in known_revisions() else "newer"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    return config


def newest_revision() -> str:
    """Name the newest database version this program knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def known_revisions() -> set[str]:
    """Name all database versions this program knows."""
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def read_version(connection: psycopg.Connection[Any]) -> DatabaseVersion:
    """Read which version a database has."""
    there = connection.execute("SELECT to_regclass('twin.schema_version')").fetchone()
    row = connection.execute(READ_REVISION).fetchone() if there and there[0] else None
    return DatabaseVersion(str(row[0]) if row else None, newest_revision())


def require_current(settings: Settings) -> None:
    """Raise unless the database has exactly this program's version.

    Raises DatabaseTooNew for a newer one, DatabaseUnavailable for an older or empty one or no answer.
    """
    with connect(settings, "owner") as connection:
        version = read_version(connection)
    _refuse_newer(version)
    if version.state != "current":
        raise DatabaseUnavailable(
            f"the database has version {version.revision or 'none'}, this program needs {version.newest}",
            do="Run: twin db upgrade",
        )


def _refuse_newer(version: DatabaseVersion) -> None:
    if version.state == "newer":
        raise DatabaseTooNew(
            f"the database has version {version.revision}, this program knows up to {version.newest}",
            do="Install the newer version of the twin that wrote it, or restore a backup made by this one",
        )


def upgrade(settings: Settings, target: str = "head") -> DatabaseVersion:
    """Bring the database to this program's version and its catalogue to the shipped one.

    Makes roles, database and extensions first where they are missing. Personal data that stands in clear is sealed
    afterwards, batch by batch (twin.actions.apply_keys); whom the erasure ledger names is erased. Returns the version
    it had before.
    Raises DatabaseTooNew, DatabaseUnavailable, MissingSoftware, NoSpace; then nothing has changed. KeysMissing: the
    version is new, and sealing is left for `twin key apply`.
    """
    ensure_database(settings)
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn(settings, "owner")), poolclass=NullPool
    )
    try:
        with engine.begin() as connection:
            driver = connection.connection.driver_connection
            if not isinstance(driver, psycopg.Connection):
                raise TypeError("the twin's one driver is psycopg 3")
            driver.execute("SELECT pg_advisory_xact_lock(hashtext('twin.upgrade'))")
            before = read_version(driver)
            _refuse_newer(before)
            driver.execute("CREATE SCHEMA IF NOT EXISTS twin")
            config = _config()
            config.attributes |= {"connection": connection, "working_srid": settings.city.working_srid}
            command.upgrade(config, target)
            _make_partitions(driver)
            load_catalogue(driver, settings.city)
    except psycopg.errors.DiskFull as error:
        raise NoSpace("the database's disk is full; nothing was changed", do="Free some space and try again") from error
    except psycopg.OperationalError as error:
        if error.sqlstate is None or error.sqlstate.startswith(("08", "57P")):  # connection lost, server going down
            raise unavailable(settings, error) from error
        raise
    if is_anything_clear(settings) or is_unfinished(settings):
        apply_keys(settings)
    apply_ledger(settings)
    return before


def _make_partitions(connection: psycopg.Connection[Any]) -> None:
    year = datetime.now(UTC).year
    for table in GROWING_TABLES:
        connection.execute("SELECT history.make_partitions(%s::regclass, %s, %s)", (table, year, year + 1))
