"""Back up everything in one file: the database and the surveys' products, with a proof of each table and file."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from twin.cluster.archive import DUMP, FILES, FORMAT, Contents, Progress, add_stream, new_archive, no_progress
from twin.cluster.programs import Programs, find_programs, list_programs
from twin.cluster.server import connect, dsn
from twin.cluster.table_hashes import hash_tables
from twin.errors import BadInput, Conflict, DatabaseUnavailable, MissingSoftware, NoSpace, TwinError
from twin.settings import Settings

# Of a survey: what was made of it. Stages are intermediate, can be made again and are many times larger.
KEPT_FOLDERS = ("products", "report")
KEPT_FILES = ("survey.json",)
# When the last backup was made and where it was written, in the data directory: for the doctor.
LAST_BACKUP = "last_backup.json"
CITY = "SELECT v.version_num, c.code, c.working_srid FROM twin.schema_version v, twin.city c"


def back_up(settings: Settings, path: Path, progress: Progress = no_progress) -> Contents:
    """Write a backup of the database and the surveys' products to one new file.

    The dump, the counts and the hashes are of one moment; people may go on working. Returns what is in it.
    Raises DatabaseUnavailable, NoSpace, Conflict (the file exists, or a survey changes meanwhile), BadInput.
    """
    with connect(settings, "admin") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        contents = _describe(connection)
        progress("hash", 0.0)
        contents.tables = hash_tables(connection)
        snapshot = connection.execute("SELECT pg_export_snapshot()").fetchone()
        programs = client_programs(connection.info.server_version // 10000)
        with new_archive(path, contents) as archive:
            progress("dump", 0.1)
            _dump(settings, programs, str(snapshot[0]) if snapshot else "", archive, contents)
            _add_products(settings, archive, contents, progress)
    note = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), "file": str(path.resolve())})
    with suppress(OSError):  # the backup is whole, with or without the note
        (settings.data_dir / LAST_BACKUP).write_text(note, encoding="utf-8")
    return contents


def last_backup(settings: Settings) -> tuple[datetime, str] | None:
    """Say when the last backup was finished and where it was written; None when none is known."""
    try:
        note = json.loads((settings.data_dir / LAST_BACKUP).read_text(encoding="utf-8"))
        return datetime.fromisoformat(note["at"]), str(note["file"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _describe(connection: psycopg.Connection[Any]) -> Contents:
    try:
        row = connection.execute(CITY).fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    except psycopg.errors.InsufficientPrivilege as error:
        raise _not_allowed() from error
    if row is None:
        raise BadInput("the database is empty, there is nothing to back up", do="Run: twin db upgrade")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Contents(FORMAT, version("city-digital-twin"), str(row[0]), str(row[1]), int(row[2]), now, {})


def _not_allowed() -> DatabaseUnavailable:
    return DatabaseUnavailable(
        "the user of TWIN_DATABASE_URL may not read all rows",
        do="Back up as a superuser or a role with BYPASSRLS",
    )


def client_programs(server_major: int) -> Programs:
    """Choose pg_dump and pg_restore for a server: of its own version, else the oldest newer one.

    Raises MissingSoftware when all that are installed are older.
    """
    fit = [programs for programs in list_programs() if programs.major >= server_major]
    if not fit:
        if not list_programs():
            return find_programs()  # names the line to install
        raise MissingSoftware(
            f"the server runs PostgreSQL {server_major}, the programs here are older",
            do=f"Install them with: sudo apt-get install -y postgresql-client-{server_major}",
        )
    return min(fit, key=lambda programs: programs.major)


def client_call(settings: Settings, database: str | None = None) -> tuple[str, dict[str, str]]:
    """Give the conninfo for a client program's arguments, without the password, and its environment, with it."""
    conninfo = dsn(settings, "admin", database)
    password = conninfo_to_dict(conninfo).get("password")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    if password:
        environment["PGPASSWORD"] = str(password)
        parts = {key: value for key, value in conninfo_to_dict(conninfo).items() if key != "password"}
        conninfo = make_conninfo("", **parts)
    return conninfo, environment


def client_error(program: str, output: str) -> TwinError:
    """Say what a client program complained about."""
    lines = [line for line in output.splitlines() if "error" in line.lower()] or output.splitlines() or [""]
    if "No space left on device" in output:
        return NoSpace(f"{program}: the database's disk is full", do="Free some space and try again")
    if "row-level security" in output:
        return _not_allowed()
    return DatabaseUnavailable(f"{program} failed ({lines[0].strip()[:300]})")


def _dump(settings: Settings, programs: Programs, snapshot: str, archive: zipfile.ZipFile, contents: Contents) -> None:
    conninfo, environment = client_call(settings)
    command = [programs.path("pg_dump"), "--format=custom", "--compress=6", "--no-comments", f"--snapshot={snapshot}"]
    command += ["--no-password", f"--dbname={conninfo}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        add_stream(archive, contents, DUMP, process.stdout)
        complaint = process.stderr.read().decode(errors="replace")
    if process.returncode != 0:
        raise client_error("pg_dump", complaint)


def kept_files(surveys_dir: Path) -> Iterator[tuple[str, Path]]:
    """List what a backup keeps of the surveys: (name in the archive, path), in order of names."""
    for survey in sorted(surveys_dir.iterdir()) if surveys_dir.is_dir() else []:
        if not survey.is_dir():
            continue
        found = [survey / name for name in KEPT_FILES]
        for folder in KEPT_FOLDERS:
            found += (survey / folder).rglob("*")
        for path in sorted(found):
            if path.is_file():
                yield f"{FILES}surveys/{path.relative_to(surveys_dir).as_posix()}", path


def _add_products(settings: Settings, archive: zipfile.ZipFile, contents: Contents, progress: Progress) -> None:
    files = list(kept_files(settings.surveys_dir))
    for number, (name, path) in enumerate(files):
        progress("products", 0.3 + 0.7 * number / len(files))
        try:
            before = path.stat()
            with path.open("rb") as source:
                add_stream(archive, contents, name, source)
            unchanged = path.stat().st_mtime_ns == before.st_mtime_ns and path.stat().st_ino == before.st_ino
        except FileNotFoundError:
            unchanged = False
        if not unchanged:
            raise Conflict(
                "this file changed while it was being copied", where=str(path), do="Try again when the survey is done"
            )
