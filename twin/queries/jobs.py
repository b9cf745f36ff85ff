"""Long work as people see it: what runs, how far it is, how it ended."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg

from twin.queries.sight import Sight

_JOB = """json_build_object(
         'job_id', j.job_id, 'kind', j.kind, 'subject', j.subject, 'state', j.state, 'stage', j.stage,
         'progress', j.progress, 'message_zh', j.message_zh, 'message_en', j.message_en, 'created_at', j.created_at,
         'started_at', j.started_at, 'finished_at', j.finished_at, 'result', j.result,
         'requested_by', CASE WHEN %(see_actors)s THEN j.requested_by END)"""

JOBS = f"""
SELECT coalesce(json_agg({_JOB} ORDER BY j.created_at DESC, j.job_id), '[]')::text
FROM (SELECT * FROM twin.job j WHERE %(state)s::text IS NULL OR j.state = %(state)s
      ORDER BY j.created_at DESC, j.job_id LIMIT %(n)s) j
"""
JOB = f"SELECT {_JOB}::text, j.state IN ('done', 'failed', 'cancelled') FROM twin.job j WHERE j.job_id = %(job_id)s"

LATEST = f"""
SELECT {_JOB} FROM twin.job j WHERE j.subject = %(subject)s ORDER BY j.created_at DESC LIMIT 1
"""


async def some_jobs(cursor: psycopg.AsyncCursor[Any], state: str | None, n: int, sight: Sight) -> str:
    """List jobs, newest first, as a JSON array in text. state: only those in it."""
    await cursor.execute(JOBS, {"state": state, "n": n, **sight.values()})
    row = await cursor.fetchone()
    return str(row[0]) if row else "[]"


async def one_job(cursor: psycopg.AsyncCursor[Any], job_id: UUID, sight: Sight) -> tuple[str, bool] | None:
    """Give a job as JSON text and whether it has ended; None when there is none."""
    await cursor.execute(JOB, {"job_id": job_id, **sight.values()})
    row = await cursor.fetchone()
    return (str(row[0]), bool(row[1])) if row else None


def latest_job(connection: psycopg.Connection[Any], subject: str) -> dict[str, Any] | None:
    """Give the newest job about a subject as people see it; None when there is none."""
    values = {"subject": subject, "see_actors": False}
    row = connection.execute(LATEST.encode(), values).fetchone()
    return dict(row[0]) if row else None
