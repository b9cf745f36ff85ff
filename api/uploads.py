"""Files that people hand in over HTTP: streamed to disk under safe names, never larger than the service allows.

One upload is a folder of its own, TWIN_DATA_DIR/uploads/<id>/files; a file that is not whole has no name yet.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import anyio

from api.limits import ApiLimits
from twin.actions.delivery_folder import files_folder, new_folder
from twin.errors import BadInput, NoSpace

SUFFIXES = frozenset(
    {
        ".csv",
        ".tsv",
        ".txt",
        ".xls",
        ".xlsx",
        ".xlsm",
        ".zip",
        ".shp",
        ".shx",
        ".dbf",
        ".prj",
        ".cpg",
        ".sbn",
        ".sbx",
        ".qix",
        ".qpj",
        ".gpkg",
        ".geojson",
        ".geojsonl",
        ".json",
        ".jsonl",
        ".gml",
        ".xml",
        ".kml",
        ".fgb",
        ".parquet",
        ".geoparquet",
        ".pbf",
        ".dxf",
        ".tab",
        ".dat",
        ".map",
        ".id",
        ".ind",
        ".mif",
        ".mid",
        ".las",
        ".laz",
        ".dwg",
        ".osgb",
        ".citygml",
    }
)
FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\u202a-\u202e\u2066-\u2069\ufeff]')
LONGEST_NAME_BYTES = 180
SPARE_BYTES = 1 << 30  # of the disk, left free


def safe_name(given: str) -> str:
    """Make a file's name harmless: no folders, no control characters; Chinese stays.

    Raises BadInput for a name without a known ending.
    """
    name = FORBIDDEN.sub("_", unicodedata.normalize("NFC", given).replace("\\", "/").rpartition("/")[2]).strip(" .")
    stem, suffix = Path(name).stem, Path(name).suffix
    if suffix.lower() not in SUFFIXES or not stem.strip(" ._"):
        raise BadInput(
            "不收这种文件 (files of this kind are not taken)",
            where=name[:80],
            do="请交 xlsx、csv、shp 全套、gpkg、geojson、dxf、zip 等 (deliver xlsx, csv, all parts of a shp, gpkg ...)",
        )
    while len(f"{stem}{suffix}".encode()) > LONGEST_NAME_BYTES:
        stem = stem[:-1]
    return f"{stem}{suffix}"


async def receive_file(
    body: AsyncIterator[bytes], uploads: Path, upload: UUID | None, given: str, limits: ApiLimits
) -> dict[str, object]:
    """Write one file as it arrives. upload: the upload it belongs to; None begins a new one.

    Returns upload, name, bytes and sha256. Raises BadInput (name, size, number of files), NotFound, NoSpace.
    """
    name = safe_name(given)
    if upload is not None:
        return await _receive(body, files_folder(uploads, upload), upload, name, limits)
    upload = new_folder(uploads)
    folder = files_folder(uploads, upload)
    try:
        return await _receive(body, folder, upload, name, limits)
    except BaseException:  # also a client that went away: nobody knows of this folder
        shutil.rmtree(folder.parent, ignore_errors=True)
        raise


async def _receive(
    body: AsyncIterator[bytes], folder: Path, upload: UUID, name: str, limits: ApiLimits
) -> dict[str, object]:
    there = {path.name for path in folder.iterdir()}
    if name not in there and len(there) >= limits.upload_files:
        raise BadInput(f"一次最多 {limits.upload_files} 个文件 (at most {limits.upload_files} files at once)")
    part = folder / f".{uuid4().hex}"
    digest, size = hashlib.sha256(), 0
    try:
        async with await anyio.open_file(part, "wb") as file:
            async for piece in body:
                size += len(piece)
                _check_size(size, folder, limits)
                digest.update(piece)
                await file.write(piece)
            await file.flush()
            await anyio.to_thread.run_sync(os.fsync, file.wrapped.fileno())
        if not size:
            raise BadInput("文件是空的 (the file is empty)", where=name)
        part.rename(folder / name)
    except OSError as error:
        if error.errno in (28, 122):
            raise _full() from error
        raise
    finally:
        part.unlink(missing_ok=True)
    return {"upload": str(upload), "name": name, "bytes": size, "sha256": digest.hexdigest()}


def _check_size(size: int, folder: Path, limits: ApiLimits) -> None:
    if size > limits.upload_bytes:
        raise BadInput("文件太大 (the file is too large)", do="请分批交 (deliver it in parts)")
    if shutil.disk_usage(folder).free < SPARE_BYTES:
        raise _full()


def _full() -> NoSpace:
    return NoSpace("服务器磁盘已满 (the server's disk is full)", do="请联系管理员 (tell whoever runs the service)")
