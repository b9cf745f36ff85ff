"""What a delivered file really is, by its first bytes, before anything opens it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from twin.errors import UnreadableDelivery

Reader = Literal["vector", "table", "cad", "city_model", "city_gml", "parquet", "cloud", "archive"]
HEAD_BYTES = 64 << 10
# Text that begins a later part of a CityJSON file: its keys come in any order, megabytes apart.
CITY_OBJECTS = b'"CityObjects"'


@dataclass(frozen=True)
class FileFormat:
    """One format we take: its reader, the single GDAL driver it may be opened with, its names and first bytes.

    magic: the file starts with one of these; empty for text formats. text_start: first characters of text formats
    after white space (empty: any text). holds: bytes that stand somewhere in the first 64 KB.
    """

    name: str
    reader: Reader
    driver: str | None
    suffixes: tuple[str, ...]
    magic: tuple[bytes, ...] = ()
    text_start: tuple[str, ...] = ()
    holds: bytes = b""


CITY_GML = FileFormat("CityGML", "city_gml", None, (".gml", ".citygml", ".xml"), text_start=("<",), holds=b"citygml")
CITY_JSON = FileFormat("CityJSON", "city_model", None, (".json", ".jsonl"), text_start=("{",))
FILE_GDB = FileFormat("FileGDB", "vector", "OpenFileGDB", (".gdb",))
FORMATS = (
    FileFormat("Shapefile", "vector", "ESRI Shapefile", (".shp",), magic=(b"\x00\x00\x27\x0a",)),
    FILE_GDB,
    FileFormat("GeoPackage", "vector", "GPKG", (".gpkg",), magic=(b"SQLite format 3\x00",)),
    FileFormat("GeoJSON", "vector", "GeoJSON", (".geojson", ".json"), text_start=("{",)),
    FileFormat("GeoJSONSeq", "vector", "GeoJSONSeq", (".geojsonl", ".geojsons", ".jsonl"), text_start=("{", "\x1e")),
    FileFormat("FlatGeobuf", "vector", "FlatGeobuf", (".fgb",), magic=(b"fgb",)),
    FileFormat("KML", "vector", "LIBKML", (".kml",), text_start=("<",)),
    FileFormat("GML", "vector", "GML", (".gml",), text_start=("<",)),
    CITY_GML,
    CITY_JSON,
    FileFormat("MapInfo TAB", "vector", "MapInfo File", (".tab",), text_start=("!table", "!Table", "!TABLE")),
    FileFormat("MapInfo MIF", "vector", "MapInfo File", (".mif",), text_start=("Version", "VERSION", "version")),
    FileFormat("OSM pbf", "vector", "OSM", (".pbf",), magic=(b"\x00\x00\x00",), holds=b"OSMHeader"),
    FileFormat("GeoParquet", "parquet", None, (".parquet", ".geoparquet"), magic=(b"PAR1",)),
    FileFormat("DXF", "cad", None, (".dxf",), text_start=("0", "999", "AutoCAD Binary DXF")),
    FileFormat("LAS/LAZ", "cloud", None, (".las", ".laz"), magic=(b"LASF",)),
    FileFormat("ZIP", "archive", None, (".zip",), magic=(b"PK\x03\x04", b"PK\x05\x06")),
    FileFormat("Excel (XLSX)", "table", None, (".xlsx", ".xlsm"), magic=(b"PK\x03\x04",)),
    FileFormat("Excel (XLS)", "table", None, (".xls",), magic=(b"\xd0\xcf\x11\xe0",)),
    FileFormat("CSV", "table", None, (".csv", ".tsv", ".txt")),
)

# What the first bytes give away, for a message that says what the file is instead of what it claims to be.
DISGUISES = (
    (b"PK\x03\x04", "ZIP 压缩包或 Office 文件 (a ZIP archive or Office file)"),
    (b"Rar!", "RAR 压缩包 (a RAR archive)"),
    (b"7z\xbc\xaf", "7z 压缩包 (a 7z archive)"),
    (b"\x1f\x8b", "gzip 压缩包 (a gzip archive)"),
    (b"SQLite format 3\x00", "SQLite/GeoPackage 数据库 (an SQLite database)"),
    (b"\xd0\xcf\x11\xe0", "旧版 Office 文件 (an old Office file)"),
    (b"%PDF", "PDF 文件 (a PDF)"),
    (b"\x89PNG", "图片 (a picture)"),
    (b"\xff\xd8\xff", "照片 (a photograph)"),
    (b"<OGRVRTDataSource", "GDAL 虚拟文件 VRT, 它会指向别的文件 (a GDAL VRT, which points at other files)"),
    (b"<?xml", "XML 文件 (an XML file)"),
    (b"AC10", "DWG 图纸 (a DWG drawing)"),
)

_TABLE = "请交表格原文件 XLSX 或 CSV (ask for the table itself, XLSX or CSV)"
_UNPACK = "请改用 ZIP 打包, 或解压后逐个文件交 (pack it as ZIP, or unpack it and give the files)"
_DATABASE = "请导出为 FileGDB (.gdb) 或 GeoPackage (ask for an export as FileGDB or GeoPackage)"
_SCENE = "请交 3D Tiles、OBJ 或 LAS/LAZ (ask for 3D Tiles, OBJ or LAS/LAZ)"
_MODEL = "请交 CityGML 或 CityJSON (ask for CityGML or CityJSON)"
_IMAGES = "影像请用 twin survey add 登记 (images are registered with twin survey add)"
ASK_INSTEAD = {
    ".dwg": "请交 DXF 或 Shapefile (ask for DXF or Shapefile)",
    ".dgn": "请交 DXF 或 Shapefile (ask for DXF or Shapefile)",
    **dict.fromkeys((".osgb", ".osg", ".s3m", ".s3mb", ".b3dm", ".slpk"), _SCENE),
    **dict.fromkeys((".max", ".3ds", ".skp", ".rvt", ".ifc", ".fbx"), _MODEL),
    **dict.fromkeys((".pdf", ".doc", ".docx", ".wps", ".et", ".ods", ".xlsb"), _TABLE),
    **dict.fromkeys((".mdb", ".accdb"), _DATABASE),
    **dict.fromkeys((".rar", ".7z", ".gz", ".tar", ".tgz"), _UNPACK),
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".tif", ".tiff", ".img"), _IMAGES),
    ".kmz": "请解压后交其中的 KML (unpack it and give the KML inside)",
    ".osm": "请交 .osm.pbf (ask for .osm.pbf)",
    ".dbf": "请给同名的 .shp 文件 (give the .shp of the same name)",
    ".mid": "请给同名的 .mif 文件 (give the .mif of the same name)",
}


def recognise(path: Path) -> FileFormat:
    """Tell the format of a file (or of a FileGDB folder), by its name and its first 64 KB agreeing.

    Raises UnreadableDelivery when the file is missing, empty, of a kind not taken, incomplete (a Shapefile without
    its .dbf or .shx) or not what its name says.
    """
    suffix = path.suffix.lower()
    if path.is_dir() and suffix == ".gdb":
        return _recognise_folder(path)
    if not path.is_file():
        raise UnreadableDelivery(
            "找不到这个文件 (there is no such file)", where=path.name, do="请检查路径 (check the path)"
        )
    head = _head(path)
    named = [item for item in FORMATS if suffix in item.suffixes and item is not FILE_GDB]
    if not named:
        do = ASK_INSTEAD.get(suffix, "可交的格式 (formats taken): " + ", ".join(item.name for item in FORMATS))
        raise UnreadableDelivery(
            f"不接收 {suffix or '无扩展名'} 文件 (this kind of file is not taken)", where=path.name, do=do
        )
    if not head.strip():
        raise UnreadableDelivery("文件是空的 (the file is empty)", where=path.name, do="请重新导出 (export it again)")
    known = _by_content(path, named, head)
    if known is None:
        raise UnreadableDelivery(
            f"内容不是 {named[0].name} (the content is not {named[0].name}): {_describe(head)}",
            where=path.name,
            do="请按真实格式改名或重新导出 (rename it to what it is, or export it again)",
        )
    _require_siblings(path, SIBLINGS.get(known.name, ()), known.name)
    return known


def _by_content(path: Path, named: list[FileFormat], head: bytes) -> FileFormat | None:
    """Choose among the formats of one suffix: a city model and a map can share .json, .jsonl or .gml."""
    fitting = [item for item in named if _agrees(item, head)]
    special = next((item for item in fitting if item in (CITY_GML, CITY_JSON)), None)
    if special is CITY_JSON and len(fitting) > 1:
        special = CITY_JSON if _holds(path, CITY_OBJECTS) else None
        fitting.remove(CITY_JSON)
    return special or next(iter(fitting), None)


def _holds(path: Path, words: bytes) -> bool:
    """Look for bytes anywhere in a file, piece by piece."""
    with path.open("rb") as file:
        tail = b""
        while piece := file.read(1 << 20):
            if words in tail + piece:
                return True
            tail = piece[-len(words) :]
    return False


def _recognise_folder(path: Path) -> FileFormat:
    """A FileGDB is a folder with its catalogue in it, and with nothing that leads out of it."""
    if any(item.is_symlink() for item in path.iterdir()):
        raise UnreadableDelivery(
            "文件夹里有指向别处的链接 (the folder holds links to elsewhere)",
            where=path.name,
            do="请只交数据本身 (deliver the data itself)",
        )
    if not (path / "a00000001.gdbtable").is_file():
        raise UnreadableDelivery(
            "不是完整的 FileGDB (this is no whole FileGDB)",
            where=path.name,
            do="请把整个 .gdb 文件夹打成 ZIP 再交 (pack the whole .gdb folder as ZIP)",
        )
    return FILE_GDB


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise UnreadableDelivery(
            f"文件打不开 (the file cannot be opened): {error.strerror}",
            where=path.name,
            do="请检查权限 (check its permissions)",
        ) from error


def _agrees(known: FileFormat, head: bytes) -> bool:
    if known.holds not in head:
        return False
    if known.magic:
        return head.startswith(known.magic)
    is_utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if known.text_start:
        text = head.removeprefix(b"\xef\xbb\xbf").decode("latin-1").lstrip()
        return text.startswith(known.text_start) and "<OGRVRTDataSource" not in text
    disguised = any(head.startswith(magic) for magic, _ in DISGUISES)
    return is_utf16 or (b"\x00" not in head and not disguised)


def _describe(head: bytes) -> str:
    body = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if b"<OGRVRTDataSource" in head:
        return dict(DISGUISES)[b"<OGRVRTDataSource"]
    return next((name for magic, name in DISGUISES if body.startswith(magic)), "不认得的内容 (unknown content)")


# Files of the same name that a file is nothing without.
SIBLINGS = {"Shapefile": (".dbf", ".shx"), "MapInfo TAB": (".dat", ".map", ".id"), "MapInfo MIF": (".mid",)}


def siblings(path: Path) -> dict[str, Path]:
    """Give the files that share a file's name, by their lower-case suffix."""
    return {item.suffix.lower(): item for item in path.parent.iterdir() if item.stem == path.stem}


def _require_siblings(path: Path, needed: tuple[str, ...], name: str) -> None:
    missing = [suffix for suffix in needed if suffix not in siblings(path)] if needed else []
    if missing:
        raise UnreadableDelivery(
            f"缺少同名的 {' '.join(missing)} (the file of the same name is missing)",
            where=path.name,
            do=f"{name} 的各个部分 ({path.suffix} {' '.join(needed)} 等) 要一起交 (deliver all parts of it together)",
        )
