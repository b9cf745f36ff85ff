"""Hostile files of several parts, packed as deliverers pack them: Shapefiles whose side files lie, FileGDB folders."""

from __future__ import annotations

import io
import random
import struct
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import pyarrow as pa

from benchmarks.bad_texts import BadFile, Maker, Trap

PAGES = (
    "UTF-16", "UTF-32", "zlib", "bz2", "hex", "rot13", "base64", "undefined", "idna", "punycode", "unicode_escape",
    "utf-7", "../../../../etc/passwd", "\x00\x00", "65001" * 9_000, "OEM", "mbcs", "cp037", "936\nutf-8", "%s%n",
)  # fmt: skip
DATUM = 'DATUM["D",SPHEROID["S",6378137,298.257]{extra}],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]'


def _packed(folder: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, body in folder.items():
            archive.writestr(name, body)
    return target.getvalue()


@cache
def _written(suffix: str, driver: str) -> dict[str, bytes]:
    """Write a small sound layer and give its files by name."""
    import pyogrio

    shapes = pa.array([struct.pack("<BIdd", 1, 1, 121.6 + n / 1000, 37.38) for n in range(20)], pa.binary())
    # Named as a survey of components is, so that what is read goes on to be placed and checked.
    columns = {
        "GLBJBSM": [f"3706120118{n:06d}" for n in range(20)], "XLDM": ["0118"] * 20, "GLBJMC": ["路灯"] * 20,
        "n": [float(n) for n in range(20)], "geometry": shapes,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        pyogrio.write_arrow(
            pa.table(columns), path, driver=driver, geometry_name="geometry", geometry_type="Point", crs="EPSG:4490"
        )
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(Path(folder).rglob("*.*"))
                if file.is_file()}  # fmt: skip


def _huge(dice: random.Random) -> int:
    return dice.choice((0, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1))


def table_lies(dice: random.Random, trap: Trap) -> BadFile:
    """A Shapefile whose .dbf, .shx or .shp says other lengths than it has."""
    parts = {name: bytearray(body) for name, body in _written(".shp", "ESRI Shapefile").items()}
    table, kind = parts["a.dbf"], dice.randint(0, 6)
    if kind == 0:  # rows, where they begin, how long one is
        struct.pack_into("<IHH", table, 4, _huge(dice), _huge(dice) & 0xFFFF, _huge(dice) & 0xFFFF)
    elif kind == 1:  # one field's length or kind
        at = 32 * dice.randint(1, 3)
        table[at + dice.choice((11, 16, 17))] = dice.randrange(256)
    elif kind == 2:  # no end of the list of fields, or none of them
        end = table.index(b"\x0d", 32)
        table[end] = dice.choice((0x20, 0x43, 0x00))
    elif kind == 3:
        del table[dice.randrange(1, len(table)) :]
    elif kind == 4:  # the index points past the end, or to itself
        struct.pack_into(">II", parts["a.shx"], 100 + 8 * dice.randrange(20), _huge(dice), _huge(dice))
    elif kind == 5:
        struct.pack_into(">I", parts["a.shp"], dice.choice((24, 104, 132)), _huge(dice))
    else:  # memo fields without a memo file, tens of thousands of fields
        field = b"m\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00M\x00\x00\x00\x00\xff\x00" + bytes(14)
        head = bytearray(32)
        struct.pack_into("<BBBBIHH", head, 0, 0x83, 26, 1, 1, 3, min(65535, 33 + 32 * 2040), 65535)
        parts["a.dbf"] = head + field * 2040 + b"\x0d" + bytes(9)
    return "lies.zip", _packed({name: bytes(body) for name, body in parts.items()})


def system_bomb(dice: random.Random, trap: Trap) -> BadFile:
    """A Shapefile whose .prj is a bomb, or names files, grids and addresses of others."""
    parts = dict(_written(".shp", "ESRI Shapefile"))
    canary, grids = str(trap.canary), 'EXTENSION["PROJ4_GRIDS","{0}"]'
    geographic = 'GEOGCS["x",' + DATUM + "]"
    system = dice.choice((
        geographic.format(extra="," + grids.format(canary)),
        geographic.format(extra="," + grids.format("/dev/stdin")),
        geographic.format(extra="," + grids.format(trap.url + "/grid.tif")),
        f'GEOGCS["x",{DATUM.format(extra="")},EXTENSION["PROJ4","+proj=longlat +nadgrids={canary}"]]',
        f"+proj=longlat +nadgrids={canary}", f"+init={canary}:1", f"{trap.url}/crs.wkt", f"/vsicurl/{trap.url}/a.prj",
        f"urn:ogc:def:crs:file:{canary}", f"file://{canary}", "EPSG:99999999999", "EPSG:-1", "PROJCS[" * 60_000,
        'GEOGCS["' + "x" * (20 << 20), " " * (30 << 20), geographic.format(extra=',AUTHORITY["a","b"]' * 20_000),
        '{"type": "ProjectedCRS", "x": ' + "[" * 60_000, "\x00" * 5000, "LOCAL_CS[]", "GEOGCS[,,,,]", "%n%s%p" * 400,
    ))  # fmt: skip
    return "system.zip", _packed(parts | {"a.prj": system.encode("utf-8", "replace")})


def page_lies(dice: random.Random, trap: Trap) -> BadFile:
    """A Shapefile whose .cpg names no encoding, one that is none of text, or another than its texts have."""
    parts = dict(_written(".shp", "ESRI Shapefile"))
    body = dice.choice(PAGES).encode() if dice.random() < 0.9 else bytes(20 << 20)
    return "page.zip", _packed(parts | {"a.cpg": body})


def geodatabase(dice: random.Random, trap: Trap) -> BadFile:
    """A FileGDB folder with parts that are damaged, missing, nested, or say sizes of billions."""
    parts = {name: bytearray(body) for name, body in _written(".gdb", "OpenFileGDB").items()}
    names = sorted(parts)
    tables = [name for name in names if name.endswith(".gdbtable")]
    kind = dice.randint(0, 6)
    if kind == 0:
        for name in dice.sample(names, dice.randint(1, 6)):
            del parts[name]
    elif kind == 1:  # counts, sizes and places in a table's head
        body = parts[dice.choice(tables)]
        struct.pack_into("<I", body, dice.choice((4, 8, 16, 24, 32)), _huge(dice))
    elif kind == 2:  # the description of the fields
        body = parts[dice.choice(tables)]
        at = min(struct.unpack_from("<I", body, 32)[0], len(body) - 8)
        struct.pack_into("<I", body, dice.randrange(at, len(body) - 4), _huge(dice))
    elif kind == 3:
        for _ in range(dice.randint(1, 40)):
            body = parts[dice.choice(names)]
            body[dice.randrange(len(body))] = dice.randrange(256)
    elif kind == 4:
        body = parts[dice.choice([name for name in names if name.endswith(".gdbtablx")])]
        struct.pack_into("<III", body, 4, _huge(dice), _huge(dice), dice.choice((4, 5, 6, 0, 2**31)))
    elif kind == 5:  # a database in a database, and one that is a file
        inner = {f"a.gdb/b.gdb/{name.partition('/')[2]}": body for name, body in parts.items()}
        parts = {**inner, "c.gdb": bytearray(b"no folder"), "a.gdb/canary.csv": bytearray(b"a,b\n1,2\n")}
    else:
        for name in tables:
            del parts[name][dice.randrange(1, len(parts[name])) :]
    return "base.zip", _packed({name: bytes(body) for name, body in parts.items()})


READ: tuple[Maker, ...] = (table_lies, system_bomb, page_lies, geodatabase)
