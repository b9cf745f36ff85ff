"""Jobs: queued with the caller's transaction, reported, cancelled, taken up again after a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import procrastinate
import pytest

from tests.databases import Database
from twin.errors import BadInput, NotFound
from twin.jobs.job_run import JobRun
from twin.jobs.queue import cancel, enqueue, rescue, run_worker
from twin.session import Actor, transaction

STEWARD = Actor("steward", "steward")
STATE = "SELECT state, stage, round(progress::numeric, 2)::text, message_en, result FROM twin.job WHERE job_id = %s"


def put(database: Database, kind: str = "survey.run", subject: str = "harbour", **payload: Any) -> UUID:
    with database.connect("app") as connection, transaction(connection, STEWARD):
        return enqueue(connection, kind, subject, payload, STEWARD)


def state(database: Database, job_id: UUID) -> tuple[Any, ...]:
    return database.fetch(STATE, (job_id,))[0]


def test_a_job_is_done_with_its_payload_and_result(database: Database) -> None:
    def double(run: JobRun) -> dict[str, Any]:
        run.report("half", 0.5, "一半", "half way")
        assert run.connection.execute("SELECT progress FROM twin.job").fetchone() == (0.5,)
        return {"twice": run.payload["n"] * 2, "subject": run.subject, "by": run.requested_by}

    job_id = put(database, n=21)
    run_worker(database.settings, {"survey.run": double}, until_empty=True)
    result = {"twice": 42, "subject": "harbour", "by": "steward"}
    assert state(database, job_id) == ("done", "half", "1.00", None, result)
    assert database.fetch("SELECT started_at <= finished_at FROM twin.job") == [(True,)]


def test_a_job_of_a_rolled_back_transaction_does_not_exist(database: Database) -> None:
    with database.connect("app") as connection:
        enqueue(connection, "survey.run", "harbour", {}, STEWARD)
        connection.rollback()
    assert database.fetch("SELECT count(*) FROM twin.job") == [(0,)]
    assert database.fetch("SELECT count(*) FROM queue.procrastinate_jobs") == [(0,)]


def test_a_job_needs_kind_and_subject(database: Database) -> None:
    with database.connect("app") as connection, pytest.raises(BadInput):
        enqueue(connection, "survey.run", "", {}, STEWARD)


def test_errors_are_told_and_the_next_job_runs(database: Database) -> None:
    def fail(run: JobRun) -> None:
        if run.payload["how"] == "known":
            raise BadInput("the photos are of another place", do="Choose others")
        raise ValueError("names a person")

    known, unknown = put(database, how="known"), put(database, how="unknown")
    strange = put(database, kind="no.such.kind")
    run_worker(database.settings, {"survey.run": fail}, until_empty=True)
    assert state(database, known)[0::3] == ("failed", "the photos are of another place. Choose others.")
    assert state(database, unknown)[0] == "failed"
    assert "internal error" in state(database, unknown)[3]
    assert "person" not in state(database, unknown)[3]
    assert "no.such.kind" in state(database, strange)[3]


def test_a_queued_job_that_is_cancelled_never_begins(database: Database) -> None:
    begun = []
    job_id = put(database)
    with database.connect("app") as connection:
        assert cancel(connection, job_id)
        assert not cancel(connection, job_id)
        with pytest.raises(NotFound):
            cancel(connection, UUID(int=0))
    run_worker(database.settings, {"survey.run": lambda run: begun.append(run.job_id)}, until_empty=True)
    assert not begun
    assert state(database, job_id)[0] == "cancelled"


def test_a_running_job_stops_at_its_next_report(database: Database) -> None:
    reached = []

    def work(run: JobRun) -> None:
        run.report("one", 0.1)
        with database.connect("app") as connection:
            cancel(connection, run.job_id)
        run.report("two", 0.2)
        reached.append("two")

    job_id = put(database)
    run_worker(database.settings, {"survey.run": work}, until_empty=True)
    assert not reached
    assert state(database, job_id)[0] == "cancelled"


WORKER = """
import os, sys
from pathlib import Path
from twin.jobs.queue import run_worker
from twin.settings import read_settings
def work(run):
    run.report("begun", 0.1)
    print("begun", flush=True)
    if os.environ.get("HANG"):
        while True:
            run.report("waiting", 0.2)
            Path(os.devnull).read_bytes()
    return {"pid": os.getpid()}
run_worker(read_settings({"TWIN_DATABASE_URL": sys.argv[1]}), {"survey.run": work})
"""


def start_worker(database: Database, **environment: str) -> subprocess.Popen[str]:
    url = database.settings.database_url
    assert url is not None
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | environment,
    )


def wait_for_line(worker: subprocess.Popen[str]) -> str:
    killer = threading.Timer(60, worker.kill)
    killer.start()
    assert worker.stdout is not None
    line = worker.stdout.readline().strip()
    while line and line != "begun":
        line = worker.stdout.readline().strip()
    killer.cancel()
    return line


@pytest.mark.kill
def test_a_job_whose_worker_was_killed_is_taken_up_again_and_given_up_at_last(database: Database) -> None:
    job_id = put(database)
    for attempt in (1, 2, 3):
        worker = start_worker(database, HANG="1")
        assert wait_for_line(worker) == "begun", attempt
        assert rescue(database.settings) == 0, "its worker lives"
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
        assert state(database, job_id)[0] == "running"
    assert rescue(database.settings) == 0
    assert state(database, job_id)[0] == "failed"
    assert "died" in state(database, job_id)[3]


@pytest.mark.kill
def test_a_worker_that_is_asked_to_stop_puts_its_job_back(database: Database) -> None:
    job_id = put(database)
    worker = start_worker(database, HANG="1")
    assert wait_for_line(worker) == "begun"
    worker.terminate()
    worker.communicate(timeout=30)
    assert worker.returncode == 0
    assert state(database, job_id)[0] == "queued"
    run_worker(database.settings, {"survey.run": lambda run: {"again": True}}, until_empty=True)
    assert state(database, job_id)[0] == "done"


def test_the_queue_has_all_migrations_of_the_installed_procrastinate() -> None:
    """A newer procrastinate with new migrations needs a new revision that runs them."""
    import importlib.util

    folder = Path(procrastinate.__file__).parent / "sql" / "migrations"
    revisions = Path(__file__).parents[2] / "twin" / "migrations" / "versions"
    covered = set()
    for path in revisions.glob("*.py"):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        covered.add(getattr(module, "LAST_FILE", ""))
    assert max(covered) == max(path.name for path in folder.glob("*.sql"))
