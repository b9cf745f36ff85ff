"""The database server: a private PostGIS cluster under the data directory, or the one in TWIN_DATABASE_URL."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from twin.cluster.account import (
    Account,
    cluster_dir,
    make_cluster_dir,
    make_socket_dir,
    own_name,
    server_account,
    socket_dir,
)
from twin.cluster.machine import check_disk, server_settings
from twin.cluster.postmaster import clear_stale, is_running, wait_until_ready
from twin.cluster.programs import choose_wal_compression, find_programs, preloaded
from twin.errors import DatabaseUnavailable, NoSpace, TwinError
from twin.personal.keyring import remember_keys
from twin.settings import Settings

Role = Literal["owner", "ingest", "app", "admin"]
DATABASE = "twin"
ROLE_NAMES: dict[str, str] = {role: f"twin_{role}" for role in ("owner", "ingest", "app", "admin")}
# Longest a statement may run, by role; 0: as long as it takes (migrations, backups, loads).
STATEMENT_TIMEOUT: dict[str, str] = {"owner": "0", "ingest": "30min", "app": "15s", "admin": "0"}
ANSWER_TRIES = 50
PORT = "5432"  # part of the socket's file name only: there is no TCP


def data_folder(settings: Settings) -> Path:
    """Say where PostgreSQL's own data folder of the private cluster lies."""
    return cluster_dir(settings.data_dir) / "pgdata"


def log_file(settings: Settings) -> Path:
    """Say where the private cluster writes its log."""
    return cluster_dir(settings.data_dir) / "server.log"


def dsn(settings: Settings, role: Role, database: str | None = None) -> str:
    """Give the libpq conninfo to connect with as a database role.

    role: owner (migrations), ingest (deliveries, surveys), app (the API), admin (cluster work only).
    database: another database of the same server; by default the twin's own.
    With TWIN_DATABASE_URL the user of that URL connects and takes the role with SET ROLE.
    """
    limit = STATEMENT_TIMEOUT[role]
    if settings.database_url is None:
        return make_conninfo(
            host=str(socket_dir(settings.data_dir)),
            port=PORT,
            dbname=database or DATABASE,
            user=ROLE_NAMES[role],
            application_name=f"twin-{role}",
            connect_timeout="10",
            options=f"-c statement_timeout={limit}",
        )
    given = conninfo_to_dict(settings.database_url)
    options = [str(given["options"])] if given.get("options") else []
    options += [f"-c statement_timeout={limit}", "-c client_connection_check_interval=2s", "-c jit=off"]
    if role != "admin":
        options.append(f"-c role={ROLE_NAMES[role]}")
    changed = {"options": " ".join(options), "application_name": f"twin-{role}"}
    if database is not None:
        changed["dbname"] = database
    return make_conninfo(settings.database_url, **changed)


def for_database(settings: Settings, database: str) -> Settings:
    """Give settings that mean another database of the same server, e.g. one being restored."""
    return replace(settings, database_url=make_conninfo(dsn(settings, "admin", database), options=""))


def database_name(settings: Settings) -> str:
    """Name the database the settings mean."""
    return str(conninfo_to_dict(dsn(settings, "admin")).get("dbname") or DATABASE)


def connect(settings: Settings, role: Role, *, database: str | None = None, **options: Any) -> psycopg.Connection[Any]:
    """Connect with psycopg as a database role; options go to psycopg.connect.

    Raises DatabaseUnavailable when the server does not answer.
    """
    try:
        connection: psycopg.Connection[Any] = psycopg.connect(dsn(settings, role, database), **options)
        remember_keys(connection, settings.keys_path)
        return connection
    except psycopg.OperationalError as error:
        raise unavailable(settings, error) from error


def unavailable(settings: Settings, error: Exception) -> DatabaseUnavailable:
    """Say in the user's terms why there is no connection, and what to do; never shows a password."""
    said = [line for line in str(error).splitlines() if line.strip() and not line[0].isspace()]  # indented: its hints
    reason = said[-1] if said else type(error).__name__
    if settings.database_url is None:
        return DatabaseUnavailable(
            f"the private database does not answer ({reason})", do="Start it with: twin db start"
        )
    given = conninfo_to_dict(settings.database_url)
    place = f"{given.get('host') or given.get('hostaddr') or 'local socket'}:{given.get('port') or PORT}"
    password = given.get("password")
    if password:
        reason = reason.replace(str(password), "***")
    return DatabaseUnavailable(
        f"the database server does not answer ({reason})",
        where=f"TWIN_DATABASE_URL, {place}",
        do="Check that it runs, and the address, user and password",
    )


def start(settings: Settings, *, server_options: Mapping[str, str] | None = None) -> bool:
    """Start the private cluster (made first where there is none); with TWIN_DATABASE_URL only check that it answers.

    server_options: settings of PostgreSQL on top of those chosen for the machine.
    Returns True when it was started, False when it ran already. Safe to call twice, at once, after a crash.
    Raises MissingSoftware, NoSpace, DatabaseUnavailable.
    """
    if settings.database_url is not None:
        connect(settings, "admin").close()
        return False
    account = server_account()
    with cluster_lock(settings.data_dir):
        _check_owner(settings, account)
        if _answers(settings):
            return False
        check_disk(settings.data_dir)
        folder = make_cluster_dir(settings.data_dir, account)
        if not (folder / "pgdata" / "PG_VERSION").exists():
            _initialise(folder, account)
        _launch(settings, folder, account, dict(server_options or {}))
        return True


def _answers(settings: Settings) -> bool:
    """Tell whether the private cluster runs and lets us in; one that is just dying counts as not running."""
    pgdata = data_folder(settings)
    for _ in range(ANSWER_TRIES):
        if not is_running(pgdata):
            return False
        wait_until_ready(pgdata)
        try:
            connect(settings, "admin", database="postgres").close()
            return True
        except DatabaseUnavailable:
            time.sleep(0.1)
    connect(settings, "admin", database="postgres").close()  # it runs, but does not let us in: say why
    return True


def stop(settings: Settings) -> bool:
    """Stop the private cluster, rolling back what is under way.

    Returns False when it did not run, or when the server is another's (TWIN_DATABASE_URL).
    Raises DatabaseUnavailable when it does not stop within a minute.
    """
    if settings.database_url is not None:
        return False
    account = server_account()
    with cluster_lock(settings.data_dir):
        pgdata = data_folder(settings)
        if not is_running(pgdata):
            return False
        _check_owner(settings, account)
        programs = find_programs(_made_by(pgdata))
        done = account.run([programs.path("pg_ctl"), "stop", "-D", str(pgdata), "-m", "fast", "-w", "-t", "60", "-s"])
        if done.returncode != 0 and is_running(pgdata):
            raise DatabaseUnavailable(
                f"the database did not stop ({done.stderr.strip()[-200:]})", where=str(log_file(settings))
            )
        with suppress(OSError):
            socket_dir(settings.data_dir).rmdir()
        return True


@contextmanager
def cluster_lock(data_dir: Path) -> Iterator[None]:
    """Hold the lock under which a cluster is made, started and stopped; others wait."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "database.lock").open("w")
    except OSError as error:
        raise _disk_error(error, data_dir) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _disk_error(error: OSError, place: Path) -> TwinError:
    if error.errno in (28, 122):  # no space left, quota exceeded
        return NoSpace("the disk is full", where=str(place), do="Free some space or set TWIN_DATA_DIR elsewhere")
    return DatabaseUnavailable(
        f"the data directory cannot be used ({error.strerror})", where=str(place), do="Set TWIN_DATA_DIR elsewhere"
    )


def _made_by(pgdata: Path) -> int:
    return int((pgdata / "PG_VERSION").read_text(encoding="ascii").strip())


def _check_owner(settings: Settings, account: Account) -> None:
    folder = cluster_dir(settings.data_dir)
    if folder.exists() and folder.stat().st_uid not in (account.uid, 0):
        raise DatabaseUnavailable(
            f"this database belongs to another user (number {folder.stat().st_uid})",
            where=str(folder),
            do="Run as that user (as root, if root made it), or choose another TWIN_DATA_DIR",
        )


def _initialise(folder: Path, account: Account) -> None:
    """Make an empty cluster; under a temporary name until it is whole, so a killed initdb leaves nothing usable."""
    programs = find_programs()
    unfinished = folder / "pgdata.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    command = [programs.path("initdb"), "-D", str(unfinished), "--username", ROLE_NAMES["admin"], "--encoding", "UTF8"]
    # C.UTF-8 sorts by code point and, unlike C, knows Chinese characters as letters: trigrams need that.
    command += ["--locale", "C.UTF-8", "--data-checksums", "--auth-local", "peer", "--auth-host", "reject"]
    done = account.run(command)
    if done.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise _server_error("the database could not be made", done.stderr + done.stdout, folder)
    unfinished.rename(folder / "pgdata")


def _server_error(what: str, output: str, place: Path) -> TwinError:
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return NoSpace(f"{what}: the disk is full", where=str(place), do="Free some space and try again")
    lines = [line.strip() for line in output.splitlines() if "FATAL" in line or "error" in line.lower()]
    reason = lines[-1] if lines else (output.strip().splitlines() or ["no reason given"])[-1]
    return DatabaseUnavailable(f"{what} ({reason[:300]})", where=str(place), do="Run: twin doctor")


def _write_settings(settings: Settings, pgdata: Path, account: Account, extra: dict[str, str]) -> None:
    sockets = make_socket_dir(settings.data_dir, account)
    chosen = server_settings(sockets) | {"port": PORT} | extra
    _write(pgdata / "twin.conf", "".join(f"{name} = '{value}'\n" for name, value in chosen.items()), account)
    main = pgdata / "postgresql.conf"
    text = main.read_text(encoding="utf-8")
    if "include = 'twin.conf'" not in text:
        _write(main, text + "\n# chosen for this machine at every start\ninclude = 'twin.conf'\n", account)
    # Only who owns the data directory (and the server's own account) may come in, as any of the twin's roles.
    people = dict.fromkeys((account.name, own_name()))
    _write(pgdata / "pg_hba.conf", "local all all peer map=twin\n", account)
    lines = [f"twin {person} {role}\n" for person in people for role in ROLE_NAMES.values()]
    _write(pgdata / "pg_ident.conf", "".join(lines), account)


def _write(path: Path, text: str, account: Account) -> None:
    path.write_text(text, encoding="utf-8")
    account.own_file(path)


def _launch(settings: Settings, folder: Path, account: Account, extra: dict[str, str]) -> None:
    pgdata = folder / "pgdata"
    programs = find_programs(_made_by(pgdata))
    clear_stale(pgdata, socket_dir(settings.data_dir) / f".s.PGSQL.{PORT}.lock")
    fitting = preloaded(programs.bin_dir) | {"wal_compression": choose_wal_compression(programs)}
    _write_settings(settings, pgdata, account, fitting | extra)
    log = folder / "server.log"
    start_of_log = log.stat().st_size if log.exists() else 0
    command = [programs.path("pg_ctl"), "start", "-D", str(pgdata), "-l", str(log), "-w", "-t", "300", "-s"]
    done = account.run(command)
    if done.returncode != 0:
        text = ""
        if log.exists():
            with log.open(encoding="utf-8", errors="replace") as handle:
                handle.seek(start_of_log)
                text = handle.read()
        raise _server_error("the database did not start", text + done.stderr, log)
