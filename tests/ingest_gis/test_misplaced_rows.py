"""Rows that are sound but for their place or their text, inside files that are right: each set aside for its reason."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ingest_gis.anchors import Anchors
from ingest_gis.checks import Problems, find_broken_text, find_slivers, mend_areas
from ingest_gis.class_attributes import attribute_rules, missing_attributes, unlisted_attribute
from ingest_gis.datum import bd09_from_cgcs2000, gcj02_from_cgcs2000
from ingest_gis.find_datum import decide_datum
from ingest_gis.gdal_guard import ReadOptions, open_guarded
from ingest_gis.identifiers import follows_body_rule, is_credit_code
from ingest_gis.mappings import choose_mapping
from ingest_gis.other_zones import inside_in_other_zone, sibling_zones
from ingest_gis.rules import rules
from ingest_gis.stated_grids import StatedGrids
from ingest_gis.text_encoding import is_broken_text
from tests.databases import Database
from tests.ingest_gis.delivered_rows import EAST, NORTH, asset_rows, lonlat, write_csv, write_places
from twin.crs import transformer

GRID = "370612001001001"
MIDDLE = np.array([[EAST, NORTH]])


def small_grid(half_m: float = 50.0) -> StatedGrids:
    box = shapely.box(EAST - half_m, NORTH - half_m, EAST + half_m, NORTH + half_m)
    return StatedGrids({GRID: 0}, np.array([box], dtype=object))


@pytest.mark.parametrize("shift", [gcj02_from_cgcs2000, bd09_from_cgcs2000])
def test_a_row_whose_shift_undone_brings_it_into_its_grid_is_shifted(shift) -> None:
    lon, lat = (np.array([value]) for value in lonlat(3.0, -4.0))
    metres = np.column_stack(transformer("EPSG:4490", "EPSG:4550").transform(*shift(lon, lat)))
    verdict = small_grid().judge([GRID], metres, 4550)
    assert verdict.shifted.tolist() == [True]
    assert not verdict.elsewhere.any()


@given(st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_a_place_in_its_grid_passes_and_one_outside_never_does(east_m: float, north_m: float) -> None:
    verdict = small_grid().judge([GRID], np.add(MIDDLE, [[east_m, north_m]]), 4550)
    apart = np.hypot(max(abs(east_m) - 50, 0), max(abs(north_m) - 50, 0))
    assert bool(verdict.shifted[0] | verdict.elsewhere[0]) == (apart > 15.0) or abs(apart - 15.0) < 1e-6


def test_rows_without_grid_or_place_and_of_unknown_grids_are_left_alone() -> None:
    metres = np.array([[EAST, NORTH], [np.nan, np.nan], [EAST + 9000, NORTH], [1e300, np.inf]])
    verdict = small_grid().judge([None, GRID, "370612001001999", GRID], metres, 4550)
    assert not verdict.shifted.any()
    assert not verdict.elsewhere.any()
    assert verdict.unknown.tolist() == [False, False, True, False]


def test_places_of_the_next_zone_or_with_its_number_are_recognised() -> None:
    anchors = Anchors(4550, MIDDLE[0], shapely.box(EAST - 2000, NORTH - 2000, EAST + 2000, NORTH + 2000))
    for other in ("EPSG:4549", "EPSG:4528", "EPSG:4529"):
        given_there = np.column_stack(transformer("EPSG:4550", other).transform(*MIDDLE.T))
        assert inside_in_other_zone(given_there, "EPSG:4550", anchors).all()
    assert not inside_in_other_zone(np.add(MIDDLE, [[0.0, 70_000.0]]), "EPSG:4550", anchors).any()
    assert sibling_zones("EPSG:4490") == sibling_zones("EPSG:32651") == []


def test_slivers_are_found_and_small_things_are_not() -> None:
    shapes = np.array(
        [
            shapely.box(0, 0, 20, 0.01), shapely.box(0, 0, 0.4, 0.4), shapely.box(0, 0, 20, 3), shapely.Point(0, 0),
            None,
            shapely.LineString([(0, 0), (9, 9)]), shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]),
        ],
        dtype=object,
    )  # fmt: skip
    assert find_slivers(shapes).tolist() == [True, False, False, False, False, False, False]


def test_an_outline_of_no_place_on_earth_does_not_stop_the_file() -> None:
    nowhere = shapely.Polygon([(np.inf, np.inf), (np.inf, 1), (1, np.inf), (np.inf, np.inf)])
    crossed = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    problems = Problems(2)
    mend_areas(np.array([nowhere, crossed], dtype=object), problems)
    assert problems.first == {1: ("geometry_beyond_repair", None)}


def test_cells_of_nothing_but_question_marks_are_broken_and_questions_are_not() -> None:
    problems = Problems(5)
    find_broken_text({"a": ["????", "坏了??什么时候修?", "?", None, " ?? "]}, problems)
    assert problems.first == {0: ("text_broken", "a"), 4: ("text_broken", "a")}


@pytest.mark.parametrize(("datum", "shift"), [("gcj02", gcj02_from_cgcs2000), ("bd09", bd09_from_cgcs2000)])
def test_the_grids_named_decide_the_datum_of_a_file_where_no_building_is_known(datum: str, shift) -> None:
    anchors = Anchors(
        4550, MIDDLE[0], shapely.box(EAST - 9000, NORTH - 9000, EAST + 9000, NORTH + 9000), grids=small_grid()
    )
    lon, lat = np.array([lonlat(4.0 * at, -3.0 * at) for at in range(12)]).T
    given = shift(lon, lat)
    verdict = decide_datum(
        *given,
        anchors,
        asked="auto",
        declared="cgcs2000",
        indoors=True,
        class_id=None,
        where="a.csv",
        stated=[GRID] * 12,
    )
    assert (verdict.datum, verdict.sure) == (datum, True)
    assert "所填网格内" in verdict.fits[0].in_words()
    undecided = decide_datum(
        *given, anchors, asked="auto", declared="cgcs2000", indoors=True, class_id=None, where="a.csv"
    )
    assert (undecided.datum, undecided.sure) == ("cgcs2000", False)


@pytest.mark.parametrize("words", ["抄表", "漏水", "完好", "A级", "住宅", "牟平区滨河大街"])
def test_short_words_are_recognised_however_they_were_spoilt(words: str) -> None:
    as_bytes = words.encode(), words.encode("gb18030")
    spoilt = [as_bytes[0].decode("latin-1"), as_bytes[0].decode("gb18030", "replace"), as_bytes[1].decode("latin-1")]
    assert [is_broken_text(text) for text in spoilt] == [True, True, True]


@pytest.mark.parametrize(
    "text",
    ["——————", "……", "管径Φ700×3", "25°±2", "①②③号楼", "Café de l'Été 咖啡店", "Müller & Söhne（烟台）",
     "½±¾", "Ⅲ期5㎡",
     "カフェ小筑",      "鸃龘䶮", "Çá"],
)  # fmt: skip
def test_unusual_text_is_not_called_broken(text: str) -> None:
    assert not is_broken_text(text)


def test_flatgeobuf_rows_without_geometry_are_read(tmp_path: Path) -> None:
    table = geopandas.GeoDataFrame(
        {"n": ["a", "b", "c"]}, geometry=[shapely.Point(1, 2), None, shapely.Point(3, 4)], crs=4550
    )
    pyogrio.write_dataframe(table, tmp_path / "a.fgb", SPATIAL_INDEX="NO")
    with open_guarded(tmp_path / "a.fgb", ReadOptions()) as file:
        rows = [row for batch in file.batches() for row in batch.to_pylist()]
    assert [row["n"] for row in rows] == ["a", "b", "c"]
    assert [row["_wkb"] is None for row in rows] == [False, True, False]


def test_a_folder_of_mappings_is_added_to_the_shipped_ones(tmp_path: Path) -> None:
    mapping = (
        "title: {zh: 试, en: Trial}\ntarget: record\nkind: trial\nmatch: [[试编号]]\n"
        "fields: {key: {from: [试编号], type: code}, title_zh: {from: [事], required: true}}\nposition: {kind: none}\n"
    )
    (tmp_path / "trial.yaml").write_text(mapping, encoding="utf-8")
    assert choose_mapping(str(tmp_path), ["试编号", "事"], None, "a.csv").name == "trial"
    assert choose_mapping(str(tmp_path), ["工单编号", "报修地址", "报修内容"], None, "a.csv").name == "repairs"
    (tmp_path / "trial.yaml").write_text(mapping.replace("kind: trial", "kind: second_trial"), encoding="utf-8")
    assert choose_mapping(str(tmp_path), ["试编号", "事"], None, "a.csv").kind == "second_trial"


def test_there_are_more_than_thirty_rules_each_in_both_languages_with_a_fix() -> None:
    every = rules()
    assert sum(rule.severity == "reject" for rule in every.values()) >= 30
    for code, rule in every.items():
        for text in (rule.zh, rule.fix_zh):
            assert any("\u4e00" <= letter <= "\u9fff" for letter in text), code
        for text in (rule.en, rule.fix_en):
            assert text.isascii(), code
            assert len(text) > 10, code


def test_listed_values_and_required_attributes_are_of_the_class() -> None:
    schema = {"properties": {"承载等级": {}}}
    assert unlisted_attribute(schema, {"承载等级": "D400"}) is None
    assert unlisted_attribute(schema, {"承载等级": "很重"}) == "承载等级"
    assert unlisted_attribute({"properties": {}}, {"承载等级": "很重"}) is None
    assert missing_attributes("0101", {"井盖材质": "铸铁"}) == ["井盖形状", "承载等级"]
    assert missing_attributes("0123", {}) == []
    assert attribute_rules()[0]["2111"] == attribute_rules()[0]["0101"]


def test_the_inner_rule_of_a_credit_code_is_a_remark_only() -> None:
    sound, odd = "11370612TW0000016W", "91370612MAK00001TJ"
    assert is_credit_code(sound)
    assert follows_body_rule(sound)
    assert follows_body_rule(None)
    assert not follows_body_rule(odd)


def test_an_asset_stands_where_its_grid_says_or_is_set_aside(database: Database, tmp_path: Path) -> None:
    from ingest_gis.plan_delivery import IngestOptions
    from ingest_gis.run_ingest import ingest_files

    ingest_files(database.settings, [write_places(tmp_path / "places.gpkg")], IngestOptions())
    rows = [{**row, "所在单元网格标识码": GRID, "精度等级": "A"} for row in asset_rows(8)]
    rows[1]["东坐标"] = f"{EAST - 1400:.3f}"  # the grid is 2 km wide: beyond it, inside the district
    rows[2]["东坐标"] = f"41{EAST:.3f}"
    rows[3]["精度等级"] = "C"
    rows[4]["精度等级"] = "D"
    rows[5]["所在单元网格标识码"] = "370612001001002"
    rows[6] |= {
        "小类代码": "0101",
        "标识码": "3706120101000001",
        "属性": json.dumps({"承载等级": "很重"}, ensure_ascii=False),
    }
    (report,) = ingest_files(database.settings, [write_csv(tmp_path / "a.csv", rows)], IngestOptions())
    assert report.rejected_rows == {
        "grid_elsewhere": [2], "coordinates_zone": [3], "value_not_listed": [5], "attribute_not_listed": [7],
    }  # fmt: skip
    assert report.notes["grid_unknown"] == 1
    assert report.notes["accuracy_below_class"] == 1
    stored = dict(database.fetch("SELECT right(code, 1), accuracy_class FROM twin.asset"))
    assert stored["1"] == "A"
    assert stored["4"] == "C"
