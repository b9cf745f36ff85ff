"""Whether the private cluster runs, what a crash left of it, and when it is ready."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil

from twin.errors import DatabaseUnavailable

READY_TIMEOUT_S = 300.0
ORPHAN_TIMEOUT_S = 15.0
STATUS_LINE = 7  # of postmaster.pid: starting, ready, stopping


def read_pid(pgdata: Path) -> int | None:
    """Read the server's process number from postmaster.pid; None when there is no usable file."""
    try:
        return int((pgdata / "postmaster.pid").read_text(encoding="utf-8", errors="replace").split("\n")[0])
    except (OSError, ValueError):
        return None


def _works_on(process: psutil.Process, pgdata: Path) -> bool:
    try:
        return process.name().startswith("postgres") and Path(process.cwd()) == pgdata.resolve()
    except (psutil.Error, OSError):
        return False


def is_running(pgdata: Path) -> bool:
    """Tell whether the server of this data folder runs: a live postgres that works in it, not merely a pid file."""
    pid = read_pid(pgdata)
    if pid is None:
        return False
    try:
        return _works_on(psutil.Process(pid), pgdata)
    except psutil.Error:
        return False


def wait_until_ready(pgdata: Path, timeout_s: float = READY_TIMEOUT_S) -> None:
    """Wait while a server that someone else started finishes recovery, or until it has ended.

    Raises DatabaseUnavailable when it is not ready in time.
    """
    until = time.monotonic() + timeout_s
    while is_running(pgdata):
        try:
            lines = (pgdata / "postmaster.pid").read_text(encoding="utf-8", errors="replace").split("\n")
        except FileNotFoundError:
            return
        if len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == "ready":
            return
        if time.monotonic() > until:
            raise DatabaseUnavailable("the database is still starting", do="Run: twin db status")
        time.sleep(0.05)


def clear_stale(pgdata: Path, socket_lock: Path) -> None:
    """Remove what a crash left: orphaned server processes, postmaster.pid and the socket's lock file.

    Call it only under the cluster's lock and when is_running says no. A pid file whose number another program
    has got in the meantime (after a reboot) would keep PostgreSQL from starting for ever.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        orphans = [process for process in psutil.process_iter() if _works_on(process, pgdata)]
        for process in orphans:
            _signal(process, number)
        _wait_until_gone(orphans, pgdata)
    (pgdata / "postmaster.pid").unlink(missing_ok=True)
    socket_lock.unlink(missing_ok=True)


def _wait_until_gone(processes: list[psutil.Process], pgdata: Path) -> None:
    """Wait a while until none works in the folder any more; one that is dead but not yet reaped has gone."""
    until = time.monotonic() + ORPHAN_TIMEOUT_S
    while any(_works_on(process, pgdata) for process in processes) and time.monotonic() < until:
        time.sleep(0.02)


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
