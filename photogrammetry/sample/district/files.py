"""The formats departments send: CSV in two encodings, workbooks, and vector files; always the same bytes."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyogrio
from pyproj import CRS

from photogrammetry.sample.delivery_files import MADE_AT
from photogrammetry.sample.district.words import Text, choose, join, text

Form = Literal["csv-utf8", "csv-gb18030", "xlsx", "shp", "gpkg", "geojson", "fgb", "parquet"]
# What is peculiar about a line: cells beyond the header, or bytes of another encoding.
Quirks = Mapping[int, Literal["extra", "gbk"]]
ENCODINGS: dict[str, str] = {"csv-utf8": "utf-8", "csv-gb18030": "gb18030"}
DRIVERS = {"shp": "ESRI Shapefile", "gpkg": "GPKG", "geojson": "GeoJSON", "fgb": "FlatGeobuf"}
GEOMETRY = "_wkb"
RUINED = r"^\d\.\d+E\+\d+$"
Chunk = tuple[pa.Table, Quirks]
SHEET_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    "<sheetData>"
)
PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
    '<sheet name="数据" sheetId="1" r:id="rId1"/></sheets></workbook>',
}


def write_delivery(
    path: Path, form: Form, chunks: Iterable[Chunk], *, crs: str | None = None, layer: str | None = None
) -> None:
    """Write one delivery.

    chunks: tables of text columns (and `_wkb` in vector files, one chunk only) with what is peculiar about their rows.
    crs: of vector files. layer: its name in a GeoPackage.
    """
    if form in ENCODINGS:
        _write_csv(path, chunks, ENCODINGS[form])
    elif form == "xlsx":
        _write_workbook(path, chunks)
    else:
        table = pa.concat_tables([table for table, _ in chunks]).combine_chunks()
        if form == "parquet":
            _write_parquet(path, table, str(crs))
        else:
            _write_vector(path, form, table, str(crs), layer)


def _write_csv(path: Path, chunks: Iterable[Chunk], encoding: str) -> None:
    with path.open("wb") as file:
        for number, (table, quirks) in enumerate(chunks):
            if number == 0:
                mark = b"\xef\xbb\xbf" if encoding == "utf-8" else b""
                file.write(mark + (",".join(table.column_names) + "\r\n").encode(encoding))
            lines = _lines(table).to_pylist()
            start = 0
            for row, quirk in sorted(quirks.items()):
                file.write("".join(line + "\r\n" for line in lines[start:row]).encode(encoding))
                line = lines[row] + (",续表,1" if quirk == "extra" else "") + "\r\n"
                file.write(line.encode("gb18030" if quirk == "gbk" else encoding))
                start = row + 1
            file.write("".join(line + "\r\n" for line in lines[start:]).encode(encoding))


def _lines(table: pa.Table) -> Text:
    return pc.binary_join_element_wise(*(_quoted(table[name].combine_chunks()) for name in table.column_names), ",")


def _quoted(cells: Text) -> Text:
    """Put cells that hold a comma, a quote or a line break into quotes, as Excel does."""
    special = pc.match_substring_regex(cells, pattern='[,"\r\n]')
    if not pc.any(special).as_py():
        return cells
    return pc.if_else(special, join('"', pc.replace_substring(cells, '"', '""'), '"'), cells)


def _write_workbook(path: Path, chunks: Iterable[Chunk]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        for name, content in PARTS.items():
            package.writestr(_entry(name), '<?xml version="1.0" encoding="UTF-8"?>\n' + content)
        with package.open(_entry("xl/worksheets/sheet1.xml"), "w", force_zip64=True) as sheet:
            sheet.write(SHEET_HEAD.encode())
            row = 1
            for table, _ in chunks:
                if row == 1:
                    sheet.write(_header(table.column_names).encode())
                    row = 2
                sheet.write("".join(_sheet_rows(table, row).to_pylist()).encode())
                row += table.num_rows
            sheet.write(b"</sheetData></worksheet>")


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, MADE_AT.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _header(names: Sequence[str]) -> str:
    cells = "".join(
        f'<c r="{chr(65 + at)}1" t="inlineStr"><is><t>{escape(name)}</t></is></c>' for at, name in enumerate(names)
    )
    return f'<row r="1">{cells}</row>'


def _sheet_rows(table: pa.Table, first: int) -> Text:
    """Write rows of a sheet: cells are text; only a code that Excel has ruined is a number."""
    number = text(range(first, first + table.num_rows))
    pieces: list[Text | str] = [join('<row r="', number, '">')]
    for at, name in enumerate(table.column_names):
        cells = table[name].combine_chunks()
        for sign, spelled in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            cells = pc.replace_substring(cells, sign, spelled)
        start = join(f'<c r="{chr(65 + at)}', number, '"')
        words = join(start, ' t="inlineStr"><is><t xml:space="preserve">', cells, "</t></is></c>")
        ruined = pc.match_substring_regex(cells, pattern=RUINED)
        filled = pc.if_else(ruined, join(start, "><v>", cells, "</v></c>"), words)
        pieces.append(choose(pc.equal(cells, "").to_numpy(False), "", filled))
    return join(*pieces, "</row>")


def _write_parquet(path: Path, table: pa.Table, crs: str) -> None:
    """Write GeoParquet 1.1 with WKB geometry."""
    columns = {"geometry": {"encoding": "WKB", "geometry_types": [], "crs": CRS.from_user_input(crs).to_json_dict()}}
    meta = {"version": "1.1.0", "primary_column": "geometry", "columns": columns}
    renamed = table.rename_columns(["geometry" if name == GEOMETRY else name for name in table.column_names])
    pq.write_table(renamed.replace_schema_metadata({"geo": json.dumps(meta)}), path, compression="zstd")


def _write_vector(path: Path, form: str, table: pa.Table, crs: str, layer: str | None) -> None:
    options: dict[str, Any] = {}
    if form == "shp":
        options = {"encoding": "GB18030", "layer_options": {"DBF_DATE_LAST_UPDATE": MADE_AT.strftime("%Y-%m-%d")}}
    if form == "gpkg":
        options = {"layer": layer or path.stem, "append": path.exists()}
    if form == "fgb":
        options = {"layer_options": {"SPATIAL_INDEX": "NO"}}  # an index would put the rows into another order
    if form == "geojson":
        options = {"layer_options": {"COORDINATE_PRECISION": "9"}}
    kind = "Polygon" if form == "shp" and _first_kind(table) == 3 else "Point" if form == "shp" else "Unknown"
    pyogrio.write_arrow(
        table, path, driver=DRIVERS[form], geometry_name=GEOMETRY, geometry_type=kind, crs=crs, **options
    )
    if form == "shp":
        path.with_suffix(".cpg").unlink(missing_ok=True)
        with path.with_suffix(".dbf").open("r+b") as file:
            file.seek(29)
            file.write(b"\x00")  # no language byte either: the reader must find out


def _first_kind(table: pa.Table) -> int:
    """Give the geometry type in the first row's WKB (little-endian)."""
    return int.from_bytes(table[GEOMETRY][0].as_py()[1:5], "little")
