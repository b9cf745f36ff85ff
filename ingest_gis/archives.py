"""A ZIP of deliveries as the files inside it."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import psutil

from ingest_gis.gdal_guard import SCRATCH, GuardedFile, GuardLimits, open_guarded
from ingest_gis.recognise import FORMATS, siblings
from twin.errors import UnreadableDelivery

A_DAY_S = 86_400
ARCHIVE_LIMITS = replace(GuardLimits(), written_bytes=16 << 30)
# Parts of other files and what mapping programs leave beside them: nothing of their own to deliver.
BESIDE = frozenset(
    (
        ".shx", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qpj", ".qmd", ".qml", ".sld", ".lyr", ".lyrx", ".fix",
        ".aih", ".ain", ".atx", ".gfs", ".xsd", ".wal", ".journal", ".map", ".id", ".ind", ".dat", ".mid",
    )
)  # fmt: skip


def files_of(path: Path, held: ExitStack) -> list[Path]:
    """Give the files a delivery consists of: itself, or for a ZIP what is inside.

    held: keeps what was unpacked until it is closed. Raises UnreadableDelivery for an archive that cannot be taken or
    holds nothing to deliver.
    """
    if path.suffix.lower() != ".zip":
        return [path]
    clear_left_over()
    archive = held.enter_context(open_guarded(path, limits=ARCHIVE_LIMITS))
    found = list(dict.fromkeys(_deliverable(archive, name) for name in archive.info["files"]))
    inside = [item for item in found if item is not None]
    if not inside:
        names = ", ".join(item.name for item in FORMATS)
        raise UnreadableDelivery(
            "压缩包里没有可接收的文件 (the archive holds nothing that can be taken)",
            where=path.name,
            do=f"可交的格式 (formats taken): {names}",
        )
    return inside


def _deliverable(archive: GuardedFile, name: str) -> Path | None:
    """Give what a file inside stands for: itself, the FileGDB folder it is in, or nothing of its own."""
    path = archive.folder / "files" / name
    for folder in path.parents:
        if folder == archive.folder:
            break
        if folder.suffix.lower() == ".gdb":
            return folder
    suffix = path.suffix.lower()
    if suffix in BESIDE or path.name.lower().endswith((".shp.xml", ".gdb.xml")):
        return None
    belongs = suffix == ".dbf" and ".shp" in siblings(path)
    return None if belongs else path


def clear_left_over() -> None:
    """Remove what processes that were killed have left unpacked: theirs, a day old, and they no longer run."""
    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH}[0-9]*-*"):
        with suppress(OSError, ValueError):
            if time.time() - folder.stat().st_mtime > A_DAY_S and not psutil.pid_exists(int(folder.name.split("-")[2])):
                shutil.rmtree(folder)
