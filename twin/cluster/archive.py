"""The one file a backup is: a zip of the database's dump and the surveys' products, with a list that proves them.

A zip's table of contents stands at its end, so a truncated archive is known at once.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from twin.cluster.table_hashes import TableHashes
from twin.errors import BadInput, Conflict, DatabaseTooNew, NoSpace

FORMAT = 1
CONTENTS = "twin-backup.json"
DUMP = "database.dump"
FILES = "files/"
CHUNK = 1024 * 1024
Progress = Callable[[str, float], None]


def no_progress(what: str, share: float) -> None:
    """Show nothing."""


@dataclass
class Contents:
    """What a backup holds: versions, the tables with count and hash, each file with size and sha256."""

    format: int
    program: str
    revision: str
    city: str
    working_srid: int
    created_at: str
    tables: TableHashes
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def total_bytes(self) -> int:
        """Size of everything in it."""
        return sum(int(entry["bytes"]) for entry in self.files.values())


@contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turn a full disk into NoSpace, naming the place."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace("the disk is full", where=str(place), do="Free some space and try again") from error
        raise


def add_stream(archive: zipfile.ZipFile, contents: Contents, name: str, source: IO[bytes]) -> None:
    """Copy a stream into the archive under a name and note its size and sha256 in the contents."""
    digest, size = hashlib.sha256(), 0
    with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as target:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            target.write(chunk)
    contents.files[name] = {"bytes": size, "sha256": digest.hexdigest()}


@contextmanager
def new_archive(path: Path, contents: Contents) -> Iterator[zipfile.ZipFile]:
    """Write an archive under a temporary name; it gets its own name when it is whole and on the disk.

    Raises Conflict when the file exists, NoSpace when the disk is full, BadInput when it cannot be written.
    """
    if path.exists():
        raise Conflict("this file exists already", where=str(path), do="Give another name for the backup")
    if not path.parent.is_dir():
        raise BadInput("the folder for the backup does not exist", where=str(path.parent), do="Create it first")
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        with disk_errors(path), unfinished.open("wb") as handle:
            with zipfile.ZipFile(handle, "w", zipfile.ZIP_STORED) as archive:
                yield archive
                archive.writestr(CONTENTS, json.dumps(asdict(contents), ensure_ascii=False, indent=1))
            handle.flush()
            os.fsync(handle.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def open_archive(path: Path, known_revisions: set[str]) -> Iterator[tuple[zipfile.ZipFile, Contents]]:
    """Open a backup and read its contents, checking that this program can restore it.

    Raises BadInput for a missing, truncated or foreign file, DatabaseTooNew for a backup of a newer version.
    """
    if not path.is_file():
        raise BadInput("there is no such file", where=str(path))
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise BadInput(
            "this is not a whole backup: its end is missing or it is another kind of file",
            where=str(path),
            do="Copy it again from where it was made and compare the sizes",
        ) from error
    with archive:
        yield archive, _read_contents(archive, path, known_revisions)


def _read_contents(archive: zipfile.ZipFile, path: Path, known_revisions: set[str]) -> Contents:
    try:
        raw = json.loads(archive.read(CONTENTS))
        newer = raw["format"] > FORMAT or raw["revision"] not in known_revisions
        program = raw["program"]
        contents = None if newer else Contents(**raw)
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise BadInput(
            "this zip file is not a backup of the twin", where=str(path), do="Give a file made by twin db backup"
        ) from error
    if contents is None:
        raise DatabaseTooNew(
            f"this backup was made by a newer version of the twin ({program})",
            where=str(path),
            do="Install that version, then restore",
        )
    listed = {*contents.files, CONTENTS}
    if listed != set(archive.namelist()) or not all(map(_is_safe, contents.files)):
        raise BadInput("the backup's list does not fit what is in it", where=str(path), do="Use another copy")
    return contents


def _is_safe(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return name == DUMP or (name.startswith(f"{FILES}surveys/") and ".." not in parts and "\\" not in name)


def verify_archive(archive: zipfile.ZipFile, contents: Contents, path: Path, progress: Progress) -> None:
    """Read everything in a backup and compare it with the list.

    Raises BadInput naming the first file that is damaged.
    """
    done = 0
    for name, entry in contents.files.items():
        progress("verify", done / max(contents.total_bytes, 1))
        with archive.open(name) as source:
            check_copy(source, None, entry, f"{path}, {name}")
        done += entry["bytes"]


def check_copy(source: IO[bytes], target: IO[bytes] | None, entry: dict[str, Any], where: str) -> None:
    """Read a member of the archive to its end, write it to target if given, and compare size and sha256.

    Raises BadInput when it is damaged.
    """
    digest, size = hashlib.sha256(), 0
    try:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if target is not None:
                target.write(chunk)
    except (zipfile.BadZipFile, EOFError) as error:
        raise BadInput("this part of the backup is damaged", where=where, do="Use another copy") from error
    if (size, digest.hexdigest()) != (entry["bytes"], entry["sha256"]):
        raise BadInput("this part of the backup is damaged", where=where, do="Use another copy")
