"""Given outlines: each comes back as an outline or as a rejection with a reason."""

from __future__ import annotations

import geopandas
import pytest
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from photogrammetry.buildings.footprints import REASONS, check_outlines_place, read_footprints
from twin.crs import LonLat, transformer
from twin.errors import BadInput

CRS = "EPSG:4550"
WEST, SOUTH = 376_000.0, 4_140_300.0


def house(number=0):
    return box(WEST + 20 * number, SOUTH, WEST + 20 * number + 10, SOUTH + 8)


def write(path, rows, *, crs=CRS, names=("code", "name")):
    table = geopandas.GeoDataFrame(
        {names[0]: [row[0] for row in rows], names[1]: [row[1] for row in rows]},
        geometry=[row[2] for row in rows],
        crs=crs,
    )
    table.to_file(path)
    return path


def test_every_row_is_an_outline_or_has_a_reason(tmp_path):
    bow_tie = Polygon([(WEST, SOUTH), (WEST + 10, SOUTH + 10), (WEST + 10, SOUTH), (WEST, SOUTH + 10)])
    rows = [
        ("A1", "一号楼", house(0)),
        (None, "no code", house(1)),
        ("  ", "blank", house(1)),
        ("A1", "again", house(2)),
        ("A2", None, None),
        ("A3", None, Polygon()),
        ("A4", None, LineString([(WEST, SOUTH), (WEST + 5, SOUTH)])),
        ("A5", None, Point(WEST, SOUTH)),
        ("A6", None, box(WEST, SOUTH, WEST + 1, SOUTH + 1)),
        ("A7", None, bow_tie),
        ("A8", None, MultiPolygon([house(3), house(4)])),
    ]
    outlines, rejected = read_footprints(write(tmp_path / "o.gpkg", rows), CRS)
    assert [(o.code, o.name, o.source) for o in outlines] == [
        ("A1", "一号楼", "given"), ("A7", None, "given"), ("A8", None, "given"),
    ]  # fmt: skip
    assert [(r.code, r.reason_code) for r in rejected] == [
        ("#2", "no_code"), ("#3", "no_code"), ("A1", "same_code"), ("A2", "no_geometry"), ("A3", "no_geometry"),
        ("A4", "not_an_area"), ("A5", "not_an_area"), ("A6", "too_small"),
    ]  # fmt: skip
    assert all(outline.polygon.is_valid for outline in outlines)
    assert outlines[1].polygon.area == pytest.approx(50)
    assert all({"code", "reason_code", "reason_zh", "reason_en"} == set(r.as_json()) for r in rejected)
    assert {r.reason_code for r in rejected} <= set(REASONS)


@pytest.mark.parametrize("suffix", ["gpkg", "shp", "geojson"])
def test_outlines_of_any_format_and_crs_come_into_the_surveys(tmp_path, suffix):
    there = transformer(CRS, "EPSG:4490").transform
    ring = [there(*corner) for corner in house().exterior.coords]
    path = write(
        tmp_path / f"o.{suffix}",
        [("A1", "x", Polygon(ring))],
        crs="EPSG:4326" if suffix == "geojson" else "EPSG:4490",
        names=("JZBM", "JZMC"),
    )
    outlines, rejected = read_footprints(path, CRS)
    assert rejected == []
    assert outlines[0].code == "A1"
    assert outlines[0].polygon.symmetric_difference(house()).area < 0.01


def test_codes_that_were_read_as_numbers_stay_codes(tmp_path):
    path = write(tmp_path / "o.geojson", [(370612001.0, "x", house()), (7, "y", house(1))])
    assert [outline.code for outline in read_footprints(path, CRS)[0]] == ["370612001", "7"]


def test_files_that_cannot_be_used(tmp_path):
    (tmp_path / "text.gpkg").write_text("nothing")
    with pytest.raises(BadInput, match=r"text\.gpkg: the outlines cannot be read\. Give a \.gpkg, \.shp or \.geojson"):
        read_footprints(tmp_path / "text.gpkg", CRS)
    with pytest.raises(BadInput, match="no column with codes"):
        read_footprints(write(tmp_path / "a.gpkg", [("A", "x", house())], names=("nummer", "name")), CRS)
    path = write(tmp_path / "b.shp", [("A", "x", house())])
    path.with_suffix(".prj").unlink()
    with pytest.raises(BadInput, match="declare no CRS"):
        read_footprints(path, CRS)


def test_outlines_of_another_place_and_files_without_any(tmp_path):
    lon, lat = transformer(CRS, "EPSG:4326").transform(WEST, SOUTH)
    path = write(tmp_path / "a.gpkg", [("A", "x", house())])
    check_outlines_place(path, CRS, LonLat(lon, lat))
    with pytest.raises(BadInput, match="the nearest of its outlines lies 89 km from the photos"):
        check_outlines_place(path, CRS, LonLat(lon + 1, lat))
    none = write(tmp_path / "b.gpkg", [(None, "x", house()), ("B", "y", box(WEST, SOUTH, WEST + 1, SOUTH + 1))])
    with pytest.raises(BadInput, match="holds no outline that can be used; 1: it has no code; 1: it is smaller than"):
        check_outlines_place(none, CRS, LonLat(lon, lat))
