"""Surveys and their products as a catalogue tells them: what was taken when and where, and the files made of it."""

from __future__ import annotations

from typing import Any

import psycopg

SURVEYS = """
SELECT s.name, s.kind, s.taken_from, s.taken_to, s.published_at, s.crs, s.vertical_datum, s.gsd_m,
       ST_AsGeoJSON(s.footprint, 8, 0)::json AS footprint,
       CASE WHEN s.footprint IS NOT NULL THEN json_build_array(
         ST_XMin(s.footprint), ST_YMin(s.footprint), ST_XMax(s.footprint), ST_YMax(s.footprint)) END AS bbox,
       (SELECT coalesce(json_agg(json_build_object(
                 'kind', p.kind, 'media_type', p.media_type, 'path', p.path, 'crs', p.crs,
                 'vertical_datum', p.vertical_datum, 'resolution_m', p.resolution_m, 'sigma_m', p.sigma_m,
                 'bytes', p.bytes, 'sha256', p.sha256) ORDER BY p.kind), '[]')
        FROM twin.product p WHERE p.survey_id = s.survey_id) AS products
FROM twin.survey s WHERE %(name)s::text IS NULL OR s.name = %(name)s
ORDER BY s.taken_from DESC NULLS LAST, s.name
"""


async def catalogued_surveys(cursor: psycopg.AsyncCursor[Any], name: str | None = None) -> list[dict[str, Any]]:
    """Give surveys, newest first, with their products. name: only this one. Times are datetimes, bounds in degrees."""
    await cursor.execute(SURVEYS, {"name": name})
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]
