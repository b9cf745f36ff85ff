"""In which encoding the table beside a Shapefile or MapInfo file is written; runs in the guarded child only."""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ingest_gis.recognise import siblings
from ingest_gis.text_encoding import choose_encoding, plain_name
from twin.errors import UnreadableDelivery

DBF_LANGUAGES = {0x4D: "gb18030", 0x4E: "cp949", 0x4F: "cp950", 0x13: "cp932"}
# What MapInfo calls the two encodings we read such files in; any other name, or a wrong one, is replaced.
MAPINFO_CHARSETS = {"gb18030": b"WindowsSimpChinese", "utf-8": b"UTF-8"}
MAPINFO_WESTERN = (b"windowslatin1", b"iso8859_1")
_CHARSET = re.compile(rb"(?i)(^!charset[ \t]+|\bcharset[ \t]+\"?)([A-Za-z0-9_-]+)", re.MULTILINE)
_POINTS_ELSEWHERE = re.compile(rb"(?i)\bopen[ \t]+table\b|\bcreate[ \t]+view\b|\bfile[ \t]+\"")
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
CHINESE_RUN_BYTES = 4  # Western text has accents one or two in a row; Chinese words are two characters and more


def shapefile_encoding(path: Path, given: str | None) -> str:
    """Find the encoding of a Shapefile's texts: given, .cpg, the .dbf's language byte, strict UTF-8, GB18030."""
    parts = siblings(path)
    page = None
    if ".cpg" in parts:
        with parts[".cpg"].open("rb") as file:
            page = file.read(40).decode("latin-1").strip()
    table = parts[".dbf"]
    with table.open("rb") as file:
        header = file.read(32)
    language = DBF_LANGUAGES.get(header[29]) if len(header) == 32 else None
    if page and (plain_name(page) or "").startswith(("utf-16", "utf-32")):
        page = None  # columns of bytes hold no such text; read so, any text decodes, to other letters
    return choose_encoding(dbf_texts(table), [given, page, language])


def dbf_texts(table: Path) -> Iterator[bytes]:
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


def with_right_charset(path: Path, given: str | None, scratch: Path) -> tuple[Path, str]:
    """Give a MapInfo file that names its true encoding, and that encoding (gb18030, utf-8 or latin-1).

    GDAL decodes by the charset written in the file, which Chinese deliveries leave at "Neutral" or at the default of
    a Western Windows. Where it is wrong, a copy of the header is made in `scratch` beside links to the other parts.
    Raises UnreadableDelivery when the file only points at others, or the .mif that would have to be copied is larger
    than a child may write.
    """
    parts = siblings(path)
    header = path.read_bytes()
    if _POINTS_ELSEWHERE.search(header[:4096]):
        raise UnreadableDelivery(
            "这个 TAB 只是指向别的文件 (this TAB only points at other files)",
            do="请另存为独立的 TAB 或 MIF 再交 (save it as a table of its own and deliver that)",
        )
    named = _CHARSET.search(header[:4096])
    declared = named[2].lower() if named else b""
    is_western = declared in MAPINFO_WESTERN and given is None
    texts = [_defined(header), *_texts(parts)]
    if is_western and not any(_looks_chinese(piece) for piece in texts):
        return path, "latin-1"
    encoding = choose_encoding(texts, [given, "gb18030" if declared == b"windowssimpchinese" else None])
    right = MAPINFO_CHARSETS.get(encoding)
    if right is None or declared == right.lower():
        return path, encoding
    copy = scratch / path.name
    for suffix, part in parts.items():
        if suffix != path.suffix.lower():
            (scratch / part.name).symlink_to(part)
    try:
        copy.write_bytes(_renamed(header, named, right))
    except OSError as error:
        raise UnreadableDelivery(
            "文件没有写明字符集, 又太大不能改读 (the file names a wrong charset and is too large to be read otherwise)",
            do="请以 WindowsSimpChinese 字符集重新导出 (export it again with charset WindowsSimpChinese)",
        ) from error
    shutil.copymode(path, copy)
    return copy, encoding


def _texts(parts: dict[str, Path]) -> Iterator[bytes]:
    if ".mid" in parts:
        with parts[".mid"].open("rb") as file:
            yield from iter(lambda: b"".join(file.readlines(1 << 20)), b"")
    elif ".dat" in parts:
        yield from dbf_texts(parts[".dat"])


def _defined(header: bytes) -> bytes:
    """Cut a .tab or .mif down to the part that defines its columns: the geometry below holds no text."""
    end = re.search(rb"(?im)^data\s*$", header)
    return header[: end.start()] if end else header


def _looks_chinese(piece: bytes) -> bool:
    runs = [len(run) for run in _HIGH_RUN.findall(piece)]
    return bool(runs) and sum(runs) / len(runs) >= CHINESE_RUN_BYTES


def _renamed(header: bytes, named: re.Match[bytes] | None, right: bytes) -> bytes:
    """Write the charset into the header: in place of the wrong one, or as the line that was missing."""
    if named is not None:
        return header[:4096].replace(named[2], right) + header[4096:]
    first, rest = header.split(b"\n", 2)[0], header.partition(b"\n")[2]
    if first.lower().startswith(b"!table"):
        version, _, body = rest.partition(b"\n")
        return b"\n".join(
            (
                first,
                version,
                b"!charset " + right,
                body.replace(b"Type NATIVE", b'Type NATIVE Charset "' + right + b'"', 1),
            )
        )
    return b"\n".join((first, b'Charset "' + right + b'"', rest))
