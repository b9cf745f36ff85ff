"""Deliveries into the twin: positions, rules, history, dry runs, upserts, and input that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest_gis.checks import KINDS
from ingest_gis.datum import gcj02_from_cgcs2000
from ingest_gis.mappings import TARGETS, shipped_mappings
from ingest_gis.plan_delivery import IngestOptions
from ingest_gis.refusals import file_sha256
from ingest_gis.rules import rules
from ingest_gis.run_ingest import ingest_files
from tests.databases import Database
from tests.ingest_gis.delivered_rows import (
    EAST,
    NORTH,
    asset_rows,
    load_rows,
    lonlat,
    take,
    write_addresses,
    write_buildings,
    write_csv,
    write_places,
)
from tests.private_rows import opened_raws
from twin.jobs.job_run import JobCancelled


def refusal(database: Database, path: Path, **options: object) -> str:
    report = ingest_files(database.settings, [path], IngestOptions(**options))[0]  # type: ignore[arg-type]
    assert report.error is not None
    return str(report.error)


def test_a_first_delivery_a_second_and_a_changed_one(database: Database, tmp_path: Path) -> None:
    rows = asset_rows(50)
    path = write_csv(tmp_path / "a.csv", rows)
    assert take(database, path)[0].counts.inserted == 50
    assert take(database, path)[0].counts.unchanged == 50
    stale = "SELECT count(*) FROM twin.area_stale"
    assert database.fetch(stale) == [(0,)]  # the totals have followed
    rows[3]["状态"] = "破损"
    rows[4]["东坐标"] = f"{EAST + 77:.3f}"
    changed = take(database, write_csv(tmp_path / "b.csv", rows), totals_s=0.0)[0]
    assert database.fetch(stale) != [(0,)]  # no time: left to twin db tidy
    assert (changed.counts.changed, changed.counts.unchanged) == (2, 48)
    history = database.fetch(
        "SELECT old_row ->> 'state', actor FROM history.version WHERE table_name = 'asset' AND operation = 'U'"
    )
    assert history == [("完好", "twin ingest")] * 2
    lineage = (
        "SELECT b.file, a.row_no, b.batch_id FROM twin.asset a JOIN twin.batch b USING (batch_id) WHERE a.code = %s"
    )
    assert database.fetch(lineage, (rows[3]["标识码"],)) == [("b.csv", 4, changed.batch)]


def test_a_dry_run_says_the_same_and_writes_nothing(database: Database, tmp_path: Path) -> None:
    everything = "SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM twin.department)".format(
        "(SELECT 1 FROM twin.batch UNION ALL SELECT 1 FROM twin.asset UNION ALL SELECT 1 FROM twin.batch_part "
        "UNION ALL SELECT 1 FROM private.quarantine UNION ALL SELECT 1 FROM history.version) x"
    )
    rows = asset_rows(30)
    rows[7]["标识码"] = ""
    path = write_csv(tmp_path / "a.csv", rows)
    before = database.fetch(everything)
    dry = take(database, path, dry_run=True)[0]
    assert database.fetch(everything) == before
    wet = take(database, path)[0]
    assert (vars(dry.counts), dry.reasons, dry.rejected_rows) == (vars(wet.counts), wet.reasons, wet.rejected_rows)
    assert take(database, path, dry_run=True)[0].counts.unchanged == 29


def test_who_breaks_a_load_off_is_not_taken_for_a_bad_file(database: Database, tmp_path: Path) -> None:
    paths = [write_csv(tmp_path / "a.csv", asset_rows(20)), write_csv(tmp_path / "b.csv", asset_rows(20, first=100))]

    def cancel(what: str, done: int, total: int | None) -> None:
        raise JobCancelled("the job was cancelled")

    with pytest.raises(JobCancelled):
        ingest_files(database.settings, paths, IngestOptions(), cancel)
    assert database.fetch("SELECT file, state, read FROM twin.batch") == [("a.csv", "failed", 20)]
    report = take(database, *paths)[0]
    assert (report.resumed, report.counts.inserted) == (True, 20)


def test_a_persons_edit_is_not_undone_by_the_same_file(database: Database, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", asset_rows(3))
    take(database, path)
    database.fetch("UPDATE twin.asset SET state = '废弃' WHERE code = '3706120118000001'", role="ingest")
    assert take(database, path)[0].counts.unchanged == 3
    assert database.fetch("SELECT state FROM twin.asset WHERE code = '3706120118000001'") == [("废弃",)]


BROKEN_ROWS: list[tuple[str, str, str]] = [
    ("标识码", "", "key_missing"),
    ("标识码", "370612011800", "component_code_wrong"),
    ("标识码", "3706120102000009", "component_code_class"),
    ("标识码", "1101010118000009", "component_code_division"),
    ("标识码", "3.70612E+15", "number_ruined"),
    ("小类代码", "", "class_missing"),
    ("小类代码", "9999", "class_unknown"),
    ("状态", "飞走了", "value_not_listed"),
    ("东坐标", "不详", "coordinates_wrong"),
    ("东坐标", "", "coordinates_missing"),
    ("北坐标", f"{NORTH + 90_000}", "outside_district"),
    ("主管部门代码", "11370612TW0000016A", "credit_code_wrong"),
    ("初始日期", "20260230", "date_wrong"),
    ("属性", "{杆高}", "json_wrong"),
    ("属性", '{"杆高m": "高"}', "attribute_wrong"),
    ("名称", "路灯".encode().decode("gb18030"), "text_broken"),
    ("名称", "长" * 3000, "text_too_long"),
]


def test_each_broken_rule_is_named_and_the_others_go_in(database: Database, tmp_path: Path) -> None:
    rows = asset_rows(len(BROKEN_ROWS) + 12)
    for row, (column, value, _) in zip(rows, BROKEN_ROWS, strict=False):
        row[column] = value
    swapped = rows[len(BROKEN_ROWS)]
    swapped["东坐标"], swapped["北坐标"] = swapped["北坐标"], swapped["东坐标"]
    rows[len(BROKEN_ROWS) + 1].update({"东坐标": "0", "北坐标": "0"})
    rows.append(dict(rows[-1]))
    rows.append({**rows[-2], "名称": "另一个名称"})
    report = take(database, write_csv(tmp_path / "a.csv", rows))[0]
    quarantined = database.fetch("SELECT row_no, reason_code FROM private.quarantine ORDER BY row_no")
    expected = [*(reason for *_, reason in BROKEN_ROWS), "coordinates_swapped", "coordinates_impossible"]
    assert [reason for _, reason in quarantined] == [*expected, "duplicate_row", "duplicate_key"]
    assert report.counts.inserted == 10
    assert set(report.reasons) <= set(rules())
    assert [raw["状态"] for raw in opened_raws(database, "value_not_listed")] == ["飞走了"]


def test_every_rule_says_what_it_means_in_both_languages() -> None:
    assert len(rules()) >= 30
    for rule in rules().values():
        assert all((rule.zh, rule.en, rule.fix_zh, rule.fix_en))
        assert rule.en.isascii()


def test_every_shipped_mapping_is_sound() -> None:
    mappings = shipped_mappings()
    assert {mapping.target for mapping in mappings} == set(TARGETS) == set(KINDS)
    private = {"户主姓名", "身份证号", "联系电话", "联系人", "法定代表人", "房号"}
    for mapping in mappings:
        for item in (*mapping.fields.values(), *mapping.public):
            assert item.private or not private & set(item.columns), (mapping.name, item.name)


# ---- positions
def test_swapped_axes_of_a_whole_file_are_found_and_told(database: Database, tmp_path: Path) -> None:
    rows = asset_rows(10)
    for row in rows:
        row["东坐标"], row["北坐标"] = row["北坐标"], row["东坐标"]
    report = take(database, write_csv(tmp_path / "a.csv", rows))[0]
    assert report.counts.inserted == 10
    assert report.crs_how is not None
    assert "swapped" in report.crs_how[1]
    assert database.fetch("SELECT round(ST_X(geom_m)) FROM twin.asset WHERE code = '3706120118000001'") == [(EAST + 2,)]


@pytest.mark.parametrize("prefix", ["", "41"])
def test_zone_numbers_before_the_easting(database: Database, tmp_path: Path, prefix: str) -> None:
    rows = asset_rows(10)
    for row in rows:
        row["东坐标"] = prefix + row["东坐标"]
    report = take(database, write_csv(tmp_path / "a.csv", rows))[0]
    assert report.crs == ("EPSG:4529" if prefix else "EPSG:4550")
    assert database.fetch("SELECT round(ST_X(geom_m)) FROM twin.asset WHERE code = '3706120118000001'") == [(EAST + 2,)]


@pytest.mark.parametrize(
    ("crs", "says"),
    [
        ("EPSG:99999", "no coordinate reference system"),
        ("EPSG:5737", "neither"),
        ("EPSG:4490", "cannot be"),
        ("EPSG:4549", "4550"),
    ],
)
def test_a_system_that_cannot_be_is_refused_clearly(database: Database, tmp_path: Path, crs: str, says: str) -> None:
    path = write_csv(tmp_path / "a.csv", asset_rows(10))
    assert says in refusal(database, path, crs=crs)
    assert database.fetch("SELECT count(*) FROM twin.asset") == [(0,)]


def test_the_wrong_zone_declared_by_the_file_is_noticed(database: Database, tmp_path: Path) -> None:
    path = write_buildings(tmp_path / "h.shp")
    prj = path.with_suffix(".prj")
    prj.write_text(prj.read_text().replace("123", "120"))
    assert "EPSG:4550" in refusal(database, path)


def test_unknown_datum_is_asked_for_and_a_known_one_found(database: Database, tmp_path: Path) -> None:
    take(database, write_places(tmp_path / "p.gpkg"), write_buildings(tmp_path / "h.shp"))
    rows = []
    for number in range(12):
        shifted = gcj02_from_cgcs2000(*(np.array([degrees]) for degrees in lonlat(40 * number + 5, 5)))
        lon, lat = (float(degrees[0]) for degrees in shifted)
        rows.append({"企业编号": f"Q{number}", "名称": f"企业{number}", "经度": f"{lon:.7f}", "纬度": f"{lat:.7f}"})
    mapping = tmp_path / "shops.yaml"
    mapping.write_text(
        "title: {zh: 店铺, en: Shops}\ntarget: entity\ndepartment: {code: x, name_zh: 某局}\n"
        "entity_type: {otherwise: E05}\n"
        "fields:\n  key: {from: 企业编号, type: code}\n  public_name_zh: {from: 名称}\n"
        "position: {kind: lonlat, x: [经度], y: [纬度], crs: 'EPSG:4326'}\n",
        encoding="utf-8",
    )
    report = take(database, write_csv(tmp_path / "few.csv", rows), mapping=str(mapping))[0]
    assert report.datum is not None
    assert (report.datum.datum, report.datum.sure) == ("gcj02", True)
    on = database.fetch("SELECT count(*) FROM twin.entity e JOIN twin.building b ON ST_Covers(b.geom_m, e.geom_m)")
    assert on == [(12,)]
    few = write_csv(tmp_path / "three.csv", [{**row, "企业编号": f"R{n}"} for n, row in enumerate(rows[:3])])
    assert "--datum" in refusal(database, few, mapping=str(mapping))
    assert take(database, few, mapping=str(mapping), datum="gcj02")[0].counts.inserted == 3


# ---- files
def test_one_unreadable_file_stops_no_other(database: Database, tmp_path: Path) -> None:
    bad = tmp_path / "bad.xlsx"
    bad.write_bytes(b"no workbook")
    good = write_csv(tmp_path / "good.csv", asset_rows(5))
    reports = ingest_files(database.settings, [bad, good], IngestOptions())
    assert [report.error is None for report in reports] == [False, True]
    assert reports[1].counts.inserted == 5


REFUSED = "SELECT file, file_sha256, reason_code, message, given_by, times FROM twin.refused_delivery ORDER BY 1"


def test_what_is_refused_as_a_whole_is_remembered_with_what_its_deliverer_was_told(
    database: Database, tmp_path: Path
) -> None:
    bad, crs, odd = tmp_path / "1_bad.xlsx", write_buildings(tmp_path / "2_crs.shp"), tmp_path / "3_odd.csv"
    bad.write_bytes(b"no workbook")
    crs.with_suffix(".prj").write_text(crs.with_suffix(".prj").read_text().replace("123", "120"))
    write_csv(odd, [{"甲": "1", "乙": "2"}])
    paths = [tmp_path / "0_missing.csv", bad, crs, odd]
    ingest_files(database.settings, paths, IngestOptions(dry_run=True))
    assert database.fetch(REFUSED) == []

    reports = ingest_files(database.settings, paths, IngestOptions(actor="clerk"))
    told = {report.file: str(report.error) for report in reports}
    reasons = {"1_bad.xlsx": "UnreadableDelivery", "2_crs.shp": "UnknownCrs", "3_odd.csv": "UnknownMapping"}
    assert database.fetch(REFUSED) == [
        (path.name, file_sha256(path), reasons[path.name], told[path.name], "clerk", 1) for path in paths[1:]
    ]
    assert told["0_missing.csv"]
    owner = database.fetch(
        "SELECT file, d.code FROM twin.refused_delivery JOIN twin.department d USING (department_id)"
    )
    assert owner == [("2_crs.shp", "planning")]

    ingest_files(database.settings, paths, IngestOptions())
    assert [row[-2:] for row in database.fetch(REFUSED)] == [("twin ingest", 2)] * 3
    assert database.fetch("SELECT count(*) FROM twin.refused_delivery", role="app") == [(3,)]


def test_columns_no_mapping_fits_are_listed(database: Database, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [{"甲": "1", "乙": "2"}])
    message = refusal(database, path)
    assert "甲" in message
    assert "--mapping" in message
    assert "repairs" in message


def test_a_mapping_that_cannot_be_read_says_where(database: Database, tmp_path: Path) -> None:
    mapping = tmp_path / "bad.yaml"
    mapping.write_text("target: moon\nfields: {key: {from: a}}\n")
    path = write_csv(tmp_path / "a.csv", [{"甲": "1"}])
    assert "bad.yaml" in refusal(database, path, mapping=str(mapping))


def test_an_unknown_department_is_refused(database: Database, tmp_path: Path) -> None:
    assert "--department" in refusal(database, write_csv(tmp_path / "a.csv", asset_rows(2)), department="moon")


def test_a_file_with_a_header_only_is_taken_as_nothing(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(",".join(asset_rows(1)[0]) + "\n", encoding="utf-8")
    assert take(database, path)[0].counts.read == 0


def test_codes_ruined_by_excel_are_refused_with_that_reason(database: Database, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["工单编号", "报修时间", "报修地址", "报修内容", "部件编号"])
    book.active.append(["BX1", "2026-03-16 13:20", "正阳路2号", "漏水, 请打13912345678", "3706120118000001"])
    book.active.append(["BX2", "2026-03-16 13:20", "正阳路4号", "漏水", 370612011800000123])
    book.save(tmp_path / "r.xlsx")
    report = take(database, tmp_path / "r.xlsx")[0]
    assert report.reasons == {"number_ruined": 1}
    assert database.fetch("SELECT title_zh FROM twin.record") == [("漏水, 请打1**********",)]


def test_places_may_come_in_any_order(database: Database, tmp_path: Path) -> None:
    addresses, buildings = write_addresses(tmp_path / "a.gpkg"), write_buildings(tmp_path / "h.shp")
    for path in (addresses, buildings, write_places(tmp_path / "p.gpkg")):
        take(database, path)
    assert database.fetch("SELECT count(*), count(building_id), count(grid_id) FROM twin.address") == [(12, 12, 12)]
    unit = database.fetch("SELECT DISTINCT u.code FROM twin.building b JOIN twin.admin_unit u USING (admin_id)")
    assert unit == [("370612001001",)]


def test_crossed_outlines_are_mended_or_refused(database: Database, tmp_path: Path) -> None:
    def house(code: int, ring: list[tuple[float, float]]) -> dict[str, object]:
        corners = [lonlat(x, y) for x, y in [*ring, ring[0]]]
        return {
            "type": "Feature",
            "properties": {"JZBM": f"37061200100100{code:02d}", "JZMC": "楼"},
            "geometry": {"type": "Polygon", "coordinates": [corners]},
        }

    bow_tie = [(0.0, 0.0), (10.0, 10.0), (10.0, 0.0), (0.0, 10.0)]
    tiny_spike = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (5.0, 10.0), (5.0, 10.001), (5.001, 10.0), (0.0, 10.0)]
    square = [(20.0, 0.0), (30.0, 0.0), (30.0, 10.0), (20.0, 10.0)]
    features = [house(1, bow_tie), house(2, tiny_spike), house(3, square)]
    path = tmp_path / "h.geojson"
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    report = take(database, path)[0]
    assert report.reasons == {"geometry_beyond_repair": 1}
    assert report.counts.inserted == 2
    assert database.fetch("SELECT bool_and(ST_IsValid(geom_m)) FROM twin.building") == [(True,)]


# ---- upsert as a property
STATES = st.sampled_from(["完好", "破损", "丢失"])
VERSIONS = st.lists(st.dictionaries(st.integers(1, 12), STATES, min_size=1), min_size=1, max_size=4)


@given(VERSIONS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_upsert_is_idempotent_and_keeps_the_last_word(
    module_database: Database, versions: list[dict[int, str]]
) -> None:
    module_database.fetch("DELETE FROM twin.asset", role="ingest")
    known: dict[int, str] = {}
    for turn, version in enumerate(versions):
        rows = [{**asset_rows(1, first=number)[0], "状态": state} for number, state in version.items()]
        counts = load_rows(module_database, "assets", rows, f"{turn}.csv")
        new = sum(number not in known for number in version)
        changed = sum(number in known and known[number] != state for number, state in version.items())
        assert (counts.inserted, counts.changed, counts.unchanged) == (new, changed, len(version) - new - changed)
        known |= version
        assert load_rows(module_database, "assets", rows, f"{turn}.csv").unchanged == len(version)
    stored = module_database.fetch("SELECT right(code, 6)::int, state FROM twin.asset")
    assert dict(stored) == known
