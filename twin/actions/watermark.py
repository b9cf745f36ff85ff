"""Which copy is this? Marks in an export of a personal collection, one seen and two that are not noticed.

Seen: a column that says who had it made, when, what for, and the export's id. Not noticed: a short code in each row,
and the order of the rows within each page of the file, both keyed hashes of export and row. Any part of a file, even
with the columns cut off, tells which export it came from; whoever has no key can neither read nor forge it.
"""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from twin.errors import BadInput
from twin.personal.keyring import Keyring
from twin.queries.feature_collections import Collection, Property

WATERMARK, TRACE = "watermark", "trace"
COLUMNS = (
    Property(WATERMARK, "NULL", "string", "水印", "Watermark"),
    Property(TRACE, "NULL", "string", "行标识", "Row mark"),
)
SURE = 0.75  # so many of neighbouring rows stand in an export's order; by chance it is half
ENOUGH = 12


@dataclass(frozen=True)
class Mark:
    """The marks of one export. text: what the column says."""

    keys: Keyring
    export_id: str
    text: str = ""

    def code(self, row: int | str) -> str:
        """Give a row's code, 12 hexadecimal digits."""
        return self._digest(f"{self.export_id}/{row}").hex()[:12]

    def collection(self, collection: Collection) -> Collection:
        """Give the collection with the two columns."""
        return replace(collection, properties=(*collection.properties, *COLUMNS))

    def pages(self, pages: Iterable[bytes]) -> Iterator[bytes]:
        """Mark pages of GeoJSON features (as JSON, comma separated)."""
        for page in pages:
            features = orjson.loads(b"[" + page + b"]")
            for feature in features:
                feature["properties"] |= {WATERMARK: self.text, TRACE: self.code(feature["id"])}
            features.sort(key=lambda feature: self._place(feature["id"]))
            yield b",\n".join(orjson.dumps(feature) for feature in features)

    def likeness(self, rows: Sequence[str], codes: Sequence[str | None]) -> float:
        """Say how much rows of a file look like this export's, from 0 to 1. rows: their ids, in the file's order."""
        given = [(row, code) for row, code in zip(rows, codes, strict=True) if code]
        if given:
            return sum(self.code(row) == code for row, code in given) / len(given)
        if len(rows) < ENOUGH:
            return 0.0
        places = [self._place(row) for row in rows]
        return sum(a < b for a, b in itertools.pairwise(places)) / (len(rows) - 1)

    def _place(self, row: int | str) -> bytes:
        return self._digest(f"order/{self.export_id}/{row}")

    def _digest(self, text: str) -> bytes:
        return self.keys.macs("trace", [text.encode()])[0]


def whose_copy(keys: Keyring, exports: Iterable[tuple[str, str, str]], path: Path) -> list[tuple[float, str, str, str]]:
    """Say which exports a file (CSV or GeoJSON, whole or a part) may be a copy of, the likeliest first.

    exports: id, who asked, when. Returns likeness, id, who, when; only what is surely more than chance.
    Raises BadInput for a file without the rows' ids.
    """
    rows, codes = _read(path)
    found = [
        (max(Mark(ring, export_id).likeness(rows, codes) for ring in keys.rings()), export_id, who, at)
        for export_id, who, at in exports
    ]
    return sorted((item for item in found if item[0] >= SURE), reverse=True)


def _read(path: Path) -> tuple[list[str], list[str | None]]:
    if path.suffix.lower() == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as handle:
            table: list[dict[str, Any]] = list(csv.DictReader(handle))
    else:
        try:
            features = json.loads(path.read_text(encoding="utf-8"))["features"]
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput("只认 CSV 和 GeoJSON (a CSV or GeoJSON file is needed)", where=path.name) from error
        table = [{**(feature.get("properties") or {}), "id": feature.get("id")} for feature in features]
    rows = [row for row in table if row.get("id") not in (None, "")]
    if not rows:
        raise BadInput("文件里没有 id 列 (the file has no column id)", where=path.name)
    return [str(row["id"]) for row in rows], [row.get(TRACE) for row in rows]
