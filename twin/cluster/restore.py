"""Restore a backup beside what is there, prove it, and only then put it in its place."""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from typing import Any

import psycopg
from psycopg import sql

from twin.cluster.archive import (
    DUMP,
    FILES,
    Contents,
    Progress,
    check_copy,
    disk_errors,
    no_progress,
    open_archive,
    verify_archive,
)
from twin.cluster.backup import client_call, client_error, client_programs
from twin.cluster.bootstrap import RESTORE_LOCK, ensure_database
from twin.cluster.machine import MB, check_disk
from twin.cluster.server import connect, database_name, for_database
from twin.cluster.table_hashes import differences, hash_tables
from twin.errors import BadInput, Conflict, DatabaseUnavailable
from twin.settings import Settings

LOCALE = "SELECT datcollate, datctype FROM pg_database WHERE datname = current_database()"
# What restores that were killed on their way have left: new databases and folders, never those kept from before.
STAMP = r"\d{8}_\d{6}"
LEFT_OVER = "SELECT datname FROM pg_database WHERE datname ~ ('^' || %s || '_new_' || %s || '$')"
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


@dataclass(frozen=True)
class Restored:
    """What was put in place, and under which names that which was there before is kept."""

    contents: Contents
    kept_database: str
    kept_surveys: Path | None


def restore(
    settings: Settings,
    path: Path,
    known_revisions: set[str],
    upgrade: Callable[[Settings], Any],
    progress: Progress = no_progress,
) -> Restored:
    """Restore database and surveys' products from a backup.

    known_revisions, upgrade: the database versions this program knows, and what brings a database up to date
    (twin.migrations.upgrade). The backup is verified first, restored into a new database and a new folder, each
    table and file compared with the backup's list, and then exchanged for what is there, which is kept.
    Raises BadInput, DatabaseTooNew, NoSpace, Conflict, DatabaseUnavailable; then nothing has changed.
    """
    with open_archive(path, known_revisions) as (archive, contents), _alone(settings) as server:
        _check_city(settings, contents)
        verify_archive(archive, contents, path, progress)
        _clear_abandoned(settings, server)
        check_disk(settings.data_dir, 100 + 2 * contents.total_bytes // MB)
        stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
        name = database_name(settings)
        new = for_database(settings, f"{name}_new_{stamp}")
        folder = settings.data_dir / f"surveys_new_{stamp}"
        try:
            _restore_database(settings, server, new, archive, contents, progress)
            upgrade(new)
            _restore_files(archive, contents, folder, progress)
            kept = _exchange(settings, server, new, folder, stamp)
        except BaseException:
            rmtree(folder, ignore_errors=True)
            _drop(server, database_name(new))
            raise
        ensure_database(settings)
        return Restored(contents, f"{name}_before_{stamp}", kept)


def drop_kept(settings: Settings, restored: Restored) -> None:
    """Remove what was there before a restore. Raises DatabaseUnavailable when the server does not answer."""
    with _alone(settings) as server:
        _drop(server, restored.kept_database)
    if restored.kept_surveys is not None:
        rmtree(restored.kept_surveys)


@contextmanager
def _alone(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """Connect beside the database, where it can be renamed, and keep other restores of it away."""
    with connect(settings, "admin", database="postgres", autocommit=True) as server:
        row = server.execute(RESTORE_LOCK, (database_name(settings),)).fetchone()
        if not row or not row[0]:
            raise Conflict("another restore of this database is under way", do="Wait until it is done")
        yield server


def _clear_abandoned(settings: Settings, server: psycopg.Connection[Any]) -> None:
    """Remove the half-made databases and folders of restores that were killed; call it under the restore's lock."""
    name = re.escape(database_name(settings))
    for (left_over,) in server.execute(LEFT_OVER, (name, STAMP)).fetchall():
        _drop(server, left_over)
    for folder in settings.data_dir.glob("surveys_new_*"):
        rmtree(folder, ignore_errors=True)


def _check_city(settings: Settings, contents: Contents) -> None:
    if (contents.city, contents.working_srid) != (settings.city.code, settings.city.working_srid):
        raise BadInput(
            f"this backup is of city {contents.city} in EPSG:{contents.working_srid}, "
            f"the settings say {settings.city.code} in EPSG:{settings.city.working_srid}",
            do="Set TWIN_CITY to that city's file",
        )


def _restore_database(
    settings: Settings,
    server: psycopg.Connection[Any],
    new: Settings,
    archive: zipfile.ZipFile,
    contents: Contents,
    progress: Progress,
) -> None:
    progress("database", 0.0)
    with connect(settings, "admin") as connection:
        locale = connection.execute(LOCALE).fetchone()
        major = connection.info.server_version // 10000
    make = "CREATE DATABASE {} OWNER twin_owner TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE {} LC_CTYPE {}"
    collate, ctype = map(sql.Literal, locale or ("C.UTF-8", "C.UTF-8"))
    try:
        server.execute(sql.SQL(make).format(sql.Identifier(database_name(new)), collate, ctype))
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseUnavailable(
            "the user of TWIN_DATABASE_URL may not create a database to restore into",
            do="Let an administrator run: ALTER ROLE ... CREATEDB",
        ) from error
    conninfo, environment = client_call(new)
    command = [client_programs(major).path("pg_restore"), "--exit-on-error", "--no-password", f"--dbname={conninfo}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None  # noqa: S101
        with archive.open(DUMP) as dump:
            _feed(dump, process, contents)
        complaint = process.stderr.read().decode(errors="replace") if process.stderr else ""
    if process.returncode != 0:
        raise client_error("pg_restore", complaint)
    progress("compare", 0.6)
    with connect(new, "admin") as connection:
        different = differences(contents.tables, hash_tables(connection))
    if different:
        raise BadInput(f"after restoring, these tables differ from the backup: {', '.join(different[:5])}")


def _feed(dump: Any, process: subprocess.Popen[bytes], contents: Contents) -> None:
    """Give pg_restore the dump; when it ends early its own complaint is the reason that counts."""
    assert process.stdin is not None  # noqa: S101
    try:
        check_copy(dump, process.stdin, contents.files[DUMP], DUMP)
        process.stdin.close()
    except BrokenPipeError:
        return


def _restore_files(archive: zipfile.ZipFile, contents: Contents, folder: Path, progress: Progress) -> None:
    """Write the surveys' files to a new folder, each compared with the list as it lies on the disk."""
    names = [name for name in contents.files if name.startswith(FILES)]
    prefix = f"{FILES}surveys/"
    with disk_errors(folder):
        folder.mkdir(parents=True)
        for number, name in enumerate(names):
            progress("products", 0.7 + 0.3 * number / len(names))
            target = folder / name.removeprefix(prefix)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, target.open("xb") as handle:
                check_copy(source, handle, contents.files[name], name)
                handle.flush()
                os.fsync(handle.fileno())
            with target.open("rb") as written:
                check_copy(written, None, contents.files[name], str(target))


def _exchange(
    settings: Settings, server: psycopg.Connection[Any], new: Settings, folder: Path, stamp: str
) -> Path | None:
    """Put the restored database and folder in place of the present ones, which keep a name with the time."""
    name, fresh = database_name(settings), database_name(new)
    kept_surveys = settings.data_dir / f"surveys_before_{stamp}"
    had_surveys = settings.surveys_dir.exists()
    with _closed(server, name), server.transaction():
        server.execute(OTHERS, (fresh,))
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        server.execute(rename.format(sql.Identifier(name), sql.Identifier(f"{name}_before_{stamp}")))
        server.execute(rename.format(sql.Identifier(fresh), sql.Identifier(name)))
        # The folders last: if they cannot be exchanged, the databases keep their names.
        if had_surveys:
            settings.surveys_dir.rename(kept_surveys)
        try:
            folder.rename(settings.surveys_dir)
        except OSError:
            if had_surveys:
                kept_surveys.rename(settings.surveys_dir)
            raise
    return kept_surveys if had_surveys else None


@contextmanager
def _closed(server: psycopg.Connection[Any], name: str) -> Iterator[None]:
    """Let nobody into a database and send home who is in it; open it again if the exchange fails."""
    allow = "ALTER DATABASE {} ALLOW_CONNECTIONS {}"
    server.execute(sql.SQL(allow).format(sql.Identifier(name), sql.SQL("false")))
    try:
        server.execute(OTHERS, (name,))
        yield
    except BaseException:
        server.execute(sql.SQL(allow).format(sql.Identifier(name), sql.SQL("true")))
        raise


def _drop(server: psycopg.Connection[Any], name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
