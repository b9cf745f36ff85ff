"""The truth about the deliveries: where each row belongs, what is wrong with it, what next month changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from photogrammetry.sample.district.faults import Planted
from photogrammetry.sample.district.words import Text

WORD = pa.dictionary(pa.int32(), pa.string())
LINKS = pa.schema(
    [("delivery", WORD), ("row_no", pa.int64()), ("source_key", pa.string()), ("target_kind", WORD),
     ("target_code", pa.string()), ("way", WORD)]
)  # fmt: skip
FAULTS = ("delivery", "layer", "row_no", "source_key", "fault", "reason")
FILES = ("delivery", "fault", "expected")
CHANGES = ("delivery", "source_key", "change")


@dataclass
class Answers:
    """Writes truth/: links.parquet as they come, the other tables at the end. Use as a context manager."""

    folder: Path
    faults: list[tuple[str, str, int, str, str, str]] = field(default_factory=list)
    odd: list[tuple[str, str, int, str, str, str]] = field(default_factory=list)
    files: list[tuple[str, str, str]] = field(default_factory=list)
    changes: list[tuple[str, str, str]] = field(default_factory=list)
    _links: Any = None
    linked: int = 0

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._links = pq.ParquetWriter(self.folder / "links.parquet", LINKS, compression="zstd")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._links.close()
        if error is None:
            self._write("faults", FAULTS, self.faults)
            self._write("odd", FAULTS, self.odd)
            self._write("files", FILES, self.files)
            self._write("changes", CHANGES, self.changes)

    def add_links(
        self,
        delivery: str,
        row_no: NDArray[np.int64],
        keys: Text,
        kind: NDArray[np.str_] | str,
        codes: Text,
        ways: Sequence[str] | NDArray[np.str_],
    ) -> None:
        """Add the true places of rows. kind: building, asset, or none where a row has no place in the registers."""
        count = len(row_no)
        kinds = pa.array([kind] * count if isinstance(kind, str) else kind).cast(pa.string()).dictionary_encode()
        columns = [
            pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), [delivery]), pa.array(row_no), keys, kinds, codes,
            pa.array(ways).cast(pa.string()).dictionary_encode(),
        ]  # fmt: skip
        self._links.write_table(pa.table(columns, schema=LINKS))
        self.linked += count

    def add_planted(self, delivery: str, planted: Sequence[Planted], layer: str = "") -> None:
        """Add planted rows: faults, and rows that only look odd."""
        for item in planted:
            row = (delivery, layer, item.row_no, item.key, item.fault, item.code)
            (self.faults if item.code else self.odd).append(row)

    def _write(self, name: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        arrays = list(zip(*rows, strict=True)) or [()] * len(columns)
        types = [pa.int64() if column == "row_no" else pa.string() for column in columns]
        table = pa.table(
            {column: pa.array(values, kind) for column, values, kind in zip(columns, arrays, types, strict=True)}
        )
        pq.write_table(table, self.folder / f"{name}.parquet", compression="zstd")
