"""Real open data: rows of another city are refused one by one, and taken where the city's settings say they belong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ingest_gis.run_ingest import IngestOptions, ingest_files
from tests.databases import Database
from tests.ingest_gis.delivered_rows import take

HELSINKI = Path(__file__).parents[2] / "../shared/data/osm_helsinki"
pytestmark = pytest.mark.skipif(not HELSINKI.exists(), reason="../shared/data/osm_helsinki is not here")


def test_helsinki_is_not_in_muping(database: Database) -> None:
    reports = take(database, HELSINKI / "helsinki_assets.gpkg", HELSINKI / "helsinki_buildings.gpkg")
    assert {report.file: (report.counts.read, dict(report.reasons)) for report in reports} == {
        "helsinki_assets.gpkg": (983, {"outside_district": 983}),
        "helsinki_buildings.gpkg": (449, {"outside_district": 449}),
    }


def test_helsinki_goes_into_a_twin_whose_city_it_is(database: Database) -> None:
    """The working CRS stays Muping's zone here, far away but one to one: what is tried is class, key and count."""
    centre = replace(database.settings.city, code="091", centre_lon=24.94, centre_lat=60.17, working_srid=4550)
    settings = replace(database.settings, city=centre)
    files = [HELSINKI / "helsinki_assets.gpkg", HELSINKI / "helsinki_buildings.gpkg"]
    reports = ingest_files(settings, files, IngestOptions())
    for report in reports:
        assert report.error is None
        assert report.counts.read == report.counts.inserted + report.counts.rejected
        assert report.counts.rejected <= 0.01 * report.counts.read
    classes = dict(
        database.fetch("SELECT c.code, count(*)::int FROM twin.asset a JOIN twin.class c USING (class_id) GROUP BY 1")
    )
    assert classes["0118"] >= 580
    assert classes["0114"] >= 390
    again = ingest_files(settings, files, IngestOptions())
    assert sum(report.counts.inserted + report.counts.changed for report in again) == 0
