"""Write a processed survey into the twin: survey, photos with poses, products, buildings' heights.

Everything happens in the caller's transaction. Publishing the same products again changes nothing; publishing
others replaces what this survey said before. A height that a person has confirmed is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb


@dataclass(frozen=True)
class SurveyFacts:
    """What a survey is: declared CRS and vertical datum, local frame, GSD (m), report, sha256 of its products.

    footprint_ewkt: outline of the ground covered, EPSG:4490.
    """

    name: str
    kind: str
    taken_from: datetime | None
    taken_to: datetime | None
    crs: str
    vertical_datum: str
    frame: dict[str, Any]
    gsd_m: float | None
    report: dict[str, Any]
    fingerprint: str
    footprint_ewkt: str | None


@dataclass(frozen=True)
class PhotoFacts:
    """One photo: pixels, camera and pose in the survey's frame; position and coverage as EWKT in EPSG:4490."""

    file: str
    sha256: str
    taken_at: datetime | None
    width: int
    height: int
    registered: bool
    rejected_reason: str | None
    camera: dict[str, Any] | None
    pose: dict[str, Any] | None
    position_ewkt: str | None
    coverage_ewkt: str | None


@dataclass(frozen=True)
class ProductFacts:
    """One file others read; path relative to the data directory, resolution and sigma in metres."""

    kind: str
    path: str
    media_type: str
    crs: str
    vertical_datum: str | None
    resolution_m: float | None
    sigma_m: float | None
    bytes: int
    sha256: str


@dataclass(frozen=True)
class BuildingFacts:
    """One building measured: outlines (EWKT, EPSG:4490 and working CRS), heights (m, vertical_datum), sigma (m)."""

    code: str
    name_zh: str | None
    footprint_given: bool
    geom_ewkt: str
    geom_m_ewkt: str
    solid_ewkt: str | None
    lod: str
    ground_h_m: float
    roof_h_m: float
    height_m: float
    sigma_m: float | None
    vertical_datum: str
    confidence: str
    note: str | None


@dataclass(frozen=True)
class Published:
    """What publishing did: counts, and whether the twin already had exactly this."""

    survey_id: int
    unchanged: bool
    photos: int
    products: int
    buildings: int
    buildings_ended: int


UPSERT_SURVEY = """
INSERT INTO twin.survey (name, kind, taken_from, taken_to, crs, vertical_datum, frame, gsd_m, report, fingerprint,
                         footprint)
VALUES (%(name)s, %(kind)s, %(taken_from)s, %(taken_to)s, %(crs)s, %(vertical_datum)s, %(frame)s, %(gsd_m)s,
        %(report)s, %(fingerprint)s, ST_Multi(%(footprint_ewkt)s::geometry))
ON CONFLICT (name) DO UPDATE SET
  kind = excluded.kind, taken_from = excluded.taken_from, taken_to = excluded.taken_to, crs = excluded.crs,
  vertical_datum = excluded.vertical_datum, frame = excluded.frame, gsd_m = excluded.gsd_m,
  report = excluded.report, fingerprint = excluded.fingerprint, footprint = excluded.footprint, published_at = now()
RETURNING survey_id
"""

UPSERT_PHOTO = """
INSERT INTO twin.photo (survey_id, file, sha256, taken_at, width, height, registered, rejected_reason, camera, pose,
                        position, coverage)
VALUES (%(survey_id)s, %(file)s, %(sha256)s, %(taken_at)s, %(width)s, %(height)s, %(registered)s,
        %(rejected_reason)s, %(camera)s, %(pose)s, %(position_ewkt)s::geometry, %(coverage_ewkt)s::geometry)
ON CONFLICT (survey_id, file) DO UPDATE SET
  sha256 = excluded.sha256, taken_at = excluded.taken_at, width = excluded.width, height = excluded.height,
  registered = excluded.registered, rejected_reason = excluded.rejected_reason, camera = excluded.camera,
  pose = excluded.pose, position = excluded.position, coverage = excluded.coverage
"""

UPSERT_PRODUCT = """
INSERT INTO twin.product (survey_id, kind, path, media_type, crs, vertical_datum, resolution_m, sigma_m, bytes, sha256)
VALUES (%(survey_id)s, %(kind)s, %(path)s, %(media_type)s, %(crs)s, %(vertical_datum)s, %(resolution_m)s,
        %(sigma_m)s, %(bytes)s, %(sha256)s)
ON CONFLICT (survey_id, kind) DO UPDATE SET
  path = excluded.path, media_type = excluded.media_type, crs = excluded.crs,
  vertical_datum = excluded.vertical_datum, resolution_m = excluded.resolution_m, sigma_m = excluded.sigma_m,
  bytes = excluded.bytes, sha256 = excluded.sha256, created_at = now()
"""

INSERT_EVIDENCE = """
INSERT INTO twin.evidence (kind, survey_id, method, sigma_m, confidence, observed_at)
VALUES ('survey', %(survey_id)s, %(method)s, %(sigma_m)s, %(confidence)s, %(observed_at)s)
RETURNING evidence_id
"""

# The cadastre's outline stays; only a building nobody delivered takes its outline from the survey.
UPSERT_BUILDING = """
INSERT INTO twin.building (code, name_zh, geom, geom_m, solid, lod, ground_h_m, roof_h_m, height_m, height_sigma_m,
                           vertical_datum, height_confidence, height_note, survey_id, footprint_evidence_id,
                           height_evidence_id)
VALUES (%(code)s, %(name_zh)s, ST_Multi(%(geom_ewkt)s::geometry), ST_Multi(%(geom_m_ewkt)s::geometry),
        %(solid_ewkt)s::geometry, %(lod)s, %(ground_h_m)s, %(roof_h_m)s, %(height_m)s, %(sigma_m)s,
        %(vertical_datum)s, %(confidence)s, %(note)s, %(survey_id)s, %(footprint_evidence_id)s,
        %(height_evidence_id)s)
ON CONFLICT (code) DO UPDATE SET
  solid = excluded.solid, lod = excluded.lod, ground_h_m = excluded.ground_h_m, roof_h_m = excluded.roof_h_m,
  height_m = excluded.height_m, height_sigma_m = excluded.height_sigma_m, vertical_datum = excluded.vertical_datum,
  height_confidence = excluded.height_confidence, height_note = excluded.height_note,
  survey_id = excluded.survey_id, height_evidence_id = excluded.height_evidence_id, valid_to = NULL
WHERE NOT EXISTS (SELECT FROM twin.evidence e
                  WHERE e.evidence_id = twin.building.height_evidence_id AND e.confirmed_by IS NOT NULL)
"""

PLACE_BUILDINGS = """
UPDATE twin.building b SET grid_id = g.grid_id, admin_id = coalesce(b.admin_id, g.admin_id)
FROM twin.grid g
WHERE b.survey_id = %(survey_id)s AND b.grid_id IS NULL AND g.valid_to IS NULL
  AND ST_Contains(g.geom_m, ST_PointOnSurface(b.geom_m))
"""

# Found by this survey before and no longer: the building ends, its history stays.
END_VANISHED = """
UPDATE twin.building SET valid_to = now()
WHERE survey_id = %(survey_id)s AND valid_to IS NULL AND batch_id IS NULL AND NOT code = ANY(%(codes)s)
"""

FORGET_HEIGHTS = """
UPDATE twin.building SET solid = NULL, lod = NULL, ground_h_m = NULL, roof_h_m = NULL, height_m = NULL,
  height_sigma_m = NULL, vertical_datum = NULL, height_confidence = NULL, height_note = NULL, survey_id = NULL,
  height_evidence_id = NULL
WHERE survey_id = %(survey_id)s AND NOT code = ANY(%(codes)s)
  AND NOT EXISTS (SELECT FROM twin.evidence e
                  WHERE e.evidence_id = twin.building.height_evidence_id AND e.confirmed_by IS NOT NULL)
"""

# The faces are the survey's own now: how a department's model hung together says nothing about them.
DROP_STALE_MODELS = """
DELETE FROM twin.building_model m USING twin.building b
WHERE m.building_id = b.building_id AND b.survey_id = %(survey_id)s
"""

DROP_STALE_EVIDENCE = """
DELETE FROM twin.evidence e
WHERE e.kind = 'survey' AND e.survey_id = %(survey_id)s AND e.confirmed_by IS NULL
  AND NOT EXISTS (SELECT FROM twin.building b
                  WHERE e.evidence_id IN (b.height_evidence_id, b.footprint_evidence_id))
"""


def publish_survey(
    cursor: psycopg.Cursor[Any],
    survey: SurveyFacts,
    photos: Sequence[PhotoFacts],
    products: Sequence[ProductFacts],
    buildings: Sequence[BuildingFacts],
) -> Published:
    """Write one survey whole, replacing what it said before.

    cursor: inside a transaction of role ingest or owner (twin.session.transaction). Returns what was done.
    """
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('twin.survey'), hashtext(%s))", (survey.name,))
    cursor.execute("SELECT survey_id, fingerprint FROM twin.survey WHERE name = %s", (survey.name,))
    known = cursor.fetchone()
    if known and known[1] == survey.fingerprint:
        return Published(known[0], True, len(photos), len(products), len(buildings), 0)
    cursor.execute(UPSERT_SURVEY, {**vars(survey), "frame": Jsonb(survey.frame), "report": Jsonb(survey.report)})
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an upsert gives a row
    survey_id = int(row[0])
    _write_photos(cursor, survey_id, photos)
    _write_products(cursor, survey_id, products)
    ended = _write_buildings(cursor, survey_id, survey, buildings)
    return Published(survey_id, False, len(photos), len(products), len(buildings), ended)


def withdraw_survey(cursor: psycopg.Cursor[Any], name: str) -> bool:
    """Take a survey out of the twin; buildings it alone found end, heights it measured are forgotten.

    Returns False when no survey has that name.
    """
    cursor.execute("SELECT survey_id FROM twin.survey WHERE name = %s FOR UPDATE", (name,))
    row = cursor.fetchone()
    if row is None:
        return False
    values = {"survey_id": row[0], "codes": []}
    cursor.execute(END_VANISHED, values)
    cursor.execute(FORGET_HEIGHTS, values)
    cursor.execute("DELETE FROM twin.survey WHERE survey_id = %(survey_id)s", values)
    return True


def _write_photos(cursor: psycopg.Cursor[Any], survey_id: int, photos: Sequence[PhotoFacts]) -> None:
    cursor.execute(
        "DELETE FROM twin.photo WHERE survey_id = %s AND NOT file = ANY(%s)", (survey_id, [p.file for p in photos])
    )
    cursor.executemany(
        UPSERT_PHOTO,
        [
            {
                **vars(photo),
                "survey_id": survey_id,
                "camera": Jsonb(photo.camera) if photo.camera else None,
                "pose": Jsonb(photo.pose) if photo.pose else None,
            }
            for photo in photos
        ],
    )


def _write_products(cursor: psycopg.Cursor[Any], survey_id: int, products: Sequence[ProductFacts]) -> None:
    cursor.execute(
        "DELETE FROM twin.product WHERE survey_id = %s AND NOT kind = ANY(%s)", (survey_id, [p.kind for p in products])
    )
    cursor.executemany(UPSERT_PRODUCT, [{**vars(product), "survey_id": survey_id} for product in products])


def _write_buildings(
    cursor: psycopg.Cursor[Any], survey_id: int, survey: SurveyFacts, buildings: Sequence[BuildingFacts]
) -> int:
    codes = [building.code for building in buildings]
    for building in buildings:
        evidence = {"survey_id": survey_id, "observed_at": survey.taken_to}
        height_evidence = _evidence(
            cursor,
            {
                **evidence,
                "method": f"LoD{building.lod} blocks from the surface model",
                "sigma_m": building.sigma_m,
                "confidence": 0.95 if building.confidence == "high" else 0.5,
            },
        )
        outline = "outline given to the survey" if building.footprint_given else "outline found in the surface model"
        footprint_evidence = _evidence(
            cursor, {**evidence, "method": outline, "sigma_m": survey.gsd_m, "confidence": None}
        )
        cursor.execute(
            UPSERT_BUILDING,
            {
                **vars(building),
                "survey_id": survey_id,
                "height_evidence_id": height_evidence,
                "footprint_evidence_id": footprint_evidence,
            },
        )
    values = {"survey_id": survey_id, "codes": codes}
    cursor.execute(END_VANISHED, values)
    ended = cursor.rowcount
    cursor.execute(FORGET_HEIGHTS, values)
    cursor.execute(PLACE_BUILDINGS, values)
    cursor.execute(DROP_STALE_MODELS, values)
    cursor.execute(DROP_STALE_EVIDENCE, values)
    return ended


def _evidence(cursor: psycopg.Cursor[Any], values: dict[str, Any]) -> int:
    cursor.execute(INSERT_EVIDENCE, values)
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insert gives a row
    return int(row[0])
