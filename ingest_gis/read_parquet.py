"""Read a GeoParquet file (or a plain Parquet table) as text and WKB; runs in the guarded child only.

Source: GeoParquet 1.0 and 1.1 (the `geo` key of the file's metadata).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest_gis.text_columns import text_column
from twin.errors import UnreadableDelivery

if TYPE_CHECKING:
    from ingest_gis.gdal_guard import EmitBatch, EmitInfo, ReadOptions

# What coordinates without a named system are in, by the specification.
DEFAULT_CRS = "OGC:CRS84"


def prepare(driver: str | None) -> None:
    """Load what reading needs before the process gives up its freedoms."""
    import pyarrow.parquet  # noqa: F401


def stream(path: Path, options: ReadOptions, emit_info: EmitInfo, emit_batch: EmitBatch) -> None:
    """Read the table and send its rows.

    emit_info gets layer (None), layers, fields, crs (PROJJSON, OGC:CRS84 when the file leaves it to the default, None
    when it says that it does not know), geometry, rows. emit_batch gets text columns, `_row_no` and, with geometry,
    `_wkb`. Raises UnreadableDelivery when the file is damaged or its geometry is not WKB.
    """
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        primary, about = _geometry_column(file.schema_arrow)
        names = [name for name in file.schema_arrow.names if name != primary and name not in _covering(about)]
        info: dict[str, object] = {
            "layer": None, "layers": [], "fields": names, "crs": _crs(about) if primary else None,
            "geometry": ", ".join(about.get("geometry_types", [])) if primary else "",
            "rows": file.metadata.num_rows, "encoding": "utf-8", "driver": "Parquet",
        }  # fmt: skip
        emit_info(info)
        first = 1
        for batch in file.iter_batches(options.batch_rows, columns=[*names, *([primary] if primary else [])]):
            emit_batch(_as_text(batch, names, primary, first))
            first += batch.num_rows
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableDelivery(
            "文件打不开或已损坏 (the file cannot be opened or is damaged)", do="请重新导出 (export it again)"
        ) from error


def _geometry_column(schema: pa.Schema) -> tuple[str | None, dict[str, Any]]:
    said = (schema.metadata or {}).get(b"geo")
    if said is None:
        return None, {}
    geo = json.loads(said)
    primary = str(geo["primary_column"])
    about: dict[str, Any] = geo["columns"][primary]
    if about.get("encoding") != "WKB":
        raise UnreadableDelivery(
            f"几何编码 {str(about.get('encoding'))[:40]} 不接收 (this geometry encoding is not taken)",
            do="请以 WKB 编码导出 GeoParquet (export the GeoParquet with WKB encoding)",
        )
    return primary, about


def _covering(about: dict[str, Any]) -> set[str]:
    """List the columns that only repeat the bounds of the geometry."""
    boxes = about.get("covering", {}).get("bbox", {})
    return {str(path[0]) for path in boxes.values() if path}


def _crs(about: dict[str, Any]) -> str | None:
    if "crs" not in about:
        return DEFAULT_CRS
    return None if about["crs"] is None else json.dumps(about["crs"])


def _as_text(batch: pa.RecordBatch, names: list[str], primary: str | None, first: int) -> pa.RecordBatch:
    columns = [text_column(batch[name]) for name in names]
    columns.append(pa.array(np.arange(first, first + batch.num_rows, dtype=np.int64)))
    if primary is None:
        return pa.RecordBatch.from_arrays(columns, names=[*names, "_row_no"])
    columns.append(pc.cast(batch[primary], pa.binary()))
    return pa.RecordBatch.from_arrays(columns, names=[*names, "_row_no", "_wkb"])
