"""The database itself: roles, the database `twin` and its extensions, made once by the server's administrator role."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from twin.cluster.programs import OLDEST_POSTGIS, OLDEST_POSTGRESQL, install_line
from twin.cluster.server import DATABASE, ROLE_NAMES, STATEMENT_TIMEOUT, connect
from twin.errors import Conflict, DatabaseUnavailable, MissingSoftware
from twin.settings import Settings

EXTENSIONS = ("postgis", "btree_gist", "pg_trgm")
LOCK = "SELECT pg_advisory_lock(hashtext('twin.bootstrap'))"
# Held, in the database `postgres`, for as long as a database is being restored.
RESTORE_LOCK = "SELECT pg_try_advisory_lock(hashtext('twin.restore'), hashtext(%s))"
CLOSED = "SELECT FROM pg_database WHERE datname = %s AND NOT datallowconn"
WORKING_ROLES = ("owner", "ingest", "app")


def ensure_database(settings: Settings) -> None:
    """Make the roles, the database and its extensions where they are missing; safe to call again and at once.

    Raises DatabaseUnavailable when the server does not answer, is too old or does not allow it,
    MissingSoftware when it has no PostGIS, Conflict while the database is being restored.
    """
    private = settings.database_url is None
    with connect(settings, "admin", database="postgres" if private else None, autocommit=True) as connection:
        _check_version(connection)
        connection.execute(LOCK)
        _make_roles(connection, private)
        if private and not _exists(connection, "SELECT FROM pg_database WHERE datname = %s", DATABASE):
            connection.execute(
                sql.SQL(
                    "CREATE DATABASE {} OWNER twin_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"
                ).format(sql.Identifier(DATABASE))
            )
        if private:
            _reopen(connection)
            connection.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC".encode())
    with connect(settings, "admin", autocommit=True) as connection:
        connection.execute(LOCK)
        _check_text(connection)
        _make_extensions(connection)
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO twin_ingest").format(name))
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO twin_app").format(name))
        connection.execute(sql.SQL("GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {} TO twin_owner").format(name))


def _reopen(connection: psycopg.Connection[Any]) -> None:
    """Open the database again that a restore, killed in the middle of its exchange, has left closed."""
    if not _exists(connection, CLOSED, DATABASE):
        return
    row = connection.execute(RESTORE_LOCK, (DATABASE,)).fetchone()
    if row is None or not row[0]:
        raise Conflict("the database is just being restored", do="Wait until it is done")
    connection.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true".encode())


def _exists(connection: psycopg.Connection[Any], query: str, value: str) -> bool:
    return connection.execute(query.encode(), (value,)).fetchone() is not None


def _check_version(connection: psycopg.Connection[Any]) -> None:
    if connection.info.server_version < OLDEST_POSTGRESQL * 10000:
        raise DatabaseUnavailable(
            f"the server runs PostgreSQL {connection.info.server_version // 10000}, the twin needs {OLDEST_POSTGRESQL}",
            do="Upgrade it, or unset TWIN_DATABASE_URL to use a private cluster",
        )


def _make_roles(connection: psycopg.Connection[Any], private: bool) -> None:
    """Make the three working roles; on somebody else's server nobody can log in as them, only take them."""
    for role in WORKING_ROLES:
        name = sql.Identifier(ROLE_NAMES[role])
        try:
            if not _exists(connection, "SELECT FROM pg_roles WHERE rolname = %s", ROLE_NAMES[role]):
                login = sql.SQL("LOGIN" if private else "NOLOGIN")
                connection.execute(sql.SQL("CREATE ROLE {} {} NOSUPERUSER NOBYPASSRLS").format(name, login))
                timeout = sql.Literal(STATEMENT_TIMEOUT[role])
                connection.execute(sql.SQL("ALTER ROLE {} SET statement_timeout = {}").format(name, timeout))
            _take(connection, name)
        except psycopg.errors.InsufficientPrivilege as error:
            raise DatabaseUnavailable(
                f"the user of TWIN_DATABASE_URL may not make or take the role {ROLE_NAMES[role]}",
                do=f"Let an administrator run: CREATE ROLE {ROLE_NAMES[role]}; "
                f"GRANT {ROLE_NAMES[role]} TO {connection.info.user}",
            ) from error


def _take(connection: psycopg.Connection[Any], role: sql.Identifier) -> None:
    """Make sure that the present user may act as a role: by trying, since what membership means differs by version."""
    try:
        connection.execute(sql.SQL("SET ROLE {}").format(role))
    except psycopg.errors.InsufficientPrivilege:
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
    connection.execute("RESET ROLE")


def _make_extensions(connection: psycopg.Connection[Any]) -> None:
    for extension in EXTENSIONS:
        if _exists(connection, "SELECT FROM pg_extension WHERE extname = %s", extension):
            continue
        try:
            connection.execute(sql.SQL("CREATE EXTENSION {} SCHEMA public").format(sql.Identifier(extension)))
        except (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported) as error:
            line = install_line(connection.info.server_version // 10000)
            raise MissingSoftware(
                f"the server has no extension {extension}", do=f"On the server, install it with: {line}"
            ) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise DatabaseUnavailable(
                f"the user of TWIN_DATABASE_URL may not create the extension {extension}",
                do=f"Let an administrator run in this database: CREATE EXTENSION {extension}",
            ) from error
    row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'postgis'").fetchone()
    version = str(row[0]) if row else "0.0"
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_POSTGIS:
        raise MissingSoftware(f"the database has PostGIS {version}, the twin needs 3.3", do="Upgrade PostGIS")


def _check_text(connection: psycopg.Connection[Any]) -> None:
    """Refuse a database in which Chinese cannot be searched."""
    row = connection.execute("SELECT current_setting('server_encoding') = 'UTF8' AND '牟' ~ '[[:alpha:]]'").fetchone()
    if row is None or not row[0]:
        raise DatabaseUnavailable(
            "in this database Chinese characters are not letters (encoding or collation)",
            do="Make it with: CREATE DATABASE twin TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'",
        )
