"""Collections as files: asked for over HTTP, written by a worker, fetched by who may, gone in time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pyogrio
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from tests.api.conftest import LIMITS
from tests.api.members import add_member, token_for
from tests.api.small_city import SmallCity, insert_small_city
from tests.databases import Database, fresh_database
from twin.actions import export_table
from twin.actions.watermark import whose_copy
from twin.cli.job_kinds import registry
from twin.jobs.queue import run_worker
from twin.personal.keyring import keys_of
from twin.settings import Settings

Headers = dict[str, str]


@pytest.fixture(scope="module")
def made(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, SmallCity]]:
    with fresh_database(settings, tmp_path_factory.mktemp("exports") / "var") as database:
        with database.connect("ingest") as connection:
            facts = insert_small_city(connection, database.settings.data_dir)
        add_member(database, "gong", "grid_worker", grids=(facts.grid_west,))
        for name, role in (("ying", "planner"), ("shi", "steward")):
            add_member(database, name, role)
        yield database, facts


@pytest.fixture(scope="module")
def at(made: tuple[Database, SmallCity]) -> Iterator[TestClient]:
    with TestClient(create_app(made[0].settings, limits=LIMITS), raise_server_exceptions=False) as running:
        yield running


@pytest.fixture(scope="module")
def tokens(made: tuple[Database, SmallCity]) -> dict[str, Headers]:
    return {name: {"authorization": f"Bearer {token_for(made[0], name)}"} for name in ("ying", "gong", "shi")}


def work(database: Database) -> None:
    run_worker(database.settings, registry(database.settings), until_empty=True)


def ask_for(client: TestClient, who: Headers, **asked: Any) -> Any:
    answer = client.post("/exports", json=asked, headers=who)
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_every_format_holds_the_same_assets(
    made: tuple[Database, SmallCity], at: TestClient, tokens: dict[str, Headers], tmp_path: Path
) -> None:
    database, facts = made
    who = tokens["ying"]
    asked = {form: ask_for(at, who, collection="assets", format=form) for form in export_table.TABLE_FORMATS}
    early = at.get(f"/exports/{asked['csv']['export_id']}/file", headers=who)
    assert early.status_code == 409
    work(database)
    live = {asset.code for asset in facts.assets.values() if asset.valid_to is None}
    for form, export in asked.items():
        ready = at.get(f"/exports/{export['export_id']}", headers=who).json()
        assert (ready["state"], ready["features"]) == ("ready", len(live)), form
        answer = at.get(f"/exports/{export['export_id']}/file", headers=who)
        assert len(answer.content) == ready["bytes"]
        assert codes(form, answer.content, tmp_path) == live, form
        job = at.get(f"/jobs/{export['job_id']}", headers=who).json()
        assert job["state"] == "done"


def codes(form: str, content: bytes, folder: Path) -> set[str]:
    path = folder / f"file{export_table.SUFFIX[form]}"
    path.write_bytes(content)
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
        assert all(row["geometry_epsg_4490"].startswith(("POINT", "LINE", "POLY", "MULTI")) for row in rows)
        return {row["code"] for row in rows}
    if form == "geoparquet":
        table = pq.read_table(path)
        geo = json.loads(table.schema.metadata[b"geo"])
        assert geo["columns"]["geometry"]["crs"]["id"]["code"] == 4490
        return set(table.column("code").to_pylist())
    frame = pyogrio.read_dataframe(path)
    assert frame.geometry.notna().all()
    return set(frame["code"])


def test_class_box_filter_and_crs(
    made: tuple[Database, SmallCity], at: TestClient, tokens: dict[str, Headers], tmp_path: Path
) -> None:
    database, facts = made
    place = facts.centre_of("tower")
    box = [place.lon - 1e-5, place.lat - 1e-5, place.lon + 1e-5, place.lat + 1e-5]
    who = tokens["ying"]
    lamps = ask_for(at, who, collection="assets-0118", format="geojson", filter="state = '完好'")
    tower = ask_for(at, who, collection="buildings", format="gpkg", bbox=box, crs="EPSG:4550")
    work(database)
    read = at.get(f"/exports/{lamps['export_id']}/file", headers=who).json()["features"]
    assert {feature["properties"]["class_code"] for feature in read} == {"0118"}
    assert {feature["properties"]["state"] for feature in read} == {"完好"}
    path = tmp_path / "tower.gpkg"
    path.write_bytes(at.get(f"/exports/{tower['export_id']}/file", headers=who).content)
    frame = pyogrio.read_dataframe(path)
    assert frame["code"].tolist() == [facts.buildings["tower"].code]
    assert frame.crs.to_epsg() == 4550
    assert 300_000 < frame.geometry.iloc[0].centroid.x < 700_000


def test_rights_are_asked_every_time(
    made: tuple[Database, SmallCity], at: TestClient, tokens: dict[str, Headers]
) -> None:
    database, _ = made
    asked = {"collection": "assets", "format": "csv"}
    assert at.post("/exports", json=asked).status_code in (401, 403)
    assert at.post("/exports", json=asked, headers=tokens["gong"]).status_code == 403
    for bad in ({"collection": "entities"}, {"collection": "accounts"}, {"filter": "DROP"}, {"crs": "EPSG:3857"}):
        assert at.post("/exports", json={**asked, **bad}, headers=tokens["ying"]).status_code in (400, 403, 404, 422), (
            bad
        )
    export = ask_for(at, tokens["ying"], **asked)
    change = "UPDATE access.right SET allowed = %s WHERE (role, action, collection) = ('planner', 'export', 'assets')"
    database.fetch(change, [False])
    work(database)  # the worker asks again
    assert at.get(f"/jobs/{export['job_id']}", headers=tokens["ying"]).json()["state"] == "failed"
    database.fetch(change, [True])
    assert at.get(f"/exports/{export['export_id']}", headers=tokens["gong"]).status_code in (403, 404)


def test_approval_and_the_end(
    made: tuple[Database, SmallCity], at: TestClient, tokens: dict[str, Headers], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, _ = made
    monkeypatch.setattr(export_table, "NEEDS_APPROVAL", frozenset({"buildings"}))
    waiting = ask_for(at, tokens["shi"], collection="buildings", format="csv")
    assert (waiting["state"], waiting["job_id"]) == ("asked", None)
    decision = f"/exports/{waiting['export_id']}/decision"
    assert at.post(decision, json={"approve": True}, headers=tokens["ying"]).status_code == 403
    assert at.post(decision, json={"approve": True}, headers=tokens["shi"]).status_code == 404  # one's own
    add_member(database, "shi2", "steward")
    other = {"authorization": f"Bearer {token_for(database, 'shi2')}"}
    assert at.post(decision, json={"approve": True}, headers=other).json()["state"] == "approved"
    work(database)
    address = f"/exports/{waiting['export_id']}/file"
    assert at.get(address, headers=tokens["shi"]).status_code == 200
    database.fetch("UPDATE twin.export SET expires_at = now() - interval '1 s'")
    assert at.get(address, headers=tokens["shi"]).status_code == 404
    with database.connect("ingest") as connection:
        assert export_table.remove_expired(connection, database.settings.data_dir) >= 1
    assert not list((database.settings.data_dir / "exports").rglob("*.csv"))
    audited = database.fetch("SELECT count(*) FROM audit.log WHERE action = 'export'")[0][0]
    assert audited >= 2


def test_records_need_a_reason_and_a_second_person_and_tell_whose_copy_they_are(
    made: tuple[Database, SmallCity], at: TestClient, tokens: dict[str, Headers], tmp_path: Path
) -> None:
    database, _ = made
    department = database.fetch("SELECT min(department_id) FROM twin.department")[0][0]
    database.fetch(
        "INSERT INTO twin.record (department_id, kind, source_key, title_zh) "
        "SELECT %s, 'trace', 'T' || n, 't' FROM generate_series(1, 60) n", (department,),
    )  # fmt: skip
    for purpose, reason in ((None, None), ("data_quality", None), ("curiosity", "想看看记录")):
        asked = {"collection": "records", "format": "csv", "purpose": purpose, "reason": reason}
        assert at.post("/exports", json=asked, headers=tokens["shi"]).status_code == 422
    why = {"purpose": "data_quality", "reason": "与公安局核对台账"}
    copies = [ask_for(at, tokens["shi"], collection="records", format="csv", **why) for _ in range(2)]
    assert {copy["state"] for copy in copies} == {"asked"}
    add_member(database, "shi3", "steward")
    other = {"authorization": f"Bearer {token_for(database, 'shi3')}"}
    files = []
    for copy in copies:
        decision = f"/exports/{copy['export_id']}/decision"
        assert at.post(decision, json={"approve": True}, headers=tokens["shi"]).status_code == 404
        assert at.get(f"/exports/{copy['export_id']}", headers=other).json()["reason"] == why["reason"]
        assert at.post(decision, json={"approve": True}, headers=other).status_code == 200
    work(database)
    for copy in copies:
        text = at.get(f"/exports/{copy['export_id']}/file", headers=tokens["shi"]).content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert all(copy["export_id"] in row["watermark"] and row["watermark"].startswith("shi ") for row in rows)
        files.append(rows)
    assert {row["id"] for row in files[0]} == {row["id"] for row in files[1]}
    assert [row["id"] for row in files[0]] != [row["id"] for row in files[1]]
    with database.connect("app") as connection:
        keys = keys_of(connection)
    known = [(copy["export_id"], "shi", "") for copy in copies]
    for columns in (["id", "trace"], ["id"]):  # the watermark cut off; then the codes too: only the order is left
        leak = tmp_path / "leak.csv"
        with leak.open("w", newline="") as handle:
            writer = csv.DictWriter(handle, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(files[1][5:])
        assert [found[1] for found in whose_copy(keys, known, leak)] == [copies[1]["export_id"]], columns
    written = str(database.fetch("SELECT detail FROM audit.log WHERE action = 'people.export_asked'"))
    assert "data_quality" in written
    assert why["reason"] not in written


def _half(path: Path, *_: Any) -> int:
    return path.write_bytes(b"half") // 0


def test_a_file_is_not_given_once_the_right_to_it_is_gone(
    made: tuple[Database, SmallCity], at: TestClient, tokens: dict[str, Headers], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, _ = made
    department = database.fetch("SELECT code FROM twin.department ORDER BY department_id LIMIT 1")[0][0]
    for name in ("ding", "bao"):
        add_member(database, name, "steward")
    them = {name: {"authorization": f"Bearer {token_for(database, name)}"} for name in ("ding", "bao")}
    why = {"purpose": "data_quality", "reason": "与台账核对"}
    first = ask_for(at, them["ding"], collection="records", format="csv", **why)["export_id"]
    waiting = at.get("/exports", params={"state": "asked"}, headers=them["bao"]).json()["items"]
    assert first in {item["export_id"] for item in waiting}
    assert at.get("/exports", headers=tokens["gong"]).status_code == 403
    assert at.post(f"/exports/{first}/decision", json={"approve": True}, headers=them["bao"]).status_code == 200
    failing = export_table.write_table
    monkeypatch.setattr(export_table, "write_table", _half)
    work(database)
    assert not (database.settings.data_dir / "exports" / first).exists()  # half a file stays nowhere
    monkeypatch.setattr(export_table, "write_table", failing)

    export = ask_for(at, them["ding"], collection="records", format="csv", **why)["export_id"]
    late = ask_for(at, them["ding"], collection="assets", format="csv")
    at.post(f"/exports/{export}/decision", json={"approve": True}, headers=them["bao"])
    work(database)
    address = f"/exports/{export}/file"
    assert at.get(address, headers=them["bao"]).status_code == 404  # marked as ding's, and given for ding's reason
    assert at.get(address, headers=them["ding"]).status_code == 200
    fetched = database.fetch("SELECT actor, detail ->> 'export' FROM audit.log WHERE action = 'people.export_fetched'")
    assert ("ding", export) in fetched
    database.fetch(
        "UPDATE access.account SET role = 'officer', department_id = "
        "(SELECT department_id FROM twin.department WHERE code = %s) WHERE name = 'ding'", (department,),
    )  # fmt: skip
    at.app.state.services.look_again()  # type: ignore[attr-defined]
    assert at.get(address, headers=them["ding"]).status_code == 403  # an officer exports one department's records
    assert at.get(f"/exports/{late['export_id']}/file", headers=them["ding"]).status_code == 200

    database.fetch("UPDATE access.account SET role = 'steward', department_id = NULL WHERE name = 'ding'")
    at.app.state.services.look_again()  # type: ignore[attr-defined]
    gone = ask_for(at, them["ding"], collection="assets", format="csv")
    database.fetch("UPDATE access.account SET disabled = true WHERE name = 'ding'")
    work(database)
    assert at.get(f"/jobs/{gone['job_id']}").json()["state"] == "failed"
    assert not (database.settings.data_dir / "exports" / gone["export_id"]).exists()


def test_a_cell_that_would_be_a_formula_is_text() -> None:
    from twin.actions.table_files import _cell

    assert [_cell(value) for value in ("=1+1", "@x", "路灯", 3, None)] == ["'=1+1", "'@x", "路灯", 3, None]


def test_the_command_writes_the_same(
    made: tuple[Database, SmallCity], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from twin.cli import export

    monkeypatch.setattr(export, "read_settings", lambda: made[0].settings)
    file = tmp_path / "lamps.fgb"
    done = CliRunner().invoke(export.app, ["table", "assets-0118", str(file), "--filter", "state = '完好'"])
    assert done.exit_code == 0, done.output
    assert set(pyogrio.read_dataframe(file)["class_code"]) == {"0118"}
    assert CliRunner().invoke(export.app, ["table", "assets", str(tmp_path / "a.xyz")]).exit_code != 0
    assert CliRunner().invoke(export.app, ["table", "records", str(tmp_path / "r.csv")]).exit_code != 0
