"""Read a file in the tests' own process, with the reader that the guarded child would use."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest_gis.gdal_guard import READERS, ReadOptions
from ingest_gis.recognise import recognise

Info = dict[str, Any]
Columns = dict[str, list[Any]]


def needs_the_child(path: Path) -> bool:
    """Tell whether a file is read by GDAL, which knows one driver only in the child."""
    return recognise(path).reader == "vector"


def read_here(path: Path, **options: Any) -> tuple[Info, Columns]:
    """Give what the reader says of a file and its columns. Raises UnreadableDelivery as the reader does."""
    reader = import_module(READERS[recognise(path).reader])
    infos: list[Info] = []
    batches: list[pa.RecordBatch] = []
    reader.prepare(None)
    reader.stream(path, ReadOptions(**options), infos.append, batches.append)
    columns: Columns = {}
    for batch in batches:
        batch.validate(full=True)
        for name, values in batch.to_pydict().items():
            columns.setdefault(name, []).extend(values)
    return infos[0], columns
