"""What is older than the table says goes, and nothing younger; a dry run only counts."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.databases import SYSTEM, Database
from tests.private_rows import opened, put_entity
from twin.actions import retention
from twin.actions.retention import apply_retention, read_retention
from twin.cli.job_kinds import registry
from twin.cluster.doctor import examine
from twin.cluster.finding import Finding
from twin.errors import BadInput, BrokenOff, Conflict
from twin.jobs.queue import enqueue, run_worker
from twin.session import transaction
from twin.settings import Settings


def doctor_says(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(settings)}


def test_what_is_older_goes_and_nothing_younger(database: Database) -> None:
    database.fetch("INSERT INTO twin.department (code, name_zh) VALUES ('A', '甲')")
    rows = database.fetch(
        "INSERT INTO twin.entity (type_code, code, valid_to) "
        "SELECT 'E03', 'H' || n, now() - (n - 1) * interval '2000 days' FROM generate_series(1, 2) n "
        "RETURNING entity_id"
    )
    for (number,) in rows:
        put_entity(database, number, 1, {"name": "某人"})
    database.fetch(
        "INSERT INTO twin.job (kind, subject, state, message_zh, finished_at) "
        "SELECT 'k', 's', 'done', 'm', now() - n * interval '400 days' FROM generate_series(0, 1) n"
    )
    uploads = database.settings.uploads_dir
    for name, days in (("old", 100), ("young", 10)):
        (uploads / name).mkdir(parents=True)
        for path in (uploads / name / "f.csv", uploads / name):
            path.touch()
            os.utime(path, (time.time() - days * 86_400,) * 2)
    counted = {kept.kind: kept.gone for kept in apply_retention(database.settings, SYSTEM, dry_run=True)}
    assert counted == {"uploads": 1, "exports": 0, "rejected_rows": 0, "private_history": 0, "ended_people": 1,
                       "job_words": 1, "sessions": 0}  # fmt: skip
    assert len(opened(database, "entity")) == 2
    assert (uploads / "old").exists()
    assert {kept.kind: kept.gone for kept in apply_retention(database.settings, SYSTEM)} == counted
    assert list(opened(database, "entity")) == [rows[0][0]]
    assert database.fetch("SELECT count(*) FROM history.private_version WHERE row_id = %s", (rows[1][0],)) == [(0,)]
    assert [path.name for path in uploads.iterdir()] == ["young"]
    assert database.fetch("SELECT count(message_zh) FROM twin.job") == [(1,)]
    assert sum(kept.gone for kept in apply_retention(database.settings, SYSTEM)) == 0


def test_a_run_that_is_stopped_keeps_what_it_has_done_and_the_next_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    database.fetch(
        "INSERT INTO twin.job (kind, subject, state, message_zh, finished_at) "
        "SELECT 'k', 's', 'done', 'm', now() - interval '400 days' FROM generate_series(1, 5)"
    )

    def stop(kind: str, gone: int) -> None:
        if (kind, gone) == ("job_words", 2):
            raise BrokenOff("stop")

    with pytest.raises(BrokenOff):
        apply_retention(database.settings, SYSTEM, report=stop)
    assert database.fetch("SELECT count(message_zh) FROM twin.job") == [(3,)]
    with database.connect("owner", autocommit=True) as other:
        other.execute(retention.ONE_RUN)
        with pytest.raises(Conflict):
            apply_retention(database.settings, SYSTEM)
    with database.connect("ingest") as connection, transaction(connection, SYSTEM):
        job = enqueue(connection, "retention.apply", "retention", {}, SYSTEM)
    run_worker(database.settings, registry(database.settings), until_empty=True)
    [(state, result)] = database.fetch("SELECT state, result FROM twin.job WHERE job_id = %s", (job,))
    assert (state, result["gone"]["job_words"]) == ("done", 3)
    noted = database.fetch("SELECT detail FROM audit.log WHERE action = 'people.retention' ORDER BY audit_id")
    assert [(row["job_words"], row["whole"]) for (row,) in noted] == [(2, False), (3, True)]
    assert doctor_says(database.settings)["retention"].state == "ok"


def test_a_table_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    assert {row["kind"] for row in read_retention()} >= {"uploads", "rejected_rows"}
    path = tmp_path / "retention.csv"
    path.write_text("kind,days,what_zh,what_en\neverything,1,a,b\n")
    with pytest.raises(BadInput, match="everything"):
        read_retention(path)
