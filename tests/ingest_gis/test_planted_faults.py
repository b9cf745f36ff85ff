"""The district's planted faults through the real ingest: all found for their reasons, nothing sound refused."""

from __future__ import annotations

import pytest

from benchmarks.faults import Score, deliveries_of, ingest_all, score
from photogrammetry.sample.district.make_district import make_district
from photogrammetry.sample.district.size import DistrictSize
from tests.databases import Database

pytestmark = pytest.mark.xdist_group("planted faults")  # taken in once
# One delivery of each format, system and way of saying where; the whole district is the benchmark's.
TAKEN = (
    "01_places", "02_buildings_370612001.shp", "02_buildings_370612006.fgb", "03_addresses", "04_assets_utilities",
    "04_assets_environment", "04_assets_trees", "06_enterprises", "06_institutions", "07_", "08_hotline",
    "08_cover_check",
    "09_", "damaged",
)  # fmt: skip


@pytest.fixture(scope="module")
def result(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Score:
    size = DistrictSize(assets=3000, records=3000, entities=1500, villages=20)
    folder = make_district(tmp_path_factory.mktemp("district") / "made", 11, size).parent
    paths = [path for path in deliveries_of(folder) if path.name.startswith(TAKEN) or path.parent.name in TAKEN]
    return score(module_database.settings, folder, ingest_all(module_database.settings, folder, paths))


@pytest.mark.parametrize("group", ["mis-encoded", "wrong checksum", "duplicate", "shifted", "ruined by Excel", "other"])
def test_every_planted_row_is_found_for_its_reason(result: Score, group: str) -> None:
    assert result.planted[group] >= 10
    assert result.found[group] == result.planted[group], result.missed
    assert result.right[group] == result.planted[group], result.missed


def test_files_that_cannot_be_read_or_say_what_they_are_not_are_found(result: Score) -> None:
    assert len(result.files) >= 20
    assert [item for item in result.files if item[2] != item[3]] == []


def test_hardly_a_sound_row_is_refused(result: Score) -> None:
    assert result.sound > 4000
    assert result.false_alarm_share <= 0.001, result.false_alarms


def test_rows_that_only_look_odd_are_taken(result: Score) -> None:
    assert result.odd >= 30
    assert result.odd_refused == []
