"""Load one opened delivery: choose how, take its parts through, keep its report."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import orjson
import psycopg
import pyarrow as pa
import shapely

from ingest_gis.anchors import Anchors
from ingest_gis.crew import Ahead, crew_for
from ingest_gis.datum import Datum
from ingest_gis.key_map import SeenKeys
from ingest_gis.known_rows import BULK_TARGETS, KnownRows, count_rows, read_known_rows
from ingest_gis.load import BatchLoader, Delivery, bound_values
from ingest_gis.part_loader import LoadPlan, PartResult
from ingest_gis.part_work import WorkPlan
from ingest_gis.plan_delivery import FIRST_ROWS, DeliveryReport, IngestOptions
from ingest_gis.run_parts import PartRun
from ingest_gis.seal_rows import WITH_PRIVATE
from ingest_gis.source_crs import SourceCrs
from ingest_gis.vanished import end_vanished, find_vanished, refuse_too_many
from twin.actions.set_aside_indexes import CAN_BE_SET_ASIDE, indexes_aside, look_at
from twin.personal.keyring import keys_to_load
from twin.session import Actor
from twin.settings import Settings

# A delivery this many times smaller than what the twin holds is looked up row by row instead.
WORTH_READING = 8
LARGE_SHARE = 2  # indexes are set aside for a delivery this many times larger than what the twin holds
PARTS_OF_MEMORY = 40  # one part's rows take at most this share of the memory; they stand several times in each process
Progress = Callable[[str, int, int | None], None]


@dataclass
class DeliveryLoad:
    """One delivery on its way. plan: what processes must know; its batch is filled in here. total: rows, if known.

    ahead: processes that have been started for it, if any. renewed: takes the tables whose indexes were made anew: the
    caller is to look at them for the planner; None: that is done at once.
    """

    connection: psycopg.Connection[Any]
    delivery: Delivery
    actor: Actor
    plan: WorkPlan
    options: IngestOptions
    report: DeliveryReport
    total: int | None
    progress: Progress
    ahead: Ahead | None = None
    renewed: set[str] | None = None
    settled_rows: int = 0  # by an earlier run that was broken off

    @property
    def is_large(self) -> bool:
        """Tell whether processes of its own and setting indexes aside are worth it."""
        return is_large(self.total, self.options)

    def load(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Load the rows; those settled by an earlier, broken run are only looked at to remember their codes."""
        waiting = f"{self.delivery.file}: 等待另一批同类数据 (waiting for another delivery of the kind)"
        batch = BatchLoader(self.connection, self.delivery, self.actor)
        with batch.open(lambda: self.progress(waiting, 0, None)):
            self.report.batch, self.report.resumed = batch.batch_id, batch.resumed
            plan = batch.plan()
            with self._indexes_aside():
                seen = self._run(batches, plan, batch.settled)
            self._end_vanished(plan, seen)
            self.report.counts = batch.counts()
            for code, (count, rows) in batch.reasons().items():
                self.report.reasons[code], self.report.rejected_rows[code] = count, rows

    def compare(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Say what a load would do; nothing is written but the sessions' own staging tables."""
        mapping, department_id = self.delivery.mapping, self.delivery.department_id
        bound = bound_values(mapping, department_id) | {"batch_id": 0}
        plan = LoadPlan(mapping.target, 0, None, department_id, self.actor, bound, dry_run=True)
        self._end_vanished(plan, self._run(batches, plan, []))

    def _end_vanished(self, plan: LoadPlan, seen: SeenKeys) -> None:
        """End what a complete delivery no longer has; a dry run says how many that would be."""
        if not self.delivery.is_complete:
            return
        vanished = find_vanished(self.connection, self.actor, self.delivery, seen)
        refuse_too_many(vanished, self.options.allow_vanishing, self.delivery.file, dry_run=plan.dry_run)
        self.report.ended = len(vanished.ids) if plan.dry_run else end_vanished(self.connection, plan, vanished)

    @contextmanager
    def _indexes_aside(self) -> Iterator[None]:
        target = self.delivery.mapping.target
        with ExitStack() as stack:
            if self.is_large and target in CAN_BE_SET_ASIDE and self.total is not None:
                most = self.total // LARGE_SHARE + 1
                if count_rows(self.connection, target, most) < most:
                    stack.callback(self._renewed, target)
                    stack.enter_context(indexes_aside(self.plan.settings, target))
            yield

    def _renewed(self, target: str) -> None:
        if self.renewed is None:
            look_at(self.plan.settings, [target])
        else:
            self.renewed.add(target)

    def _run(self, batches: Iterable[pa.RecordBatch], load: LoadPlan, settled: list[tuple[int, int]]) -> SeenKeys:
        options = self.options
        self.settled_rows = sum(count for _, count in settled)
        plan = WorkPlan(**{**vars(self.plan), "load": load})
        workers = options.workers if self.is_large else 1
        scheduler = options.scheduler if self.is_large else None
        with crew_for(self.connection, plan, workers=workers, scheduler=scheduler, ahead=self.ahead) as crew:
            part_bytes = (options.memory_mb << 20) // (PARTS_OF_MEMORY * max(1, workers))
            known, seen = self._known(load), SeenKeys(self.total or 0)
            total = self.total if self.is_large else None
            PartRun(crew, self._seed(), known, settled, part_bytes, self._done, seen, total).run(batches)
        return seen

    def _known(self, load: LoadPlan) -> KnownRows | None:
        target = self.delivery.mapping.target
        if target not in BULK_TARGETS or self.total is None:
            return None
        most = max(self.total, 1000) * WORTH_READING
        held = count_rows(self.connection, target, most)
        if held >= most:
            return None
        return read_known_rows(self.connection, self.actor, target, load.bound, held)

    def _seed(self) -> int:
        delivery = self.delivery
        way = [delivery.fingerprint(), delivery.mapping.target, delivery.department_id, version("city-digital-twin")]
        # Whoever can guess a row of a person must not be able to try it against the hashes in the public tables.
        secret = keys_to_load(self.connection).derived("rows") if delivery.mapping.target in WITH_PRIVATE else b""
        digest = hashlib.blake2b(orjson.dumps(way, option=orjson.OPT_SORT_KEYS), digest_size=8, key=secret).digest()
        return int.from_bytes(digest)

    def _done(self, result: PartResult) -> None:
        report = self.report
        report.add(result)
        if report.dry_run:
            report.counts.add(result.counts)
            report.reasons += result.reasons
            for code, rows in result.rows_by_reason.items():
                listed = sorted([*report.rejected_rows.get(code, []), *rows])
                report.rejected_rows[code] = listed[:FIRST_ROWS]
        self.progress(self.delivery.file, self.settled_rows + report.rows_now, self.total)


def is_large(rows: int | None, options: IngestOptions) -> bool:
    """Tell whether a delivery of so many rows (None: not known) is worth processes of its own."""
    return rows is not None and rows >= options.large_rows


def work_plan(
    settings: Settings,
    delivery: Delivery,
    actor: Actor,
    columns: Sequence[str],
    anchors: Anchors,
    crs: SourceCrs | None,
    datum: Datum,
) -> WorkPlan:
    """Say what processes must know to work on this delivery; its batch is not there yet."""
    outline = None if anchors.outline is None else shapely.to_wkb(anchors.outline)
    centre = (float(anchors.centre[0]), float(anchors.centre[1]))
    load = LoadPlan(delivery.mapping.target, 0, None, delivery.department_id, actor, {})
    return WorkPlan(settings, load, delivery.mapping, tuple(columns), anchors.working_srid, centre, outline, crs, datum)
