"""The desk from which deliveries go out: rows, planted faults and the truth about both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from photogrammetry.sample.district.answers import Answers
from photogrammetry.sample.district.faults import Planter
from photogrammetry.sample.district.files import Chunk, Form, write_delivery
from photogrammetry.sample.district.words import Text
from photogrammetry.sample.randomness import stream

ROWS_A_FAULT = 25_000  # each fault is planted once in so many rows, and once at least
CHUNK_ROWS = 250_000
SUFFIXES = {"csv-utf8": ".csv", "csv-gb18030": ".csv", "parquet": ".parquet"}


@dataclass(frozen=True)
class Truth:
    """Where the rows of a table belong: their keys, what kind of place, its code and how the row names it."""

    keys: Text
    kind: NDArray[np.str_] | str
    codes: Text
    ways: NDArray[np.str_] | list[str]


Part = tuple[dict[str, Text], Truth | None]


@dataclass
class Desk:
    """Sends deliveries into a folder. progress: told how many rows have gone out."""

    folder: Path
    seed: int
    answers: Answers
    progress: Callable[[str, int], None] = lambda what, rows: None
    rows: int = 0
    sent: list[tuple[str, int]] = field(default_factory=list)

    def send(
        self,
        name: str,
        form: Form,
        parts: Iterable[Part],
        planter: Planter | None,
        *,
        crs: str | None = None,
        layer: str | None = None,
    ) -> str:
        """Write one delivery and remember what was planted and where its rows belong.

        name: without suffix. parts: columns of text (and `_wkb`), chunk by chunk. Returns the file's name.
        """
        file = name + SUFFIXES.get(form, f".{form}")
        write_delivery(self.folder / file, form, self._planted(file, parts, planter, layer), crs=crs, layer=layer)
        return file

    def _planted(self, file: str, parts: Iterable[Part], planter: Planter | None, layer: str | None) -> Iterator[Chunk]:
        for number, (columns, truth) in enumerate(parts):
            table = pa.table(columns)
            if planter is None:
                row_of = np.arange(1, table.num_rows + 1)
                chunk: Chunk = (table, {})
            else:
                random = stream(self.seed, "district", "faults", file, layer or "", number)
                done = planter.plant(table, random, max(1, table.num_rows // ROWS_A_FAULT))
                self.answers.add_planted(file, done.planted, layer or "")
                row_of, chunk = done.row_of, (done.table, done.quirks)
            if truth is not None:
                self.answers.add_links(file, row_of, truth.keys, truth.kind, truth.codes, truth.ways)
            self.rows += table.num_rows
            self.sent.append((file, table.num_rows))
            self.progress(file, self.rows)
            yield chunk


def chunks(rows: NDArray[np.int64], size: int = CHUNK_ROWS) -> Iterator[NDArray[np.int64]]:
    """Cut row numbers into chunks."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
