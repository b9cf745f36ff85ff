"""Read a vector file (Shapefile, GeoPackage, GeoJSON, FlatGeobuf, KML, GML); runs in the guarded child only."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest_gis.text_encoding import choose_encoding
from twin.errors import UnreadableDelivery

if TYPE_CHECKING:
    from ingest_gis.gdal_guard import EmitBatch, EmitInfo, ReadOptions

RAW_BYTES = "ISO-8859-1"  # read this way, a text is its own bytes, one letter each
DBF_LANGUAGES = {0x4D: "gb18030", 0x4E: "cp949", 0x4F: "cp950", 0x13: "cp932"}


class _Unneeded(MetaPathFinder):
    """Leave out what pyogrio and Arrow load when it is there: seconds, and nothing of it is needed to read."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname in ("geopandas", "pandas", "shapely"):
            raise ModuleNotFoundError(fullname, name=fullname)


def other_drivers(driver: str) -> list[str]:
    """List every GDAL driver installed but the one named."""
    return sorted(_drivers() - {driver})


def prepare(driver: str | None) -> None:
    """Load GDAL and make sure that it knows the one driver asked for and no other.

    Raises UnreadableDelivery when another driver could still open the file.
    """
    if _drivers() - {driver}:
        raise UnreadableDelivery("读取环境不安全, 已停止 (the reader knows more formats than it should; stopped)")


def _drivers() -> set[str]:
    sys.meta_path.insert(0, _Unneeded())
    import pyogrio

    return set(pyogrio.list_drivers())


def stream(path: Path, options: ReadOptions, emit_info: EmitInfo, emit_batch: EmitBatch) -> None:
    """Read one layer and send its rows.

    emit_info gets layer, layers, fields, crs (WKT or EPSG code, None if the file says nothing), geometry, rows,
    encoding. emit_batch gets batches of text columns, `_row_no` and `_wkb`.
    Raises UnreadableDelivery when GDAL cannot open the file or a layer is not in it.
    """
    import pyogrio
    from pyogrio.errors import DataSourceError

    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
        if not layers:
            raise UnreadableDelivery("文件里没有图层 (the file holds no layer)", do="请重新导出 (export it again)")
        layer = options.layer or layers[0]
        if layer not in layers:
            raise UnreadableDelivery(
                f"没有图层 {layer} (no such layer)", do=f"现有图层 (layers here): {', '.join(layers)}"
            )
        encoding = _shapefile_encoding(path, options.encoding) if path.suffix.lower() == ".shp" else None
        info = pyogrio.read_info(path, layer=layer, encoding=RAW_BYTES if encoding else None)
        emit_info(_describe(info, layer, layers, encoding))
        _stream_rows(path, layer, encoding, options.batch_rows, emit_batch)
    except DataSourceError as error:
        raise UnreadableDelivery(
            "文件打不开或已损坏 (the file cannot be opened or is damaged)", do="请重新导出 (export it again)"
        ) from error


def _describe(info: dict[str, Any], layer: str, layers: list[str], encoding: str | None) -> dict[str, Any]:
    rows = int(info["features"])
    return {
        "layer": layer,
        "layers": layers,
        "fields": [_decode(str(name), encoding, "ignore") for name in info["fields"]],
        "crs": info["crs"],
        "geometry": str(info["geometry_type"] or ""),
        "rows": rows if rows >= 0 else None,
        "encoding": encoding or "utf-8",
        "driver": info["driver"],
    }


def _stream_rows(path: Path, layer: str, encoding: str | None, batch_rows: int, emit_batch: EmitBatch) -> None:
    from pyogrio.raw import open_arrow

    first = 1
    with open_arrow(
        path,
        layer=layer,
        encoding=RAW_BYTES if encoding else None,
        use_pyarrow=True,
        batch_size=batch_rows,
        datetime_as_string=True,
    ) as (meta, reader):
        geometry = meta["geometry_name"] or "wkb_geometry"
        for batch in reader:
            emit_batch(_as_text(batch, geometry, encoding, first))
            first += batch.num_rows


def _as_text(batch: pa.RecordBatch, geometry: str, encoding: str | None, first: int) -> pa.RecordBatch:
    names = [_decode(name, encoding, "ignore") for name in batch.schema.names if name != geometry]
    columns = [_text_column(batch[name], encoding) for name in batch.schema.names if name != geometry]
    names.append("_row_no")
    columns.append(pa.array(np.arange(first, first + batch.num_rows, dtype=np.int64)))
    if geometry in batch.schema.names:
        names.append("_wkb")
        columns.append(pc.cast(batch[geometry], pa.binary()))
    return pa.RecordBatch.from_arrays(columns, names=names)


def _text_column(column: pa.Array, encoding: str | None) -> pa.Array:
    """Write any column as text; codes that look like numbers keep their digits."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        if encoding is None:
            return pc.cast(column, pa.string())
        return pa.array([_decode(value, encoding, "replace") for value in column.to_pylist()], pa.string())
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        values = [
            None if item is None else json.dumps(item, default=str, ensure_ascii=False) for item in column.to_pylist()
        ]
        return pa.array(values, pa.string())
    return pc.cast(column, pa.string())


def _decode(text: str | None, encoding: str | None, errors: str) -> str:
    """Turn raw letters (one a byte) into the text they spell; a broken one shows as U+FFFD or is left out."""
    if text is None:
        return ""
    if encoding is None or text.isascii():
        return text
    return text.encode(RAW_BYTES, "replace").decode(encoding, errors).rstrip("\x00")


def _shapefile_encoding(path: Path, given: str | None) -> str:
    """Find the encoding of a Shapefile's texts: given, .cpg, the .dbf's language byte, strict UTF-8, GB18030."""
    siblings = {item.suffix.lower(): item for item in path.parent.iterdir() if item.stem == path.stem}
    page = siblings[".cpg"].read_text("latin-1")[:40].strip() if ".cpg" in siblings else None
    table = siblings[".dbf"]
    with table.open("rb") as file:
        header = file.read(32)
    language = DBF_LANGUAGES.get(header[29]) if len(header) == 32 else None
    return choose_encoding(_dbf_texts(table), [given, page, language])


def _dbf_texts(table: Path) -> Iterator[bytes]:
    """Yield the texts of a .dbf file as lines of bytes, one column of one stretch of rows at a time.

    Source: the dBASE III table layout (32-byte header, 32 bytes a field, fixed-length rows).
    """
    with table.open("rb") as file:
        header = file.read(32)
        if len(header) < 32:
            return
        start, row_bytes = struct.unpack_from("<HH", header, 8)
        fields = file.read(max(0, start - 32))
        spans, offset = [], 1
        for at in range(0, len(fields) - 31, 32):
            if fields[at] == 0x0D:
                break
            length = fields[at + 16]
            if fields[at + 11 : at + 12] in (b"C", b"M"):
                spans.append((offset, offset + length))
            offset += length
        yield fields
        file.seek(start)
        while row_bytes and (piece := file.read(row_bytes * max(1, (4 << 20) // row_bytes))):
            rows = np.frombuffer(piece[: len(piece) // row_bytes * row_bytes], dtype=np.uint8).reshape(-1, row_bytes)
            for begin, end in spans:
                lines = np.full((len(rows), end - begin + 1), 0x0A, dtype=np.uint8)
                lines[:, :-1] = rows[:, begin:end]
                if (lines >= 0x80).any():
                    yield lines.tobytes()
