"""Plants faults into a delivery, each with the reason that names it, and rows that look odd but are right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from photogrammetry.sample.district.files import GEOMETRY

Row = dict[str, Any]
Spoiler = Callable[[Row, int], Row | None]


@dataclass(frozen=True)
class Planted:
    """One planted row. fault: what was done. code: the reason that names it; "" for a row that is right."""

    row_no: int
    fault: str
    code: str
    key: str


@dataclass(frozen=True)
class Fault:
    """One kind of fault. spoil: changes a copied row (None: this one cannot be spoilt so); fresh: under a new key."""

    name: str
    code: str
    spoil: Spoiler
    fresh: bool = True
    quirk: Literal["extra", "gbk"] | None = None


@dataclass
class Planting:
    """A delivery's rows with the planted ones among them.

    row_of: (N,) row numbers, from 1 in the file, of the rows given. quirks: by position in the table.
    """

    table: pa.Table
    row_of: NDArray[np.int64]
    planted: list[Planted]
    quirks: dict[int, Literal["extra", "gbk"]] = field(default_factory=dict)


@dataclass
class Planter:
    """Plants the faults of one delivery, chunk by chunk.

    key: the column with the code. fresh: gives a row a new key.
    """

    key: str
    faults: Sequence[Fault]
    fresh: Callable[[Row, int], Row]
    odd: Sequence[Fault] = ()
    _made: int = 0
    _rows: int = 0

    def plant(self, table: pa.Table, random: np.random.Generator, each: int) -> Planting:
        """Insert each fault `each` times, every one somewhere behind the row it was copied from."""
        table = table.combine_chunks()
        plan = [fault for fault in (*self.faults, *self.odd) for _ in range(each)]
        sources = random.integers(0, table.num_rows, len(plan))
        behind = random.integers(sources, table.num_rows)
        copies = table.take(pa.array(sources)).to_pylist()
        made: list[tuple[int, Row, Fault]] = []
        for fault, at, row in zip(plan, behind, copies, strict=True):
            self._made += 1
            if fault.fresh:
                row = {**row, **self.fresh(row, self._made)}
            spoilt = fault.spoil(row, self._made)
            if spoilt is not None:
                made.append((int(at), spoilt, fault))
        made.sort(key=lambda item: item[0])
        return self._merge(table, made)

    def _merge(self, table: pa.Table, made: list[tuple[int, Row, Fault]]) -> Planting:
        count = table.num_rows
        after = np.array([at for at, _, _ in made], np.int64)
        row_of = np.arange(count) + np.searchsorted(after, np.arange(count), side="left")
        places = after + 1 + np.arange(len(made))
        order = np.empty(count + len(made), np.int64)
        order[row_of] = np.arange(count)
        order[places] = count + np.arange(len(made))
        extra = pa.Table.from_pylist([row for _, row, _ in made], schema=table.schema)
        merged = pa.concat_tables([table, extra]).combine_chunks().take(pa.array(order))
        first = self._rows + 1
        planted = [
            Planted(first + int(place), fault.name, fault.code, str(row[self.key] or ""))
            for place, (_, row, fault) in zip(places, made, strict=True)
        ]
        quirks = {int(place): fault.quirk for place, (_, _, fault) in zip(places, made, strict=True) if fault.quirk}
        self._rows += len(order)
        return Planting(merged, row_of + first, planted, quirks)


def put(**values: Any) -> Spoiler:
    """Put fixed values into columns."""
    return lambda row, number: {**row, **values}


def change(column: str, *ways: Callable[[str], str]) -> Spoiler:
    """Change the text of a column, one way after the other."""
    return lambda row, number: {**row, column: ways[number % len(ways)](str(row[column]))} if row[column] else None


def move(how: Callable[[bytes], bytes | None]) -> Spoiler:
    """Change the geometry of a row."""
    return lambda row, number: {**row, GEOMETRY: how(row[GEOMETRY])}


# ---- text
def as_latin(words: str) -> str:
    """UTF-8 read as Latin-1: ç‰Ÿå¹³."""
    return words.encode().decode("latin-1")


def as_gbk(words: str) -> str:
    """UTF-8 read as GBK: 鐗熷钩."""
    return words.encode().decode("gb18030", "replace")


def gbk_as_latin(words: str) -> str:
    """GBK read as Latin-1: ÄÁÆ½."""
    return words.encode("gb18030").decode("latin-1")


def with_holes(words: str) -> str:
    """Letters lost on the way, shown as U+FFFD."""
    return words[:1] + "\ufffd\ufffd" + words[2:]


def all_lost(words: str) -> str:
    """Chinese written into an encoding that has none: ????."""
    return "?" * max(3, len(words))


MOJIBAKE = (as_latin, as_gbk, gbk_as_latin, with_holes, all_lost)


def text_faults(key: str, text: str, *, csv: str | None, numeric_key: bool) -> list[Fault]:
    """List the faults any table can have. text: a column with Chinese. csv: its encoding, None for other formats."""
    faults = [
        Fault("missing code", "key_missing", put(**{key: ""}), fresh=False),
        Fault("the same row again", "duplicate_row", lambda row, number: row, fresh=False),
        Fault(
            "the same code, other content",
            "duplicate_key",
            change(text, lambda words: words[:1] + "改" + words[1:]),
            fresh=False,
        ),
        Fault("text too long", "text_too_long", change(text, lambda words: words + "续" * 2100)),
        *(Fault("mis-encoded: " + str(way.__doc__).rstrip("."), "text_broken", change(text, way)) for way in MOJIBAKE),
    ]
    if numeric_key:
        faults.append(Fault("code ruined by Excel", "number_ruined", put(**{key: "3.70612E+15"}), fresh=False))
    if csv is not None:
        faults.append(Fault("more cells than the header", "row_shape", lambda row, number: row, quirk="extra"))
    if csv == "csv-utf8":
        faults.append(Fault("a line of GB18030 in a UTF-8 file", "text_broken", lambda row, number: row, quirk="gbk"))
    return faults
