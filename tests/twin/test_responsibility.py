"""Who supervises, owns and maintains what, where: class before area, the smaller area before the larger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.databases import Database
from tests.twin.test_grids import COMMUNITY, INSERT_GRID, INSERT_UNIT, box
from twin.cli.responsibility import app
from twin.crs import transformer
from twin.errors import BadInput, NotFound

runner = CliRunner()


@pytest.fixture
def city(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("TWIN_DATA_DIR", str(database.settings.data_dir))
    monkeypatch.setenv("TWIN_DATABASE_URL", str(database.settings.database_url))
    monkeypatch.setenv("COLUMNS", "200")
    database.fetch(INSERT_UNIT, {"code": COMMUNITY, "wkt": box(0, 0, 200)})
    database.fetch(INSERT_GRID, {"code": f"{COMMUNITY}001", "wkt": box(0, 0, 100)})
    for code, name in (
        ("lighting", "路灯管理处"),
        ("urban", "城管局"),
        ("street", "宁海街道办"),
        ("village", "东关社区居委会"),
    ):
        database.fetch("INSERT INTO twin.department (code, name_zh) VALUES (%s, %s)", (code, name))
    return database


def run(*arguments: str) -> str:
    result = runner.invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def enter(tmp_path: Path, *lines: str) -> str:
    table = tmp_path / "duties.csv"
    table.write_text("\n".join(["class,area,supervising,owning,maintaining", *lines]) + "\n", encoding="utf-8-sig")
    return run("import", str(table), "--by", "编办")


def who(class_code: str, east_m: float, north_m: float) -> dict[str, str]:
    lon, lat = transformer("EPSG:4550", "EPSG:4490").transform(376_000 + east_m, 4_140_000 + north_m)
    return {row["role"]: row["department"] for row in json.loads(run("who", class_code, str(lon), str(lat), "--json"))}


def test_class_goes_before_area_and_the_smaller_area_before_the_larger(city: Database, tmp_path: Path) -> None:
    enter(
        tmp_path,
        ",,urban,,",
        f",{COMMUNITY[:9]},street,,",
        f",{COMMUNITY}001,village,village,",
        "0118,,lighting,,lighting",
        "市容环境类,,urban,,street",
    )
    assert who("0402", 150, 150) == {"supervising": "street"}
    assert who("0402", 50, 50) == {"supervising": "village", "owning": "village"}
    assert who("0118", 50, 50) == {"supervising": "lighting", "owning": "village", "maintaining": "lighting"}
    assert who("0305", 50, 50) == {"supervising": "urban", "owning": "village", "maintaining": "street"}
    assert who("0402", 150_000, 0) == {"supervising": "urban"}, "outside every unit what holds everywhere holds"


def test_a_table_again_changes_nothing_and_a_new_party_ends_the_old(city: Database, tmp_path: Path) -> None:
    assert "变动 changed 2" in enter(tmp_path, "0118,,lighting,,路灯管理处")
    assert "变动 changed 0" in enter(tmp_path, "0118,,lighting,,路灯管理处")
    assert "变动 changed 2" in enter(tmp_path, "0118,,urban,,-")
    assert who("0118", 50, 50) == {"supervising": "urban"}
    rows = json.loads(run("list", "--class", "0118", "--ended", "--json"))
    assert len(rows) == 3
    assert {row["decided_by"] for row in rows} == {"编办"}
    assert "路灯管理处" not in run("list")


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        ("9999,,urban,,", NotFound, r"第 2 行.*9999"),
        ("无此类,,urban,,", NotFound, "无此类"),
        ("0118,370612999,urban,,", NotFound, "370612999"),
        ("0118,,nobody,,", NotFound, "nobody"),
        ("0118,,,,", BadInput, "没有责任部门"),
    ],
)
def test_a_table_with_a_fault_is_not_taken_in_part(
    city: Database, tmp_path: Path, line: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        enter(tmp_path, line, ",,urban,," if line != "0118,,,," else "0118,,,,")
    assert city.fetch("SELECT count(*) FROM twin.responsibility") == [(0,)]


def test_nobody_registered_is_said(city: Database) -> None:
    assert "没有登记" in run("who", "0118", "121.6", "37.387")
    with pytest.raises(NotFound, match="0999"):
        run("who", "0999", "121.6", "37.387")
