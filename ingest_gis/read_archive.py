"""Unpack a ZIP of deliveries into the child's own folder, within limits; runs in the guarded child only."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from twin.errors import UnreadableDelivery

if TYPE_CHECKING:
    from ingest_gis.gdal_guard import EmitBatch, EmitInfo, ReadOptions

MOST_ENTRIES = 10_000
MOST_BYTES = 16 << 30
MOST_TIMES_LARGER = 200  # text and geometry pack to a twentieth, a bomb to a thousandth
SMALL_BYTES = 16 << 20  # below this the ratio does not matter
SPARE_BYTES = 1 << 30  # of the disk, left free
DEEPEST = 16
PIECE = 1 << 20
LEFT_OUT = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
UTF8_NAME = 0x800
ENCRYPTED = 0x1


def prepare(driver: str | None) -> None:
    """Load what reading needs before the process gives up its freedoms."""


def stream(path: Path, options: ReadOptions, emit_info: EmitInfo, emit_batch: EmitBatch) -> None:
    """Unpack into the working directory. emit_info gets files: the paths unpacked, relative to it.

    Raises UnreadableDelivery for an archive that is damaged or encrypted, leads out of its folder, holds links, the
    same name twice, or more than the limits allow.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [item for item in archive.infolist() if not item.is_dir()]
            if len(entries) > MOST_ENTRIES:
                raise _refused(f"超过 {MOST_ENTRIES} 个文件 (it holds more than {MOST_ENTRIES} files)")
            places = {name: item for item in entries if (name := _place(item)) is not None}
            budget = MOST_BYTES
            for name, item in places.items():
                budget -= _unpack(archive, item, Path.cwd() / "files" / name, budget)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise _refused("压缩包打不开或已损坏 (the archive cannot be opened or is damaged)") from error
    except FileExistsError as error:
        raise _refused("同名文件出现两次 (the same name stands in it twice)") from error
    except OSError as error:
        raise _refused("写不下或文件名不可用 (there is no room, or a name cannot be used)") from error
    emit_info({"files": sorted(str(name) for name in places), "layer": None, "layers": []})


def _refused(what: str) -> UnreadableDelivery:
    return UnreadableDelivery(
        what, do="请重新打包, 或解压后逐个文件交 (pack it again, or unpack it and give the files)"
    )


def _place(item: zipfile.ZipInfo) -> PurePosixPath | None:
    """Say where an entry goes, None for what is left out; an entry that leads elsewhere refuses the archive."""
    name = entry_name(item).replace("\\", "/")
    place = PurePosixPath(name)
    if (
        place.is_absolute()
        or ".." in place.parts
        or ":" in place.parts[0]
        or "\x00" in name
        or len(place.parts) > DEEPEST
    ):
        raise _refused("压缩包里有指向外面的路径 (the archive holds a path that leads out of it)")
    if stat.S_ISLNK(item.external_attr >> 16):
        raise _refused("压缩包里有链接 (the archive holds links)")
    if item.flag_bits & ENCRYPTED:
        raise _refused("压缩包有密码 (the archive has a password)")
    return None if any(part in LEFT_OUT or part.startswith("._") for part in place.parts) else place


def entry_name(item: zipfile.ZipInfo) -> str:
    """Give an entry's name: by its flag, else strict UTF-8, else GB18030 (what Windows in China writes)."""
    if item.flag_bits & UTF8_NAME or item.orig_filename.isascii():
        return item.filename
    raw = item.filename.encode("cp437")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return item.filename


def _unpack(archive: zipfile.ZipFile, item: zipfile.ZipInfo, target: Path, budget: int) -> int:
    """Write one entry, counting what comes out and not what the archive says; returns the bytes written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    allowed = max(SMALL_BYTES, item.compress_size * MOST_TIMES_LARGER)
    written = 0
    with archive.open(item) as source, target.open("xb") as file:
        while piece := source.read(PIECE):
            written += len(piece)
            if written > min(allowed, budget):
                raise _refused("解压后过大, 像是压缩炸弹 (it unpacks to far more than it may: a zip bomb?)")
            if shutil.disk_usage(target.parent).free < SPARE_BYTES:  # the database may be on the same disk
                raise _refused("服务器磁盘空间不足, 没有解压 (the server's disk has no room to unpack it)")
            file.write(piece)
    return written
