"""Find the PostgreSQL and PostGIS that the private cluster runs on, or name the line that installs them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from twin.errors import MissingSoftware

OLDEST_POSTGRESQL = 15
OLDEST_POSTGIS = (3, 3)
NEEDED = ("postgres", "initdb", "pg_ctl", "pg_dump", "pg_restore")
DEBIAN_ROOT = Path("/usr/lib/postgresql")
DEBIAN_SHARE = Path("/usr/share/postgresql")
OS_RELEASE = Path("/etc/os-release")
# The PostgreSQL that each distribution itself carries.
DISTRIBUTION_MAJOR = {"bookworm": 15, "trixie": 17, "jammy": 14, "noble": 16}


@dataclass(frozen=True)
class Programs:
    """One installed PostgreSQL: where its programs lie, its version and that of its PostGIS (None: not installed)."""

    bin_dir: Path
    version: str
    postgis_version: str | None

    @property
    def major(self) -> int:
        """Major version of PostgreSQL, e.g. 15."""
        return int(re.match(r"\d+", self.version).group())  # type: ignore[union-attr]

    def path(self, program: str) -> str:
        """Give the full path of one of its programs, e.g. pg_ctl."""
        return str(self.bin_dir / program)


def install_line(major: int | None = None) -> str:
    """Give the exact line that installs PostgreSQL with PostGIS here.

    major: version of a PostgreSQL that is there already; None: what this distribution carries.
    """
    if major is None:
        text = OS_RELEASE.read_text(encoding="utf-8") if OS_RELEASE.exists() else ""
        codename = re.search(r"^VERSION_CODENAME=\"?(\w+)", text, re.MULTILINE)
        major = DISTRIBUTION_MAJOR.get(codename.group(1) if codename else "", OLDEST_POSTGRESQL)
        major = max(major, OLDEST_POSTGRESQL)
    return f"sudo apt-get install -y --no-install-recommends postgresql-{major} postgresql-{major}-postgis-3"


def _read_version(bin_dir: Path) -> str | None:
    try:
        text = subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"(\d+(?:\.\d+)*)", text)
    return found.group(1) if found else None


def _share_dir(bin_dir: Path, major: str) -> Path:
    told = _ask_pg_config(bin_dir, "--sharedir")
    return Path(told) if told else DEBIAN_SHARE / major


def choose_wal_compression(programs: Programs) -> str:
    """Say how the server is to compress whole pages in its log: with lz4 where it was built with it, else its own way.

    Its own way takes a tenth of a second for each 4 MB of a new index.
    """
    return "lz4" if "--with-lz4" in _ask_pg_config(programs.bin_dir, "--configure") else "on"


def _ask_pg_config(bin_dir: Path, question: str) -> str:
    """Ask what a PostgreSQL was built with; empty where it cannot say."""
    try:
        answer = subprocess.run([bin_dir / "pg_config", question], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()


def preloaded(bin_dir: Path) -> dict[str, str]:
    """Give the setting that loads PostGIS once for the whole server; nothing where its library lies elsewhere.

    Loading it takes 14 ms of every database process (parallel workers too), which is longer than most answers.
    """
    library = "postgis-3"
    there = (bin_dir.resolve().parent / "lib" / f"{library}.so").exists()
    return {"shared_preload_libraries": library} if there else {}


def _read_postgis_version(bin_dir: Path, major: str) -> str | None:
    control = _share_dir(bin_dir, major) / "extension" / "postgis.control"
    if not control.exists():
        return None
    found = re.search(r"default_version\s*=\s*'([^']+)'", control.read_text(encoding="utf-8"))
    return found.group(1) if found else None


def _candidate_folders() -> list[Path]:
    folders = sorted(DEBIAN_ROOT.glob("*/bin"), reverse=True) if DEBIAN_ROOT.exists() else []
    try:
        answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, timeout=20)
        folders.append(Path(answer.stdout.strip()))
    except (OSError, subprocess.TimeoutExpired):
        pass
    return list(dict.fromkeys(folder for folder in folders if all((folder / name).exists() for name in NEEDED)))


def list_programs() -> list[Programs]:
    """List every PostgreSQL server installed here, newest first, whatever its version."""
    found = []
    for folder in _candidate_folders():
        version = _read_version(folder)
        if version:
            found.append(Programs(folder, version, _read_postgis_version(folder, version.split(".")[0])))
    return sorted(found, key=lambda programs: programs.major, reverse=True)


def _has_postgis(programs: Programs) -> bool:
    if programs.postgis_version is None:
        return False
    return tuple(int(part) for part in re.findall(r"\d+", programs.postgis_version)[:2]) >= OLDEST_POSTGIS


def find_programs(major: int | None = None) -> Programs:
    """Choose the PostgreSQL to run: >= 15 with PostGIS >= 3.3.

    major: the version an existing cluster was made with; only that one can open it.
    Raises MissingSoftware naming the line that installs what is missing.
    """
    fit = [programs for programs in list_programs() if programs.major >= OLDEST_POSTGRESQL]
    if major is not None:
        fit = [programs for programs in fit if programs.major == major]
    for programs in fit:
        if _has_postgis(programs):
            return programs
    if fit:
        raise MissingSoftware(
            f"PostgreSQL {fit[0].version} is installed, but not PostGIS {'.'.join(map(str, OLDEST_POSTGIS))} or newer",
            do=f"Install it with: {install_line(fit[0].major)}",
        )
    if major is not None:
        raise MissingSoftware(
            f"this database was made by PostgreSQL {major}, which is not installed",
            do=f"Install it with: {install_line(major)}",
        )
    raise MissingSoftware(
        f"PostgreSQL {OLDEST_POSTGRESQL} or newer with PostGIS is not installed",
        do=f"Install it with: {install_line()}",
    )
