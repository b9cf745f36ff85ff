"""Files that speak of somebody: what departments have handed in, what was exported. Such a file is removed whole."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

# Not looked through: the database's own files, keys, the audit and the ledger; a survey's files are images and meshes.
LEFT_ALONE = frozenset({"database", "postgres", "pgdata", "cluster", "keys", "audit", "erasures", "surveys"})
CHUNK = 1 << 20
LARGEST_MEMBER = 1 << 30
ENCODINGS = ("utf-8", "gb18030", "utf-16-le", "utf-16-be")


def files_about(data_dir: Path, texts: Sequence[str]) -> list[Path]:
    """List the files under the data directory that hold one of these texts, in any usual encoding, packed or not."""
    wanted = {text.encode(encoding) for text in texts if text for encoding in ENCODINGS}
    if not wanted:
        return []
    return [path for path in _candidates(data_dir) if _holds(path, wanted)]


def _candidates(data_dir: Path) -> Iterator[Path]:
    for entry in sorted(data_dir.iterdir()) if data_dir.is_dir() else []:
        if entry.name in LEFT_ALONE or entry.is_symlink():
            continue
        if entry.is_file():
            yield entry
        elif entry.is_dir() and not (entry / "pgdata").exists():
            yield from (path for path in sorted(entry.rglob("*")) if path.is_file() and not path.is_symlink())


def _holds(path: Path, wanted: set[bytes]) -> bool:
    try:
        with path.open("rb") as handle:
            if _in_stream(handle, wanted):
                return True
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                for member in packed.infolist():
                    if not member.is_dir() and member.file_size <= LARGEST_MEMBER:
                        with packed.open(member) as handle:
                            if _in_stream(handle, wanted):
                                return True
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return False
    return False


def _in_stream(handle: object, wanted: set[bytes]) -> bool:
    overlap, tail = max(len(text) for text in wanted), b""
    while chunk := handle.read(CHUNK):  # type: ignore[attr-defined]
        block = tail + chunk
        if any(text in block for text in wanted):
            return True
        tail = block[-overlap:]
    return False
