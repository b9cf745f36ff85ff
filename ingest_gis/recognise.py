"""What a delivered file really is, by its first bytes, before anything opens it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from twin.errors import UnreadableDelivery

Reader = Literal["vector", "table"]


@dataclass(frozen=True)
class FileFormat:
    """One format we take: its reader, the single GDAL driver it may be opened with, its names and first bytes.

    magic: the file starts with one of these; empty for text formats. text_start: first characters of text formats
    after white space (empty: any text).
    """

    name: str
    reader: Reader
    driver: str | None
    suffixes: tuple[str, ...]
    magic: tuple[bytes, ...] = ()
    text_start: tuple[str, ...] = ()


FORMATS = (
    FileFormat("Shapefile", "vector", "ESRI Shapefile", (".shp",), magic=(b"\x00\x00\x27\x0a",)),
    FileFormat("GeoPackage", "vector", "GPKG", (".gpkg",), magic=(b"SQLite format 3\x00",)),
    FileFormat("GeoJSON", "vector", "GeoJSON", (".geojson", ".json"), text_start=("{",)),
    FileFormat("FlatGeobuf", "vector", "FlatGeobuf", (".fgb",), magic=(b"fgb",)),
    FileFormat("KML", "vector", "KML", (".kml",), text_start=("<",)),
    FileFormat("GML", "vector", "GML", (".gml",), text_start=("<",)),
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

ASK_INSTEAD = {
    ".dwg": "请交 DXF 或 Shapefile (ask for DXF or Shapefile)",
    ".osgb": "请交 3D Tiles、OBJ 或 LAS/LAZ (ask for 3D Tiles, OBJ or LAS/LAZ)",
    ".pdf": "请交表格原文件 XLSX 或 CSV (ask for the table itself, XLSX or CSV)",
    ".doc": "请交表格原文件 XLSX 或 CSV (ask for the table itself, XLSX or CSV)",
    ".docx": "请交表格原文件 XLSX 或 CSV (ask for the table itself, XLSX or CSV)",
    ".zip": "请先解压后逐个文件交 (unpack it and give the files)",
    ".rar": "请先解压后逐个文件交 (unpack it and give the files)",
    ".dbf": "请给同名的 .shp 文件 (give the .shp of the same name)",
}


def recognise(path: Path) -> FileFormat:
    """Tell the format of a file, by its name and its first 4 KB agreeing.

    Raises UnreadableDelivery when the file is missing, empty, of a kind not taken, incomplete (a Shapefile without
    its .dbf or .shx) or not what its name says.
    """
    if not path.is_file():
        raise UnreadableDelivery(
            "找不到这个文件 (there is no such file)", where=path.name, do="请检查路径 (check the path)"
        )
    suffix = path.suffix.lower()
    head = _head(path)
    known = next((item for item in FORMATS if suffix in item.suffixes), None)
    if known is None:
        do = ASK_INSTEAD.get(suffix, "可交的格式 (formats taken): " + ", ".join(item.name for item in FORMATS))
        raise UnreadableDelivery(
            f"不接收 {suffix or '无扩展名'} 文件 (this kind of file is not taken)", where=path.name, do=do
        )
    if not head.strip():
        raise UnreadableDelivery("文件是空的 (the file is empty)", where=path.name, do="请重新导出 (export it again)")
    if not _agrees(known, head):
        raise UnreadableDelivery(
            f"内容不是 {known.name} (the content is not {known.name}): {_describe(head)}",
            where=path.name,
            do="请按真实格式改名或重新导出 (rename it to what it is, or export it again)",
        )
    if known.name == "Shapefile":
        _require_siblings(path)
    return known


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError as error:
        raise UnreadableDelivery(
            f"文件打不开 (the file cannot be opened): {error.strerror}",
            where=path.name,
            do="请检查权限 (check its permissions)",
        ) from error


def _agrees(known: FileFormat, head: bytes) -> bool:
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


def _require_siblings(path: Path) -> None:
    present = {sibling.suffix.lower() for sibling in path.parent.iterdir() if sibling.stem == path.stem}
    missing = [suffix for suffix in (".dbf", ".shx") if suffix not in present]
    if missing:
        raise UnreadableDelivery(
            f"缺少同名的 {' '.join(missing)} (the file of the same name is missing)",
            where=path.name,
            do="Shapefile 要 .shp .shx .dbf (最好有 .prj .cpg) 一起交 (deliver all parts of the Shapefile together)",
        )
