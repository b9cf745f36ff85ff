"""Take a delivery into the twin: open, map, place, check, load. One file or layer after the other."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg

from ingest_gis.anchors import read_anchors
from ingest_gis.crew import Ahead
from ingest_gis.follow_up import Progress, follow_up
from ingest_gis.gdal_guard import ReadOptions, open_guarded
from ingest_gis.load import Delivery
from ingest_gis.load_delivery import DeliveryLoad, is_large, work_plan
from ingest_gis.mappings import TARGETS, DeliveryMapping
from ingest_gis.place_system import find_place_system
from ingest_gis.plan_delivery import DeliveryReport, IngestOptions, Layer, plan_delivery
from ingest_gis.refusals import Refusal, file_sha256, remember_refusals
from ingest_gis.source_crs import SourceCrs, name_of
from ingest_gis.sql_text import statements
from ingest_gis.values import mask_personal
from ingest_gis.vanished import check_can_be_complete
from twin.actions.explain_class_words import remember_unmapped
from twin.actions.set_aside_indexes import bring_back_abandoned, look_at
from twin.actions.settle_places import settle_places
from twin.cluster import server
from twin.errors import BadInput, BrokenOff, TwinError
from twin.session import Actor, transaction
from twin.settings import Settings

LARGE_FILE = 16 << 20  # bytes: one this large is taken to have many rows before it has been opened


def _no_progress(what: str, done: int, total: int | None) -> None:
    return


def ingest_files(
    settings: Settings, paths: Sequence[Path], options: IngestOptions, progress: Progress = _no_progress
) -> list[DeliveryReport]:
    """Take files into the twin, places before what stands in them. A file that cannot be taken stops no other.

    Returns one report for each layer, and one with `error` for each file that could not be read.
    Raises DatabaseUnavailable when there is no database, BrokenOff when progress does so: all of it ends there.
    """
    reports: list[DeliveryReport] = []
    with ExitStack() as held:
        layers: list[Layer] = []
        renewed: set[str] = set()
        ahead = Ahead()
        held.callback(ahead.close)
        if needs_processes(options) and any(path.exists() and path.stat().st_size >= LARGE_FILE for path in paths):
            ahead.start(options.workers)
        for path in paths:
            planned, refused = plan_delivery(path, options, held, len(layers))
            layers += planned
            reports += refused
        layers.sort(key=lambda layer: TARGETS.index(layer.mapping.target))
        with server.connect(settings, "ingest", autocommit=True) as connection:
            if not options.dry_run:
                bring_back_abandoned(settings)
            for layer in layers:
                try:
                    reports.append(_ingest_layer(connection, settings, layer, options, progress, ahead, renewed))
                except BrokenOff:
                    raise
                except TwinError as error:
                    failed = DeliveryReport(layer.file, layer.name, layer.mapping.name, layer.mapping.target)
                    reports.append(replace(failed, error=error, given=layer.path))
            if layers and not options.dry_run:
                _settle(connection, settings, options, renewed)
            if not options.dry_run:
                if options.follow:
                    follow_up(connection, progress, totals_s=options.totals_s)
                remember_refusals(connection, _refusals(reports, layers, options), options.actor)
    return reports


def _settle(connection: psycopg.Connection[Any], settings: Settings, options: IngestOptions, renewed: set[str]) -> None:
    """Join what came; meanwhile the server looks at the tables that were loaded anew."""
    with ThreadPoolExecutor(1) as beside:
        looking = beside.submit(look_at, settings, sorted(renewed))
        with transaction(connection, Actor(options.actor, role="system", purpose="settle places")) as cursor:
            settle_places(cursor)
        looking.result()


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
    ahead: Ahead,
    renewed: set[str],
) -> DeliveryReport:
    began = time.monotonic()
    mapping = layer.mapping
    report = DeliveryReport(layer.file, layer.name, mapping.name, mapping.target, dry_run=options.dry_run)
    department_id = find_department(connection, mapping, options)
    opened = layer.opened or open_guarded(layer.path, ReadOptions(layer=layer.name, batch_rows=options.batch_rows))
    with ThreadPoolExecutor(1) as beside, opened as file:
        sha256 = beside.submit(file_sha256, layer.path)
        if is_large(file.info["rows"], options) and needs_processes(options):
            ahead.start(options.workers)
        stream = file.batches()
        head = next(stream, None)
        report.encoding = file.info["encoding"]
        report.unplaced_columns = mapping.unplaced(file.info["fields"])
        if head is not None:
            anchors = read_anchors(connection, settings.city, places=False)
            crs, verdict = find_place_system(file, head, layer, anchors, connection, settings.city, options)
            report.classes_version = _words_version(connection)
            report.crs, report.datum = name_of(crs.crs) if crs else None, verdict
            report.crs_how = (crs.how_zh, crs.how_en) if crs else None
            report.vertical_datum = crs.vertical if crs else None
            delivery = _delivery(layer, sha256.result(), report, crs, department_id, options)
            check_can_be_complete(delivery)
            actor = Actor(options.actor, role="ingest", department_id=department_id, purpose="ingest")
            datum = verdict.datum if verdict else "cgcs2000"
            plan = work_plan(settings, delivery, actor, file.info["fields"], anchors, crs, datum)
            rows = file.info["rows"]
            load = DeliveryLoad(connection, delivery, actor, plan, options, report, rows, progress, ahead, renewed)
            (load.compare if options.dry_run else load.load)(chain([head], stream))
            if not options.dry_run:
                with transaction(connection, actor) as cursor:
                    words = Counter({mask_personal(word): n for word, n in report.unknown_classes.items()})
                    remember_unmapped(cursor, words, department_id, report.file, report.batch)
    report.seconds = time.monotonic() - began
    return report


def needs_processes(options: IngestOptions) -> bool:
    """Tell whether large deliveries are given to processes of this machine."""
    return options.workers > 1 and options.scheduler is None


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


def _delivery(
    layer: Layer,
    sha256: str,
    report: DeliveryReport,
    crs: SourceCrs | None,
    department_id: int | None,
    options: IngestOptions,
) -> Delivery:
    return Delivery(
        file=layer.file,
        file_sha256=sha256,
        layer=layer.name,
        mapping=layer.mapping,
        department_id=department_id,
        source_crs=report.crs,
        source_datum=report.datum.datum if report.datum else None,
        encoding=report.encoding,
        settings={
            "crs": report.crs,
            "vertical_datum": report.vertical_datum,
            "system": crs.crs if crs else None,
            "swapped": crs.swapped if crs else False,
            "datum": report.datum.datum if report.datum else None,
            "classes": report.classes_version,
        },
        is_complete=options.complete,
    )


def _words_version(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT twin.class_words_version()").fetchone()
    return int(row[0]) if row else 0
