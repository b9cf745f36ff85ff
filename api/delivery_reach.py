"""What of the deliveries somebody may touch: everything, or one's department's and what one has handed in oneself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from twin.actions.access import Reach, absent
from twin.errors import NotAllowed
from twin.session import Actor


def batch_within(connection: Any, batch: int, reach: Reach) -> None:
    """Raise NotFound for a batch that is not there, or another department's than the asker may touch."""
    row = connection.execute("SELECT department_id FROM twin.batch WHERE batch_id = %s", (batch,)).fetchone()
    if row is None or not reach.holds(department_id=row[0]):
        raise absent("batch", str(batch))


def department_within(connection: Any, code: str | None, reach: Reach) -> str | None:
    """Give the department that files are taken in for: the one asked for, or a constrained asker's own.

    Raises NotAllowed for another department.
    """
    if reach.everything:
        return code
    query = "SELECT code FROM twin.department WHERE department_id = %s"
    own = connection.execute(query, (reach.department_id,)).fetchone()
    if own is None or code not in (None, own[0]):
        raise NotAllowed("只能交付本部门的数据 (only your own department's data)", where="department")
    return str(own[0])


def upload_within(asked: dict[str, Any] | None, upload: UUID, actor: Actor, reach: Reach) -> None:
    """Raise NotFound for an upload that a constrained asker has not handed in. asked: its document, if it has one."""
    if not reach.everything and asked is not None and asked.get("given_by") != actor.name:
        raise absent("upload", str(upload))


def job_within(connection: Any, job_id: UUID, actor: Actor, reach: Reach) -> None:
    """Raise NotFound for a job that a constrained asker has not asked for."""
    row = connection.execute("SELECT requested_by FROM twin.job WHERE job_id = %s", (job_id,)).fetchone()
    if not reach.everything and (row is None or row[0] != actor.name):
        raise absent("job", str(job_id))
