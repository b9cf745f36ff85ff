"""Files that survive a power cut, and what they are known by."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any


def sha256_text(content: Any) -> str:
    """Give the sha256 (hex) of a JSON-able value, the same for the same content."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    # File names of old archives need not be UTF-8.
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def sha256_file(path: Path) -> str:
    """Give the sha256 (hex) of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_files(folder: Path, leave_out: str | None = None) -> dict[str, str]:
    """Give the sha256 (hex) of every file under a folder by its relative name, sorted.

    leave_out: name of a file directly under the folder that does not count.
    """
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    return {name: sha256_file(files[name]) for name in sorted(files) if name != leave_out}


def digest(path: Path) -> str:
    """Give one sha256 (hex) of a file's bytes, or of the names and bytes of all files under a folder.

    A Shapefile is known by all its files: codes, CRS and outlines lie in different ones.
    """
    if path.suffix.lower() == ".shp":
        beside = sorted(file for file in path.parent.iterdir() if file.stem == path.stem and file.is_file())
        return sha256_text({file.name: sha256_file(file) for file in beside})
    return sha256_file(path) if path.is_file() else sha256_text(digest_files(path))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path, *, deep: bool = True) -> None:
    """Bring a folder's files and names to the disk; deep=False: only its own list of names."""
    if deep:
        for path in sorted(folder.rglob("*"), reverse=True):
            _sync(path)
    _sync(folder)


def read_json(path: Path) -> Any:
    """Read a JSON file (UTF-8)."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file so that a reader sees the old or the new content, never half of it."""
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1))


def write_text(path: Path, content: str) -> None:
    """Write a text file (UTF-8) so that a reader sees the old or the new content, never half of it."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    _sync(path.parent)
