"""Deliveries afterwards: looked at, mended, taken back whole; complete ones end what they no longer have."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ingest_gis.batches import list_batches, list_refused, rejected_rows, show_batch, write_rejected
from ingest_gis.mend import mend_rows
from ingest_gis.plan_delivery import IngestOptions
from ingest_gis.rollback import roll_back
from ingest_gis.run_ingest import ingest_files
from tests.databases import SYSTEM, Database
from tests.ingest_gis.delivered_rows import asset_rows, take, write_buildings, write_csv
from twin.errors import BadInput, Conflict, NotFound

STATE = """
SELECT code, name_zh, state, ST_AsEWKT(geom_m), batch_id, row_no, row_hash, valid_to, attributes, known_at
FROM twin.asset ORDER BY code
"""
AUDITED = "SELECT subject, detail ->> 'removed', actor FROM audit.log WHERE action = 'ingest.rollback'"
PRIVATE = """
SELECT r.source_key, r.title_zh, r.valid_to IS NULL, p.record_id, p.sealed FROM twin.record r
LEFT JOIN private.record p USING (record_id) ORDER BY 1
"""


def repairs(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    """Write repair orders: number, contact (private), what is wrong."""
    cells = [
        {"工单编号": number, "报修时间": "2026-03-16 13:20", "报修地址": "正阳路2号", "报修内容": what, "部件编号": "",
         "联系人": who}
        for number, who, what in rows
    ]  # fmt: skip
    return write_csv(path, cells)


# ---- complete deliveries
def test_a_complete_delivery_ends_what_it_no_longer_has(database: Database, tmp_path: Path) -> None:
    rows = asset_rows(40)
    take(database, write_csv(tmp_path / "a.csv", rows))
    rows[0]["状态"] = "飞走了"  # set aside, but not vanished
    fewer = write_csv(tmp_path / "b.csv", rows[:35])
    assert take(database, fewer, dry_run=True, complete=True)[0].ended == 5
    assert take(database, fewer)[0].ended == 0
    assert database.fetch("SELECT count(*) FROM twin.asset WHERE valid_to IS NULL") == [(40,)]
    report = take(database, fewer, complete=True)[0]
    assert (report.ended, report.counts.unchanged, report.counts.rejected) == (5, 34, 1)
    ended = database.fetch("SELECT code FROM twin.asset WHERE valid_to IS NOT NULL ORDER BY 1")
    assert ended == [(row["标识码"],) for row in rows[35:]]
    assert database.fetch("SELECT ended FROM twin.batch WHERE batch_id = %s", (report.batch,)) == [(5,)]
    assert take(database, write_csv(tmp_path / "c.csv", rows))[0].counts.changed == 5  # there again


def test_a_complete_delivery_ends_only_its_own_kind(database: Database, tmp_path: Path) -> None:
    take(database, write_csv(tmp_path / "a.csv", asset_rows(10)), write_buildings(tmp_path / "h.shp"))
    take(database, write_buildings(tmp_path / "i.shp", 11), complete=True)
    assert database.fetch("SELECT count(*) FROM twin.asset WHERE valid_to IS NULL") == [(10,)]
    assert database.fetch("SELECT count(*) FROM twin.building WHERE valid_to IS NULL") == [(11,)]


def test_when_too_much_has_vanished_nothing_ends(database: Database, tmp_path: Path) -> None:
    rows = asset_rows(20)
    take(database, write_csv(tmp_path / "a.csv", rows))
    half = write_csv(tmp_path / "b.csv", rows[:10])
    report = ingest_files(database.settings, [half], IngestOptions(complete=True))[0]
    assert isinstance(report.error, Conflict)
    assert "--allow-vanishing 0.51" in str(report.error)
    assert database.fetch("SELECT count(*) FROM twin.asset WHERE valid_to IS NULL") == [(20,)]
    assert take(database, half, complete=True, allow_vanishing=0.51)[0].ended == 10


def test_grids_are_never_complete(database: Database, tmp_path: Path) -> None:
    from tests.ingest_gis.delivered_rows import write_places

    reports = ingest_files(database.settings, [write_places(tmp_path / "p.gpkg")], IngestOptions(complete=True))
    assert all(isinstance(report.error, BadInput) for report in reports)


# ---- taken back
def test_a_batch_taken_back_leaves_everything_as_it_was(database: Database, tmp_path: Path) -> None:
    rows = asset_rows(30)
    first = take(database, write_csv(tmp_path / "a.csv", rows))[0]
    before = database.fetch(STATE)
    rows[3]["名称"], rows[4]["东坐标"] = "高杆灯", f"{float(rows[4]['东坐标']) + 9:.3f}"
    second = take(database, write_csv(tmp_path / "b.csv", rows[:27] + asset_rows(5, first=100)), complete=True)[0]
    assert (second.counts.inserted, second.counts.changed, second.ended) == (5, 2, 3)
    done = roll_back(database.settings, second.batch or 0, "boss")
    assert (done.removed, done.restored) == (5, 5)
    assert database.fetch(STATE) == before
    assert database.fetch("SELECT state, rolled_back_by FROM twin.batch ORDER BY batch_id") == [
        ("done", None), ("rolled_back", "boss"),
    ]  # fmt: skip
    audited = database.fetch(AUDITED)
    assert audited == [(f"batch {second.batch}", "5", "boss")]
    with pytest.raises(Conflict, match="already"):
        roll_back(database.settings, second.batch or 0, "boss")
    roll_back(database.settings, first.batch or 0, "boss")
    assert database.fetch("SELECT count(*) FROM twin.asset") == [(0,)]
    assert take(database, write_csv(tmp_path / "c.csv", asset_rows(30)))[0].counts.inserted == 30


def test_what_others_built_on_is_not_taken_back(database: Database, tmp_path: Path) -> None:
    rows = asset_rows(5)
    first = take(database, write_csv(tmp_path / "a.csv", rows))[0]
    rows[2]["状态"] = "破损"
    second = take(database, write_csv(tmp_path / "b.csv", rows))[0]
    with pytest.raises(Conflict, match=f"batch-{second.batch}"):
        roll_back(database.settings, first.batch or 0, "boss")
    roll_back(database.settings, second.batch or 0, "boss")
    database.fetch("UPDATE twin.asset SET state = '丢失' WHERE code = %s", (rows[0]["标识码"],), role="ingest")
    with pytest.raises(Conflict, match="test"):
        roll_back(database.settings, first.batch or 0, "boss")
    with pytest.raises(NotFound):
        roll_back(database.settings, 99, "boss")


def test_private_parts_come_back_too(database: Database, tmp_path: Path) -> None:
    take(database, repairs(tmp_path / "a.csv", [("1", "张三", "漏水"), ("2", "李四", "路灯不亮")]))
    before = database.fetch(PRIVATE)
    changed = repairs(tmp_path / "b.csv", [("1", "王五", "漏水"), ("2", "李四", "井盖丢失"), ("3", "赵六", "异响")])
    second = take(database, changed)[0]
    assert (second.counts.inserted, second.counts.changed) == (1, 2)
    roll_back(database.settings, second.batch or 0, "boss")
    assert database.fetch(PRIVATE) == before


# ---- looked at and mended
def test_rejected_rows_are_mended_and_keep_their_place(database: Database, tmp_path: Path) -> None:
    rows = asset_rows(6)
    rows[1]["状态"], rows[4]["标识码"] = "飞走了", ""
    report = take(database, write_csv(tmp_path / "a.csv", rows))[0]
    batch = report.batch or 0
    with database.connect("ingest", autocommit=True) as connection:
        waiting = rejected_rows(connection, batch, SYSTEM)
        assert [(row.row_no, row.code) for row in waiting] == [(2, "value_not_listed"), (5, "key_missing")]
        write_rejected(tmp_path / "mend.csv", waiting)
        with (tmp_path / "mend.csv").open(encoding="utf-8-sig", newline="") as file:
            table = list(csv.DictReader(file))
        table[0]["状态"] = "破损"
        write_csv(tmp_path / "mended.csv", table)
        mended = mend_rows(database.settings, batch, tmp_path / "mended.csv", "clerk")
        assert (mended.counts.inserted, mended.counts.rejected) == (1, 1)
        shown = show_batch(connection, batch)
        assert {item["code"]: item["mended"] for item in shown["reasons"]} == {"value_not_listed": 1, "key_missing": 0}
        assert list_batches(connection, count=1)[0]["mends_batch_id"] == batch
    lineage = "SELECT row_no, batch_id FROM twin.asset WHERE code = %s"
    assert database.fetch(lineage, (rows[1]["标识码"],)) == [(2, mended.batch)]
    with pytest.raises(BadInput, match="2"):
        mend_rows(database.settings, batch, tmp_path / "mended.csv", "clerk")
    roll_back(database.settings, mended.batch or 0, "boss")
    assert database.fetch("SELECT count(*) FROM private.quarantine WHERE mended_batch_id IS NOT NULL") == [(0,)]


def test_the_geometry_of_a_rejected_outline_can_be_mended(database: Database, tmp_path: Path) -> None:
    import geopandas
    import pyogrio
    import shapely

    path = write_buildings(tmp_path / "h.shp", 3)
    table = geopandas.read_file(path, encoding="gb18030")
    corners = [(376000, 4140000), (376010, 4140010), (376010, 4140000), (376000, 4140010)]
    table.loc[1, "geometry"] = shapely.Polygon(corners)
    pyogrio.write_dataframe(table, path, encoding="GB18030")
    path.with_suffix(".cpg").unlink()
    report = take(database, path)[0]
    assert report.reasons == {"geometry_beyond_repair": 1}
    with database.connect("ingest", autocommit=True) as connection:
        (row,) = rejected_rows(connection, report.batch or 0, SYSTEM)
    cells = {
        "_row": str(row.row_no),
        **row.raw,
        "_wkt": "POLYGON ((376000 4140000, 376010 4140000, 376010 4140010, 376000 4140000))",
    }
    mended = mend_rows(database.settings, report.batch or 0, write_csv(tmp_path / "m.csv", [cells]), "clerk")
    assert mended.counts.inserted == 1
    assert database.fetch("SELECT round(ST_Area(geom_m)) FROM twin.building WHERE row_no = 2") == [(50,)]


def test_refused_files_are_listed(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"no workbook")
    ingest_files(database.settings, [path], IngestOptions(actor="clerk"))
    with database.connect("ingest", autocommit=True) as connection:
        (item,) = list_refused(connection)
    assert (item["file"], item["given_by"], item["taken_later"]) == ("a.xlsx", "clerk", False)
