"""Read a table (CSV, TSV, XLSX, XLS) as text, codes and all; runs in the guarded child only."""

from __future__ import annotations

import csv
import datetime as dt
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ingest_gis.table_geometry import as_wkb, declared_srid, geometry_column
from ingest_gis.text_encoding import find_file_encoding
from twin.errors import UnreadableDelivery

if TYPE_CHECKING:
    from ingest_gis.gdal_guard import EmitBatch, EmitInfo, ReadOptions

DELIMITERS = (",", "\t", ";", "|")
HEADER_SEARCH_ROWS = 20
# Excel keeps 15 significant digits; a longer number in a numeric cell has lost its end.
EXCEL_EXACT_LIMIT = 1e15
Row = list[str]


def prepare(driver: str | None) -> None:
    """Load what reading needs before the process gives up its freedoms."""
    import python_calamine  # noqa: F401

    csv.field_size_limit(min(sys.maxsize, 1 << 24))


def stream(path: Path, options: ReadOptions, emit_info: EmitInfo, emit_batch: EmitBatch) -> None:
    """Read one table and send its rows.

    emit_info gets layer (the sheet; None for CSV), layers, fields, crs (None, unless a column of EWKT names one),
    geometry, rows, encoding, delimiter. emit_batch gets batches of text columns, `_row_no`, `_extra` (cells beyond the
    header, else null) and, where a column holds WKT or hex WKB, `_wkb` in its place.
    Raises UnreadableDelivery when there is no header, no such sheet, or the workbook cannot be opened.
    """
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        info, rows, total = _open_text(path, options)
    else:
        info, rows, total = _open_workbook(path, options)
    before, header, first = _find_header(rows)
    first += list(islice(rows, HEADER_SEARCH_ROWS))
    shape_at = geometry_column(header, first)
    if shape_at is not None:
        info["geometry"] = "Unknown"
        info["crs"] = declared_srid([row[shape_at] for row in first if shape_at < len(row)])
    info["fields"] = [name for at, name in enumerate(header) if at != shape_at]
    info["rows"] = max(0, total - before)
    emit_info(info)
    _send_rows(header, shape_at, chain(first, rows), options.batch_rows, emit_batch)


def _open_text(path: Path, options: ReadOptions) -> tuple[dict[str, object], Iterator[Row], int]:
    encoding = find_file_encoding(path, options.encoding)
    delimiter = _find_delimiter(path, encoding)
    info: dict[str, object] = {
        "layer": None, "layers": [], "crs": None, "geometry": "",
        "encoding": encoding.removesuffix("-sig"), "delimiter": delimiter, "driver": "CSV",
    }  # fmt: skip
    return info, _text_rows(path, encoding, delimiter), _count_lines(path)


def _text_rows(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        # A NUL byte would stop the csv module; it is kept visible as broken text instead.
        yield from csv.reader((line.replace("\x00", "\ufffd") for line in file), delimiter=delimiter)


def _count_lines(path: Path) -> int:
    count, last = 0, b"\n"
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            count += piece.count(b"\n")
            last = piece[-1:]
    return count + (last != b"\n")


def _find_delimiter(path: Path, encoding: str) -> str:
    """Find the delimiter that cuts the first lines into the most columns, the same number in most lines."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        lines = [line for line in islice(file, 50) if line.strip()]

    def cut(delimiter: str) -> tuple[int, int]:
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter))
        columns, votes = max(counts.items(), key=lambda item: (item[0] > 1, item[1], item[0]), default=(1, 0))
        return (columns > 1) * votes, columns

    return max(DELIMITERS, key=cut)


def _open_workbook(path: Path, options: ReadOptions) -> tuple[dict[str, object], Iterator[Row], int]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_path(path)
        names = list(workbook.sheet_names)
        filled = [name for name in names if workbook.get_sheet_by_name(name).total_height > 0]
        name = options.layer or next(iter(filled), "")
        if name not in names:
            raise UnreadableDelivery(
                f"没有工作表 {name} (no such sheet, or all sheets are empty)",
                do=f"现有工作表 (sheets here): {', '.join(names)}",
            )
        sheet = workbook.get_sheet_by_name(name)
        rows = ([_cell_text(cell) for cell in row] for row in sheet.iter_rows())
        info: dict[str, object] = {
            "layer": name, "layers": filled, "crs": None, "geometry": "",
            "encoding": "utf-8", "driver": "XLSX" if path.suffix.lower() != ".xls" else "XLS",
        }  # fmt: skip
        return info, rows, sheet.total_height
    except (CalamineError, OSError, ValueError) as error:
        raise UnreadableDelivery(
            "工作簿打不开、已加密或已损坏 (the workbook cannot be opened, is encrypted or damaged)",
            do="请去掉密码, 另存为 XLSX 后再交 (remove the password, save it as XLSX and deliver it again)",
        ) from error


def _cell_text(cell: object) -> str:
    """Write a cell as text. A number that Excel has cut shows as 3.70612E+17, which the checks recognise."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (int, float)):
        if abs(cell) >= EXCEL_EXACT_LIMIT:
            return f"{cell:.14E}"
        return str(int(cell)) if float(cell).is_integer() else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, (dt.date, dt.time)):
        return cell.isoformat()
    return str(cell)


def _find_header(rows: Iterator[Row]) -> tuple[int, Row, list[Row]]:
    """Find the header: the first row as wide as the table, below any title lines.

    Returns how many rows were used up (titles and header), the header, and the rows read beyond it.
    """
    start = list(islice(rows, HEADER_SEARCH_ROWS))
    width = max((_filled(row) for row in start), default=0)
    for index, row in enumerate(start):
        if width and _filled(row) * 2 > width:
            return index + 1, _unique_names(row), start[index + 1 :]
    raise UnreadableDelivery(
        "没有表头行 (there is no header row)", do="第一行请写列名 (put the column names into the first row)"
    )


def _filled(row: Row) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _unique_names(row: Row) -> Row:
    while row and not row[-1].strip():
        row = row[:-1]
    seen: Counter[str] = Counter()
    names = []
    for index, cell in enumerate(row, 1):
        name = " ".join(cell.split()) or f"column_{index}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return names


def _send_rows(header: Row, shape_at: int | None, rows: Iterable[Row], batch_rows: int, emit_batch: EmitBatch) -> None:
    numbered = enumerate(rows, 1)
    while piece := list(islice(numbered, batch_rows)):
        kept = [(number, row) for number, row in piece if _filled(row)]
        if kept:
            emit_batch(_as_batch(header, shape_at, kept))


def _as_batch(header: Row, shape_at: int | None, numbered: list[tuple[int, Row]]) -> pa.RecordBatch:
    width = len(header)
    cells = [[*row[:width], *[""] * (width - len(row))] for _, row in numbered]
    extra = [" | ".join(filter(None, row[width:])) or None for _, row in numbered]
    columns = [list(column) for column in zip(*cells, strict=True)]
    named = {name: pa.array(column, pa.string()) for name, column in zip(header, columns, strict=True)}
    named["_row_no"] = pa.array(np.array([number for number, _ in numbered], dtype=np.int64))
    named["_extra"] = pa.array(extra, pa.string())
    if shape_at is not None:
        del named[header[shape_at]]
        named["_wkb"] = pa.array(as_wkb(columns[shape_at]), pa.binary())
    return pa.RecordBatch.from_arrays(list(named.values()), names=list(named))
