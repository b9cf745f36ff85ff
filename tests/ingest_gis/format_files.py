"""The same four houses (and a lamp with attributes) written in every format that departments deliver."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import ezdxf
import geopandas
import laspy
import numpy as np
import openpyxl
import pyogrio
import pyproj
import shapely

NAMES = ["牟平大厦", "镕基楼", "café 12", "𠮷野家"]  # the last begins with a character of Extension B
EAST, NORTH = 376_000.0, 4_140_000.0
GEOGRAPHIC = "EPSG:4490"


def houses(crs: str = "EPSG:4550") -> geopandas.GeoDataFrame:
    """Give the houses in a system."""
    shapes = [shapely.box(EAST + 20 * i, NORTH, EAST + 20 * i + 10, NORTH + 10) for i in range(len(NAMES))]
    codes = [f"370612001001{i:04d}" for i in range(len(NAMES))]
    return geopandas.GeoDataFrame({"JZBM": codes, "JZMC": NAMES}, geometry=shapes, crs="EPSG:4550").to_crs(crs)


def write(folder: Path, kind: str) -> Path:
    """Write the houses in one format and give the path to deliver."""
    return WRITERS[kind](folder)


def _by_gdal(suffix: str, crs: str, driver: str | None = None, **options: object):  # type: ignore[no-untyped-def]
    def written(folder: Path) -> Path:
        path = folder / f"houses{suffix}"
        pyogrio.write_dataframe(houses(crs), path, driver=driver, **options)
        return path

    return written


def _parquet(folder: Path) -> Path:
    path = folder / "houses.parquet"
    houses().to_parquet(path)
    return path


def _csv_wkt(folder: Path) -> Path:
    path = folder / "houses.csv"
    lines = ["JZBM,JZMC,几何"] + [f'{row.JZBM},{row.JZMC},"{row.geometry.wkt}"' for row in houses().itertuples()]
    path.write_bytes("\r\n".join(lines).encode("gb18030"))
    return path


def _csv_wkb(folder: Path) -> Path:
    path = folder / "houses.tsv"
    table = houses()
    hexes = [shapely.to_wkb(shapely.set_srid(shape, 4550), hex=True, include_srid=True) for shape in table.geometry]
    lines = ["JZBM\tJZMC\tgeom"] + [
        f"{row.JZBM}\t{row.JZMC}\t{text}" for row, text in zip(table.itertuples(), hexes, strict=True)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _xlsx(folder: Path) -> Path:
    path = folder / "houses.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["JZBM", "JZMC", "WKT"])
    for row in houses().itertuples():
        book.active.append([row.JZBM, row.JZMC, row.geometry.wkt])
    book.save(path)
    return path


def _dxf(folder: Path, version: str = "R2010") -> Path:
    path = folder / "houses.dxf"
    drawing = ezdxf.new(version)
    drawing.layers.add("房屋")
    space = drawing.modelspace()
    for row in houses().itertuples():
        corners = list(row.geometry.exterior.coords)[:-1]
        space.add_lwpolyline(corners, close=True, dxfattribs={"layer": "房屋"})
        space.add_text(row.JZMC, dxfattribs={"layer": "注记", "insert": row.geometry.centroid.coords[0]})
    block = drawing.blocks.new("路灯")
    block.add_circle((0, 0), 0.3)
    insert = space.add_blockref("路灯", (EAST + 5, NORTH - 3), dxfattribs={"layer": "路灯"})
    insert.add_attrib("编号", "LD-0012", (EAST + 5, NORTH - 3))
    insert.add_attrib("功率", "150", (EAST + 5, NORTH - 3))
    # A half circle of 5 m radius: bulge 1 is an arc of 180 degrees.
    space.add_lwpolyline([(EAST, NORTH, 1.0), (EAST + 10, NORTH, 0.0)], format="xyb", dxfattribs={"layer": "道路"})
    drawing.saveas(path)
    return path


def _mapinfo(suffix: str, charset: str):  # type: ignore[no-untyped-def]
    """MapInfo files as Chinese offices leave them: GBK text under a charset that says something else."""

    def written(folder: Path) -> Path:
        path = folder / f"houses{suffix}"
        table = houses(GEOGRAPHIC)
        table["JZMC"] = [*NAMES[:2], "咖啡馆12", "吉野家"]  # GBK has neither é nor Extension B
        table = table.rename(columns={"JZMC": "建筑名称"})
        pyogrio.write_dataframe(table, path, driver="MapInfo File", layer_options={"ENCODING": "CP936"})
        path.write_bytes(path.read_bytes().replace(b"WindowsSimpChinese", charset.encode()))
        return path

    return written


def lamp_cloud(folder: Path, suffix: str = ".laz") -> Path:
    """Write a small cloud of ground and building points with its systems."""
    header = laspy.LasHeader(point_format=6, version="1.4")
    header.scales, header.offsets = np.full(3, 0.001), np.array([EAST, NORTH, 0.0])
    header.add_crs(pyproj.CRS("EPSG:4550"))
    cloud = laspy.LasData(header)
    side = np.arange(100.0)
    cloud.x, cloud.y = (EAST + np.repeat(side, 100) / 2), (NORTH + np.tile(side, 100) / 2)
    cloud.z = 12.0 + np.tile(side, 100) / 10
    cloud.classification = np.where(np.tile(side, 100) < 50, 2, 6).astype(np.uint8)
    path = folder / f"cloud{suffix}"
    cloud.write(path)
    return path


def _osm_block(kind: bytes, body: bytes) -> bytes:
    header = _field(1, kind) + _varint(3 << 3) + _varint(len(blob := _field(1, body)))
    return struct.pack(">I", len(header)) + header + blob


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else -value * 2 - 1)


def osm_pbf(folder: Path) -> Path:
    """Write a lamp, a water cover, a bench without a class of its own and a house as OpenStreetMap's protocol buffers.

    Source: the OSM PBF description (string table, nodes, ways; uncompressed blobs).
    """
    words: list[bytes] = [b""]

    def word(text: str) -> int:
        if text.encode() not in words:
            words.append(text.encode())
        return words.index(text.encode())

    def tags(pairs: dict[str, str]) -> bytes:
        keys, values = (
            b"".join(_varint(word(key)) for key in pairs),
            b"".join(_varint(word(pairs[key])) for key in pairs),
        )
        return _field(2, keys) + _field(3, values) if pairs else b""

    def node(number: int, lon: float, lat: float, pairs: dict[str, str]) -> bytes:
        place = _varint(8 << 3) + _zigzag(round(lat * 1e7)) + _varint(9 << 3) + _zigzag(round(lon * 1e7))
        return _field(1, _varint(1 << 3) + _zigzag(number) + tags(pairs) + place)

    corners = [(121.60, 37.38), (121.6001, 37.38), (121.6001, 37.3801), (121.60, 37.3801)]
    members = [node(10 + at, *corner, {}) for at, corner in enumerate(corners)]
    members.append(node(1, 121.6, 37.3805, {"highway": "street_lamp", "ref": "LD-1", "lamp_type": "led"}))
    members.append(node(2, 121.6, 37.3806, {"man_made": "manhole", "manhole": "water"}))
    members.append(node(3, 121.6, 37.3807, {"shop": "bakery", "name": "𠮷野家"}))
    steps = [_zigzag(step) for step in (10, 1, 1, 1, -3)]
    way = _varint(1 << 3) + _varint(77) + tags({"building": "yes", "building:levels": "6", "name:zh": "牟平大厦"})
    members.append(_field(3, way + _field(8, b"".join(steps))))
    table = _field(1, b"".join(_field(1, text) for text in words))
    data = table + b"".join(_field(2, member) for member in members)
    start = _field(4, b"OsmSchema-V0.6") + _field(4, b"DenseNodes")
    path = folder / "town.osm.pbf"
    path.write_bytes(_osm_block(b"OSMHeader", start) + _osm_block(b"OSMData", data))
    return path


def geojson_sequence(folder: Path) -> Path:
    """Write one feature a line."""
    path = folder / "houses.geojsonl"
    features = json.loads(houses("EPSG:4326").to_json())["features"]
    path.write_text("\n".join(json.dumps(item, ensure_ascii=False) for item in features), encoding="utf-8")
    return path


WRITERS = {
    "Shapefile": _by_gdal(".shp", "EPSG:4550", encoding="UTF-8"),
    "FileGDB": _by_gdal(".gdb", "EPSG:4550", driver="OpenFileGDB"),
    "GeoPackage": _by_gdal(".gpkg", "EPSG:4550"),
    "GeoJSON": _by_gdal(".geojson", "EPSG:4326"),
    "GeoJSONSeq": geojson_sequence,
    "GML": _by_gdal(".gml", "EPSG:4550", driver="GML"),
    "KML": _by_gdal(".kml", "EPSG:4326", driver="LIBKML"),
    "FlatGeobuf": _by_gdal(".fgb", "EPSG:4550"),
    "GeoParquet": _parquet,
    "MapInfo TAB": _by_gdal(".tab", GEOGRAPHIC, driver="MapInfo File", layer_options={"ENCODING": "UTF-8"}),
    "MapInfo MIF": _by_gdal(".mif", GEOGRAPHIC, driver="MapInfo File", layer_options={"ENCODING": "UTF-8"}),
    "CSV with WKT": _csv_wkt,
    "TSV with WKB": _csv_wkb,
    "XLSX with WKT": _xlsx,
    "DXF": _dxf,
    "TAB, Neutral": _mapinfo(".tab", "Neutral"),
    "TAB, Western": _mapinfo(".tab", "WindowsLatin1"),
    "MIF, Neutral": _mapinfo(".mif", "Neutral"),
}
