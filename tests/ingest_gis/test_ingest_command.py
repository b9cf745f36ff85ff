"""What `twin ingest` prints: a table of what was read, and in words why a file gave nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.databases import Database
from tests.ingest_gis.delivered_rows import asset_rows, write_csv
from twin.cli.ingest import app


@pytest.fixture(autouse=True)
def configured(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_DATA_DIR", str(database.settings.data_dir))
    monkeypatch.setenv("TWIN_DATABASE_URL", str(database.settings.database_url))
    monkeypatch.setenv("COLUMNS", "200")


def ingest(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def test_a_file_that_cannot_be_read_has_a_reason_and_no_row_of_zeros(tmp_path: Path) -> None:
    (letter := tmp_path / "letter.gpkg").write_text("not a GeoPackage")
    lamps = write_csv(tmp_path / "lamps.csv", asset_rows(3))
    alone = ingest(letter, tmp_path / "nothing.csv")
    assert alone.exit_code == 1
    assert alone.stdout == ""
    assert "letter.gpkg: 内容不是 GeoPackage" in alone.stderr
    assert "nothing.csv: 找不到这个文件" in alone.stderr
    both = ingest(letter, lamps)
    assert both.exit_code == 1
    counted = [line.split() for line in both.stdout.splitlines() if " asset " in line]
    assert [row[:4] for row in counted] == [["lamps.csv", "asset", "3", "3"]]
    assert "letter.gpkg" not in both.stdout
    assert "letter.gpkg" in both.stderr


def test_all_that_is_printed_can_be_had_as_json(tmp_path: Path) -> None:
    (letter := tmp_path / "letter.gpkg").write_text("not a GeoPackage")
    lamps = write_csv(tmp_path / "lamps.csv", asset_rows(3))
    result = ingest(letter, lamps, "--dry-run", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert {key: told[key] for key in ("read", "inserted", "rejected")} == {"read": 3, "inserted": 3, "rejected": 0}
    assert ["内容不是 GeoPackage" in (entry["error"] or "") for entry in told["files"]] == [True, False]
