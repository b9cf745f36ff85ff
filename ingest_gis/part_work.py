"""What a process does that works on parts of a delivery: prepare a part, then load what of it is to be loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from ingest_gis.anchors import Anchors
from ingest_gis.datum import Datum
from ingest_gis.fast_rows import PartMaker
from ingest_gis.key_map import Numbers
from ingest_gis.mappings import DeliveryMapping
from ingest_gis.part_loader import LoadPlan, PartLoader, PartResult, PartRows
from ingest_gis.positions import PositionReader
from ingest_gis.prepared import PreparedRows, Rejected
from ingest_gis.row_hashes import hash_keys
from ingest_gis.rows import RowMaker
from ingest_gis.seal_rows import WITH_PRIVATE, hidden_keys
from ingest_gis.source_crs import SourceCrs
from ingest_gis.stated_grids import StatedGrids, read_stated_grids
from ingest_gis.surroundings import read_surroundings
from ingest_gis.targets import RowBuilder
from twin.personal.keyring import keys_to_seal
from twin.personal.ledger import ledger_path, read_ledger
from twin.settings import Settings


@dataclass(frozen=True)
class WorkPlan:
    """Everything a process must know to work on parts of one delivery."""

    settings: Settings
    load: LoadPlan
    mapping: DeliveryMapping
    columns: tuple[str, ...]
    working_srid: int
    centre: tuple[float, float]
    outline: bytes | None
    crs: SourceCrs | None
    datum: Datum


@dataclass(frozen=True)
class PartKeys:
    """The codes of a prepared part: hashes of code and content of each row taken, with its number in the file.

    set_aside: hashes of the codes of rows that were set aside.
    """

    first: int
    row_nos: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    keys: Numbers = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    contents: Numbers = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    set_aside: Numbers = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))


class PartWork:
    """Prepares and loads parts of one delivery through one connection (role ingest, idle, in autocommit)."""

    def __init__(self, connection: psycopg.Connection[Any], plan: WorkPlan) -> None:
        """Read from the twin what rows are checked against."""
        self._maker = part_maker(connection, plan)
        self._loader = PartLoader(connection, plan.load)
        self._held: dict[int, tuple[PartRows, PreparedRows]] = {}

    def prepare(self, part: PartRows) -> PartKeys:
        """Check and transform a part, and hold it until it is loaded or dropped."""
        prepared = PreparedRows(0)
        if part.batch.num_rows:
            prepared = self._maker.prepare(part.batch, part.raw_hashes)
        self._held[part.first] = (part, prepared)
        return keys_of(part, prepared)

    def load(
        self, first: int, verdicts: NDArray[np.uint8], new: NDArray[np.bool_], repeated: Sequence[Rejected]
    ) -> PartResult:
        """Load a prepared part; see PartLoader.load."""
        part, prepared = self._held.pop(first)
        return self._loader.load(part, prepared, verdicts, new, repeated)

    def drop(self, first: int) -> None:
        """Let go of a prepared part that is not to be loaded."""
        self._held.pop(first, None)


def keys_of(part: PartRows, prepared: PreparedRows) -> PartKeys:
    """Give the codes of a prepared part."""
    if not part.batch.num_rows:
        return PartKeys(part.first)
    aside = hash_keys(pa.array([row.key for row in prepared.rejected if row.key], pa.string()))
    row_nos = np.asarray(prepared.rows["row_no"].to_numpy(), dtype=np.int64)
    return PartKeys(part.first, row_nos, prepared.keys(), prepared.contents(), aside)


def part_maker(connection: psycopg.Connection[Any], plan: WorkPlan) -> PartMaker:
    """Make the preparation of a delivery's parts."""
    outline = None if plan.outline is None else shapely.from_wkb(plan.outline)
    grids = StatedGrids()
    stated = plan.mapping.fields.get("grid_code")
    if stated is not None and stated.column_in(plan.columns) is not None:
        with connection.transaction(), connection.cursor(binary=True) as cursor:
            grids = read_stated_grids(cursor)
    anchors = Anchors(plan.working_srid, np.array(plan.centre), outline, grids=grids)
    around = read_surroundings(connection, plan.settings, plan.load.department_id)
    positions = PositionReader(plan.mapping, plan.columns, anchors, plan.crs, plan.datum)
    hide_key = hidden_keys(keys_to_seal(connection)) if plan.mapping.private_key else str
    builder = RowBuilder(plan.mapping, plan.columns, around)
    careful = RowMaker(plan.mapping, plan.columns, positions, builder, hide_key, _erased_rows(connection, plan))
    offset_h = plan.settings.city.utc_offset_h
    return PartMaker(careful, plan.mapping, plan.columns, anchors, plan.crs, plan.datum, offset_h)


def _erased_rows(
    connection: psycopg.Connection[Any], plan: WorkPlan
) -> Callable[[Mapping[str, str | None]], bool] | None:
    """Make the test for rows that speak of somebody who was erased; None where nobody was."""
    if plan.mapping.target not in WITH_PRIVATE:
        return None
    erased = read_ledger(ledger_path(plan.settings.data_dir))
    if not erased:
        return None
    keys = keys_to_seal(connection)
    return lambda row: erased.mentions(keys, row)


def trying(plan: WorkPlan) -> WorkPlan:
    """Give the same plan for a dry run."""
    return replace(plan, load=replace(plan.load, dry_run=True))
