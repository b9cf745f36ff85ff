"""Files handed in over HTTP: checked, taken in, linked; what was set aside comes back to be mended; who may."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from api import delivery_examples as examples
from api.app import create_app
from api.limits import ApiLimits
from api.uploads import safe_name
from tests.api.delivered_files import MENDED, bad_workbook
from tests.api.small_city import insert_small_city
from tests.databases import Database, fresh_database
from twin.actions.delivery_folder import deliverable
from twin.cli.job_kinds import registry
from twin.errors import BadInput
from twin.jobs.queue import run_worker
from twin.settings import Settings

HERE = {"base_url": "http://127.0.0.1", "client": ("127.0.0.1", 50000)}
WHO = {"Twin-Person": quote("李科员")}
LIMITS = ApiLimits(pool_wait_s=20, pool_min=1, pool_max=4, upload_bytes=200_000, upload_files=3)


@dataclass(frozen=True)
class Desk:
    """The desk of a served city; jobs are worked off when a test says so."""

    database: Database
    client: TestClient

    def hand_in(self, name: str, body: bytes, status: int = 200, **query: str) -> Any:
        answer = self.client.post("/deliveries/files", params={"name": name, **query}, content=body, headers=WHO)
        assert answer.status_code == status, answer.text
        return answer.json()

    def run(self, upload: str, step: str, **asked: Any) -> Any:
        """Start a step, work it off, and give what became of the upload."""
        answer = self.client.post("/deliveries", json={"upload": upload, "step": step, **asked}, headers=WHO)
        assert answer.status_code == 200, answer.text
        assert answer.json().keys() == examples.STARTED.keys()
        run_worker(self.database.settings, registry(self.database.settings), until_empty=True)
        return self.get(f"/deliveries/uploads/{upload}")

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(path, params=query, headers=WHO)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def desk(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with fresh_database(settings, tmp_path_factory.mktemp("deliver") / "var") as database:
        with database.connect("owner") as connection:
            insert_small_city(connection, database.settings.data_dir)
        with TestClient(create_app(database.settings, limits=LIMITS), **HERE) as client:
            yield Desk(database, client)


@pytest.fixture(scope="module")
def taken(desk: Desk) -> Any:
    """A bad workbook, checked and taken in."""
    upload = desk.hand_in("报修工单.xlsx", bad_workbook())["upload"]
    checked = desk.run(upload, "check")
    assert checked["taken"] is None
    assert desk.get("/records", department="housing", n=500)["items"][-1]["title_zh"] != "外墙脱落"
    return desk.run(upload, "take_in")


def test_a_check_says_what_would_happen_and_taking_in_does_it(desk: Desk, taken: Any) -> None:
    assert taken.keys() == examples.RESULT.keys()
    check, done = taken["check"], taken["taken"]
    assert done.keys() >= examples.TAKEN.keys()
    assert done["files"][0].keys() >= examples.FILE.keys()
    for result in (check, done):
        assert (result["read"], result["inserted"], result["rejected"]) == (7, 4, 3)
        assert result["reasons"] == {"number_ruined": 1, "key_missing": 1, "duplicate_row": 1}
    assert set(taken["rules"]) >= set(done["reasons"])
    assert taken["rules"]["key_missing"].keys() == examples.RULE.keys()
    assert taken["asked"]["given_by"] == "李科员"
    assert taken["job"]["state"] == "done"
    assert sum(done["linked"].values()) == 4
    assert desk.database.fetch("SELECT count(*) FROM twin.area_stale") == [(0,)]  # the totals have followed
    assert done["linked"]["accepted"] >= 3
    logged = desk.database.fetch("SELECT action FROM audit.log WHERE actor = '李科员' ORDER BY audit_id")
    assert [row[0] for row in logged][:2] == ["delivery.check", "delivery.take_in"]


def test_the_history_and_a_batch_with_its_reasons(desk: Desk, taken: Any) -> None:
    batch = taken["taken"]["batches"][0]
    items = desk.get("/deliveries")["items"]
    assert items[0]["batch"] == batch
    assert items[0].keys() == examples.BATCHES["items"][0].keys()
    found = desk.get(f"/deliveries/{batch}")
    assert found.keys() == examples.BATCH.keys()
    assert {reason["code"]: reason["rows"] for reason in found["reasons"]}["key_missing"] == [6]
    assert found["read"] == found["inserted"] + found["changed"] + found["unchanged"] + found["rejected"]
    assert desk.get("/deliveries", before=batch, n=1)["items"][0]["batch"] < batch
    assert desk.client.get("/deliveries/999999", headers=WHO).status_code == 404


def test_rows_set_aside_come_back_as_csv_to_be_mended(desk: Desk, taken: Any) -> None:
    batch = taken["taken"]["batches"][0]
    rows = desk.get(f"/deliveries/{batch}/rejected")["items"]
    assert [row["row_no"] for row in rows] == [5, 6, 7]
    assert rows[0].keys() == examples.REJECTED["items"][0].keys()
    assert [row["row_no"] for row in desk.get(f"/deliveries/{batch}/rejected", code="key_missing")["items"]] == [6]
    body = desk.client.get(f"/deliveries/{batch}/rejected.csv", headers=WHO).content
    assert body.startswith(b"\xef\xbb\xbf")
    header, *lines = csv.reader(io.StringIO(body.decode("utf-8-sig")))
    assert header[:4] == ["拒收行号", "拒收原因", "怎么改", "工单编号"]
    assert lines[0][:2] == ["5", "编码被 Excel 变成了科学计数法，后几位已丢失: " + lines[0][1].split(": ")[-1]]
    assert desk.database.fetch("SELECT count(*) FROM audit.log WHERE action = 'rejected_rows.read'") == [(3,)]

    # Mended in the very file that came back: what the desk added in front does not disturb.
    number, code = header.index("工单编号"), header.index("部件编号")
    lines[0][code], lines[1][number] = str(MENDED[0][5]), str(MENDED[1][0])
    text = io.StringIO()
    csv.writer(text).writerows([header, *lines[:2]])
    upload = desk.hand_in("改好的行.csv", b"\xef\xbb\xbf" + text.getvalue().encode())["upload"]
    check = desk.run(upload, "check", mends=batch)["check"]
    assert (check["inserted"], check["rejected"], check["batches"]) == (2, 0, [])
    done = desk.run(upload, "take_in", mends=batch)["taken"]
    assert (done["inserted"], done["rejected"], sum(done["linked"].values())) == (2, 0, 2)
    kept = "SELECT row_no, batch_id FROM twin.record WHERE source_key = 'BX2026110106'"
    assert desk.database.fetch(kept) == [(6, done["batches"][0])]

    # The batch says how much of it is mended, the mending one whose rows it mends; what is mended waits no more.
    found = desk.get(f"/deliveries/{batch}")
    assert (found["rejected"], found["mended"], found["mends"]) == (3, 2, None)
    mending = desk.get("/deliveries", n=1)["items"][0]
    assert (mending["mends"], mending["mended"]) == (batch, 0)
    rows = desk.get(f"/deliveries/{batch}/rejected")["items"]
    assert [row["mended_in"] for row in rows] == [*done["batches"] * 2, None]
    body = desk.client.get(f"/deliveries/{batch}/rejected.csv", headers=WHO).content.decode("utf-8-sig")
    assert [line[0] for line in csv.reader(io.StringIO(body))] == ["拒收行号", "7"]
    again = desk.run(upload, "check", mends=batch)["check"]["files"][0]
    assert again["problem"]["kind"] == "BadInput"
    assert "5" in again["problem"]["text"]
    nameless = desk.hand_in("无行号.csv", "工单编号,报修地址\r\n1,2\r\n".encode())["upload"]
    assert "拒收行号" in desk.run(nameless, "check", mends=batch)["check"]["files"][0]["problem"]["text"]
    for mends in (0, 999999):
        asked = {"upload": upload, "step": "check", "mends": mends}
        assert desk.client.post("/deliveries", json=asked, headers=WHO).status_code in (404, 422)


def test_a_long_number_or_a_formula_survives_the_spreadsheet(desk: Desk) -> None:
    text = "工单编号,报修地址,报修内容,部件编号\r\n,=1+1,@内容,3706120118000001\r\n,+86,-1.5,\r\n"
    done = desk.run(desk.hand_in("坏.csv", text.encode())["upload"], "take_in")["taken"]
    assert done["reasons"] == {"key_missing": 2}
    body = desk.client.get(f"/deliveries/{done['batches'][0]}/rejected.csv", headers=WHO).content
    _, first, second = csv.reader(io.StringIO(body.decode("utf-8-sig")))
    assert {"\t=1+1", "\t@内容", "\t3706120118000001"} <= set(first)
    assert {"+86", "-1.5"} <= set(second)


def test_what_cannot_be_told_is_asked_for(desk: Desk) -> None:
    upload = desk.hand_in("unknown.csv", "甲,乙\n1,2\n".encode())["upload"]
    entry = desk.run(upload, "check")["check"]["files"][0]
    assert entry["problem"]["kind"] == "UnknownMapping"
    assert entry["problem"]["mappings"] == []
    named = [item["name"] for item in desk.get("/deliveries/choices")["mappings"]]
    assert "repairs" in named
    answer = desk.client.post(
        "/deliveries", json={"upload": upload, "step": "check", "mapping": "/etc/x.yaml"}, headers=WHO
    )
    assert answer.status_code == 422
    for crs in ("+proj=longlat +nadgrids=/etc/passwd", "file:///etc/passwd", "EPSG:4490 "):
        answer = desk.client.post("/deliveries", json={"upload": upload, "step": "check", "crs": crs}, headers=WHO)
        assert answer.status_code == 422, crs


def test_a_refused_file_is_listed_until_a_good_one_comes(desk: Desk) -> None:
    upload = desk.hand_in("broken.gpkg", b"not a delivery")["upload"]
    done = desk.run(upload, "take_in")["taken"]
    assert done["files"][0]["problem"]["kind"] == "UnreadableDelivery"
    refused = desk.get("/deliveries/refused")["items"]
    assert refused[0].keys() == examples.REFUSED["items"][0].keys()
    assert (refused[0]["file"], refused[0]["given_by"], refused[0]["taken_since"]) == ("broken.gpkg", "李科员", False)


def test_a_job_is_cancelled_before_it_begins(desk: Desk) -> None:
    upload = desk.hand_in("x.csv", b"a,b\n1,2\n")["upload"]
    job = desk.client.post("/deliveries", json={"upload": upload, "step": "take_in"}, headers=WHO).json()["job_id"]
    assert desk.client.post(f"/jobs/{job}/cancel", headers=WHO).json() == examples.CANCELLED
    assert desk.get(f"/deliveries/uploads/{upload}")["job"]["state"] == "cancelled"
    assert desk.client.post(f"/jobs/{uuid4()}/cancel", headers=WHO).status_code == 404
    run_worker(desk.database.settings, registry(desk.database.settings), until_empty=True)


def test_a_whole_batch_is_taken_back(desk: Desk) -> None:
    text = "工单编号,报修地址,报修内容\r\nBX2026119901,政府大街101号,灯不亮\r\n"
    done = desk.run(desk.hand_in("误交.csv", text.encode())["upload"], "take_in")["taken"]
    batch = done["batches"][0]
    answer = desk.client.post(f"/deliveries/{batch}/roll-back", headers=WHO)
    assert answer.json().keys() == examples.ROLLING_BACK.keys()
    run_worker(desk.database.settings, registry(desk.database.settings), until_empty=True)
    job = desk.get(f"/jobs/{answer.json()['job_id']}")
    assert (job["state"], job["result"]) == ("done", {"batch": batch, "removed": 1, "restored": 0})
    assert desk.get(f"/deliveries/{batch}")["state"] == "rolled_back"
    assert desk.database.fetch("SELECT count(*) FROM twin.record WHERE source_key = 'BX2026119901'") == [(0,)]
    assert desk.client.post("/deliveries/999999/roll-back", headers=WHO).status_code == 404


def test_a_delivery_links_its_own_rows_also_when_it_comes_again(desk: Desk) -> None:
    newest = "SELECT subjects FROM twin.link_run ORDER BY link_run_id DESC LIMIT 1"
    text = "工单编号,报修地址,报修内容\r\nBX2026119801,政府大街101号,灯不亮\r\nBX2026119802,政府大街103号,漏水\r\n"
    upload = desk.hand_in("两单.csv", text.encode())["upload"]
    done = desk.run(upload, "take_in")["taken"]
    assert (done["linked"], done["places_changed"]) == ({"accepted": 2, "review": 0, "unlinked": 0}, False)
    assert desk.database.fetch("SELECT count(*) > 2 FROM twin.record WHERE valid_to IS NULL") == [(True,)]
    assert desk.database.fetch(newest) == [(2,)]
    # A worker may have died between loading and linking: the same file, bringing nothing new, is linked all the same.
    desk.database.fetch(
        "DELETE FROM twin.link l USING twin.record r "
        "WHERE l.record_id = r.record_id AND r.source_key LIKE 'BX20261198%'"
    )
    again = desk.run(upload, "take_in")["taken"]
    assert (again["unchanged"], again["linked"]["accepted"]) == (2, 2)


def test_too_large_too_many_too_strange(desk: Desk) -> None:
    first = desk.hand_in("a.csv", b"a")["upload"]
    folders = sorted(desk.database.settings.uploads_dir.iterdir())
    desk.hand_in("b.csv", b"b", upload=first)
    desk.hand_in("a.csv", b"again", upload=first)  # the same name replaces
    desk.hand_in("c.csv", b"c", upload=first)
    desk.hand_in("d.csv", b"d", status=422, upload=first)
    desk.hand_in("e.csv", b"", status=422)
    desk.hand_in("f.csv", b"x" * 200_001, status=413)
    assert sorted(desk.database.settings.uploads_dir.iterdir()) == folders  # what was refused leaves no folder
    desk.hand_in("g.csv", b"x", status=404, upload=str(uuid4()))
    desk.hand_in("h.exe", b"MZ", status=422)
    folder = desk.database.settings.uploads_dir / first / "files"
    assert sorted(path.name for path in folder.iterdir()) == ["a.csv", "b.csv", "c.csv"]
    assert desk.client.post("/deliveries/files", params={"name": "x.csv"}, content=b"x").status_code == 422


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/报修.CSV", "报修.CSV"),
        ("C:\\Users\\王\\台账 2026.xlsx", "台账 2026.xlsx"),
        ("a\u202excod.csv", "a_xcod.csv"),
        ("长" * 200 + ".shp", "长" * 58 + ".shp"),
    ],
)
def test_names_are_made_harmless(given: str, name: str) -> None:
    assert safe_name(given) == name


@pytest.mark.parametrize("given", ["x", ".csv", "a.php", "..", "a.csv/", "  .xlsx"])
def test_names_that_say_nothing_are_refused(given: str) -> None:
    with pytest.raises(BadInput):
        safe_name(given)


def test_parts_of_a_shapefile_are_read_with_it(desk: Desk) -> None:
    upload = desk.hand_in("roads.shp", b"x")["upload"]
    folder = desk.database.settings.uploads_dir / upload / "files"
    for name in ("roads.dbf", "roads.shp.xml", "ROADS.PRJ", "other.dbf", "roads.csv"):
        (folder / name).write_bytes(b"x")
    assert [path.name for path in deliverable(folder)] == ["other.dbf", "roads.csv", "roads.shp"]


@pytest.mark.parametrize(("setting", "status"), [("here", 200), ("officer", 200), ("closed", 403)])
def test_the_servers_setting_says_who_may_deliver(desk: Desk, taken: Any, setting: str, status: int) -> None:
    settings = replace(desk.database.settings, desk=setting)
    batch = taken["taken"]["batches"][0]
    with TestClient(create_app(settings, limits=LIMITS), **HERE) as client:
        assert client.get("/deliveries").status_code == status
        rows = client.get(f"/deliveries/{batch}/rejected")
    # An officer without an account belongs to no department: no batch is there.
    assert rows.status_code == {"here": 200, "officer": 404, "closed": 403}[setting]
    assert setting != "here" or len(rows.json()["items"]) == 3
