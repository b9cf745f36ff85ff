"""The folder of one upload: the files handed in, what was asked for with them, and what became of them.

TWIN_DATA_DIR/uploads/<id>/: files/ as delivered; asked.json, check.json, taken.json, each written whole or not at all.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

from twin.errors import NotFound

Document = Literal["asked", "check", "taken"]
# Parts of a Shapefile or a MapInfo table: the file they belong to is what is read.
SIDECARS = {
    ".shp": frozenset({".shx", ".dbf", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qpj", ".xml"}),
    ".tab": frozenset({".dat", ".map", ".id", ".ind"}),
    ".mif": frozenset({".mid"}),
}


def new_folder(uploads: Path) -> UUID:
    """Make the folder of a new upload. Returns its id."""
    upload = uuid4()
    (uploads / str(upload) / "files").mkdir(parents=True)
    return upload


def files_folder(uploads: Path, upload: UUID) -> Path:
    """Say where an upload's files lie. Raises NotFound when there is no such upload."""
    folder = uploads / str(upload) / "files"
    if not folder.is_dir():
        raise NotFound("没有这次上传 (there is no such upload)")
    return folder


def deliverable(folder: Path) -> list[Path]:
    """List the files of an upload that are read by themselves, without the parts that belong to another."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    names = {path.name.lower() for path in files}
    return [path for path in files if not _is_part(Path(path.name.lower()), names)]


def _is_part(name: Path, names: set[str]) -> bool:
    stems = {name.stem, Path(name.stem).stem}  # roads.shp.xml belongs to roads.shp
    return any(name.suffix in parts and f"{stem}{main}" in names for main, parts in SIDECARS.items() for stem in stems)


def write_document(uploads: Path, upload: UUID, name: Document, document: dict[str, Any]) -> None:
    """Keep a document of an upload; a reader never sees half of it."""
    folder = files_folder(uploads, upload).parent
    part = folder / f".{uuid4().hex}"
    with part.open("w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, default=str)
        file.flush()
        os.fsync(file.fileno())
    part.rename(folder / f"{name}.json")


def read_document(uploads: Path, upload: UUID, name: Document) -> dict[str, Any] | None:
    """Read a document of an upload; None when it has not been written. Raises NotFound for an unknown upload."""
    path = files_folder(uploads, upload).parent / f"{name}.json"
    if not path.exists():
        return None
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def drop_document(uploads: Path, upload: UUID, name: Document) -> None:
    """Forget a document that no longer says what is so."""
    (files_folder(uploads, upload).parent / f"{name}.json").unlink(missing_ok=True)
