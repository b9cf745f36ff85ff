"""Read a vector file (Shapefile, FileGDB, GeoPackage, GeoJSON, GML, KML, MapInfo, OSM); in the guarded child only."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest_gis import osm_layers
from ingest_gis.computing_tables import refuse_what_computes
from ingest_gis.table_encoding import shapefile_encoding, with_right_charset
from ingest_gis.text_columns import Decode, text_column
from twin.errors import UnreadableDelivery

if TYPE_CHECKING:
    from ingest_gis.gdal_guard import EmitBatch, EmitInfo, ReadOptions

RAW_BYTES = "ISO-8859-1"  # read this way, a text is its own bytes, one letter each
# What a driver is told beside the file: GML is not to leave a .gfs file, OSM gives all tags as JSON.
OPEN_OPTIONS: dict[str, dict[str, str]] = {"GML": {"WRITE_GFS": "NO"}, "OSM": osm_layers.OPEN_OPTIONS}
# Columns that LIBKML makes up for every layer, whether the file says them or not.
MADE_UP = frozenset(
    {"timestamp", "begin", "end", "altitudeMode", "tessellate", "extrude", "visibility", "drawOrder", "icon"}
)


class _Unneeded(MetaPathFinder):
    """Leave out what pyogrio and Arrow load when it is there: seconds, and nothing of it is needed to read."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname in ("geopandas", "pandas", "shapely"):
            raise ModuleNotFoundError(fullname, name=fullname)


@dataclass(frozen=True)
class _Source:
    """One layer to be read: the file opened, the driver's layer and rows of it, and how its texts are encoded.

    encoding: of raw bytes that are decoded here (Shapefile only). said: what the delivery's texts were written in.
    """

    path: Path
    driver: str
    layer: str
    where: str | None = None
    encoding: str | None = None
    said: str = "utf-8"
    options: dict[str, str] = field(default_factory=dict)

    def decode(self, text: str, errors: str = "replace") -> str:
        """Turn raw letters (one a byte) into the text they spell; a broken one shows as U+FFFD or is left out."""
        if self.encoding is None or text.isascii():
            return text
        return text.encode(RAW_BYTES, "replace").decode(self.encoding, errors).rstrip("\x00")


def other_drivers(driver: str) -> list[str]:
    """List every GDAL driver installed but the one named."""
    return sorted(_drivers() - {driver})


def prepare(driver: str | None) -> None:
    """Load GDAL and make sure that it knows the one driver asked for and no other.

    Raises UnreadableDelivery when another driver could still open the file.
    """
    if _drivers() - {driver}:
        raise UnreadableDelivery("读取环境不安全, 已停止 (the reader knows more formats than it should; stopped)")
    if driver == "FlatGeobuf":
        import pyogrio

        # GDAL 3.12's own Arrow reader of FlatGeobuf writes unsound batches where a row has no geometry.
        pyogrio.set_gdal_config_options({"OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES"})


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

    driver = next(iter(_drivers()))
    try:
        if driver == "GPKG":
            refuse_what_computes(path)
        opened, said = path, "utf-8"
        if driver == "MapInfo File":
            opened, said = with_right_charset(path, options.encoding, Path.cwd())
        layers = [str(name) for name, _ in pyogrio.list_layers(opened)] if driver != "OSM" else list(osm_layers.LAYERS)
        if not layers:
            raise UnreadableDelivery("文件里没有图层 (the file holds no layer)", do="请重新导出 (export it again)")
        layer = options.layer or layers[0]
        if layer not in layers:
            raise UnreadableDelivery(
                f"没有图层 {layer} (no such layer)", do=f"现有图层 (layers here): {', '.join(layers)}"
            )
        source = _source(opened, driver, layer, said, options)
        info = pyogrio.read_info(
            source.path, layer=source.layer, encoding=RAW_BYTES if source.encoding else None, **source.options
        )
        emit_info(_describe(info, source, layer, layers))
        _stream_rows(source, options.batch_rows, emit_batch)
    except (DataSourceError, pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise UnreadableDelivery(
            "文件打不开或已损坏 (the file cannot be opened or is damaged)", do="请重新导出 (export it again)"
        ) from error


def _source(path: Path, driver: str, layer: str, said: str, options: ReadOptions) -> _Source:
    given = OPEN_OPTIONS.get(driver, {})
    if driver == "ESRI Shapefile":
        encoding = shapefile_encoding(path, options.encoding)
        return _Source(path, driver, layer, encoding=encoding, said=encoding, options=given)
    if driver == "OSM":
        part = osm_layers.LAYERS[layer]
        return _Source(path, driver, part.source, part.where, options=given)
    return _Source(path, driver, layer, said=said, options=given)


def _describe(info: dict[str, Any], source: _Source, layer: str, layers: list[str]) -> dict[str, Any]:
    rows = int(info["features"])
    fields = [source.decode(str(name), "ignore") for name in info["fields"]]
    if source.driver == "OSM":
        fields = list(osm_layers.COLUMNS)
    if source.driver == "LIBKML":
        fields = [name for name in fields if name not in MADE_UP]
    return {
        "layer": layer,
        "layers": layers,
        "fields": fields,
        "crs": info["crs"],
        "geometry": str(info["geometry_type"] or ""),
        "rows": rows if rows >= 0 else None,
        "encoding": source.said,
        "driver": info["driver"],
    }


def _stream_rows(source: _Source, batch_rows: int, emit_batch: EmitBatch) -> None:
    from pyogrio.raw import open_arrow

    first = 1
    with open_arrow(
        source.path,
        layer=source.layer,
        where=source.where,
        encoding=RAW_BYTES if source.encoding else None,
        use_pyarrow=True,
        batch_size=batch_rows,
        datetime_as_string=True,
        **source.options,
    ) as (meta, reader):
        geometry = meta["geometry_name"] or "wkb_geometry"
        for batch in reader:
            rows = osm_layers.with_tags(batch) if source.driver == "OSM" else batch
            emit_batch(_as_text(rows, geometry, source, first))
            first += batch.num_rows


def _as_text(batch: pa.RecordBatch, geometry: str, source: _Source, first: int) -> pa.RecordBatch:
    made_up = MADE_UP if source.driver == "LIBKML" else frozenset()
    kept = [name for name in batch.schema.names if name != geometry and name not in made_up]
    names = [source.decode(name, "ignore") for name in kept]
    decode: Decode | None = source.decode if source.encoding else None
    columns = [text_column(batch[name], decode) for name in kept]
    names.append("_row_no")
    columns.append(pa.array(np.arange(first, first + batch.num_rows, dtype=np.int64)))
    if geometry in batch.schema.names:
        names.append("_wkb")
        columns.append(pc.cast(batch[geometry], pa.binary()))
    return pa.RecordBatch.from_arrays(columns, names=names)
