"""Malformed and hostile files of bytes: ZIP bombs, databases that compute, sizes that lie, sound files with hurts."""

from __future__ import annotations

import io
import random
import sqlite3
import stat
import struct
import tempfile
import zipfile
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bad_texts import XML, BadFile, Maker, Trap, virtual, xml_bomb

SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def _zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return target.getvalue()


@cache
def _dense(method: int) -> bytes:
    """40 MB of zeros, packed: with bzip2 forty bytes or so."""
    return _zipped({"zeros.csv": bytes(40 << 20)}, method)


def zip_bomb(dice: random.Random, trap: Trap) -> BadFile:
    """Archives that unpack to far more than they are: dense, nested, of very many entries, overlapping."""
    kind = dice.randint(0, 5)
    if kind < 3:
        return "dense.zip", _dense((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)[kind])
    if kind == 3:
        body = _dense(zipfile.ZIP_DEFLATED)
        for level in range(dice.randint(2, 8)):
            body = _zipped(
                {f"{level}-{n}.zip": body for n in range(4)}, zipfile.ZIP_STORED if level else zipfile.ZIP_DEFLATED
            )
            if len(body) > 4 << 20:
                break
        return "nested.zip", body
    if kind == 4:
        return "many.zip", _many_entries()
    return "overlapping.zip", _overlapping(dice.randint(50, 400))


@cache
def _many_entries() -> bytes:
    return _zipped({f"{n}.csv": b"" for n in range(10_001)}, zipfile.ZIP_STORED)


def _overlapping(times: int) -> bytes:
    """One packed megabyte, listed many times: every entry of the list points at the same bytes."""
    name, body = b"a.csv", zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = body.compress(bytes(1 << 20)) + body.flush()
    crc, sizes = zlib.crc32(bytes(1 << 20)), (len(packed), 1 << 20)
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 33, crc, *sizes, len(name), 0) + name + packed
    listed = b""
    for n in range(times):
        shown = b"%d.csv" % n
        listed += struct.pack(
            "<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 33, crc, *sizes, len(shown), 0, 0, 0, 0, 0, 0
        )
        listed += shown
    return local + listed + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, times, times, len(listed), len(local), 0)


def zip_quine(dice: random.Random, trap: Trap) -> BadFile:
    """An archive that holds itself as far as a file can: its own bytes, again and again."""
    body = _zipped({"r.csv": b"a,b\n"})
    for _ in range(dice.randint(20, 60)):
        body = _zipped({"r.zip": body}, zipfile.ZIP_STORED)
    return "quine.zip", body


def zip_paths(dice: random.Random, trap: Trap) -> BadFile:
    """Entries that would land elsewhere: upwards, absolute, through links, on devices, under names that are none."""
    names = (
        "../../canary.csv", "/tmp/canary.csv", "..\\..\\canary.csv", "C:\\canary.csv", "a/../../b.csv",  # noqa: S108
        "CON.csv", "x" * 300 + ".csv", "/".join(["a"] * 900) + ".csv", "//host/share/a.csv", "a\x00.csv", ".csv",
        "a.csv/", "a\n.csv", "./././../a.csv",
    )  # fmt: skip
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        entry = zipfile.ZipInfo(dice.choice(names))
        body = b"a,b\n1,2\n"
        if dice.random() < 0.5:
            entry = zipfile.ZipInfo(dice.choice(("link.csv", "link.shp", "x.gdb/a00000001.gdbtable", "dir")))
            kind = dice.choice((stat.S_IFLNK, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFCHR))
            entry.external_attr, body = (kind | 0o777) << 16, str(trap.canary).encode()
        archive.writestr(entry, body)
    return "paths.zip", target.getvalue()


def zip_wrong(dice: random.Random, trap: Trap) -> BadFile:
    """A damaged archive, or one with disguises in it."""
    inside = virtual(dice, trap) if dice.random() < 0.5 else xml_bomb(dice, trap)
    body = bytearray(_zipped({inside[0]: inside[1], "a.csv": b"a,b\n1,2\n"}))
    if dice.random() < 0.7:
        for _ in range(dice.randint(1, 20)):
            body[dice.randrange(len(body))] = dice.randrange(256)
    return "wrong.zip", bytes(body)


# ------------------------------------------------------------------ workbooks


def workbook(dice: random.Random, trap: Trap) -> BadFile:
    """A workbook with outside links, entities, a sheet of seventeen billion cells, a bomb for a sheet, or loops."""
    sheet = f'<worksheet xmlns="{SHEETS}"><sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData></worksheet>'
    strings = f'<sst xmlns="{SHEETS}"/>'
    extra: dict[str, bytes] = {}
    kind = dice.randint(0, 5)
    if kind == 0:
        strings = (
            f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{trap.canary}">]><sst xmlns="{SHEETS}"><si><t>&e;</t></si></sst>'
        )
        sheet = sheet.replace('r="A1"', 'r="A1" t="s"').replace("<v>1", "<v>0")
    elif kind == 1:
        strings = xml_bomb(dice, trap)[1].decode()
    elif kind == 2:
        far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
        sheet = sheet.replace("</sheetData>", far).replace("<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>')
    elif kind == 3:
        extra["xl/externalLinks/externalLink1.xml"] = f'<externalLink xmlns="{SHEETS}"/>'.encode()
        extra["xl/externalLinks/_rels/externalLink1.xml.rels"] = (
            f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" Type="{RELATED}/externalLinkPath" '
            f'Target="{trap.url}/x.xlsx" TargetMode="External"/></Relationships>'
        ).encode()
        sheet = sheet.replace("<v>1</v>", f'<f>WEBSERVICE("{trap.url}")</f><v>1</v>')
    elif kind == 4:
        sheet = sheet.replace("<row", " " * (60 << 20) + "<row", 1)
    else:
        sheet = sheet.replace('r="A1"', f'r="A1" t="s" s="{dice.choice((-1, 2**40))}"').replace(
            "<v>1", "<v>99999999999"
        )
    book = (
        f'<workbook xmlns="{SHEETS}" xmlns:r="{RELATED}"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets>'
        "</workbook>"
    )
    links = (
        f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{RELATED}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{RELATED}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    )
    root = (
        f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" Type="{RELATED}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>'
    )
    parts = {
        "_rels/.rels": root, "xl/workbook.xml": book, "xl/_rels/workbook.xml.rels": links,
        "xl/worksheets/sheet1.xml": sheet, "xl/sharedStrings.xml": strings,
    }  # fmt: skip
    body = _zipped(
        {name: (text if text.startswith("<?xml") else XML + text).encode() for name, text in parts.items()} | extra
    )
    return f"book{dice.choice(('.xlsx', '.xlsm'))}", body


def old_workbook(dice: random.Random, trap: Trap) -> BadFile:
    """An old workbook whose chain of sectors runs in a circle, or leads past the end."""
    head = bytearray(512)
    head[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", head, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<IIIIIIIII", head, 44, dice.choice((1, 2**31)), 1, 0, 4096, dice.choice((0, 2**31)), 0, 0, 0, 0)
    fat = struct.pack("<128I", *(dice.choice((n, 0, 0xFFFFFFFE, 2**30)) for n in range(128)))
    return "old.xls", bytes(head) + fat + dice.randbytes(512 * dice.randint(0, 4))


# ------------------------------------------------------------------ databases


def geopackage(dice: random.Random, trap: Trap) -> BadFile:
    """A GeoPackage that computes, loads, attaches, or lies about its tables and geometries."""
    blob = (
        b"GP\x00\x01"
        + struct.pack("<i", 4490)
        + dice.choice((b"\x01\x03\x00\x00\x00\xff\xff\xff\xff", b"", b"\x01" * 40))
    )
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS fid, zeroblob(9) AS geom FROM n"
    )
    bodies = (
        f"CREATE VIEW layer AS {endless}",
        f"CREATE VIEW layer AS SELECT 1 AS fid, load_extension('{trap.canary}') AS geom",
        f"CREATE VIEW layer AS SELECT 1 AS fid, readfile('{trap.canary}') AS geom",
        f"CREATE VIEW layer AS SELECT 1 AS fid, ImportSHP('{trap.canary}') AS geom",
        "CREATE TABLE layer (fid INTEGER PRIMARY KEY, geom BLOB, a TEXT AS (hex(zeroblob(900000000))) VIRTUAL)",
        "CREATE TABLE layer (fid INTEGER PRIMARY KEY, geom BLOB); CREATE TRIGGER t AFTER INSERT ON layer BEGIN "
        f"SELECT load_extension('{trap.canary}'); END",
        "CREATE TABLE layer (fid INTEGER PRIMARY KEY, geom BLOB); CREATE VIEW gpkg_extensions AS SELECT 1",
        "CREATE TABLE other (fid INTEGER)",
        "CREATE VIRTUAL TABLE layer USING fts5(geom)",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.gpkg"
        connection = sqlite3.connect(path)
        connection.executescript(
            f"PRAGMA application_id = 1196444487; PRAGMA user_version = 10300; {_GPKG}; {dice.choice(bodies)}"
        )
        if dice.random() < 0.5:
            with suppress(sqlite3.Error):
                connection.execute("INSERT INTO layer (fid, geom) VALUES (1, ?)", (blob,))
        connection.commit()
        connection.close()
        body = bytearray(path.read_bytes())
    if dice.random() < 0.3:
        for _ in range(dice.randint(1, 30)):
            body[dice.randrange(16, len(body))] = dice.randrange(256)
    if dice.random() < 0.2:
        body[18:20] = b"\x02\x02"  # says that there is a write-ahead log beside it
    return "base.gpkg", bytes(body)


_GPKG = """
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT, srs_id INTEGER PRIMARY KEY, organization TEXT,
  organization_coordsys_id INTEGER, definition TEXT, description TEXT);
INSERT INTO gpkg_spatial_ref_sys VALUES ('x', 4490, 'EPSG', 4490, '+proj=longlat +nadgrids=/etc/passwd', 'x');
CREATE TABLE gpkg_contents (table_name TEXT, data_type TEXT, identifier TEXT, description TEXT, last_change TEXT,
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER);
INSERT INTO gpkg_contents VALUES ('layer', 'features', 'layer', '', '', 0, 0, 1, 1, 4490);
CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, geometry_type_name TEXT, srs_id INTEGER,
  z TINYINT, m TINYINT);
INSERT INTO gpkg_geometry_columns VALUES ('layer', 'geom', 'POLYGON', 4490, 0, 0)
"""


# ------------------------------------------------------------------ columns, clouds, sizes that lie


@cache
def _sound(kind: str) -> bytes:
    """A small sound file of a kind."""
    shapes = pa.array([struct.pack("<BIdd", 1, 1, 121.6 + n / 1000, 37.38) for n in range(40)], pa.binary())
    table = pa.table({"code": [str(n) for n in range(40)], "name": ["灯"] * 40, "geometry": shapes})
    if kind == ".parquet":
        sink = io.BytesIO()
        pq.write_table(table, sink)
        return sink.getvalue()
    import pyogrio

    drivers = {".fgb": "FlatGeobuf", ".gpkg": "GPKG", ".kml": "LIBKML", ".geojson": "GeoJSON", ".gml": "GML"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{kind}"
        pyogrio.write_arrow(
            table, path, driver=drivers[kind], geometry_name="geometry", geometry_type="Point", crs="EPSG:4490"
        )
        return path.read_bytes()


def hurt(dice: random.Random, trap: Trap) -> BadFile:
    """A sound file, cut short or with stretches changed, removed or repeated."""
    kind = dice.choice((".parquet", ".fgb", ".gpkg", ".kml", ".geojson", ".gml"))
    body = bytearray(_sound(kind))
    for _ in range(dice.randint(1, 5)):
        at, size = dice.randrange(len(body)), dice.randint(1, 60)
        way = dice.randint(0, 3)
        if way == 0:
            del body[max(at, 20) :]
        elif way == 1:
            body[at : at + size] = dice.randbytes(size)
        elif way == 2:
            body[at:at] = body[at : at + size]
        else:
            del body[at : at + size]
    return f"hurt{kind}", bytes(body) or b"x"


def wrong_sizes(dice: random.Random, trap: Trap) -> BadFile:
    """FlatGeobuf, Parquet, LAS or OSM with sizes and counts of billions."""
    huge = dice.choice((2**31 - 1, 2**32 - 1, 2**30, 0))
    kind = dice.randint(0, 4)
    if kind == 0:
        body = bytearray(_sound(".fgb"))
        struct.pack_into("<I", body, dice.choice((8, 12, 16, 24, 40)), huge)
        return "sizes.fgb", bytes(body)
    if kind == 1:
        body = bytearray(_sound(".parquet"))
        struct.pack_into("<I", body, len(body) - 8, huge & 0x7FFFFFFF)
        return "sizes.parquet", bytes(body)
    if kind == 2:
        head = bytearray(375)
        head[:4] = b"LASF"
        struct.pack_into("<BB", head, 24, 1, 4)
        struct.pack_into("<HIIBHI", head, 94, 375, 375, dice.choice((0, huge)), dice.choice((3, 6, 127)), 34, huge)
        return f"sizes{dice.choice(('.las', '.laz'))}", bytes(head) + dice.randbytes(99)
    if kind == 3:
        raw = zlib.compress(bytes(30 << 20), 9)
        blob = b"\x10\x01" + b"\x1a" + _varint(len(raw)) + raw
        header = b"\x0a\x09OSMHeader\x18" + _varint(len(blob))
        return "blob.pbf", struct.pack(">I", len(header)) + header + blob
    return "bomb.parquet", _null_columns()


def _varint(number: int) -> bytes:
    body = b""
    while number > 127:
        body, number = body + bytes([number & 127 | 128]), number >> 7
    return body + bytes([number])


@cache
def _null_columns() -> bytes:
    """Thirty million rows of one repeated value, in some kilobytes."""
    values = pa.DictionaryArray.from_arrays(pa.array(np.zeros(30_000_000, np.int8)), pa.array(["x" * 10_000]))
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": values}), sink, compression="zstd")
    return sink.getvalue()


READ: tuple[Maker, ...] = (
    zip_bomb, zip_quine, zip_paths, zip_wrong, workbook, old_workbook, geopackage, hurt, wrong_sizes,
)  # fmt: skip
