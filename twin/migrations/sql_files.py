"""Run the migrations' SQL files, which a DBA can paste into psql (with -v working_srid=4550)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from alembic import context, op

SQL_FOLDER = Path(__file__).parent / "sql"


def driver_connection() -> psycopg.Connection[Any]:
    """Give the psycopg connection under the running migration, in the same transaction."""
    connection = op.get_bind().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)  # noqa: S101 -- the one driver of the twin
    return connection


def run_sql_file(name: str) -> None:
    """Run one file of the sql folder, with the city's working CRS filled in for :working_srid."""
    text = (SQL_FOLDER / name).read_text(encoding="utf-8")
    srid = int(context.config.attributes["working_srid"])
    driver_connection().execute(text.replace(":working_srid", str(srid)).encode())
