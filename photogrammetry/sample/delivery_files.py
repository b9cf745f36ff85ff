"""The files' own peculiarities: GB18030, byte order marks, no .cpg, codes as text; and always the same bytes."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import geopandas
import openpyxl
import pyogrio

MADE_AT = datetime(2026, 5, 20, 9, 0)
Rows = Sequence[dict[str, str]]


@contextmanager
def fixed_dates() -> Iterator[None]:
    """Let GDAL write a fixed date where it would write today's."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": MADE_AT.strftime("%Y-%m-%dT%H:%M:%SZ")})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def write_csv(path: Path, rows: Rows, encoding: str) -> None:
    """Write a CSV as Excel does; encoding: utf-8-sig or gb18030."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))


def write_shapefile(path: Path, table: geopandas.GeoDataFrame) -> None:
    """Write a Shapefile with a GB18030 .dbf and no .cpg, as survey offices hand them over."""
    pyogrio.write_dataframe(
        table, path, driver="ESRI Shapefile", encoding="GB18030",
        layer_options={"DBF_DATE_LAST_UPDATE": MADE_AT.strftime("%Y-%m-%d")},
    )  # fmt: skip
    path.with_suffix(".cpg").unlink(missing_ok=True)
    header = bytearray(path.with_suffix(".dbf").read_bytes())
    header[29] = 0  # no language byte either: the reader must find out
    path.with_suffix(".dbf").write_bytes(bytes(header))


def write_workbook(path: Path, sheet: str, rows: Rows) -> None:
    """Write an Excel workbook whose cells are all text, packed with fixed dates."""
    workbook = openpyxl.Workbook()
    page = workbook.active
    page.title = sheet
    page.append(list(rows[0]))
    for row in rows:
        page.append([value or None for value in row.values()])
    for line in page.iter_rows(min_row=2):
        for cell in line:
            cell.number_format = "@"
    workbook.properties.creator = "city-digital-twin sample"
    workbook.properties.created = workbook.properties.modified = MADE_AT
    packed = io.BytesIO()
    workbook.save(packed)
    path.write_bytes(_with_fixed_dates(packed.getvalue()))


def _with_fixed_dates(content: bytes) -> bytes:
    again = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as target:
        for item in sorted(source.infolist(), key=lambda item: item.filename):
            data = source.read(item)
            if item.filename == "docProps/core.xml":
                data = _fixed_modified(data)
            target.writestr(zipfile.ZipInfo(item.filename, MADE_AT.timetuple()[:6]), data, zipfile.ZIP_DEFLATED)
    return again.getvalue()


def _fixed_modified(core: bytes) -> bytes:
    """Put the fixed date into dcterms:modified, which the writer sets to now."""
    opening, closing = b"<dcterms:modified", b"</dcterms:modified>"
    if opening not in core:
        return core
    before, rest = core.split(opening, 1)
    tag_end = rest.index(b">") + 1
    after = rest.split(closing, 1)[1]
    return before + opening + rest[:tag_end] + MADE_AT.strftime("%Y-%m-%dT%H:%M:%SZ").encode() + closing + after
