"""Deliveries as jobs: check what was handed in, or take it in and link it, telling how far it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from twin.actions.delivery_folder import deliverable, drop_document, files_folder, read_document, write_document
from twin.cluster import server
from twin.errors import BadInput, BrokenOff, DatumUnsure, TwinError, UnknownMapping
from twin.jobs.job_run import JobRun
from twin.session import Actor, transaction
from twin.settings import Settings

if TYPE_CHECKING:
    from ingest_gis.plan_delivery import DeliveryReport, IngestOptions

RATE_AFTER_S = 0.5
# How much of a job's bar each stage takes, from and to.
CHECKING, LOADING, LINKING = (0.0, 1.0), (0.0, 0.8), (0.8, 1.0)


class Told:
    """Says how far a stage is: rows done, rows a second, time left."""

    def __init__(
        self, job: JobRun, stage: str, share: tuple[float, float], files: int, afterwards: Mapping[str, tuple[str, str]]
    ) -> None:
        """share: which part of the job's bar the stage fills. files: how many it goes through.

        afterwards: what progress calls the work that follows the files' rows, and what to say of it (zh, en).
        """
        self._job, self._stage, self._share, self._files = job, stage, share, max(files, 1)
        self._afterwards = afterwards
        self._began = time.monotonic()
        self._seen: dict[str, int] = {}

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Report; called as often as rows have been settled. Raises JobCancelled when it is no longer wanted."""
        if what in self._afterwards:
            zh, en = self._afterwards[what]
            far = f"{done:,} / {total:,}"
            self._job.report(self._stage, self._share[1], f"{zh}, {far}", f"{en}, {far}")
            return
        if not done:
            zh, en = "等待另一批同类数据", "waiting for another delivery of the kind"
            self._job.report(self._stage, self._share[0], zh, en)
            return
        self._seen[what] = done
        spent, rows = time.monotonic() - self._began, sum(self._seen.values())
        # Not the file's name: everybody may see how far jobs are.
        which = f"{len(self._seen)}/{self._files}: " if self._files > 1 else ""
        zh, en = f"{which}{done:,} 行", f"{which}{done:,} rows"
        if total:
            zh, en = f"{which}{done:,} / {total:,} 行", f"{which}{done:,} of {total:,} rows"
        if spent > RATE_AFTER_S and rows:
            rate = rows / spent
            zh, en = f"{zh}, 每秒 {rate:,.0f} 行", f"{en}, {rate:,.0f} a second"
            if total and total > done:
                left = (total - done) / rate
                zh, en = f"{zh}, 还需 {left:,.0f} 秒", f"{en}, {left:,.0f} s left"
        inside = (len(self._seen) - 1 + min(1.0, done / total if total else 0.5)) / self._files
        start, end = self._share
        self._job.report(self._stage, start + (end - start) * min(1.0, inside), zh, en)


def check_delivery(settings: Settings, job: JobRun) -> dict[str, Any]:
    """Say what taking a delivery in would do; nothing is written but the answer."""
    document = _ingest(settings, job, dry_run=True, share=CHECKING)
    write_document(settings.uploads_dir, UUID(job.subject), "check", document)
    return _summary(document)


def take_delivery_in(settings: Settings, job: JobRun) -> dict[str, Any]:
    """Take a delivery in, then link what is in it."""
    drop_document(settings.uploads_dir, UUID(job.subject), "taken")
    document = _ingest(settings, job, dry_run=False, share=LOADING)
    write_document(settings.uploads_dir, UUID(job.subject), "taken", document)
    if document["batches"]:
        document["linked"] = _link(settings, job, document["batches"])
        document["places_changed"] = _changes_places(document)
        write_document(settings.uploads_dir, UUID(job.subject), "taken", document)
    return _summary(document)


def _ingest(settings: Settings, job: JobRun, *, dry_run: bool, share: tuple[float, float]) -> dict[str, Any]:
    from ingest_gis.follow_up import FOLLOWING_SEARCH, FOLLOWING_TOTALS
    from ingest_gis.run_ingest import ingest_files
    from twin.cli.ingest import as_document

    upload = UUID(job.subject)
    paths = deliverable(files_folder(settings.uploads_dir, upload))
    if not paths:
        raise BadInput("没有可读的文件 (there is no file to read)")
    asked = read_document(settings.uploads_dir, upload, "asked") or {}
    stage = "check" if dry_run else "load"
    job.report(stage, share[0], f"正在读取 {len(paths)} 个文件", f"reading {len(paths)} files")
    afterwards = {
        FOLLOWING_SEARCH: ("正在更新检索", "search follows"),
        FOLLOWING_TOTALS: ("正在更新统计", "totals follow"),
    }
    told = Told(job, stage, share, len(paths), afterwards)
    reports = []
    if asked.get("mends"):
        reports.append(_mend(settings, job, paths[0], asked["mends"], dry_run, told))
    else:
        for group, answers in _by_answers(paths, asked):
            reports += ingest_files(settings, group, _options(job, asked | answers, dry_run), told)
    document = as_document(reports)
    for entry, report in zip(document["files"], reports, strict=True):
        entry["problem"] = _problem(report.error)
    return document


def _mend(settings: Settings, job: JobRun, path: Path, batch: int, dry_run: bool, told: Told) -> DeliveryReport:
    """Take mended rows of a batch; a file that cannot be taken gets a report that says why."""
    from ingest_gis.mend import mend_rows
    from ingest_gis.plan_delivery import DeliveryReport

    try:
        return mend_rows(settings, batch, path, job.requested_by or "desk", dry_run=dry_run, progress=told)
    except BrokenOff:
        raise
    except TwinError as error:
        return DeliveryReport(path.name, dry_run=dry_run, error=error, given=path)


def _by_answers(paths: list[Path], asked: dict[str, Any]) -> list[tuple[list[Path], dict[str, Any]]]:
    """Put the files that somebody has answered a question about by themselves, after all the others."""
    answered: dict[str, dict[str, Any]] = asked.get("of_file") or {}
    plain = [path for path in paths if path.name not in answered]
    return [
        *([(plain, {})] if plain else []),
        *(([path], answered[path.name]) for path in paths if path.name in answered),
    ]


def _options(job: JobRun, asked: dict[str, Any], dry_run: bool) -> IngestOptions:
    from ingest_gis.plan_delivery import IngestOptions

    return IngestOptions(
        mapping=asked.get("mapping"),
        department=asked.get("department"),
        crs=asked.get("crs"),
        datum=asked.get("datum") or "auto",
        complete=bool(asked.get("complete")),
        dry_run=dry_run,
        actor=job.requested_by or "desk",
    )


def _problem(error: TwinError | None) -> dict[str, Any] | None:
    """Say why a file was not taken, and what its deliverer may choose from."""
    if error is None:
        return None
    problem: dict[str, Any] = {"kind": type(error).__name__, "text": error.what, "do": error.do}
    if isinstance(error, UnknownMapping):
        problem["mappings"] = list(error.fitting)
    if isinstance(error, DatumUnsure):
        problem["datums"] = [vars(fit) for fit in error.fits]
    return problem


def _link(settings: Settings, job: JobRun, batches: list[int]) -> dict[str, Any]:
    """Link what the delivery's files brought; what people decided stays. Returns where these rows stand now.

    What new places change for records that were there before is left to `twin link run`: that takes as long as the
    city is large.
    """
    from ingest_gis.link_parts import LinkOptions
    from ingest_gis.run_links import LinkProgress, run_links
    from twin.queries.deliveries import of_same_files, outcome

    def told(far: LinkProgress) -> None:
        done = far.done / far.total if far.total else 1.0
        zh, en = f"{far.done:,} / {far.total:,} 条", f"{far.done:,} of {far.total:,}"
        if far.left_s:
            zh, en = f"{zh}, 还需 {far.left_s:,.0f} 秒", f"{en}, {far.left_s:,.0f} s left"
        job.report("link", LINKING[0] + (LINKING[1] - LINKING[0]) * done, zh, en)

    job.report("link", LINKING[0], "正在关联到地点", "linking to places")
    who = job.requested_by or "desk"
    reader = Actor(who, role="system", purpose="outcome of a delivery")
    with server.connect(settings, "app") as connection, transaction(connection, reader):
        of_files = of_same_files(connection, batches)
    run_links(settings, LinkOptions(batches=tuple(of_files)), who, told)
    with server.connect(settings, "app") as connection, transaction(connection, reader):
        return dict(outcome(connection, of_files))


def _changes_places(document: dict[str, Any]) -> bool:
    """Tell whether a delivery has changed something that records delivered before may belong to."""
    return any(
        entry["target"] != "record" and entry["inserted"] + entry["changed"] + entry["ended"]
        for entry in document["files"]
    )


def roll_back_delivery(settings: Settings, job: JobRun) -> dict[str, Any]:
    """Take a whole batch back. The job's subject is its number."""
    from ingest_gis.rollback import roll_back

    job.report("roll_back", 0.0, "正在撤回", "taking it back")
    return vars(roll_back(settings, int(job.subject), job.requested_by or "desk"))


def _summary(document: dict[str, Any]) -> dict[str, Any]:
    """Give what everybody may see of a job's result: counts only."""
    names = ("read", "inserted", "changed", "unchanged", "rejected", "batches")
    return {name: document[name] for name in names}
