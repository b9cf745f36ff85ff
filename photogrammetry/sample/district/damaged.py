"""Whole files that something is wrong with: damaged, locked, of another kind, in another system than they say."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely

from photogrammetry.sample.delivery_files import MADE_AT
from photogrammetry.sample.district.deliver_places import to_wkb
from photogrammetry.sample.district.desk import Desk
from photogrammetry.sample.district.fault_lists import GEOGRAPHIC
from photogrammetry.sample.district.files import GEOMETRY, Form, write_delivery
from photogrammetry.sample.district.houses import Houses, footprints, short_addresses
from photogrammetry.sample.district.land import Land
from photogrammetry.sample.district.words import join, padded, pick, text

ROWS = 60
UNREADABLE = "UnreadableDelivery"


def send_damaged(desk: Desk, land: Land, houses: Houses) -> None:
    """Write the folder damaged/ and what is to be expected of each file in it."""
    folder = desk.folder / "damaged"
    folder.mkdir()
    _write_unreadable(desk, folder, land, houses)
    _write_misplaced(desk, folder, land, houses)


def _houses_table(land: Land, houses: Houses, crs: str, first: int) -> pa.Table:
    """Take some houses under codes of their own."""
    rows = np.linspace(0, len(houses) - 1, ROWS).astype(np.int64)
    at = pa.array(rows)
    codes = join(pick(land.codes, houses.village[rows]), padded(np.arange(first, first + ROWS), 4))
    return pa.table(
        {
            "JZBM": codes, "JZMC": houses.name.take(at), "YT": houses.use.take(at), "CS": text(houses.storeys[rows]),
            "DZ": short_addresses(land, houses).take(at), GEOMETRY: to_wkb(footprints(land, houses)[rows], crs),
        }
    )  # fmt: skip


def _write_unreadable(desk: Desk, folder: Path, land: Land, houses: Houses) -> None:
    whole = folder / "whole.gpkg"
    table = _houses_table(land, houses, "EPSG:4550", 8000)
    write_delivery(whole, "gpkg", [(table, {})], crs="EPSG:4550", layer="buildings")
    content = whole.read_bytes()
    whole.unlink()
    book = folder / "book.xlsx"
    write_delivery(book, "xlsx", [(table.drop_columns([GEOMETRY]), {})])
    packed = book.read_bytes()
    book.unlink()
    files = {
        "cut_off.gpkg": (content[:30_000], "a GeoPackage cut off"),
        "overwritten.gpkg": (content[:100] + b"\x00" * (len(content) - 100), "a GeoPackage overwritten with zeros"),
        "cut_off.xlsx": (packed[: len(packed) // 2], "a workbook cut off"),
        "locked.xlsx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 4088, "a workbook with a password"),
        "drawing.dwg": (b"AC1032" + b"\x00" * 4090, "a DWG drawing"),
        "scene.osgb": (b"\xa1\x91\x45\x6c" + b"\x00" * 4092, "an OSGB scene"),
        "empty.csv": (b"", "an empty file"),
        "scan.csv": (b"%PDF-1.7\n" + b"\x00" * 4087, "a PDF with another name"),
        "photo.geojson": (b"\xff\xd8\xff\xe0" + b"\x00" * 4092, "a photograph with another name"),
        "locked.zip": (_locked_zip(), "an archive with a password"),
        "alone.shp": (b"\x00\x00\x27\x0a" + b"\x00" * 96, "a Shapefile without its parts"),
    }
    for name, (content, fault) in files.items():
        (folder / name).write_bytes(content)
        desk.answers.files.append((f"damaged/{name}", fault, UNREADABLE))


def _locked_zip() -> bytes:
    """Pack a table and mark it as encrypted, as its headers would say."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("houses.csv", MADE_AT.timetuple()[:6]), b"\x8b\x11\x54" * 200)
    content = bytearray(packed.getvalue())
    content[6] |= 1  # local header: flag bit 0
    central = content.rindex(b"PK\x01\x02")
    content[central + 8] |= 1
    return bytes(content)


def _write_misplaced(desk: Desk, folder: Path, land: Land, houses: Houses) -> None:
    """Files whose system or encoding is not the one declared; what can be told from the numbers is told."""
    cases: list[tuple[str, Form, str, str, str, str]] = [
        ("zone_40_as_41", "shp", "EPSG:4549", "EPSG:4550", "zone 40 declared as zone 41", "UnknownCrs"),
        ("prefix_undeclared", "shp", "EPSG:4529", "EPSG:4550", "a zone prefix that is not declared", "crs EPSG:4529"),
        ("prefix_only_declared", "shp", "EPSG:4550", "EPSG:4529", "a zone prefix declared in vain", "crs EPSG:4550"),
        ("degrees_as_metres", "shp", GEOGRAPHIC, "EPSG:4550", "degrees declared as metres", "UnknownCrs"),
    ]  # fmt: skip
    for number, (name, form, truly, said, fault, expected) in enumerate(cases):
        table = _houses_table(land, houses, truly, 8100 + 60 * number)
        write_delivery(folder / f"{name}.{form}", form, [(table, {})], crs=said)
        desk.answers.files.append((f"damaged/{name}.{form}", fault, expected))
    table = _houses_table(land, houses, "EPSG:4550", 8500)
    turned = shapely.transform(shapely.from_wkb(table[GEOMETRY].to_pylist()), lambda xy: xy[:, ::-1])
    swapped = table.set_column(
        table.column_names.index(GEOMETRY), GEOMETRY, pa.array(shapely.to_wkb(turned), pa.binary())
    )
    write_delivery(folder / "north_first.gpkg", "gpkg", [(swapped, {})], crs="EPSG:4550", layer="buildings")
    desk.answers.files.append(("damaged/north_first.gpkg", "north before east in the whole file", "axes swapped"))
    write_delivery(
        folder / "gbk_as_utf8.shp", "shp", [(_houses_table(land, houses, "EPSG:4550", 8600), {})], crs="EPSG:4550"
    )
    (folder / "gbk_as_utf8.cpg").write_text("UTF-8", encoding="ascii")
    desk.answers.files.append(("damaged/gbk_as_utf8.shp", "GB18030 declared as UTF-8", "encoding gb18030"))
    write_delivery(
        folder / "no_system.shp", "shp", [(_houses_table(land, houses, "EPSG:4528", 8700), {})], crs="EPSG:4528"
    )
    (folder / "no_system.prj").unlink()
    desk.answers.files.append(("damaged/no_system.shp", "no system declared", "crs EPSG:4528"))
