"""Geometry written in a column of a table, as WKT or as hex WKB; runs in the guarded child only."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import shapely

_WKT = re.compile(
    r"\s*(?:SRID=(\d{4,6});)?\s*(?:POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON|GEOMETRYCOLLECTION)"
    r"\s*(?:ZM?|M)?\s*(?:\(|EMPTY)",
    re.IGNORECASE,
)
_HEX = re.compile(r"(?:00|01)[0-9a-fA-F]{40,}")
UNREADABLE = b"\x00"


def geometry_column(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int | None:
    """Find the column whose filled cells all are WKT or hex WKB; None when there is none.

    rows: the first rows of the table.
    """
    for at in range(len(header)):
        cells = [row[at] for row in rows if at < len(row) and row[at].strip()]
        if cells and all(_WKT.match(cell) or _HEX.fullmatch(cell.strip()) for cell in cells):
            return at
    return None


def declared_srid(cells: Sequence[str]) -> str | None:
    """Give the system that EWKT cells name, if all that name one agree."""
    found = {match[1] for cell in cells if (match := _WKT.match(cell)) and match[1]}
    return f"EPSG:{found.pop()}" if len(found) == 1 else None


def as_wkb(cells: Sequence[str]) -> list[bytes | None]:
    """Turn cells into WKB: None for an empty one, a byte that nothing reads for one that is no geometry."""
    return [_one(cell.strip()) for cell in cells]


def _one(cell: str) -> bytes | None:
    if not cell:
        return None
    body = re.sub(r"^SRID=\d+;", "", cell, flags=re.IGNORECASE)
    read = shapely.from_wkb if _HEX.fullmatch(cell) else shapely.from_wkt
    try:
        shape = read(np.array([body], dtype=object), on_invalid="ignore")[0]
    except (TypeError, ValueError, shapely.GEOSException):
        return UNREADABLE
    return UNREADABLE if shape is None else bytes(shapely.to_wkb(shape))
