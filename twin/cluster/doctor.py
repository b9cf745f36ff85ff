"""What is installed, what is missing and how to install it, how much room there is, and whether the disk is slow."""

from __future__ import annotations

import ctypes.util
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any, Literal

import psycopg

from twin.cluster.backup import last_backup
from twin.cluster.machine import cores, free_mb, memory_mb
from twin.cluster.programs import find_programs, list_programs
from twin.cluster.server import connect
from twin.cluster.state import server_state
from twin.errors import TwinError
from twin.manifest import manifest_problems
from twin.settings import Settings

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "microsoft-edge")
# What the compiled packages load from the system: library -> (Debian package, who needs it).
LIBRARIES = {
    "EGL": ("libegl1", "open3d"),
    "GL": ("libgl1", "open3d"),
    "gomp": ("libgomp1", "open3d, scikit"),
}
PACKAGES = ("rasterio", "pyproj", "pyogrio", "shapely", "pycolmap", "open3d", "opencv-python-headless", "psycopg")
LEAST_DISK_MB, LEAST_MEMORY_MB = 5_000, 3_500
SLOW_FSYNC_MS, SLOW_ANSWER_MS = 20.0, 20.0
OLD_BACKUP_DAYS = 2.0


@dataclass(frozen=True)
class Finding:
    """One thing looked at. state: ok, missing (something does not work without it), or warning. do: what helps."""

    name: str
    state: Literal["ok", "missing", "warning"]
    value: str
    do: str | None = None


def examine(settings: Settings) -> list[Finding]:
    """Look at the machine, the programs and the database; changes nothing, never raises."""
    looks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _machine,
        _postgresql,
        _libraries,
        _packages,
        _shipped_data,
        _browser,
        _fonts,
        _room,
        _key_files,
        _service_edge,
        _backup,
        _database,
        _accounts,
    )
    findings: list[Finding] = []
    for look in looks:
        try:
            findings += look(settings)
        except Exception as error:  # a doctor that dies of what it finds helps nobody
            findings.append(Finding(look.__name__.strip("_"), "warning", f"could not be examined ({error})"))
    return findings


def apt_line(*packages: str) -> str:
    """Give the line that installs Debian packages."""
    return f"sudo apt-get install -y --no-install-recommends {' '.join(packages)}"


def _machine(settings: Settings) -> Iterator[Finding]:
    yield Finding("system", "ok", f"{platform.system()} {platform.release()}, {platform.machine()}")
    yield Finding("python", "ok", platform.python_version())
    memory = memory_mb()
    enough = memory >= LEAST_MEMORY_MB
    yield Finding(
        "memory",
        "ok" if enough else "warning",
        f"{memory} MB, {cores()} cores",
        None if enough else f"Photogrammetry wants {LEAST_MEMORY_MB} MB; use smaller surveys",
    )


def _postgresql(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is not None:
        yield Finding("postgresql", "ok", "TWIN_DATABASE_URL is used")
        return
    for programs in list_programs():
        yield Finding("postgresql", "ok", f"{programs.version}, PostGIS {programs.postgis_version or 'none'}")
    try:
        find_programs()
    except TwinError as error:
        yield Finding("postgresql", "missing", error.what, error.do)


def _libraries(settings: Settings) -> Iterator[Finding]:
    for library, (package, user) in LIBRARIES.items():
        if ctypes.util.find_library(library):
            yield Finding(f"lib{library}", "ok", "installed")
        else:
            yield Finding(f"lib{library}", "missing", f"not installed, needed by {user}", apt_line(package))


def _packages(settings: Settings) -> Iterator[Finding]:
    for package in PACKAGES:
        try:
            yield Finding(package, "ok", version(package))
        except PackageNotFoundError:
            yield Finding(package, "missing", "not installed", "Run: make install")
    import pyproj

    yield Finding("proj", "ok", str(pyproj.proj_version_str))
    import rasterio

    yield Finding("gdal", "ok", str(rasterio.__gdal_version__))


def _shipped_data(settings: Settings) -> Iterator[Finding]:
    problems = manifest_problems()
    if problems:
        yield Finding("shipped data", "warning", "; ".join(problems[:3]), "Install again; these files were changed")
    else:
        yield Finding("shipped data", "ok", "as in data/MANIFEST")


def _browser(settings: Settings) -> Iterator[Finding]:
    for name in BROWSERS:
        path = shutil.which(name)
        if path:
            done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20)
            yield Finding("browser", "ok", done.stdout.strip() or name)
            return
    yield Finding("browser", "warning", "no Chromium; only the browser tests need it", apt_line("chromium"))


def _fonts(settings: Settings) -> Iterator[Finding]:
    line = apt_line("fonts-noto-cjk", "fontconfig")
    if not shutil.which("fc-list"):
        yield Finding("chinese font", "warning", "unknown, fontconfig is not installed", line)
        return
    done = subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True, timeout=60)
    families = sorted({name.split(",")[0].strip() for name in done.stdout.splitlines() if name.strip()})
    if families:
        yield Finding("chinese font", "ok", ", ".join(families[:3]))
    else:
        yield Finding("chinese font", "warning", "none; reports and this machine's browser show boxes", line)


def _room(settings: Settings) -> Iterator[Finding]:
    free = free_mb(settings.data_dir)
    enough = free >= LEAST_DISK_MB
    yield Finding(
        "disk",
        "ok" if enough else "warning",
        f"{free} MB free at {settings.data_dir}",
        None if enough else "Free some space or set TWIN_DATA_DIR to a larger disk",
    )
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        yield Finding("data directory", "missing", f"{folder} cannot be written to", "Set TWIN_DATA_DIR elsewhere")
        return
    duration_ms = _fsync_ms(folder)
    slow = duration_ms > SLOW_FSYNC_MS
    yield Finding(
        "disk speed",
        "warning" if slow else "ok",
        f"{duration_ms:.1f} ms to write safely",
        "This disk is slow; a local SSD makes loads several times faster" if slow else None,
    )


def _fsync_ms(folder: Path) -> float:
    """Measure how long a small safe write takes: the median of seven, milliseconds."""
    path = folder / f".doctor-{os.getpid()}"
    times = []
    try:
        with path.open("wb") as handle:
            for _ in range(7):
                handle.write(bytes(8192))
                handle.flush()
                started = time.perf_counter()
                os.fsync(handle.fileno())
                times.append(1000 * (time.perf_counter() - started))
    finally:
        path.unlink(missing_ok=True)
    return median(times)


def _key_files(settings: Settings) -> Iterator[Finding]:
    """Say whether others may read the keys of personal data."""
    path = settings.keys_path
    if not path.exists():
        yield Finding("keys", "warning", "no key file yet", "Run: twin key make, then: twin key backup FILE")
        return
    for place in (path, path.parent):
        mode = place.stat().st_mode & 0o777
        if mode & 0o077:
            do = f"chmod {'700' if place.is_dir() else '600'} {place}"
            yield Finding("keys", "warning", f"others may read {place} (mode {mode:o})", do)
            return
    yield Finding("keys", "ok", "readable by the owner only")


def _service_edge(settings: Settings) -> Iterator[Finding]:
    """Say whether people come by https, as far as the settings tell."""
    https = os.environ.get("TWIN_HTTPS", "").lower() in ("1", "yes", "true", "on")
    do = None if https else "Behind a proxy set TWIN_HTTPS=1 and TWIN_TRUSTED_PROXIES, or use twin up --certificate"
    yield Finding("https", "ok" if https else "warning", "said to be used" if https else "not said to be used", do)


def _backup(settings: Settings) -> Iterator[Finding]:
    """Say how old the last backup is, and whether its file is still where it was written."""
    last = last_backup(settings)
    if last is None:
        yield Finding("backup", "warning", "none made yet", "Run every night: twin db backup FILE")
        return
    made, file = last
    days = (datetime.now(UTC) - made).total_seconds() / 86400
    if days > OLD_BACKUP_DAYS:
        yield Finding("backup", "warning", f"{days:.0f} days old", "Run every night: twin db backup FILE")
    else:
        moved = "" if Path(file).exists() else ", moved from where it was written"
        yield Finding("backup", "ok", f"{24 * days:.0f} hours old{moved}")


ACCOUNTS = """
SELECT count(*), count(*) FILTER (WHERE is_admin AND NOT totp_confirmed), count(*) FILTER (WHERE must_change),
       count(DISTINCT role) FILTER (WHERE is_admin)
FROM (SELECT *, role IN ('system_admin', 'security_admin', 'audit_admin') AS is_admin
      FROM access.account WHERE NOT disabled) a
"""


def _accounts(settings: Settings) -> Iterator[Finding]:
    """Say whether the administrators are there, with a second factor, and whether the audit's chain is whole."""
    if server_state(settings).problem:
        return
    with connect(settings, "admin") as connection:
        there = connection.execute("SELECT to_regclass('access.account') IS NOT NULL").fetchone()
        if not there or not there[0]:
            return
        row = connection.execute(ACCOUNTS).fetchone() or (0, 0, 0, 0)
        broken = connection.execute("SELECT audit.first_broken()").fetchone()
        slow = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND now() - query_start > interval '60 s' "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    everyone, without, first, kinds = row
    if not everyone:
        yield Finding(
            "accounts", "warning", "none: the desk is open on this computer", "Run: twin user add (docs/accounts.md)"
        )
    else:
        yield Finding("accounts", "ok", f"{everyone}, {first} with a first password still")
        if kinds < 3:
            yield Finding("administrators", "warning", f"{kinds} of 3 kinds", "Make the three (docs/accounts.md)")
        if without:
            yield Finding(
                "second factor", "warning", f"missing for {without} administrators", "They set it up at /login"
            )
    if broken is not None and broken[0] is not None:
        yield Finding("audit", "warning", f"the chain breaks at entry {broken[0]}", "Run: twin audit verify")
    else:
        yield Finding("audit", "ok", "the chain is whole")
    if slow and slow[0]:
        yield Finding("slow statements", "warning", f"{slow[0]} run for over a minute", "See pg_stat_activity")


def _set_aside(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Say which indexes a load has set aside: it goes on, or it was killed and they must be made again."""
    there = connection.execute("SELECT to_regclass('twin.set_aside') IS NOT NULL").fetchone()
    if there and there[0]:
        rows = connection.execute("SELECT table_name, count(*) FROM twin.set_aside GROUP BY 1 ORDER BY 1").fetchall()
        for table, count in rows:
            do = "A load is going on; if not, run: twin db tidy"
            yield Finding(f"indexes of {table}", "warning", f"{count} set aside", do)


def _database(settings: Settings) -> Iterator[Finding]:
    state = server_state(settings)
    if state.problem:
        do = None if "twin db start" in state.problem else "Run: twin db start"
        yield Finding("database", "warning", re.sub(r"\s+", " ", state.problem), do)
        return
    yield Finding("database", "ok", f"PostgreSQL {state.postgresql}, PostGIS {state.postgis}, {state.size_mb} MB")
    with connect(settings, "admin") as connection:
        row = connection.execute("SELECT to_regclass('twin.schema_version') IS NOT NULL").fetchone()
        if row and row[0]:
            revision = connection.execute("SELECT version_num FROM twin.schema_version").fetchone()
            yield Finding("database version", "ok", str(revision[0]) if revision else "none")
            yield from _set_aside(connection)
        else:
            yield Finding("database version", "warning", "empty", "Run: twin db upgrade")
        times = []
        for _ in range(7):
            started = time.perf_counter()
            connection.execute("SELECT 1")
            times.append(1000 * (time.perf_counter() - started))
    slow = median(times) > SLOW_ANSWER_MS
    yield Finding("database answer", "warning" if slow else "ok", f"{median(times):.2f} ms")
