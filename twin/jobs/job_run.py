"""One job being worked on: it reports where it is, learns that it is no longer wanted, ends in one state."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
import structlog
from psycopg.types.json import Jsonb

from twin.errors import BrokenOff, Conflict, TwinError
from twin.plain_traces import trace_without_messages

log = structlog.get_logger()

LEAST_S_BETWEEN_REPORTS = 0.5
# A worker holds this lock of its own session for as long as it works on a job: whoever else gets it knows it has died.
HOLD = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
RELEASE = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"
BEGIN = """
UPDATE twin.job SET state = 'running', started_at = coalesce(started_at, now()), message_zh = NULL, message_en = NULL
WHERE job_id = %s AND state IN ('queued', 'running') RETURNING kind, subject, requested_by
"""
REPORT = """
UPDATE twin.job SET stage = %(stage)s, progress = %(progress)s, message_zh = %(zh)s, message_en = %(en)s
WHERE job_id = %(job_id)s AND state = 'running' RETURNING job_id
"""
END = """
UPDATE twin.job SET state = %(state)s, progress = CASE %(state)s WHEN 'done' THEN 1 ELSE progress END,
  message_zh = %(zh)s, message_en = %(en)s, result = %(result)s,
  finished_at = CASE %(state)s WHEN 'queued' THEN NULL ELSE now() END
WHERE job_id = %(job_id)s AND state = 'running'
"""


class JobCancelled(BrokenOff):
    """Somebody cancelled this job; stop and leave everything as it was."""


class WorkerStopping(BrokenOff):
    """The worker is being stopped; the job goes back into the queue."""


@dataclass
class JobRun:
    """What a job's function is given: what to do, and the way to say how far it is.

    payload: what was given to enqueue. requested_by: who asked.
    """

    job_id: UUID
    kind: str
    subject: str
    payload: dict[str, Any]
    requested_by: str | None
    connection: psycopg.Connection[Any]
    is_stopping: Callable[[], bool]
    _last_report: float = field(default=0.0)
    _last_stage: str | None = field(default=None)

    def report(self, stage: str, progress: float, message_zh: str = "", message_en: str = "") -> None:
        """Say which stage the job is in and how far it is, 0 to 1; call it as often as you like.

        Raises JobCancelled when the job was cancelled, WorkerStopping when the worker is to end.
        """
        if self.is_stopping():
            raise WorkerStopping("the worker is being stopped")
        now = time.monotonic()
        if stage == self._last_stage and now - self._last_report < LEAST_S_BETWEEN_REPORTS:
            return
        self._last_stage, self._last_report = stage, now
        values = {"job_id": self.job_id, "stage": stage, "progress": min(max(progress, 0.0), 1.0)}
        texts = {"zh": message_zh or None, "en": message_en or None}
        if self.connection.execute(REPORT, values | texts).fetchone() is None:
            raise JobCancelled("the job was cancelled")


JobFunction = Callable[[JobRun], dict[str, Any] | None]
Registry = Mapping[str, JobFunction]


def work_on(
    connection: psycopg.Connection[Any],
    registry: Registry,
    job_id: UUID,
    payload: dict[str, Any],
    is_stopping: Callable[[], bool],
) -> None:
    """Work on one job from beginning to end and write down how it ended.

    connection: of this job alone, autocommit. A job that is no longer wanted is left alone.
    Raises WorkerStopping, after putting the job back, when the worker is to end.
    """
    held = connection.execute(HOLD, (str(job_id),)).fetchone()
    if not held or not held[0]:
        raise Conflict("another worker is working on this job")
    row = connection.execute(BEGIN, (job_id,)).fetchone()
    if row is None:
        return
    kind, subject, requested_by = row
    run = JobRun(job_id, kind, subject, payload, requested_by, connection, is_stopping)
    log.info("job_started", job_id=str(job_id), kind=kind)
    try:
        _end(run, "done", result=_function(registry, kind)(run))
    except JobCancelled:
        log.info("job_cancelled", job_id=str(job_id), kind=kind)
    except WorkerStopping:
        _end(run, "queued", "等待后台任务重新启动", "waiting for a worker")
        raise
    except TwinError as error:
        _end(run, "failed", f"失败:{error}", str(error))
    except Exception as error:
        number = uuid4().hex[:8]
        # Neither its message nor its variables: both may hold somebody's data.
        trace = trace_without_messages(error)
        log.error("job_failed", job_id=str(job_id), kind=kind, error_number=number, trace=trace)
        _end(run, "failed", f"内部错误,编号 {number},详见后台日志", f"internal error {number}, see the worker's log")


def _function(registry: Registry, kind: str) -> JobFunction:
    try:
        return registry[kind]
    except KeyError:
        raise TwinError(f"this worker does not know jobs of kind {kind}", do="Run a worker of this version") from None


def _end(run: JobRun, state: str, zh: str | None = None, en: str | None = None, *, result: Any = None) -> None:
    values = {"job_id": run.job_id, "state": state, "zh": zh, "en": en}
    run.connection.execute(END, values | {"result": None if result is None else Jsonb(result)})
    log.info("job_ended", job_id=str(run.job_id), kind=run.kind, state=state)
