"""The sample's deliveries against its truth: planted faults found, nothing else refused, records at their place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingest_gis.plan_delivery import IngestOptions
from ingest_gis.run_ingest import ingest_files
from ingest_gis.run_links import run_links
from tests.databases import Database
from tests.ingest_gis.sample_truth import deliveries_of, make_deliveries, score_faults, score_links
from tests.private_rows import opened

pytestmark = pytest.mark.xdist_group("sample deliveries")  # taken in and linked once
# A shop's registered name is public, and often its owner's: 牟平区...五金店.
PUBLIC_TEXT = """
SELECT (to_jsonb(t) - CASE WHEN to_jsonb(t) ->> 'type_code' = 'E06' THEN 'public_name_zh' ELSE '' END)::text
FROM twin.{} t
"""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_deliveries(tmp_path_factory.mktemp("sample"), seed=3, scale="small")


@pytest.fixture(scope="module")
def city(module_database: Database, sample: Path) -> Database:
    """The sample taken in and linked."""
    reports = ingest_files(module_database.settings, deliveries_of(sample), IngestOptions())
    assert [report.error for report in reports if report.error] == []
    run_links(module_database.settings)
    return module_database


def test_every_planted_fault_is_found_for_its_reason_and_nothing_else_is_refused(city: Database, sample: Path) -> None:
    score = score_faults(city, sample)
    assert score.planted >= 20
    assert score.missed == []
    assert score.misnamed == []
    assert score.false_alarms == []


def test_links_are_right_and_nearly_all_are_found(city: Database, sample: Path) -> None:
    score = score_links(city, sample)
    assert score.precision >= 0.99, score.wrong
    assert score.recall >= 0.95, score.missing


def test_the_shifted_lamps_stand_at_their_lamps(city: Database) -> None:
    distances = city.fetch(
        "SELECT ST_Distance(r.geom_m, a.geom_m) FROM twin.record r JOIN twin.link l USING (record_id) "
        "JOIN twin.asset a USING (asset_id) WHERE r.kind = 'lamp_ledger'"
    )
    assert len(distances) > 20
    assert max(row[0] for row in distances) < 2.0  # the ledger's own error; the shift is 430 m


def test_public_tables_hold_no_name_phone_or_id_number(city: Database) -> None:
    people, records = opened(city, "entity").values(), opened(city, "record").values()
    said = [person.get(name) for person in people for name in ("name", "id_number", "phone")]
    said += [record.get(name) for record in records for name in ("联系人", "联系电话")]
    secrets = {str(text) for text in said if len(str(text or "")) >= 3}
    assert len(secrets) > 500
    public = "\n".join(
        row[0]
        for table in ("entity", "record", "link", "address", "building", "asset", "evidence", "batch")
        for row in city.fetch(PUBLIC_TEXT.format(table))
    )
    assert {secret for secret in secrets if secret in public} == set()


def test_households_are_public_only_as_a_number_that_says_nothing(city: Database) -> None:
    rows = city.fetch("SELECT code, source_key, public_name_zh FROM twin.entity WHERE type_code = 'E03'")
    assert rows
    assert all(code.startswith("E03-") and key is None and name is None for code, key, name in rows)


def test_private_rows_are_the_departments_own(city: Database) -> None:
    by_department = dict(
        city.fetch(
            "SELECT d.code, count(*) FROM private.entity p JOIN twin.department d USING (department_id) GROUP BY 1"
        )
    )
    assert set(by_department) == {"market", "police"}


def test_every_row_has_its_evidence_grid_and_community(city: Database) -> None:
    for table in ("building", "address", "asset"):
        query = (
            "SELECT count(*), count(t.row_no) FILTER (WHERE b.file IS NOT NULL), count(t.grid_id), count(t.admin_id) "
            f"FROM twin.{table} t LEFT JOIN twin.batch b USING (batch_id)"
        )
        rows, with_evidence, in_grid, in_unit = city.fetch(query)[0]
        assert rows == with_evidence == in_unit
        assert in_grid >= 0.95 * rows


def test_giving_everything_again_changes_nothing(city: Database, sample: Path) -> None:
    before = city.fetch("SELECT (SELECT count(*) FROM history.version), (SELECT max(known_at) FROM twin.asset)")
    reports = ingest_files(city.settings, deliveries_of(sample), IngestOptions())
    assert sum(report.counts.inserted + report.counts.changed for report in reports) == 0
    assert sum(report.counts.unchanged for report in reports) > 1000
    changes = run_links(city.settings).changes
    assert changes["inserted"] == changes["changed"] == changes["removed"] == 0
    assert city.fetch("SELECT (SELECT count(*) FROM history.version), (SELECT max(known_at) FROM twin.asset)") == before


def test_files_one_by_one_in_another_order_give_the_same_links(database: Database, sample: Path) -> None:
    files = {path.name[:2]: path for path in deliveries_of(sample)}
    for number in ("08", "05", "07", "03", "02", "06", "01"):
        # Degrees nobody has declared are refused before there is anything to hold them against: not the case here.
        reports = ingest_files(database.settings, [files[number]], IngestOptions())
        assert [report.error for report in reports if report.error] == []
    run_links(database.settings)
    ingest_files(database.settings, [files["04"]], IngestOptions())
    run_links(database.settings)
    score = score_links(database, sample)
    assert score.precision >= 0.99, score.wrong
    assert score.recall >= 0.95, score.missing


def test_the_command_prints_what_interfaces_promise(city: Database, sample: Path) -> None:
    environment = {**os.environ, "TWIN_DATABASE_URL": str(city.settings.database_url)}
    paths = [str(path) for path in deliveries_of(sample) if path.name.startswith(("01", "07"))]
    done = subprocess.run(
        [sys.executable, "-m", "twin.cli.main", "ingest", *paths, "--dry-run", "--json"],
        capture_output=True, env=environment, check=True,
    )  # fmt: skip
    answer = json.loads(done.stdout)
    assert {
        "batch",
        "read",
        "inserted",
        "changed",
        "unchanged",
        "rejected",
        "reasons",
        "seconds",
        "rows_per_second",
    } <= set(answer)
    assert answer["rejected"] == sum(answer["reasons"].values()) == 6
    assert answer["read"] == answer["unchanged"] + 6
