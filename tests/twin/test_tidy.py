"""`twin db tidy`: what loads leave behind is worked off, in pieces, and nothing about the city changes."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from tests.databases import Database
from twin.cli.db import app
from twin.cluster.tidy import tidy

# A load that goes to and fro between nine squares of 2048 m.
SCATTERED = """
SET LOCAL twin.search_later = 'on';
INSERT INTO twin.asset (class_id, code, name_zh, geom, geom_m)
SELECT 18, 'A' || n, CASE WHEN n % 100 = 0 THEN '灯' || n END, ST_Transform(m, 4490), m
FROM generate_series(1, 6000) n CROSS JOIN LATERAL (
  SELECT ST_SetSRID(ST_MakePoint(376832 + n % 3 * 2048 + (n * 7919) % 2000,
                                 4139008 + n / 3 % 3 * 2048 + (n * 104729) % 2000), 4550) AS m) s
"""
FACTS = "SELECT md5(string_agg(a::text, '' ORDER BY asset_id)) FROM twin.asset a"
LEFT = "SELECT (SELECT count(*) FROM twin.search_pending), (SELECT count(*) FROM twin.area_stale)"


@pytest.fixture
def loaded(database: Database) -> Database:
    with database.connect("ingest") as connection:
        connection.execute(SCATTERED.encode())
    with database.connect("owner", autocommit=True) as connection:
        connection.execute("ANALYZE twin.asset")
    return database


def scattered(database: Database) -> list[tuple[Any, ...]]:
    return database.fetch("SELECT col, row, assets, pages FROM twin.scattered_squares()")


def test_a_scattered_load_is_gathered_and_nothing_else_changes(loaded: Database) -> None:
    before, facts = scattered(loaded), loaded.fetch(FACTS)
    assert len(before) == 9
    said: list[tuple[str, int, int]] = []
    done = tidy(loaded.settings, show=lambda *told: said.append(told))
    assert (done.entries, done.gathered, done.scattered_left) == (60, 9, 0)
    assert done.squares > 9 * 30
    assert {what: (behind, total) for what, behind, total in said} == {
        "search": (6000, 6000),  # the keys given; 60 of them have a name
        "totals": (done.squares, done.squares),
        "order": (9, 9),
    }
    assert scattered(loaded) == []
    assert loaded.fetch(FACTS) == facts
    assert loaded.fetch(LEFT) == [(0, 0)]
    assert loaded.fetch("SELECT DISTINCT operation FROM history.version WHERE table_name = 'asset'") == [("I",)]
    assert loaded.fetch("SELECT count(*) FROM twin.search_entry WHERE kind = 'asset'") == [(60,)]
    again = tidy(loaded.settings)
    assert (again.entries, again.squares, again.gathered, again.scattered_left) == (0, 0, 0, 0)


def test_a_short_time_leaves_the_rest_for_the_next_time(loaded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_DATABASE_URL", str(loaded.settings.database_url))
    monkeypatch.setenv("TWIN_DATA_DIR", str(loaded.settings.data_dir))
    said = CliRunner().invoke(app, ["tidy", "--minutes", "0"], catch_exceptions=False).output
    assert "0 squares gathered 归并方格, 9 left 剩余" in said
    assert loaded.fetch(LEFT)[0][0] == 1  # the range of all 6000
    said = CliRunner().invoke(app, ["tidy"], catch_exceptions=False).output
    assert "60 search entries" in said
    assert "9 squares gathered 归并方格, 0 left 剩余" in said
