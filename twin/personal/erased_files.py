"""Files that speak of somebody: what departments have handed in, what was exported. Such a file is removed whole."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

# Not looked through: the database's own files, keys, the audit and the ledger; a survey's files are images and meshes.
LEFT_ALONE = frozenset({"database", "postgres", "pgdata", "cluster", "keys", "audit", "erasures", "surveys"})
CHUNK = 1 << 20
IN_MEMORY = 64 << 20
LARGEST_MEMBER = 1 << 30
DEEPEST = 3  # archives in archives
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
            return _speaks_of(handle, wanted, DEEPEST)
    except OSError:
        return False


def _speaks_of(handle: IO[bytes], wanted: set[bytes], depth: int) -> bool:
    """Tell whether a file holds one of the texts: as it lies there, in what is packed in it, in a Parquet's columns."""
    if _in_stream(handle, wanted):
        return True
    handle.seek(0)
    first = handle.read(4)
    handle.seek(0)
    try:
        if first == b"PAR1":
            return _in_columns(handle, wanted)
        return depth > 0 and zipfile.is_zipfile(handle) and _in_members(handle, wanted, depth)
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
        return False


def _in_members(packed: IO[bytes], wanted: set[bytes], depth: int) -> bool:
    with zipfile.ZipFile(packed) as archive:
        for member in archive.infolist():
            if member.is_dir() or member.file_size > LARGEST_MEMBER:
                continue
            with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as unpacked:  # an xlsx in a zip is packed twice
                with archive.open(member) as handle:
                    shutil.copyfileobj(handle, unpacked, CHUNK)
                unpacked.seek(0)
                if _speaks_of(unpacked, wanted, depth - 1):
                    return True
    return False


def _in_columns(handle: IO[bytes], wanted: set[bytes]) -> bool:
    import pyarrow.parquet as pq

    texts = [text.decode() for text in wanted if _is_utf8(text)]
    for batch in pq.ParquetFile(handle).iter_batches(batch_size=20_000):
        for column in batch.columns:
            cells = "\n".join(str(cell) for cell in column.to_pylist() if cell is not None)
            if any(text in cells for text in texts):
                return True
    return False


def _is_utf8(text: bytes) -> bool:
    try:
        return bool(text.decode())
    except UnicodeDecodeError:
        return False


def _in_stream(handle: IO[bytes], wanted: set[bytes]) -> bool:
    overlap, tail = max(len(text) for text in wanted), b""
    while chunk := handle.read(CHUNK):
        block = tail + chunk
        if any(text in block for text in wanted):
            return True
        tail = block[-overlap:]
    return False
