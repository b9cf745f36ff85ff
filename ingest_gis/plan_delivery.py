"""What a delivery consists of: its files, their layers, the mapping of each; and the report of what became of them."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ingest_gis.archives import files_of
from ingest_gis.find_datum import DatumChoice, DatumVerdict
from ingest_gis.gdal_guard import GuardedFile, ReadOptions, open_guarded
from ingest_gis.mappings import DeliveryMapping, choose_mapping
from ingest_gis.part_loader import Counts, PartResult
from twin.errors import TwinError, UnreadableDelivery

FIRST_ROWS = 20
HELD_OPEN = 16  # readers kept open between planning and loading


@dataclass(frozen=True)
class IngestOptions:
    """How to take deliveries in. mapping: a shipped name or a path. department: a code. crs, datum: as said.

    complete: what is not in the delivery is no more. allow_vanishing: the share of rows that may end so, 0..1.
    workers: processes on this machine. scheduler: of a Dask cluster, instead. memory_mb: for all processes together.
    follow: wait until the search has followed, and the totals for at most totals_s seconds; the rest is left to
    `twin db tidy`.
    large_rows: from how many rows on a delivery is worth processes of its own and the indexes set aside.
    """

    mapping: str | None = None
    department: str | None = None
    crs: str | None = None
    datum: DatumChoice = "auto"
    vertical_datum: str | None = None
    dry_run: bool = False
    batch_rows: int = 20_000
    actor: str = "twin ingest"
    complete: bool = False
    allow_vanishing: float = 0.3
    workers: int = 2
    scheduler: str | None = None
    memory_mb: int = 1500
    large_rows: int = 50_000
    follow: bool = True
    totals_s: float = 60.0


@dataclass
class DeliveryReport:
    """What became of one file or layer.

    rejected_rows: the first rows set aside by each rule. error: why nothing was taken, None otherwise.
    given: the file as it was given.
    """

    file: str
    layer: str | None = None
    mapping: str | None = None
    target: str | None = None
    batch: int | None = None
    ended: int = 0
    counts: Counts = field(default_factory=Counts)
    reasons: Counter[str] = field(default_factory=Counter)
    rejected_rows: dict[str, list[int]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    unknown_classes: Counter[str] = field(default_factory=Counter)
    classes_version: int = 0
    unplaced_columns: list[str] = field(default_factory=list)
    crs: str | None = None
    crs_how: tuple[str, str] | None = None
    vertical_datum: str | None = None
    datum: DatumVerdict | None = None
    encoding: str | None = None
    resumed: bool = False
    dry_run: bool = False
    seconds: float = 0.0
    rows_now: int = 0
    error: TwinError | None = None
    given: Path | None = None

    def add(self, result: PartResult) -> None:
        """Add what became of a part in this run; counts and reasons of all runs together come from the batch."""
        self.rows_now += result.counts.read
        self.notes += result.notes
        self.unknown_classes += result.unknown_classes

    @property
    def rows_per_second(self) -> float:
        """Rows of this run (not of the part already loaded before a resume) a second."""
        return self.rows_now / self.seconds if self.seconds > 0 else 0.0


@dataclass
class Layer:
    """One layer of one file, the mapping it is read with, and its open reader (None: to be opened again).

    file: its name for people, with the ZIP it came in.
    """

    path: Path
    name: str | None
    mapping: DeliveryMapping
    opened: GuardedFile | None = None
    file: str = ""


def plan_delivery(
    path: Path, options: IngestOptions, held: ExitStack, already: int
) -> tuple[list[Layer], list[DeliveryReport]]:
    """Find the layers of a file, or of all files in a ZIP; what cannot be taken gets a report that says why.

    held: keeps readers open, and what was unpacked, for the load that follows. already: how many layers it holds.
    """
    layers: list[Layer] = []
    reports: list[DeliveryReport] = []
    try:
        inside = files_of(path, held)
    except TwinError as error:
        return [], [DeliveryReport(path.name, error=error, given=path)]
    for item in inside:
        try:
            planned, refused = plan_file(item, options, held if already + len(layers) < HELD_OPEN else None)
            layers += planned
            reports += refused
        except TwinError as error:
            reports.append(DeliveryReport(item.name, error=error, given=item))
    if inside != [path]:
        for report in reports:
            report.file = f"{path.name}/{report.file}"
        for layer in layers:
            layer.file = f"{path.name}/{layer.file}"
    return layers, reports


def plan_file(
    path: Path, options: IngestOptions, held: ExitStack | None = None
) -> tuple[list[Layer], list[DeliveryReport]]:
    """Find the layers of a file and the mapping of each; layers that no mapping fits get a report that says so.

    held: keeps the readers open for the load that follows; None closes them.
    Raises UnreadableDelivery when the file cannot be opened.
    """
    if path.suffix.lower() == ".zip":  # what a delivery itself is packed in has been unpacked before
        raise UnreadableDelivery(
            "压缩包里还有压缩包 (an archive inside an archive)",
            where=path.name,
            do="请解压后一起打成一个 ZIP (unpack it and pack everything as one ZIP)",
        )
    planned: list[Layer] = []
    refused: list[DeliveryReport] = []
    with ExitStack() as own:
        keep = held or own
        first = keep.enter_context(open_guarded(path, ReadOptions(batch_rows=options.batch_rows)))
        for name in list(first.info["layers"]) or [None]:
            is_first = name == first.info["layer"]
            reading = ReadOptions(layer=name, batch_rows=options.batch_rows)
            file = first if is_first else keep.enter_context(open_guarded(path, reading))
            try:
                mapping = choose_mapping(options.mapping, file.info["fields"], name, path.name)
                planned.append(Layer(path, name, mapping, file if held is not None else None, path.name))
            except TwinError as error:
                refused.append(DeliveryReport(path.name, name, error=error, given=path))
    return planned, refused
