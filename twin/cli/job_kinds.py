"""The kinds of long work a `twin worker` knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from twin.jobs.job_run import JobRun
from twin.settings import Settings


class JobProgress:
    """A photogrammetry.workers.Progress that reports to the job people see."""

    def __init__(self, job: JobRun) -> None:
        self._job = job
        self._share = (0.0, 1.0)

    def stage_started(self, stage: str, number: int, count: int) -> None:
        """Report the stage; all stages count the same."""
        self._share = ((number - 1) / count, 1 / count)
        self._job.report(stage, self._share[0])

    def step(self, stage: str, done: int, total: int, what: str) -> None:
        """Report how far the stage is."""
        self._job.report(stage, self._share[0] + self._share[1] * done / max(total, 1))

    def stage_finished(self, stage: str, seconds: float, resumed: bool) -> None:
        """Report the stage's end."""
        self._job.report(stage, sum(self._share))


def registry(settings: Settings) -> dict[str, Callable[[JobRun], dict[str, Any] | None]]:
    """Give the function of each kind of job.

    survey.run processes and publishes a survey; delivery.check, delivery.take_in and
    delivery.roll_back handle what was handed in; export.table writes a collection as a file;
    retention.apply lets go of what is older than it is kept.
    """
    from twin.cli.delivery_jobs import check_delivery, roll_back_delivery, take_delivery_in

    def run_survey_job(job: JobRun) -> dict[str, Any]:
        from photogrammetry.survey import run_survey
        from twin.cli.survey import publish_survey

        run_survey(
            settings.surveys_dir / job.subject,
            quality=job.payload.get("quality", "standard"),
            scheduler=job.payload.get("scheduler"),
            progress=JobProgress(job),
        )
        return {"published": publish_survey(settings, job.subject)}

    def write_export_job(job: JobRun) -> dict[str, Any]:
        from twin.actions.access import READ_RIGHTS, Rights
        from twin.actions.export_table import write_export
        from twin.cluster.server import dsn

        def report(done: int) -> None:
            job.report("write", 0.5, f"{done:,} 个要素", f"{done:,} features")

        rights = Rights(job.connection.execute(READ_RIGHTS).fetchall())
        export_id, srid = UUID(job.subject), settings.city.working_srid
        return write_export(job.connection, dsn(settings, "app"), export_id, settings.data_dir, srid, rights, report)

    def retention_job(job: JobRun) -> dict[str, Any]:
        from twin.actions.retention import apply_retention, read_retention
        from twin.session import Actor

        kinds = [row["kind"] for row in read_retention()]

        def report(kind: str, gone: int) -> None:
            job.report(kind, kinds.index(kind) / len(kinds), f"已清理 {gone:,}", f"{gone:,} gone")

        kept = apply_retention(settings, Actor(job.requested_by or "retention", "system"), report=report)
        return {"gone": {item.kind: item.gone for item in kept}}

    return {
        "export.table": write_export_job,
        "retention.apply": retention_job,
        "survey.run": run_survey_job,
        "delivery.check": lambda job: check_delivery(settings, job),
        "delivery.take_in": lambda job: take_delivery_in(settings, job),
        "delivery.roll_back": lambda job: roll_back_delivery(settings, job),
    }
