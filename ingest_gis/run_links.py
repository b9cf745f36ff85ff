"""Link all records and entities to places, in parts, by several processes; a run broken off goes on where it was.

Running it again changes only what is new: links that are still right stay, link numbers with them.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from ingest_gis.known_places import KnownPlaces, read_known_places, register_version
from ingest_gis.link_parts import COUNTS, FINISH, LinkOptions, do_next_part, is_anything_left, plan_run
from twin.actions.settle_places import settle_places
from twin.cluster import server
from twin.errors import WorkerLost
from twin.session import Actor, transaction
from twin.settings import Settings

PAUSE_S = 0.2
DELIVERED = "SELECT counts FROM twin.link_part WHERE link_run_id = %s AND done_at IS NOT NULL"


@dataclass(frozen=True)
class LinkProgress:
    """How far a run is: subjects done of all, subjects per second since this process began, seconds left."""

    done: int
    total: int
    per_second: float
    left_s: float | None


@dataclass
class LinkReport:
    """What a run did. changes: links inserted, changed, removed, left to people. outcome: links by method and state."""

    subjects: int = 0
    register_version: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    outcome: Counter[str] = field(default_factory=Counter)
    unlinked: int = 0
    resumed_at: int = 0
    index_seconds: float = 0.0
    seconds: float = 0.0


def run_links(
    settings: Settings,
    options: LinkOptions | None = None,
    actor_name: str = "twin link",
    progress: Callable[[LinkProgress], None] | None = None,
) -> LinkReport:
    """Link everything the options name; resumed_at says how many subjects an earlier run had done already.

    What deliveries brought (options.batches) is linked as it stands after them: `ingest_files` has settled its places.

    Raises DatabaseUnavailable when there is no database, WorkerLost when a process ended before its part was done.
    """
    options = options or LinkOptions()
    began, report = time.monotonic(), LinkReport()
    actor = Actor(actor_name, role="system", purpose="link records to places")
    with server.connect(settings, "ingest", autocommit=True) as connection:
        with transaction(connection, actor) as cursor:
            if options.batches is None:
                settle_places(cursor)
            report.register_version = register_version(cursor)
            run = plan_run(cursor, options, report.register_version)
            is_work = is_anything_left(cursor, run)
        if is_work:
            places = read_known_places(connection, settings.city)
            report.index_seconds = time.monotonic() - began
            watch = _Watch(connection, run, progress)
            report.resumed_at = watch.done
            if options.processes > 1 and watch.total > options.part_size:
                _in_processes(settings, actor, run, places, options, watch)
            else:
                _work(connection, actor, run, places, options, watch.step)
        with transaction(connection, actor) as cursor:
            for (counts,) in cursor.execute(DELIVERED, (run,)).fetchall():
                report.changes.update(counts["changes"])
                report.outcome.update(counts["outcome"])
                report.unlinked += counts["unlinked"]
                report.subjects += counts["subjects"]
            cursor.execute(FINISH, (run,))
    report.seconds = time.monotonic() - began
    return report


class _Watch:
    """Counts what is done of a run, whoever does it, and tells it."""

    def __init__(
        self, connection: psycopg.Connection[Any], run: int, progress: Callable[[LinkProgress], None] | None
    ) -> None:
        self._connection, self._run, self._progress = connection, run, progress
        self._began = time.monotonic()
        self.done = self.total = 0
        self._look()
        self._first = self.done

    def _look(self) -> None:
        row = self._connection.execute(COUNTS, (self._run,)).fetchone()
        self.done, self.total = (int(row[0]), int(row[1])) if row else (0, 0)

    def step(self) -> None:
        """Look again and report."""
        self._look()
        rate = (self.done - self._first) / max(1e-6, time.monotonic() - self._began)
        if self._progress is not None:
            left = (self.total - self.done) / rate if rate > 0 else None
            self._progress(LinkProgress(self.done, self.total, rate, left))


def _work(
    connection: psycopg.Connection[Any], actor: Actor, run: int, places: KnownPlaces, options: LinkOptions,
    step: Callable[[], None],
) -> None:  # fmt: skip
    """Do parts until none is left."""
    while (done := do_next_part(connection, actor, run, places, options)) is not None:
        if done:
            step()
        else:
            time.sleep(PAUSE_S)


def _in_processes(
    settings: Settings, actor: Actor, run: int, places: KnownPlaces, options: LinkOptions, watch: _Watch
) -> None:
    """Let several processes share the parts; the places are shared with them, not copied."""
    fork = multiprocessing.get_context("fork")
    gc.collect()
    gc.freeze()  # else the children's collector would touch, and so copy, the whole register
    mine = os.getpid()
    workers = [
        fork.Process(target=_be_a_worker, args=(settings, actor, run, places, options, mine), daemon=True)
        for _ in range(options.processes)
    ]
    for worker in workers:
        worker.start()
    try:
        while any(worker.is_alive() for worker in workers):
            for worker in workers:
                worker.join(PAUSE_S)
            watch.step()
    finally:
        gc.unfreeze()
        for worker in workers:
            if worker.is_alive():
                worker.terminate()
            worker.join()
    if any(worker.exitcode for worker in workers):
        raise WorkerLost(
            "一个关联进程中断 (a linking process ended before its part was done)",
            do="再运行一次 twin link run 即可继续 (run twin link run again: it goes on where it was)",
        )


def _be_a_worker(
    settings: Settings, actor: Actor, run: int, places: KnownPlaces, options: LinkOptions, parent: int
) -> None:
    def step() -> None:
        if os.getppid() != parent:
            raise SystemExit(1)

    with server.connect(settings, "ingest", autocommit=True) as connection:
        _work(connection, actor, run, places, options, step)
