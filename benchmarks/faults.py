"""Planted faults of the district sample: how many are found, for the right reason, and how many false alarms.

    twin sample make district --scale district
    python -m benchmarks.faults district [--files 'deliveries/0[1-7]*']

Takes the deliveries into the twin (settings as for `twin ingest`; give it a database of its own, it fills it), then
compares what was set aside with truth/faults.parquet and truth/files.parquet.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq

from ingest_gis.plan_delivery import DeliveryReport, IngestOptions
from ingest_gis.run_ingest import ingest_files
from twin.cluster import server
from twin.session import Actor, transaction
from twin.settings import Settings, read_settings

TAKEN = (".shp", ".gpkg", ".csv", ".xlsx", ".geojson", ".fgb", ".parquet")
GROUPS = {
    "mis-encoded": {"text_broken"},
    "wrong checksum": {
        "credit_code_wrong", "id_number_wrong", "component_code_wrong", "component_code_class",
        "component_code_division", "grid_code_wrong", "building_code_wrong", "admin_code_wrong",
    },
    "duplicate": {"duplicate_row", "duplicate_key"},
    "shifted": {"coordinates_shifted", "coordinates_zone", "coordinates_swapped"},
    "ruined by Excel": {"number_ruined"},
}  # fmt: skip
QUARANTINE = """
SELECT b.file, coalesce(b.layer, ''), q.row_no, q.reason_code
FROM private.quarantine q JOIN twin.batch b USING (batch_id)
"""


@dataclass
class Score:
    """What became of the planted rows. missed, misnamed: (file, row, fault, expected, found).

    false_alarms: sound rows set aside, by file, row and reason. sound: sound rows read.
    """

    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    missed: list[tuple[str, int, str, str, str]] = field(default_factory=list)
    false_alarms: list[tuple[str, int, str]] = field(default_factory=list)
    odd: int = 0
    odd_refused: list[tuple[str, int, str, str]] = field(default_factory=list)
    sound: int = 0
    files: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def false_alarm_share(self) -> float:
        """Sound rows set aside, of all sound rows."""
        return len(self.false_alarms) / max(1, self.sound)

    @property
    def files_right(self) -> int:
        """Files that came to what was expected."""
        return sum(expected == found for _, _, expected, found in self.files)


def group_of(reason: str) -> str:
    """Name the group of faults a reason belongs to."""
    return next((name for name, reasons in GROUPS.items() if reason in reasons), "other")


def deliveries_of(folder: Path) -> list[Path]:
    """List what can be given to ingest, in the order of names; damaged files last."""
    first = sorted(path for path in (folder / "deliveries").iterdir() if path.suffix in TAKEN)
    hidden = {".dbf", ".shx", ".prj", ".cpg"}
    damaged = sorted(path for path in (folder / "deliveries" / "damaged").iterdir() if path.suffix not in hidden)
    return first + damaged


def ingest_all(
    settings: Settings,
    folder: Path,
    paths: Iterable[Path],
    tell: Callable[[str], None] = lambda text: None,
    *,
    seconds: float = float("inf"),
) -> dict[str, list[DeliveryReport]]:
    """Take files in, one after the other; gives the reports by the name under deliveries/.

    seconds: after so many no further file is begun.
    """
    reports: dict[str, list[DeliveryReport]] = {}
    start = time.monotonic()
    for path in paths:
        began = time.monotonic()
        if began - start > seconds:
            tell(f"{path.name} and what follows: left out, {seconds:.0f} s are over")
            break
        done = ingest_files(settings, [path], IngestOptions(mapping=str(folder / "mappings"), follow=False))
        reports[path.relative_to(folder / "deliveries").as_posix()] = done
        read = sum(report.counts.read for report in done)
        took = time.monotonic() - began
        tell(f"{path.name}: {read:,} rows, {took:.1f} s, {read / took:,.0f} rows/s")
    return reports


def score(settings: Settings, folder: Path, reports: dict[str, list[DeliveryReport]]) -> Score:
    """Compare what was set aside with what was planted, for the files in `reports`."""
    with server.connect(settings, "owner") as connection, transaction(connection, _actor()) as cursor:
        quarantined = _fetch(cursor, QUARANTINE)
    layers = Counter(file for file, items in reports.items() for _ in items)
    several = {file for file, count in layers.items() if count > 1}

    def place(file: str, layer: str, row_no: int) -> tuple[str, str, int]:
        return (file, layer if file in several else "", row_no)

    here = {Path(name).name for name in reports}
    found = {place(file, layer, row_no): code for file, layer, row_no, code in quarantined if file in here}
    result = Score()
    for row in _truth(folder, "faults", reports):
        group = group_of(row["reason"])
        code = found.pop(place(row["delivery"], row["layer"], row["row_no"]), "")
        result.planted[group] += 1
        result.found[group] += code != ""
        result.right[group] += code == row["reason"]
        if code != row["reason"]:
            result.missed.append((row["delivery"], row["row_no"], row["fault"], row["reason"], code))
    for row in _truth(folder, "odd", reports):
        result.odd += 1
        if code := found.get(place(row["delivery"], row["layer"], row["row_no"]), ""):
            result.odd_refused.append((row["delivery"], row["row_no"], row["fault"], code))
    result.false_alarms = [(file, row_no, code) for (file, _, row_no), code in found.items()]
    read = sum(report.counts.read for items in reports.values() for report in items)
    result.sound = read - result.planted.total()
    result.files = [
        (row["delivery"], row["fault"], row["expected"], _outcome(reports[row["delivery"]], row["expected"]))
        for row in _truth(folder, "files", reports)
    ]
    return result


def _outcome(reports: Sequence[DeliveryReport], expected: str) -> str:
    """Say what became of a file in the words of what was expected of it."""
    first = reports[0]
    if first.error is not None:
        return type(first.error).__name__
    kind = expected.split()[0]
    if kind == "datum":
        return f"datum {first.datum.datum if first.datum else None}"
    if kind == "crs":
        return f"crs {first.crs}"
    if kind == "axes":
        return "axes swapped" if first.crs_how and "swapped" in first.crs_how[1] else "axes as given"
    if kind == "encoding":
        return f"encoding {first.encoding}"
    return f"unchanged {sum(report.counts.unchanged for report in reports)}"


def _truth(folder: Path, name: str, reports: dict[str, list[DeliveryReport]]) -> list[dict[str, Any]]:
    rows = pq.read_table(folder / "truth" / f"{name}.parquet").to_pylist()
    return [row for row in rows if row["delivery"] in reports]


def _fetch(cursor: psycopg.Cursor[Any], query: str) -> list[tuple[Any, ...]]:
    cursor.execute(query.encode())
    return cursor.fetchall()


def _actor() -> Actor:
    return Actor("benchmark", role="system", purpose="benchmark")


def show(result: Score) -> None:
    """Print the tables."""
    print("| fault | planted | found | right reason |\n|---|---|---|---|")
    for group in sorted(result.planted):
        print(f"| {group} | {result.planted[group]:,} | {result.found[group]:,} | {result.right[group]:,} |")
    print(f"| whole files | {len(result.files):,} | {result.files_right:,} | {result.files_right:,} |")
    print(f"\nsound rows {result.sound:,}, refused {len(result.false_alarms):,} ({result.false_alarm_share:.4%});")
    print(f"odd but right {result.odd:,}, refused {len(result.odd_refused):,}")
    for file, fault, expected, got in result.files:
        print(
            f"  {'ok ' if expected == got else 'NOT'} {file}: {fault}: {expected}"
            + ("" if expected == got else f", got {got}")
        )
    for title, items in (
        ("missed or misnamed", result.missed),
        ("false alarms", result.false_alarms),
        ("odd", result.odd_refused),
    ):
        for item in items[:20]:
            print(f"  {title}: {item}")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Run from the command line; status 1 when a fault is missed or more than one sound row in a thousand refused."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="what `twin sample make --scale district` wrote")
    parser.add_argument("--files", action="append", help="only these, as a pattern under DIR; may be repeated")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no further file after so long")
    asked = parser.parse_args()
    paths = deliveries_of(asked.folder)
    if asked.files:
        wanted = {path for pattern in asked.files for path in asked.folder.glob(pattern)}
        paths = [path for path in paths if path in wanted]
    settings = read_settings()
    reports = ingest_all(settings, asked.folder, paths, _tell, seconds=asked.seconds)
    result = score(settings, asked.folder, reports)
    show(result)
    failed = result.missed or result.files_right < len(result.files) or result.false_alarm_share > 0.001
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
