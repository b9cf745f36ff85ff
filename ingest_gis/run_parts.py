"""Take the rows of one delivery through: cut into parts, leave out what is known, prepare, judge repeats, load."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ingest_gis.crew import Crew, PartDone
from ingest_gis.key_map import SAME_KEY, SAME_ROW, TAKEN, Numbers, SeenKeys
from ingest_gis.known_rows import Contents, KnownRows
from ingest_gis.part_loader import PartResult, PartRows, delivered_row
from ingest_gis.part_work import PartKeys
from ingest_gis.prepared import Rejected
from ingest_gis.row_hashes import hash_delivered

CODES = {SAME_ROW: "duplicate_row", SAME_KEY: "duplicate_key"}

SMALLEST_PART = 2500  # rows: fewer are not worth a message


@dataclass
class _UnderWay:
    """A part being worked on. rows: of the file. known: which of them are in the twin exactly as delivered."""

    rows: pa.RecordBatch
    known: NDArray[np.int64]
    known_keys: Numbers
    known_contents: Contents
    is_settled: bool
    keys: PartKeys | None = None


@dataclass
class PartRun:
    """The parts of one delivery on their way. seed: how the file is read. known: None reads every row.

    total: how many rows the file has, where that is known.
    """

    crew: Crew
    seed: int
    known: KnownRows | None
    settled: Sequence[tuple[int, int]]
    part_bytes: int
    done: Callable[[PartResult], None]
    seen: SeenKeys = field(default_factory=SeenKeys)
    total: int | None = None

    def run(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take all rows through. `done` hears of every part, in any order."""
        self._parts: dict[int, _UnderWay] = {}
        self._order: list[int] = []
        self._loading = 0
        for first, rows, is_settled in self._cut(batches):
            while len(self._order) + self._loading >= self.crew.room:
                self._hear()
            self._send(first, rows, is_settled)
        while self._order or self._loading:
            self._hear()

    def _cut(self, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch, bool]]:
        """Cut the batches at the ends of what is settled, and into parts of bounded size."""
        first = 0
        for batch in batches:
            end = first + batch.num_rows
            most = max(1, int(batch.num_rows * min(1.0, self.part_bytes / max(batch.nbytes, 1))))
            if self.total is not None:  # smaller ones towards the end, so that all who work on them end together
                most = min(most, max(SMALLEST_PART, (self.total - first) // (2 * self.crew.room)))
            marks = {first, end, *range(first, end, most)}
            marks |= {mark for stretch in self.settled for mark in stretch if first < mark < end}
            cuts = sorted(marks)
            for start, stop in itertools.pairwise(cuts):
                is_settled = any(begin <= start and stop <= finish for begin, finish in self.settled)
                yield start, batch.slice(start - first, stop - start), is_settled
            first = end

    def _send(self, first: int, rows: pa.RecordBatch, is_settled: bool) -> None:
        raw = hash_delivered(rows, self.seed)
        known, keys = np.zeros(rows.num_rows, dtype=bool), np.zeros(0, dtype=np.uint64)
        contents = np.zeros(0, dtype=np.uint32)
        if self.known is not None:
            known, keys, contents = self.known.match(raw)
        self._parts[first] = _UnderWay(rows, np.flatnonzero(known), keys, contents, is_settled)
        self._order.append(first)
        part = PartRows(first, rows, raw)
        if known.any():
            others = np.flatnonzero(~known)
            left = np.frombuffer(raw, dtype="V16")[others].tobytes()
            part = PartRows(first, rows.take(pa.array(others)), left, int(known.sum()))
        self.crew.prepare(part)

    def _hear(self) -> None:
        event = self.crew.next()
        if isinstance(event, PartDone):
            self._loading -= 1
            self.done(event.result)
            return
        self._parts[event.first].keys = event
        # Repeats are judged in the order of the file, whoever is ready first.
        while self._order and self._parts[self._order[0]].keys is not None:
            first = self._order.pop(0)
            self._judge(first, self._parts.pop(first))

    def _judge(self, first: int, part: _UnderWay) -> None:
        prepared = part.keys or PartKeys(first)
        row_nos = np.concatenate((prepared.row_nos, np.asarray(part.rows["_row_no"].to_numpy())[part.known]))
        order = np.argsort(row_nos, kind="stable")
        keys = np.concatenate((prepared.keys, part.known_keys))
        contents = np.concatenate((prepared.contents.astype(np.uint32), part.known_contents))
        verdicts = np.zeros(len(keys), dtype=np.uint8)
        verdicts[order] = self.seen.judge(keys[order], contents[order])
        self.seen.set_aside(prepared.set_aside)
        if part.is_settled:
            self.crew.drop(first)
            return
        of_prepared, of_known = np.split(verdicts, [len(prepared.keys)])
        new = np.zeros(len(of_prepared), dtype=bool) if self.known is None else ~self.known.has(prepared.keys)
        repeated = [
            Rejected(int(row_nos[len(of_prepared) + at]), CODES[int(of_known[at])], None,
                     delivered_row(part.rows, int(part.known[at])))
            for at in np.flatnonzero(of_known != TAKEN)
        ]  # fmt: skip
        self._loading += 1
        self.crew.load(first, of_prepared, new, repeated)
