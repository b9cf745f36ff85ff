"""Take a delivery into the twin: open, map, place, check, load. One file or layer after the other."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa

from ingest_gis.anchors import Anchors, read_anchors
from ingest_gis.classes import read_classes
from ingest_gis.find_datum import DatumVerdict, decide_datum
from ingest_gis.gdal_guard import GuardedFile, ReadOptions, open_guarded
from ingest_gis.load import BatchLoader, Delivery, bound_values, find_changes
from ingest_gis.mappings import TARGETS, DeliveryMapping
from ingest_gis.plan_delivery import DeliveryReport, IngestOptions, Layer, plan_delivery
from ingest_gis.position_columns import position_kind
from ingest_gis.positions import PositionReader, sample_grids, sample_points
from ingest_gis.refusals import Refusal, file_sha256, remember_refusals
from ingest_gis.rows import RowMaker
from ingest_gis.source_crs import SourceCrs, find_source_crs, name_of
from ingest_gis.sql_text import statement, statements
from ingest_gis.surroundings import read_surroundings
from ingest_gis.targets import RowBuilder, Surroundings
from ingest_gis.values import mask_personal
from twin.actions.explain_class_words import remember_unmapped
from twin.actions.settle_places import settle_places
from twin.cluster import server
from twin.errors import BadInput, TwinError
from twin.session import Actor, transaction
from twin.settings import Settings

Progress = Callable[[str, int, int | None], None]  # what, rows done, rows in all (None: not known)
FIRST_ROWS = 20
PLACES_THEMSELVES = ("admin_unit", "grid")
INDOORS: dict[str, bool | None] = {"entity": True, "building": True, "asset": False}


def _no_progress(what: str, done: int, total: int | None) -> None:
    return


def ingest_files(
    settings: Settings, paths: Sequence[Path], options: IngestOptions, progress: Progress = _no_progress
) -> list[DeliveryReport]:
    """Take files into the twin, places before what stands in them. A file that cannot be taken stops no other.

    Returns one report for each layer, and one with `error` for each file that could not be read.
    Raises DatabaseUnavailable when there is no database.
    """
    reports: list[DeliveryReport] = []
    with ExitStack() as held:
        layers: list[Layer] = []
        for path in paths:
            planned, refused = plan_delivery(path, options, held, len(layers))
            layers += planned
            reports += refused
        layers.sort(key=lambda layer: TARGETS.index(layer.mapping.target))
        with server.connect(settings, "ingest", autocommit=True) as connection:
            for layer in layers:
                try:
                    reports.append(_ingest_layer(connection, settings, layer, options, progress))
                except TwinError as error:
                    failed = DeliveryReport(layer.file, layer.name, layer.mapping.name, layer.mapping.target)
                    reports.append(replace(failed, error=error, given=layer.path))
            if layers and not options.dry_run:
                with transaction(connection, Actor(options.actor, role="system", purpose="settle places")) as cursor:
                    settle_places(cursor)
            if not options.dry_run:
                remember_refusals(connection, _refusals(reports, layers, options), options.actor)
    return reports


def _refusals(reports: Sequence[DeliveryReport], layers: Sequence[Layer], options: IngestOptions) -> list[Refusal]:
    """Pick the reports of what cannot be taken as it is; what may go well next time is none."""
    departments = {(layer.path, layer.name): (layer.mapping.department or {}).get("code") for layer in layers}
    refusals = []
    for report in reports:
        if report.given is not None and isinstance(report.error, BadInput):
            department = options.department or departments.get((report.given, report.layer))
            refusals.append(Refusal(report.given, report.layer, department, report.error))
    return refusals


def _ingest_layer(
    connection: psycopg.Connection[Any],
    settings: Settings,
    layer: Layer,
    options: IngestOptions,
    progress: Progress,
) -> DeliveryReport:
    began = time.monotonic()
    mapping = layer.mapping
    report = DeliveryReport(layer.file, layer.name, mapping.name, mapping.target, dry_run=options.dry_run)
    department_id = find_department(connection, mapping, options)
    opened = layer.opened or open_guarded(layer.path, ReadOptions(layer=layer.name, batch_rows=options.batch_rows))
    with opened as file:
        stream = file.batches()
        head = next(stream, None)
        report.encoding = file.info["encoding"]
        report.unplaced_columns = mapping.unplaced(file.info["fields"])
        if head is not None:
            anchors = read_anchors(connection, settings.city)
            crs, verdict = _find_place_system(file, head, layer, anchors, connection, options)
            around = read_surroundings(connection, settings, department_id)
            maker = _row_maker(around, layer, file.info["fields"], anchors, crs, verdict)
            report.classes_version = around.classes.version
            report.crs, report.datum = name_of(crs.crs) if crs else None, verdict
            report.crs_how = (crs.how_zh, crs.how_en) if crs else None
            report.vertical_datum = crs.vertical if crs else None
            delivery = _delivery(layer, report, department_id, options)
            actor = Actor(options.actor, role="ingest", department_id=department_id, purpose="ingest")
            run = _compare if options.dry_run else _load
            run(connection, delivery, actor, maker, chain([head], stream), report, file.info["rows"], progress)
            if not options.dry_run:
                with transaction(connection, actor) as cursor:
                    words = Counter({mask_personal(word): n for word, n in report.unknown_classes.items()})
                    remember_unmapped(cursor, words, department_id, report.file, report.batch)
    report.seconds = time.monotonic() - began
    return report


def _load(
    connection: psycopg.Connection[Any],
    delivery: Delivery,
    actor: Actor,
    maker: RowMaker,
    batches: Iterable[pa.RecordBatch],
    report: DeliveryReport,
    total: int | None,
    progress: Progress,
) -> None:
    """Load the rows; those settled by an earlier, broken run are only looked at to remember their codes."""
    with BatchLoader(connection, delivery, actor).open() as loader:
        report.batch, report.resumed = loader.batch_id, loader.resumed
        seen = 0
        for batch in batches:
            for part, is_settled in _cut(batch, loader.checkpoint - seen if loader.resumed else 0):
                prepared = maker.prepare(part)
                seen += part.num_rows
                if is_settled:
                    continue
                loader.load(prepared)
                report.rows_now += prepared.read
                report.notes += prepared.notes
                report.unknown_classes += prepared.unknown_classes
                progress(delivery.file, seen, total)
        report.counts = loader.counts
        for code, (count, rows) in loader.reasons().items():
            report.reasons[code], report.rejected_rows[code] = count, rows


def _cut(batch: pa.RecordBatch, settled: int) -> Iterator[tuple[pa.RecordBatch, bool]]:
    """Cut a batch into the part that was settled before and the part that was not."""
    settled = min(max(settled, 0), batch.num_rows)
    if settled:
        yield batch.slice(0, settled), True
    if settled < batch.num_rows:
        yield batch.slice(settled), False


def _compare(
    connection: psycopg.Connection[Any],
    delivery: Delivery,
    actor: Actor,
    maker: RowMaker,
    batches: Iterable[pa.RecordBatch],
    report: DeliveryReport,
    total: int | None,
    progress: Progress,
) -> None:
    """Say what a load would do; nothing is written but the session's own staging tables."""
    connection.execute(statement("stage"))
    target = delivery.mapping.target
    for batch in batches:
        prepared = maker.prepare(batch)
        with transaction(connection, actor) as cursor:
            values = bound_values(delivery.mapping, delivery.department_id)
            report.counts.add(find_changes(cursor, statements(f"load_{target}"), prepared, values))
        for row in prepared.rejected:
            report.reasons[row.code] += 1
            listed = report.rejected_rows.setdefault(row.code, [])
            if len(listed) < FIRST_ROWS:
                listed.append(row.row_no)
        report.notes += prepared.notes
        report.unknown_classes += prepared.unknown_classes
        report.rows_now += prepared.read
        progress(delivery.file, report.rows_now, total)


def find_department(
    connection: psycopg.Connection[Any], mapping: DeliveryMapping, options: IngestOptions
) -> int | None:
    """Find (or, unless this is a dry run, enter) the department that delivers.

    Raises BadInput when --department names one the twin does not know, or the mapping names none and none is given.
    """
    sql = statements("batch")
    with transaction(connection, Actor(options.actor, role="system", purpose="ingest")) as cursor:
        if options.department is None and mapping.department is not None and not options.dry_run:
            values = {"name_en": None, **mapping.department}
            cursor.execute(sql["department"], values)
        code = options.department or (mapping.department or {}).get("code")
        cursor.execute(sql["department_id"], {"code": code})
        found = cursor.fetchone()
    if found is not None:
        return int(found[0])
    if options.department is None and mapping.department is not None:
        return None  # a dry run of a department's first delivery
    raise BadInput(
        f"没有部门 {options.department} (no such department)"
        if options.department
        else "没有说明交付部门 (no department)",
        do="请用 --department 给出库中的部门代码 (give a known department's code with --department)",
    )


def _find_place_system(
    file: GuardedFile,
    head: pa.RecordBatch,
    layer: Layer,
    anchors: Anchors,
    connection: psycopg.Connection[Any],
    options: IngestOptions,
) -> tuple[SourceCrs | None, DatumVerdict | None]:
    """Find the coordinate system, axis order and datum of a delivery from its first batch."""
    mapping, position = layer.mapping, layer.mapping.position
    if position.kind == "none":
        return None, None
    points = sample_points(mapping, head)
    if not len(points) and not position.required:
        points = points[:0]
    kind = position_kind(mapping, head.schema.names)
    declared = file.info["crs"] or position.crs if kind == "geometry" else position.crs
    if kind == "lonlat":
        declared = declared or "EPSG:4490"
    if declared is None and options.crs is None and not len(points):
        return (SourceCrs("EPSG:4490", False, "没有坐标", "no coordinates"), None)
    crs = find_source_crs(
        points,
        given=options.crs,
        declared=declared,
        working_srid=anchors.working_srid,
        inside=anchors.near_district,
        where=layer.file,
        vertical=options.vertical_datum or position.vertical_datum,
    )
    if not crs.is_geographic or mapping.target in PLACES_THEMSELVES:
        return crs, None
    ordered = points[:, ::-1] if crs.swapped else points
    verdict = decide_datum(
        ordered[:, 0].copy(),
        ordered[:, 1].copy(),
        anchors,
        asked=options.datum,
        declared=position.datum or ("cgcs2000" if crs.crs == "EPSG:4490" else None),  # type: ignore[arg-type]
        indoors=INDOORS.get(mapping.target, False if mapping.class_column else None),
        class_id=_class_id(connection, mapping),
        where=layer.file,
        stated=sample_grids(mapping, head),
    )
    return crs, verdict


def _class_id(connection: psycopg.Connection[Any], mapping: DeliveryMapping) -> int | None:
    if mapping.class_column is None or mapping.class_column.fixed is None:
        return None
    return read_classes(connection).classes[mapping.class_column.fixed].class_id


def _row_maker(
    around: Surroundings,
    layer: Layer,
    columns: Sequence[str],
    anchors: Anchors,
    crs: SourceCrs | None,
    verdict: DatumVerdict | None,
) -> RowMaker:
    positions = PositionReader(layer.mapping, columns, anchors, crs, verdict.datum if verdict else "cgcs2000")
    return RowMaker(layer.mapping, columns, positions, RowBuilder(layer.mapping, columns, around))


def _delivery(layer: Layer, report: DeliveryReport, department_id: int | None, options: IngestOptions) -> Delivery:
    return Delivery(
        file=layer.file,
        file_sha256=file_sha256(layer.path),
        layer=layer.name,
        mapping=layer.mapping,
        department_id=department_id,
        source_crs=report.crs,
        source_datum=report.datum.datum if report.datum else None,
        encoding=report.encoding,
        settings={
            "crs": report.crs,
            "vertical_datum": report.vertical_datum,
            "datum": report.datum.datum if report.datum else None,
            "classes": report.classes_version,
        },
    )
