"""Deliveries set aside as a whole: which file, why, when and whose, so that a better one can be asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from ingest_gis.sql_text import statements
from twin.errors import BadInput
from twin.session import Actor, transaction


@dataclass(frozen=True)
class Refusal:
    """One file or layer that cannot be taken. department: the code of who delivers, where it is known."""

    path: Path
    layer: str | None
    department: str | None
    error: BadInput


def file_sha256(path: Path) -> str:
    """Compute the sha256 of a delivery: of the file, or of all parts of a Shapefile, MapInfo file or FileGDB by name.

    Raises OSError when it cannot be read.
    """
    if path.is_dir():
        parts = [item for item in path.iterdir() if item.is_file()]
    elif path.suffix.lower() in (".shp", ".tab", ".mif"):
        parts = [item for item in path.parent.iterdir() if item.stem == path.stem and item.is_file()]
    else:
        parts = [path]
    digest = hashlib.sha256()
    for part in sorted(parts):
        with part.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()


def remember_refusals(connection: psycopg.Connection[Any], refusals: Iterable[Refusal], actor_name: str) -> None:
    """Enter refused deliveries into twin.refused_delivery; a file that is not there at all is not a delivery.

    connection: role ingest, idle, in autocommit. actor_name: who gave the files.
    """
    actor = Actor(actor_name, role="system", purpose="ingest")
    for refusal in refusals:
        with suppress(OSError):
            values = {
                "department": refusal.department,
                "file": refusal.path.name,
                "file_sha256": file_sha256(refusal.path),
                "layer": refusal.layer,
                "reason_code": type(refusal.error).__name__,
                "message": str(refusal.error),
                "given_by": actor_name,
            }
            with transaction(connection, actor) as cursor:
                cursor.execute(statements("batch")["refused"], values)
