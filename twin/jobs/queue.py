"""Long work: queued in PostgreSQL together with the row people see, taken by any number of workers.

The queue is procrastinate's (schema `queue`); twin.job is what people see of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import structlog
from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import JobAborted
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb

from twin.cluster.server import connect, dsn
from twin.errors import BadInput, NotFound
from twin.jobs.job_run import HOLD, RELEASE, Registry, WorkerStopping, work_on
from twin.session import Actor
from twin.settings import Settings

log = structlog.get_logger()

TASK = "twin.job"
QUEUE = "work"
MOST_ATTEMPTS = 3
RESCUE_EVERY_S = 10.0
HEARTBEAT_TIMEOUT_S = 30

ADD_JOB = """
INSERT INTO twin.job (job_id, kind, subject, state, requested_by) VALUES (%s, %s, %s, 'queued', %s)
"""
DEFER = """
SELECT queue.procrastinate_defer_jobs_v1(
  ARRAY[ROW(%(queue)s, %(task)s, 0, %(lock)s, NULL, %(args)s, NULL)]::queue.procrastinate_job_to_defer_v1[])
"""
CANCEL = """
UPDATE twin.job SET state = 'cancelled', finished_at = now(), message_zh = '已取消', message_en = 'cancelled'
WHERE job_id = %s AND state IN ('queued', 'running') RETURNING job_id
"""
READ = "SELECT state FROM twin.job WHERE job_id = %s"
# In hand according to the queue, but begun by a worker that may be gone.
IN_HAND = """
SELECT q.id, j.job_id, q.attempts FROM queue.procrastinate_jobs q
JOIN twin.job j ON j.job_id = (q.args ->> 'job_id')::uuid
LEFT JOIN queue.procrastinate_workers w ON w.id = q.worker_id
WHERE q.status = 'doing'
  AND (j.state = 'running' OR w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => %s))
"""
TRY_AGAIN = "SELECT queue.procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)"
GIVE_UP = """
WITH queued AS (
  UPDATE queue.procrastinate_jobs SET status = 'failed' WHERE id = %(queue_id)s AND status = 'doing'
)
UPDATE twin.job SET state = 'failed', finished_at = now(),
  message_zh = '后台任务多次异常中断,已放弃', message_en = 'its worker died several times; given up'
WHERE job_id = %(job_id)s AND state IN ('queued', 'running')
"""


def enqueue(
    connection: psycopg.Connection[Any], kind: str, subject: str, payload: dict[str, Any], actor: Actor
) -> UUID:
    """Queue a job in the caller's transaction: it exists if and only if that transaction commits.

    kind: a key of the workers' registry. subject: what it is about, e.g. a survey's name; jobs of one kind and
    subject run one after another. payload: JSON values for the job's function, no personal data.
    Returns the job's id. Raises BadInput for an empty kind or subject.
    """
    if not kind or not subject:
        raise BadInput("a job needs a kind and a subject")
    job_id = uuid4()
    connection.execute(ADD_JOB, (job_id, kind, subject, actor.name))
    args = Jsonb({"job_id": str(job_id), "payload": payload})
    connection.execute(DEFER, {"queue": QUEUE, "task": TASK, "lock": f"{kind}:{subject}", "args": args})
    return job_id


def cancel(connection: psycopg.Connection[Any], job_id: UUID) -> bool:
    """Cancel a job: a queued one never begins, a running one stops at its next report.

    Returns False when it had already ended. Raises NotFound when there is no such job.
    """
    if connection.execute(CANCEL, (job_id,)).fetchone() is not None:
        return True
    if connection.execute(READ, (job_id,)).fetchone() is None:
        raise NotFound("there is no such job")
    return False


def rescue(settings: Settings) -> int:
    """Put jobs of workers that died back into the queue; give up those that killed several.

    Returns how many were put back. Safe to call from every worker at any time.
    """
    taken_up = 0
    with connect(settings, "ingest", autocommit=True) as connection:
        for queue_id, job_id, attempts in connection.execute(IN_HAND, (HEARTBEAT_TIMEOUT_S,)).fetchall():
            held = connection.execute(HOLD, (str(job_id),)).fetchone()
            if not held or not held[0]:
                continue  # its worker lives
            try:
                if attempts + 1 >= MOST_ATTEMPTS:
                    connection.execute(GIVE_UP, {"queue_id": queue_id, "job_id": job_id})
                    log.error("job_given_up", job_id=str(job_id), attempts=attempts + 1)
                else:
                    with contextlib.suppress(psycopg.errors.RaiseException):  # another worker was faster
                        connection.execute(TRY_AGAIN, (queue_id,))
                        taken_up += 1
                        log.warning("job_taken_up_again", job_id=str(job_id), attempts=attempts + 1)
            finally:
                connection.execute(RELEASE, (str(job_id),))
    return taken_up


def run_worker(settings: Settings, registry: Registry, *, until_empty: bool = False) -> None:
    """Take jobs one after another until SIGTERM or SIGINT.

    registry: kind -> function (JobRun -> result or None), run in a thread of this process.
    until_empty: return when nothing is queued. Jobs of crashed workers are taken up again, also while running.
    """
    asyncio.run(_work(settings, registry, until_empty))


async def _work(settings: Settings, registry: Registry, until_empty: bool) -> None:
    app = App(connector=PsycopgConnector(conninfo=_queue_conninfo(settings), min_size=1, max_size=4))

    def perform(context: JobContext, job_id: str, payload: dict[str, Any]) -> None:
        with connect(settings, "ingest", autocommit=True) as connection:
            try:
                work_on(connection, registry, UUID(job_id), payload, context.should_abort)
            except WorkerStopping as error:
                raise JobAborted from error

    app.task(name=TASK, queue=QUEUE, pass_context=True, retry=RetryStrategy(retry_exceptions=[JobAborted]))(perform)
    await asyncio.to_thread(rescue, settings)
    async with app.open_async(), _rescuing(settings):
        await app.run_worker_async(
            queues=[QUEUE],
            wait=not until_empty,
            shutdown_graceful_timeout=0.1,
            stalled_worker_timeout=HEARTBEAT_TIMEOUT_S,
            install_signal_handlers=not until_empty,
        )


def _queue_conninfo(settings: Settings) -> str:
    """Give the connection of procrastinate itself, which names its tables without their schema."""
    own = dsn(settings, "ingest")
    options = conninfo_to_dict(own).get("options") or ""
    return make_conninfo(own, options=f"{options} -c search_path=queue,public")


@contextlib.asynccontextmanager
async def _rescuing(settings: Settings) -> AsyncIterator[None]:
    """Look for jobs of dead workers now and then, while the worker works."""

    async def look() -> None:
        while True:
            await asyncio.sleep(RESCUE_EVERY_S)
            try:
                await asyncio.to_thread(rescue, settings)
            except Exception as error:
                log.warning("rescue_failed", reason=type(error).__name__)

    task = asyncio.create_task(look())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
