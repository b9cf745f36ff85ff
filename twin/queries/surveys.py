"""Surveys, their products and photos, and where the files of a survey lie."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

_SURVEY = """json_build_object(
         'name', s.name, 'kind', s.kind, 'taken_from', s.taken_from, 'taken_to', s.taken_to, 'crs', s.crs,
         'vertical_datum', s.vertical_datum, 'gsd_m', s.gsd_m, 'published_at', s.published_at,
         'bounds', CASE WHEN s.footprint IS NOT NULL THEN json_build_array(
           ST_XMin(s.footprint), ST_YMin(s.footprint), ST_XMax(s.footprint), ST_YMax(s.footprint)) END,
         'photos', json_build_object(
           'given', (SELECT count(*) FROM twin.photo p WHERE p.survey_id = s.survey_id),
           'registered', (SELECT count(*) FROM twin.photo p WHERE p.survey_id = s.survey_id AND p.registered)),
         'products', (
           SELECT coalesce(json_agg(json_build_object(
                    'kind', p.kind, 'media_type', p.media_type, 'crs', p.crs, 'vertical_datum', p.vertical_datum,
                    'resolution_m', p.resolution_m, 'sigma_m', p.sigma_m, 'bytes', p.bytes, 'sha256', p.sha256)
                    ORDER BY p.kind), '[]')
           FROM twin.product p WHERE p.survey_id = s.survey_id)"""

SURVEYS = f"""
SELECT coalesce(json_agg({_SURVEY}) ORDER BY s.taken_from DESC NULLS LAST, s.name), '[]')::text FROM twin.survey s
"""

SURVEY = f"""
SELECT {_SURVEY}, 'report', s.report, 'footprint', ST_AsGeoJSON(s.footprint, 8, 0)::json)::text
FROM twin.survey s WHERE s.name = %(name)s
"""

PHOTOS = """
SELECT json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(json_build_object(
         'type', 'Feature', 'id', p.photo_id,
         'geometry', CASE WHEN p.position IS NOT NULL THEN ST_AsGeoJSON(p.position, 8, 0)::json END,
         'properties', json_build_object(
           'file', p.file, 'taken_at', p.taken_at, 'width', p.width, 'height', p.height, 'registered', p.registered,
           'rejected_reason', p.rejected_reason)) ORDER BY p.file), '[]'))::text
FROM twin.survey s LEFT JOIN twin.photo p USING (survey_id) WHERE s.name = %(name)s
GROUP BY s.survey_id
"""

PRODUCT = """
SELECT p.path, p.media_type, p.sha256, p.vertical_datum, p.resolution_m, s.crs
FROM twin.product p JOIN twin.survey s USING (survey_id) WHERE s.name = %(name)s AND p.kind = %(kind)s
"""

PHOTO = """
SELECT p.file, p.sha256, p.width, p.height
FROM twin.photo p JOIN twin.survey s USING (survey_id) WHERE s.name = %(name)s AND p.file = %(file)s AND p.width > 0
"""


@dataclass(frozen=True)
class Product:
    """A product's file: path relative to the data directory, sha256, datum of its heights, pixel size (m), CRS."""

    path: str
    media_type: str
    sha256: str
    vertical_datum: str | None
    resolution_m: float | None
    crs: str


@dataclass(frozen=True)
class Photo:
    """A photo's file name, sha256 and size in pixels."""

    file: str
    sha256: str
    width: int
    height: int


async def all_surveys(cursor: psycopg.AsyncCursor[Any]) -> str:
    """List surveys, newest first, as a JSON array in text."""
    await cursor.execute(SURVEYS)
    row = await cursor.fetchone()
    return str(row[0]) if row else "[]"


async def one_survey(cursor: psycopg.AsyncCursor[Any], name: str) -> str | None:
    """Describe a survey with its report, as JSON text; None when there is none of that name."""
    await cursor.execute(SURVEY, {"name": name})
    row = await cursor.fetchone()
    return str(row[0]) if row else None


async def photos_of(cursor: psycopg.AsyncCursor[Any], name: str) -> str | None:
    """Give a survey's photos as GeoJSON text, camera positions as points; None when there is no such survey."""
    await cursor.execute(PHOTOS, {"name": name})
    row = await cursor.fetchone()
    return str(row[0]) if row else None


async def product_of(cursor: psycopg.AsyncCursor[Any], name: str, kind: str) -> Product | None:
    """Find a product of a survey by its kind."""
    await cursor.execute(PRODUCT, {"name": name, "kind": kind})
    row = await cursor.fetchone()
    return Product(*row) if row else None


async def photo_of(cursor: psycopg.AsyncCursor[Any], name: str, file: str) -> Photo | None:
    """Find a readable photo of a survey by its file name."""
    await cursor.execute(PHOTO, {"name": name, "file": file})
    row = await cursor.fetchone()
    return Photo(*row) if row else None


def file_inside(folder: Path, relative: str) -> Path | None:
    """Give a file below a folder; None when it is absent, not a plain file or outside the folder by any trick."""
    try:
        root = folder.resolve(strict=True)
        path = (root / relative).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        return None
    return path if path.is_relative_to(root) and path.is_file() else None


def photo_file(workspace: Path, photo: Photo) -> Path | None:
    """Find a photo's original through the survey's own notes (survey.json); None when it is no longer there."""
    try:
        folder = json.loads((workspace / "survey.json").read_text(encoding="utf-8"))["photos_dir"]
        return file_inside(Path(folder), photo.file)
    except (OSError, ValueError, KeyError, TypeError):
        return None
