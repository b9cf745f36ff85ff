"""Find the coordinate system, axis order and datum of a delivery."""

from __future__ import annotations

from typing import Any

import psycopg
import pyarrow as pa

from ingest_gis.anchors import Anchors, read_anchors
from ingest_gis.classes import read_classes
from ingest_gis.find_datum import DatumVerdict, decide_datum
from ingest_gis.gdal_guard import GuardedFile
from ingest_gis.mappings import DeliveryMapping
from ingest_gis.plan_delivery import IngestOptions, Layer
from ingest_gis.position_columns import position_kind
from ingest_gis.positions import sample_grids, sample_points
from ingest_gis.source_crs import SourceCrs, find_source_crs
from twin.settings import CitySettings

PLACES_THEMSELVES = ("admin_unit", "grid")
INDOORS: dict[str, bool | None] = {"entity": True, "building": True, "asset": False}


def find_place_system(
    file: GuardedFile,
    head: pa.RecordBatch,
    layer: Layer,
    anchors: Anchors,
    connection: psycopg.Connection[Any],
    city: CitySettings,
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
        read_anchors(connection, city),
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
