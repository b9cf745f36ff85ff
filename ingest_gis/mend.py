"""Rows that were set aside, mended by a person, given again; each keeps its number in the file it came in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import shapely

from ingest_gis.anchors import read_anchors
from ingest_gis.batches import DETAIL, REASON, ROW, rejected_rows
from ingest_gis.follow_up import Progress, follow_up
from ingest_gis.gdal_guard import ReadOptions, open_guarded
from ingest_gis.load import Delivery
from ingest_gis.load_delivery import DeliveryLoad, work_plan
from ingest_gis.mappings import choose_mapping
from ingest_gis.plan_delivery import DeliveryReport, IngestOptions
from ingest_gis.refusals import file_sha256
from ingest_gis.rows import GEOMETRY
from ingest_gis.source_crs import SourceCrs
from ingest_gis.sql_text import statements
from twin.actions.settle_places import settle_places
from twin.cluster import server
from twin.errors import BadInput, NotFound
from twin.queries.deliveries import FIX_COLUMN, REASON_COLUMN, ROW_COLUMN
from twin.session import Actor, transaction
from twin.settings import Settings

AS_GIVEN = "请在下载的拒收行里改, 保留行号列 (mend the rows as they were given out, and keep their numbers)"
# Columns of a file of mended rows that are not the delivery's: those of the command and those of the page.
NOT_DELIVERED = {ROW, REASON, DETAIL, ROW_COLUMN, REASON_COLUMN, FIX_COLUMN, GEOMETRY, "_row_no", "_extra"}


def mend_rows(
    settings: Settings,
    batch_id: int,
    path: Path,
    actor_name: str,
    mapping_path: str | None = None,
    *,
    dry_run: bool = False,
    progress: Progress = lambda *_: None,
) -> DeliveryReport:
    """Take mended rows of a batch: a file as `twin ingest rejected BATCH --csv FILE` or `/deliver` gave it, put right.

    They are read as the batch was: same mapping, department, coordinate system and datum. Rows still wrong are set
    aside again, in the new batch. mapping_path: the mapping's file where it is not a shipped one. dry_run: say what
    would happen, write nothing.
    Raises NotFound for an unknown batch, BadInput for rows that are not waiting in it, UnreadableDelivery.
    """
    system = Actor(actor_name, role="system", purpose="mend rejected rows")
    with server.connect(settings, "ingest", autocommit=True) as connection:
        row = connection.execute(statements("batches")["original"], {"batch_id": batch_id}).fetchone()
        if row is None:
            raise NotFound(f"没有批次 {batch_id} (no such batch)", do="twin ingest batches")
        _, _, layer, made, department_id, _, crs_name, datum = row
        mapping = choose_mapping(mapping_path or made["name"], [], layer, path.name)
        waiting = {item.row_no for item in rejected_rows(connection, batch_id, system) if item.mended_in is None}
        rows = _read(path, waiting)
        row_nos = rows["_row_no"].to_pylist()
        way = {key: made[key] for key in made if key not in ("name", "sha256", "kind")}
        delivery = Delivery(
            path.name, file_sha256(path), layer, mapping, department_id, crs_name, datum, "utf-8", way, mends=batch_id
        )
        report = DeliveryReport(path.name, layer, mapping.name, mapping.target, dry_run=dry_run, given=path)
        report.crs = crs_name
        actor = replace(system, role="ingest", department_id=department_id)
        load = _prepare(connection, settings, delivery, rows, report, actor, progress)
        if dry_run:
            load.compare([rows])
            return report
        load.load([rows])
        mended = {"batch_id": batch_id, "mended": report.batch, "row_nos": row_nos}
        with transaction(connection, system) as cursor:
            cursor.execute(statements("batches")["mended"], mended)
            settle_places(cursor)
        follow_up(connection, progress, totals_s=load.options.totals_s)
    return report


def _prepare(
    connection: psycopg.Connection[Any],
    settings: Settings,
    delivery: Delivery,
    rows: pa.RecordBatch,
    report: DeliveryReport,
    actor: Actor,
    progress: Progress,
) -> DeliveryLoad:
    anchors = read_anchors(connection, settings.city, places=False)
    crs = _crs_of(delivery)
    columns = [name for name in rows.schema.names if name not in ("_row_no", "_wkb")]
    datum: Any = delivery.source_datum or "cgcs2000"
    plan = work_plan(settings, delivery, actor, columns, anchors, crs, datum)
    options = IngestOptions(actor=actor.name, dry_run=report.dry_run)
    return DeliveryLoad(connection, delivery, actor, plan, options, report, rows.num_rows, progress)


def _crs_of(delivery: Delivery) -> SourceCrs | None:
    system = delivery.settings.get("system") or delivery.source_crs
    vertical = delivery.settings.get("vertical_datum")
    return None if system is None else SourceCrs(system, bool(delivery.settings.get("swapped")), "", "", vertical)


def _read(path: Path, waiting: set[int]) -> pa.RecordBatch:
    """Read a file of mended rows; its own columns of row number and geometry become the rows'."""
    with open_guarded(path, ReadOptions(batch_rows=1_000_000)) as file:
        batches = list(file.batches())
    if not batches:
        raise BadInput("文件里没有行 (there are no rows in the file)", where=path.name)
    table = pa.Table.from_batches(batches).combine_chunks()
    numbers = next((name for name in (ROW, ROW_COLUMN) if name in table.column_names), None)
    if numbers is None:
        raise BadInput(f"缺少行号列 {ROW_COLUMN} (the column {ROW_COLUMN} is missing)", where=path.name, do=AS_GIVEN)
    cells = table[numbers].to_pylist()
    row_nos = [int(cell) if str(cell).strip().isdigit() else 0 for cell in cells]
    strange = sorted({cell for cell, row_no in zip(cells, row_nos, strict=True) if row_no not in waiting})
    if strange or len(set(row_nos)) != len(row_nos):
        raise BadInput(
            f"这些行不在待改之列, 或出现两次 (rows that do not wait to be mended, or stand twice): {strange[:10]}",
            where=path.name,
            do=AS_GIVEN,
        )
    own = [name for name in table.column_names if name not in NOT_DELIVERED]
    columns = {name: table[name].combine_chunks() for name in own}
    columns["_row_no"] = pa.array(row_nos, pa.int64())
    if GEOMETRY in table.column_names:
        columns["_wkb"] = pa.array([_as_wkb(cell) for cell in table[GEOMETRY].to_pylist()], pa.binary())
    return pa.RecordBatch.from_pydict(columns)


def _as_wkb(cell: str | None) -> bytes | None:
    """Read a geometry cell, WKT or hex WKB; what cannot be read stays unreadable."""
    if not cell:
        return None
    try:
        return bytes(shapely.to_wkb(shapely.from_wkt(cell)))
    except shapely.errors.GEOSException:
        return bytes.fromhex(cell) if all(letter in "0123456789abcdefABCDEF" for letter in cell) else b"\x00"
