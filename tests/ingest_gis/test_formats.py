"""Every format that departments deliver is read whole: texts, codes, shapes and system."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import ezdxf
import pytest
import shapely

from ingest_gis.classes import CityClass, ClassCatalogue
from ingest_gis.gdal_guard import ReadOptions
from ingest_gis.table_encoding import with_right_charset
from ingest_gis.tag_classes import TagClasses
from tests.ingest_gis.format_files import EAST, GEOGRAPHIC, NAMES, NORTH, houses, lamp_cloud, osm_pbf, write
from tests.ingest_gis.read_here import needs_the_child, read_here
from tests.ingest_gis.test_reading import read_all
from tests.ingest_gis.xls_file import write_xls
from twin.errors import UnreadableDelivery

WITH_NAMES = (
    "Shapefile", "FileGDB", "GeoPackage", "GeoJSON", "GeoJSONSeq", "GML", "KML", "FlatGeobuf", "GeoParquet",
    "MapInfo TAB", "MapInfo MIF", "CSV with WKT", "TSV with WKB", "XLSX with WKT",
)  # fmt: skip
IN_DEGREES = ("GeoJSON", "GeoJSONSeq", "KML", "MapInfo TAB", "MapInfo MIF")
WITHOUT_SYSTEM = ("CSV with WKT", "TSV with WKB", "XLSX with WKT")


def read(path: Path) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Through the child where GDAL reads, else here: each child takes its time to start."""
    return read_all(path) if needs_the_child(path) else read_here(path)


@pytest.mark.parametrize("kind", WITH_NAMES)
def test_a_format_is_read_whole(tmp_path: Path, kind: str) -> None:
    info, columns = read(write(tmp_path, kind))
    order = sorted(range(len(NAMES)), key=lambda row: str(columns["JZBM"][row]))  # FlatGeobuf keeps an order of its own
    assert [columns["JZMC"][row] for row in order] == NAMES
    assert [columns["JZBM"][row] for row in order] == [f"370612001001{i:04d}" for i in range(len(NAMES))]
    assert {"JZBM", "JZMC"} <= set(info["fields"])
    meant = houses(GEOGRAPHIC if kind in IN_DEGREES else "EPSG:4550").geometry
    # TAB keeps integers: some centimetres
    tolerance = 1e-6 if kind in IN_DEGREES else 1e-3
    for row, shape in zip(order, meant, strict=True):
        found = shapely.from_wkb(columns["_wkb"][row])
        assert shapely.hausdorff_distance(found, shape) < tolerance
    if kind not in WITHOUT_SYSTEM:
        assert info["crs"] is not None
    assert columns["_row_no"] == [1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["TAB, Neutral", "TAB, Western", "MIF, Neutral"])
def test_mapinfo_in_gbk_under_another_charset(tmp_path: Path, kind: str) -> None:
    info, columns = read(write(tmp_path, kind))
    assert columns["建筑名称"] == ["牟平大厦", "镕基楼", "咖啡馆12", "吉野家"]
    assert info["fields"] == ["JZBM", "建筑名称"]
    assert info["encoding"] == "gb18030"


def test_a_mapinfo_table_that_points_at_other_files_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "MapInfo TAB")
    path.write_bytes(b'!table\n!version 300\nOpen Table "/etc/other"\nCreate View x As Select * From other\n')
    with pytest.raises(UnreadableDelivery, match="points at other files"):
        with_right_charset(path, None, tmp_path)


def test_a_drawing_gives_layers_blocks_attributes_and_arcs(tmp_path: Path) -> None:
    info, columns = read(write(tmp_path, "DXF"))
    assert info["rows"] == len(columns["layer"]) == 10
    assert [text for text in columns["text"] if text] == NAMES
    lamp = columns["block"].index("路灯")
    assert (columns["编号"][lamp], columns["功率"][lamp], columns["layer"][lamp]) == ("LD-0012", "150", "路灯")
    assert shapely.from_wkb(columns["_wkb"][lamp]).equals(shapely.Point(EAST + 5, NORTH - 3))
    house = columns["layer"].index("房屋")
    assert shapely.from_wkb(columns["_wkb"][house]).area == pytest.approx(100.0)
    road = shapely.from_wkb(columns["_wkb"][columns["layer"].index("道路")])
    assert road.geom_type == "LineString"
    assert road.length == pytest.approx(math.pi * 5.0, abs=0.1)
    assert shapely.distance(shapely.Point(EAST + 5, NORTH), road) == pytest.approx(5.0, abs=0.011)


def test_an_openstreetmap_extract_keeps_every_tag(tmp_path: Path) -> None:
    path = osm_pbf(tmp_path)
    info, columns = read_all(path)
    assert info["layers"] == ["osm_points", "osm_lines", "osm_routes", "osm_buildings", "osm_areas", "osm_relations"]
    assert columns["osm_id"] == ["n1", "n2", "n3"]
    assert json.loads(str(columns["tags"][0])) == {"highway": "street_lamp", "ref": "LD-1", "lamp_type": "led"}
    assert columns["name"][2] == "𠮷野家"
    _, houses_read = read_all(path, ReadOptions(layer="osm_buildings"))
    assert houses_read["osm_id"] == ["w77"]
    assert (houses_read["building:levels"], houses_read["name:zh"]) == (["6"], ["牟平大厦"])
    assert shapely.from_wkb(houses_read["_wkb"][0]).area == pytest.approx(1e-8, rel=0.01)


def test_a_point_cloud_is_one_row_with_its_outline_and_classes(tmp_path: Path) -> None:
    info, columns = read(lamp_cloud(tmp_path))
    assert columns["points"] == ["10000"]
    assert json.loads(str(columns["classes"][0])) == {"2": 5000, "6": 5000}
    assert (columns["lowest_z"], columns["highest_z"]) == (["12.000"], ["21.900"])
    outline = shapely.from_wkb(columns["_wkb"][0])
    assert outline.bounds == pytest.approx((EAST, NORTH, EAST + 49.5, NORTH + 49.5))
    assert "4550" in str(info["crs"])


def test_a_workbook_of_excel_97(tmp_path: Path) -> None:
    rows = [["编号", "名称", "功率"], ["0012", "𠮷野家", 150.0], [370612011800000123.0, "镕基楼", None]]
    info, columns = read(write_xls(tmp_path / "lamps.xls", rows))
    assert (info["driver"], info["layer"]) == ("XLS", "路灯")
    assert columns["编号"] == ["0012", "3.70612011800000E+17"]
    assert (columns["名称"], columns["功率"]) == (["𠮷野家", "镕基楼"], ["150", ""])


def test_a_drawing_of_before_2007_in_gbk(tmp_path: Path) -> None:
    drawing = ezdxf.new("R2000")
    drawing.encoding = "gbk"
    drawing.modelspace().add_text("牟平大厦", dxfattribs={"layer": "注记", "insert": (1, 2)})
    drawing.saveas(tmp_path / "old.dxf")
    assert "牟平大厦".encode("gbk") in (tmp_path / "old.dxf").read_bytes()
    info, columns = read(tmp_path / "old.dxf")
    assert (columns["text"], columns["layer"], info["encoding"]) == (["牟平大厦"], ["注记"], "gb18030")


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ({"highway": "street_lamp", "ref": "1"}, "highway=street_lamp"),
        ({"man_made": "manhole", "manhole": "water"}, "man_made=manhole+manhole=water"),
        ({"manhole": "unknown"}, "manhole=*"),
        ({"name": "x", "shop": "bakery"}, "shop=bakery"),
        ({"note": "x"}, "note=x"),
        ({}, None),
    ],
)
def test_the_tags_that_say_the_most_name_the_class(tags: dict[str, str], word: str | None) -> None:
    lamp = CityClass(1, "0118", "路灯", "point", "A", {})
    known = ("highway=street_lamp", "man_made=manhole", "man_made=manhole+manhole=water", "shop=*")
    classes = ClassCatalogue({"0118": lamp}, by_tag=dict.fromkeys(known, lamp))
    assert TagClasses(classes, ["manhole=*"]).word(json.dumps(tags)) == word
