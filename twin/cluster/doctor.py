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
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from twin.cluster.doctor_care import CARE
from twin.cluster.finding import Finding
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


def examine(settings: Settings, newest: str | None = None) -> list[Finding]:
    """Look at the machine, the programs and the database; changes nothing, never raises.

    newest: the database version that the program brings, e.g. "0024".
    """
    looks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _machine,
        _postgresql,
        _libraries,
        _packages,
        _shipped_data,
        _browser,
        _fonts,
        _room,
        *CARE,
        lambda given: _database(given, newest),
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


def _set_aside(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Say which indexes a load has set aside: it goes on, or it was killed and they must be made again."""
    there = connection.execute("SELECT to_regclass('twin.set_aside') IS NOT NULL").fetchone()
    if there and there[0]:
        rows = connection.execute("SELECT table_name, count(*) FROM twin.set_aside GROUP BY 1 ORDER BY 1").fetchall()
        for table, count in rows:
            do = "A load is going on; if not, run: twin db tidy"
            yield Finding(f"indexes of {table}", "warning", f"{count} set aside", do)


def _version(revision: str | None, newest: str | None) -> Finding:
    """Hold the database's version against the program's."""
    if revision is None:
        return Finding("database version", "warning", "empty", "Run: twin db upgrade")
    if newest is None or revision == newest:
        return Finding("database version", "ok", revision)
    if revision < newest:
        do = "Run: twin db backup FILE, then: twin db upgrade (twin up does the latter at its start)"
        return Finding("database version", "missing", f"{revision}; this program needs {newest}", do)
    do = "Install the newer version of the twin that wrote it"
    return Finding("database version", "missing", f"{revision}; this program knows up to {newest}", do)


def _database(settings: Settings, newest: str | None) -> Iterator[Finding]:
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
            yield _version(str(revision[0]) if revision else None, newest)
            yield from _set_aside(connection)
        else:
            yield _version(None, newest)
        times = []
        for _ in range(7):
            started = time.perf_counter()
            connection.execute("SELECT 1")
            times.append(1000 * (time.perf_counter() - started))
    slow = median(times) > SLOW_ANSWER_MS
    yield Finding("database answer", "warning" if slow else "ok", f"{median(times):.2f} ms")
