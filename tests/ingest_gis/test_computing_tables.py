"""A GeoPackage holds rows; one that computes them is refused before its rows are asked for."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ingest_gis.computing_tables import refuse_what_computes
from tests.ingest_gis.format_files import write
from twin.errors import UnreadableDelivery


def changed(tmp_path: Path, script: str) -> Path:
    """A sound GeoPackage with something more in it."""
    path = write(tmp_path, "GeoPackage")
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path


def test_a_geopackage_as_programs_write_it_is_taken(tmp_path: Path) -> None:
    refuse_what_computes(write(tmp_path, "GeoPackage"))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", "views"),
        ("CREATE VIEW gpkg_more AS SELECT load_extension('/tmp/x')", "views"),
        ("CREATE VIRTUAL TABLE f USING fts4(a)", "virtual tables"),
        ("CREATE VIRTUAL TABLE rtree_f USING fts4(a, b)", "virtual tables"),
        ("CREATE TABLE g (a INTEGER, b TEXT AS (hex(zeroblob(900000000))) VIRTUAL)", "computed columns"),
    ],
)
def test_what_computes_is_refused(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(UnreadableDelivery, match=words):
        refuse_what_computes(changed(tmp_path, script))


@pytest.mark.parametrize("body", [b"SQLite format 3\x00", b"SQLite format 3\x00" + bytes(range(256)) * 30])
def test_a_damaged_one_is_refused(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "x.gpkg"
    path.write_bytes(body)
    with pytest.raises(UnreadableDelivery, match="damaged"):
        refuse_what_computes(path)
