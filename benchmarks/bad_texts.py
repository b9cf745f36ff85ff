"""Malformed and hostile files of text: XML bombs, descriptors that point elsewhere, JSON, tables, drawings."""

from __future__ import annotations

import pickle
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BadFile = tuple[str, bytes]


@dataclass(frozen=True)
class Trap:
    """What a hostile file tries to reach: a port of this machine that counts who connects, a file with a secret."""

    port: int
    canary: Path

    @property
    def url(self) -> str:
        """Address of the listener."""
        return f"http://127.0.0.1:{self.port}"


Maker = Callable[[random.Random, Trap], BadFile]
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
GML = '<ogr:FeatureCollection xmlns:ogr="http://ogr.maptools.org/" xmlns:gml="http://www.opengis.net/gml"'
CITY_GML = '<core:CityModel xmlns:core="http://www.opengis.net/citygml/2.0" xmlns:gml="http://www.opengis.net/gml"'
KML = '<kml xmlns="http://www.opengis.net/kml/2.2"'
MAGIC_ONLY = (".gpkg", ".xlsx", ".zip", ".shp", ".fgb", ".parquet", ".las", ".laz", ".pbf", ".xls")
TEXT_ONLY = (".geojson", ".kml", ".gml", ".json", ".tab", ".mif", ".dxf", ".geojsonl")
HEADS = (
    b"\x89PNG\r\n\x1a\n", b"%PDF-1.7\n", b"MZ\x90\x00", b"\x7fELF\x02\x01", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c",
    b"\x1f\x8b\x08\x00", b"GIF89a", b"II*\x00", b"\xff\xd8\xff\xe0", b"#!/bin/sh\n", b"\x80\x04\x95", b"RIFF", b"OggS",
)  # fmt: skip
NAMES = (
    "../../../etc/passwd{s}", "/etc/shadow{s}", "..\\..\\windows\\system32{s}", "C:\\boot{s}", "CON{s}", "NUL{s}",
    "LPT1{s}", "a\u0000b{s}", "a%00b{s}", "\u202egpj.x{s}", "x{s}.exe", "{s}", "..{s}", ". .{s}", "-rf{s}", "$(id){s}",
    "`id`{s}", "a;b|c&d{s}", "\u2215etc\u2215x{s}", "\uff0e\uff0e\uff0fx{s}", "a\r\nSet-Cookie: x{s}", "~root{s}",
    "{long}{s}", "{wide}{s}", "'; DROP TABLE twin.asset; --{s}", "<script>alert(1)</script>{s}", "asked.json{s}",
    "{s}.", "/vsicurl/http:--127.0.0.1-x{s}", "/vsizip/x.zip/y{s}", "GPKG:x{s}", "\U0001f600{s}", "taken.json{s}",
)  # fmt: skip


# ------------------------------------------------------------------ refused by name or first bytes


def noise(dice: random.Random, trap: Trap) -> BadFile:
    """Random bytes under a name that promises something."""
    return f"noise{dice.choice(MAGIC_ONLY)}", dice.randbytes(dice.randint(1, 4000))


def other_kind(dice: random.Random, trap: Trap) -> BadFile:
    """The first bytes of another kind of file."""
    head = dice.choice(HEADS)
    return f"other{dice.choice(MAGIC_ONLY + TEXT_ONLY)}", head + dice.randbytes(dice.randint(0, 900))


def empty(dice: random.Random, trap: Trap) -> BadFile:
    """Nothing, or nothing but white space."""
    return f"empty{dice.choice(MAGIC_ONLY + TEXT_ONLY)}", dice.choice(
        (b"", b" ", b"\n" * 99, b"\xef\xbb\xbf", b"\t \r\n")
    )


def bad_name(dice: random.Random, trap: Trap) -> BadFile:
    """A name that leads elsewhere, or means something to a shell, a terminal or a device."""
    pattern = dice.choice(NAMES)
    name = pattern.format(
        s=dice.choice(TEXT_ONLY), long="x" * dice.randint(200, 4000), wide="名" * dice.randint(80, 900)
    )
    return name, HEADS[0] + dice.randbytes(40)


def unknown_kind(dice: random.Random, trap: Trap) -> BadFile:
    """An ending nobody takes."""
    endings = (".svg", ".exe", ".py", ".vrt", ".html", ".php", ".pkl", ".so", ".tif", ".png", ".jpg", ".kmz", ".sh", "")
    return f"file{dice.choice(endings)}", xml_bomb(dice, trap)[1]


def picture_bomb(dice: random.Random, trap: Trap) -> BadFile:
    """A picture whose header promises billions of pixels."""
    wide = dice.choice((65_535, 2**31 - 1, 500_000))
    header = struct.pack(">IIBBBBB", wide, wide, 8, 6, 0, 0, 0)
    png = (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(9999)))
        + _chunk(b"IEND", b"")
    )
    entries = [(256, 4, wide), (257, 4, wide), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (279, 4, 2**32 - 1)]
    tiff = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    tiff += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries) + bytes(4)
    jpeg = b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9"
    endings = (*MAGIC_ONLY, *TEXT_ONLY, ".png", ".tif", ".jpg", ".csv", ".xlsx")
    return f"picture{dice.choice(endings)}", dice.choice((png, tiff, jpeg))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def virtual(dice: random.Random, trap: Trap) -> BadFile:
    """A GDAL VRT under another name: it would read another file, or ask another machine."""
    source = dice.choice((f"/vsicurl/{trap.url}/x.csv", str(trap.canary), f"CSV:{trap.canary}", "/vsizip//etc/x.zip"))
    layer = f'<OGRVRTLayer name="x"><SrcDataSource>{source}</SrcDataSource></OGRVRTLayer>'
    text = f"<OGRVRTDataSource>{layer}</OGRVRTDataSource>"
    before = dice.choice(("", XML, "<!-- map -->\n", " \n" * dice.randint(1, 900), "\ufeff"))
    return f"virtual{dice.choice(('.gml', '.kml', '.geojson', '.json', '.csv', '.xml'))}", (before + text).encode()


def pickled(dice: random.Random, trap: Trap) -> BadFile:
    """A pickle that would run a command."""
    name = dice.choice((".parquet", ".gpkg", ".geojson", ".xlsx", ".fgb"))
    return f"pickled{name}", pickle.dumps(_Command(f"touch {trap.canary}.run"), dice.choice((2, 4)))


class _Command:
    def __init__(self, line: str) -> None:
        self._line = line

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        from os import system

        return system, (self._line,)


def alone(dice: random.Random, trap: Trap) -> BadFile:
    """A part of a Shapefile or MapInfo table without the others."""
    if dice.random() < 0.5:
        return "alone.shp", b"\x00\x00\x27\x0a" + dice.randbytes(200)
    return "alone.tab", f'!table\n!version 300\nDefinition Table\n File "{trap.canary}"\n Type NATIVE\n'.encode()


# ------------------------------------------------------------------ XML


def _root(dice: random.Random) -> tuple[str, str, str]:
    """Choose a vocabulary. Returns ending, opening tag without its end, closing tag."""
    return dice.choice(
        (
            (".gml", GML, "</ogr:FeatureCollection>"),
            (".kml", KML, "</kml>"),
            (".gml", CITY_GML, "</core:CityModel>"),
            (".xml", CITY_GML, "</core:CityModel>"),
        )
    )


def xml_bomb(dice: random.Random, trap: Trap) -> BadFile:
    """Entities that grow without end: a billion laughs, or one long entity a hundred thousand times."""
    ending, start, end = _root(dice)
    if dice.random() < 0.5:
        levels = dice.randint(8, 30)
        entities = ['<!ENTITY a0 "ha">'] + [
            f'<!ENTITY a{n} "{f"&a{n - 1};" * dice.randint(2, 12)}">' for n in range(1, levels)
        ]
        used = f"&a{levels - 1};"
    else:
        entities, used = [f'<!ENTITY a "{"x" * 50_000}">'], "&a;" * 20_000
    text = f"{XML}<!DOCTYPE x [{''.join(entities)}]>\n{start}><gml:name>{used}</gml:name>{end}"
    return f"laughs{ending}", text.encode()


def xml_outside(dice: random.Random, trap: Trap) -> BadFile:
    """Entities, inclusions, schemas and links that lead out of the file."""
    ending, start, end = _root(dice)
    target = dice.choice((f"file://{trap.canary}", f"{trap.url}/x", str(trap.canary), f"/vsicurl/{trap.url}/x"))
    kind = dice.randint(0, 6)
    head, body, attributes = "", "", ""
    if kind == 0:
        head, body = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{target}">]>', "<gml:name>&e;</gml:name>"
    elif kind == 1:
        head = f'<!DOCTYPE x [<!ENTITY % p SYSTEM "{target}"> %p;]>'
    elif kind == 2:
        head = f'<!DOCTYPE x SYSTEM "{target}">'
    elif kind == 3:
        body = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{target}" parse="text"/>'
    elif kind == 4:
        attributes = f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://x {target}"'
    elif kind == 5:
        href = f"<Document><NetworkLink><Link><href>{target}</href></Link></NetworkLink></Document>"
        body = (
            href
            if ending == ".kml"
            else f'<gml:featureMember xlink:href="{target}" xmlns:xlink="http://www.w3.org/1999/xlink"/>'
        )
    else:
        corner = "<gml:lowerCorner>0 0</gml:lowerCorner>"
        body = f'<gml:boundedBy><gml:Envelope srsName="{target}">{corner}</gml:Envelope></gml:boundedBy>'
    return f"outside{ending}", f"{XML}{head}\n{start}{attributes}>{body}{end}".encode()


def descriptor(dice: random.Random, trap: Trap) -> BadFile:
    """A small document by which some GDAL driver would ask a service or open another file."""
    texts = (
        f'<GDAL_WMS><Service name="TMS"><ServerUrl>{trap.url}/${{z}}</ServerUrl></Service></GDAL_WMS>',
        f"<OGRWFSDataSource><URL>{trap.url}/wfs</URL></OGRWFSDataSource>",
        f'<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs" xmlns:ogr="http://ogr.maptools.org/" '
        f'xsi:schemaLocation="http://www.opengis.net/wfs {trap.url}/wfs?REQUEST=DescribeFeatureType"/>',
        f'<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand><SimpleSource><SourceFilename>{trap.canary}'
        "</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>",
        f'<WMS_Capabilities><Service><OnlineResource href="{trap.url}"/></Service></WMS_Capabilities>',
        f'<csw:GetRecordsResponse url="{trap.url}"/>',
    )
    return f"service{dice.choice(('.gml', '.kml'))}", (dice.choice(("", XML)) + dice.choice(texts)).encode()


def xml_shape(dice: random.Random, trap: Trap) -> BadFile:
    """XML that is too deep, too wide, cut off, or in an encoding that is not what it says."""
    ending, start, end = _root(dice)
    kind = dice.randint(0, 4)
    if kind == 0:
        deep = dice.choice((5_000, 100_000))
        return f"deep{ending}", f"{XML}{start}>{'<gml:a>' * deep}{'</gml:a>' * deep}{end}".encode()
    if kind == 1:
        many = " ".join(f'a{n}="{n}"' for n in range(20_000))
        return f"wide{ending}", f"{XML}{start} {many}>{end}".encode()
    if kind == 2:
        return f"cut{ending}", f"{XML}{start}><gml:featureMember><a><gml:posList>0 0 1".encode()[
            : dice.randint(40, 200)
        ]
    if kind == 3:
        return f"wrong{ending}", XML.encode("utf-16") + start.encode() + dice.randbytes(50)
    numbers = " ".join(dice.choice(("nan", "inf", "1e400", "-", "0x1", "１")) for _ in range(400))
    shape = f"<gml:Polygon><gml:posList>{numbers}</gml:posList></gml:Polygon>"
    body = f"<gml:featureMember><ogr:f>{shape}</ogr:f></gml:featureMember>"
    return f"numbers{ending}", f"{XML}{start}>{body}{end}".encode()


# ------------------------------------------------------------------ JSON, tables, drawings


def json_shape(dice: random.Random, trap: Trap) -> BadFile:
    """JSON that is too deep, leads elsewhere, or holds what no geometry is."""
    deep = dice.choice((1_000, 200_000))
    link = {"a": f"{trap.url}/crs", "b": str(trap.canary)}[dice.choice("ab")]
    coordinates = dice.choice(
        ("[1e999,1]", "[null,{}]", "[[[[[[]]]]]]", '["a","b"]', "[" * deep, "[0,0,0,0,0]", "9" * 4000)
    )
    texts = (
        '{"type":"FeatureCollection","features":' + "[" * deep,
        '{"type":"FeatureCollection","crs":{"type":"link","properties":{"href":"LINK","type":"proj4"}},"features":[]}',
        '{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"LINK"}},"features":[]}',
        '{"type":"Feature","properties":null,"geometry":{"type":"Polygon","coordinates":COORDINATES}}',
        '{"type":"Topology","objects":{"a":{"type":"Polygon","arcs":[[-9999999]]}},"arcs":[]}',
        '{"type":"CityJSON","version":"2.0","transform":{"scale":[1,1,0],"translate":[0,0]},"vertices":[[1]],"CityObjects":'
        '{"a":{"type":"Building","geometry":[{"type":"Solid","lod":"1","boundaries":[[[[0,99999999,-5]]]]}]}}}',
        '{"type":"CityJSON","CityObjects":{"a":{"parents":["a"],"children":["a"],"type":"Building"}},"vertices":[]}',
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"a":NaN,"a":1e400},"geometry":null}]}',
        '{"serviceDescription":"x","layers":[{"url":"LINK/FeatureServer/0"}]}',
        "{" + '"a":{' * deep,
    )  # fmt: skip
    chosen = dice.choice(texts).replace("LINK", link).replace("COORDINATES", coordinates)
    return f"shape{dice.choice(('.geojson', '.json', '.jsonl', '.geojsonl'))}", chosen.encode()


def table(dice: random.Random, trap: Trap) -> BadFile:
    """A table that is none: endless columns or cells, formulas, geometry that lies about itself."""
    texts = (
        b",".join(b"c%d" % n for n in range(60_000)) + b"\n1,2,3\n",
        b'a,b\n"' + b"x" * (17 << 20),
        b"a,b\n" + b'"' * 999 + b"\n",
        f"=cmd|' /C calc'!A0,b\n=WEBSERVICE(\"{trap.url}\"),2\n".encode(),
        b'wkt,b\n"POLYGON((0 0,1 1,' + b"(" * 5000 + b'",1\n',
        b"wkb,b\n" + b"0103000000FFFFFFFF" * 40 + b",1\n",
        b"\xff\xfe" + dice.randbytes(301),
        dice.randbytes(400).replace(b"\x00", b"\x01"),
        f"/vsicurl/{trap.url}/a.csv\n{trap.canary}\n".encode(),
        b"a\tb\n" * dice.randint(1, 50_000),
        b"\n\n\n;;;;\n",
    )
    return f"table{dice.choice(('.csv', '.tsv', '.txt'))}", dice.choice(texts)


def drawing(dice: random.Random, trap: Trap) -> BadFile:
    """A drawing with blocks in themselves, arcs as large as the earth's orbit, or a cross reference to another file."""
    entities = (
        "0\nINSERT\n8\n0\n2\nLOOP\n10\n0\n20\n0\n70\n32767\n71\n32767\n",
        "0\nCIRCLE\n8\n0\n10\n0\n20\n0\n40\n1e18\n",
        "0\nLWPOLYLINE\n8\n0\n90\n2000000000\n70\n1\n10\nnan\n20\ninf\n",
        "0\nSPLINE\n8\n0\n71\n9999\n72\n2000000000\n73\n5\n74\n0\n",
        "0\nELLIPSE\n8\n0\n10\n0\n20\n0\n11\n0\n21\n0\n40\n1e-300\n41\n0\n42\n1e300\n",
        "0\nIMAGE\n8\n0\n340\nFFFF\n",
        "0\nTEXT\n8\n0\n10\n0\n20\n0\n1\n" + "\\U+FFFF" * 5000 + "\n",
        "0\nHATCH\n8\n0\n91\n2000000000\n92\n2\n93\n2000000000\n",
    )
    block = f"0\nBLOCK\n8\n0\n2\nLOOP\n70\n4\n1\n{trap.canary}\n0\nINSERT\n2\nLOOP\n0\nENDBLK\n"
    text = (
        f"0\nSECTION\n2\nBLOCKS\n{block}0\nENDSEC\n0\nSECTION\n2\nENTITIES\n{dice.choice(entities)}0\nENDSEC\n0\nEOF\n"
    )
    cut = text[: dice.randint(20, len(text))] if dice.random() < 0.3 else text
    return "drawing.dxf", cut.encode()


def mif(dice: random.Random, trap: Trap) -> BadFile:
    """A MapInfo exchange file that counts on billions of points (it lacks its table, too)."""
    return "counts.mif", f'Version 300\nCharset "{dice.choice(("x", "../.."))}"\nColumns 2000000000\nData\n'.encode()


CHEAP: tuple[Maker, ...] = (
    noise, other_kind, empty, bad_name, unknown_kind, picture_bomb, virtual, pickled, alone, mif,
)  # fmt: skip
READ: tuple[Maker, ...] = (xml_bomb, xml_outside, descriptor, xml_shape, json_shape, table, drawing)
