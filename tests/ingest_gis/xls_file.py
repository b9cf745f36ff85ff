"""A workbook as Excel 97 writes it, made byte by byte: one sheet of texts and numbers.

Sources: [MS-CFB] (the file in the file) and [MS-XLS] (BOF, BOUNDSHEET, DIMENSIONS, LABEL, NUMBER, EOF).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

SECTOR = 512
END, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def write_xls(path: Path, rows: Sequence[Sequence[str | float | None]], sheet: str = "路灯") -> Path:
    """Write rows of cells; None is an empty one."""
    stream = _workbook(rows, sheet)
    stream += bytes(-len(stream) % SECTOR) if len(stream) >= 4096 else bytes(4096 - len(stream))
    count = len(stream) // SECTOR
    # Sector 0: allocation table, 1: directory, from 2 on: the workbook.
    table = [FAT, END, *range(3, count + 2), END]
    fat = struct.pack(f"<{len(table)}I", *table) + struct.pack("<I", FREE) * (SECTOR // 4 - len(table))
    root = _entry("Root Entry", 5, 1, END, 0)
    directory = root + _entry("Workbook", 2, FREE, 2, len(stream)) + bytes(256)
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
        + struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, END, 0, END, 0)
        + struct.pack("<I", 0) + struct.pack("<I", FREE) * 108
    )  # fmt: skip
    path.write_bytes(header + fat + directory + stream)
    return path


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\x00\x00"
    return (
        text.ljust(64, b"\x00") + struct.pack("<HBBIII", len(text), kind, 1, FREE, FREE, child) + bytes(36)
        + struct.pack("<IQ", start, size)
    )  # fmt: skip


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _workbook(rows: Sequence[Sequence[str | float | None]], sheet: str) -> bytes:
    begin = struct.pack("<HHHHII", 0x0600, 0, 0x0DBB, 0x07CC, 0, 6)
    name = bytes([len(sheet), 1]) + sheet.encode("utf-16-le")
    front = _record(0x0809, begin[:2] + struct.pack("<H", 5) + begin[4:])
    length = len(front) + 4 + 6 + len(name) + 4
    front += _record(0x0085, struct.pack("<IH", length, 0) + name) + _record(0x000A, b"")
    cells = b"".join(
        _cell(at, column, value) for at, row in enumerate(rows) for column, value in enumerate(row) if value is not None
    )
    width = max(len(row) for row in rows)
    size = _record(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
    return front + _record(0x0809, begin[:2] + struct.pack("<H", 16) + begin[4:]) + size + cells + _record(0x000A, b"")


def _cell(row: int, column: int, value: str | float) -> bytes:
    place = struct.pack("<HHH", row, column, 0)
    if isinstance(value, str):
        units = value.encode("utf-16-le")
        return _record(0x0204, place + struct.pack("<HB", len(units) // 2, 1) + units)
    return _record(0x0203, place + struct.pack("<d", value))
