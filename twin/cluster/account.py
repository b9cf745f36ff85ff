"""The account the private cluster runs as (never root), and the folders that account may use."""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.errors import DatabaseUnavailable

UNPRIVILEGED = ("postgres", "nobody")
# Unix sockets take 107 bytes; a data directory may be longer, so sockets lie in a short folder of their own.
ROOT_RUNTIME = Path("/run")
USER_RUNTIME = Path("/tmp")  # noqa: S108 -- the folder made in it is private and checked for its owner
ROOT_FALLBACK = Path("/var/lib/city-digital-twin")


@dataclass(frozen=True)
class Account:
    """An operating system account: name, user and group number."""

    name: str
    uid: int
    gid: int

    def run(self, command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a program as this account and capture its text output; options go to subprocess.run."""
        if os.geteuid() == 0 and self.uid != 0:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        environment["LC_ALL"] = "C.UTF-8"
        return subprocess.run(
            list(command), capture_output=True, text=True, errors="replace", cwd="/", env=environment, **options
        )

    def can_reach(self, folder: Path) -> bool:
        """Tell whether this account may enter a folder (every parent lets it through)."""
        return self.run(["test", "-x", str(folder)]).returncode == 0

    def own(self, folder: Path) -> None:
        """Give a folder, not what lies in it, to this account alone (mode 0700)."""
        if os.geteuid() == 0:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)

    def own_file(self, path: Path) -> None:
        """Give a file to this account alone (mode 0600)."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o600)


def own_name() -> str:
    """Name the account this process runs as; its number where it has no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def server_account() -> Account:
    """Choose the account of the server: oneself, or an unprivileged account when one is root.

    Raises DatabaseUnavailable when root finds no unprivileged account.
    """
    if os.geteuid() != 0:
        try:
            entry = pwd.getpwuid(os.geteuid())
        except KeyError as error:
            raise DatabaseUnavailable(
                f"user number {os.geteuid()} has no name on this machine, and PostgreSQL wants one",
                do="Run as a user listed in /etc/passwd, or set TWIN_DATABASE_URL to an existing server",
            ) from error
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise DatabaseUnavailable(
        "PostgreSQL refuses to run as root and there is no account postgres or nobody",
        do="Create one: useradd --system postgres",
    )


def fingerprint(folder: Path) -> str:
    """Give a short name for a data directory: 12 hex digits of the sha256 of its path."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]


def cluster_dir(data_dir: Path) -> Path:
    """Say where the cluster of a data directory lies: in it, or where a note in it says.

    The note is written when root keeps the data directory where no other account may go (such as /root).
    """
    note = data_dir / "database.location"
    return Path(note.read_text(encoding="utf-8").strip()) if note.exists() else data_dir / "database"


def make_cluster_dir(data_dir: Path, account: Account) -> Path:
    """Make the folder of the cluster, private to the account, and return it.

    Where the account cannot reach the data directory, the folder is made in /var/lib/city-digital-twin
    and a note in the data directory says so. A new data directory gets a new folder: one of the same name that was
    deleted may have left its database, with everybody in it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    folder = cluster_dir(data_dir)
    if folder.parent == data_dir and not account.can_reach(data_dir):
        folder = ROOT_FALLBACK / f"{fingerprint(data_dir)}-{secrets.token_hex(4)}"
        folder.mkdir(parents=True, exist_ok=True)
        (data_dir / "database.location").write_text(f"{folder}\n", encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    account.own(folder)
    return folder


def socket_dir(data_dir: Path) -> Path:
    """Name the folder of the cluster's socket: short, one per user and data directory."""
    if os.geteuid() == 0:
        return ROOT_RUNTIME / f"twin-{fingerprint(data_dir)}"
    return USER_RUNTIME / f"twin-{os.geteuid()}-{fingerprint(data_dir)}"


def make_socket_dir(data_dir: Path, account: Account) -> Path:
    """Make the socket's folder, private to the account.

    Raises DatabaseUnavailable when the name is taken by somebody else.
    """
    folder = socket_dir(data_dir)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), account.uid):
            raise DatabaseUnavailable(
                "the folder for the database's socket belongs to somebody else",
                where=str(folder),
                do="Remove it, or choose another TWIN_DATA_DIR",
            ) from None
    account.own(folder)
    return folder
