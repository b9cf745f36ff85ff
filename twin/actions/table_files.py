"""Features written as files a part at a time: CSV, GeoJSON, FlatGeobuf, GeoParquet, GeoPackage."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import orjson
import shapely
from pyproj import CRS

from twin.queries.feature_collections import Collection

TableFormat = Literal["csv", "geojson", "flatgeobuf", "geoparquet", "gpkg"]
TABLE_FORMATS: tuple[TableFormat, ...] = get_args(TableFormat)
SUFFIX: dict[str, str] = {
    "csv": ".csv", "geojson": ".geojson", "flatgeobuf": ".fgb", "geoparquet": ".parquet", "gpkg": ".gpkg",
}  # fmt: skip
MEDIA: dict[str, str] = {
    "csv": "text/csv; charset=utf-8", "geojson": "application/geo+json", "flatgeobuf": "application/flatgeobuf",
    "geoparquet": "application/vnd.apache.parquet", "gpkg": "application/geopackage+sqlite3",
}  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")
Pages = Iterable[bytes]


def write_table(path: Path, form: TableFormat, collection: Collection, pages: Pages, srid: int) -> int:
    """Write features to a file. Memory holds one page at a time.

    pages: GeoJSON features as JSON, comma separated, in coordinates of srid (x first). Returns how many were written.
    """
    writers: dict[str, Callable[[Path, Collection, Pages, int], int]] = {"csv": _csv, "geojson": _geojson}
    if form in writers:
        return writers[form](path, collection, pages, srid)
    return _arrow_file(path, form, collection, pages, srid)


def _read(page: bytes) -> list[dict[str, Any]]:
    return list(orjson.loads(b"[" + page + b"]"))


def _geojson(path: Path, collection: Collection, pages: Pages, srid: int) -> int:
    """Write the pages as they come; a CRS other than the standard's is named the way GDAL reads it."""
    written = 0
    named = "" if srid == 4490 else f'"crs":{{"type":"name","properties":{{"name":"urn:ogc:def:crs:EPSG::{srid}"}}}},'
    with path.open("wb") as file:
        file.write(f'{{"type":"FeatureCollection","name":"{collection.id}",{named}"features":['.encode())
        for page in pages:
            if page:
                file.write((b",\n" if written else b"\n") + page)
                written += len(_read(page))
        file.write(b"\n]}\n")
    return written


def _csv(path: Path, collection: Collection, pages: Pages, srid: int) -> int:
    """Write UTF-8 with a byte order mark, as spreadsheets want it; geometry as WKT.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    names = [one.name for one in collection.properties]
    written = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow(["id", *names, f"geometry_epsg_{srid}"])
        for page in pages:
            features = _read(page)
            shapes = _shapes(features)
            for feature, shape in zip(features, shapes, strict=True):
                values = [_cell(feature["properties"].get(name)) for name in names]
                out.writerow([feature["id"], *values, shape.wkt if shape is not None else ""])
            written += len(features)
    return written


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _shapes(features: Sequence[dict[str, Any]]) -> list[Any]:
    texts = [orjson.dumps(one["geometry"]).decode() if one["geometry"] else None for one in features]
    return list(shapely.from_geojson(texts))


def _arrow_file(path: Path, form: str, collection: Collection, pages: Pages, srid: int) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq
    import pyogrio

    kinds = {"number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_()}
    fields = [
        pa.field("id", pa.int64()),
        *(pa.field(p.name, kinds.get(p.kind, pa.string())) for p in collection.properties),
    ]
    crs = CRS.from_epsg(srid)
    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": [], "crs": crs.to_json_dict()}},
    }
    parquet = form == "geoparquet"
    named = {} if parquet else {b"ARROW:extension:name": b"geoarrow.wkb"}
    schema = pa.schema([*fields, pa.field("geometry", pa.binary(), metadata=named)])
    counted = [0]

    def batches() -> Iterator[Any]:
        for page in pages:
            features = _read(page)
            counted[0] += len(features)
            columns = [[one["id"] for one in features]]
            columns += [[_plain(one["properties"].get(p.name)) for one in features] for p in collection.properties]
            columns.append(list(shapely.to_wkb(_shapes(features))))
            arrays = [pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)]
            yield pa.record_batch(arrays, schema=schema)

    if parquet:
        with pq.ParquetWriter(path, schema.with_metadata({b"geo": orjson.dumps(geo)}), compression="zstd") as writer:
            for batch in batches():
                writer.write_batch(batch)
    else:
        reader = pa.RecordBatchReader.from_batches(schema, batches())
        pyogrio.write_arrow(
            reader, path, layer=collection.id, driver="FlatGeobuf" if form == "flatgeobuf" else "GPKG",
            geometry_name="geometry", geometry_type="Unknown", crs=f"EPSG:{srid}",
        )  # fmt: skip
    return counted[0]


def _plain(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
