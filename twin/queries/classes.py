"""The 108 classes with their code schemes and attribute schemas."""

from __future__ import annotations

from typing import Any

import psycopg

CLASSES = """
SELECT coalesce(json_agg(json_build_object(
         'code', c.code, 'name_zh', c.name_zh, 'name_en', c.name_en, 'category_zh', c.category_zh,
         'category_en', c.category_en, 'geometry_kind', c.geometry_kind, 'is_extension', c.is_extension,
         'accuracy_class', c.accuracy_class, 'responsible_department_zh', c.responsible_department_zh,
         'codes', coalesce(codes.listed, '[]'), 'attribute_schema', c.attribute_schema, 'osm_tags', c.osm_tags,
         'citygml_type', c.citygml_type) ORDER BY c.class_id), '[]')::text
FROM twin.class c
  LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object('scheme', k.scheme, 'code', k.code, 'name_zh', k.name_zh, 'inferred', k.inferred)
                    ORDER BY k.scheme, k.code) AS listed
    FROM twin.class_code k WHERE k.class_id = c.class_id AND k.kind = 'component') codes ON true
"""


async def all_classes(cursor: psycopg.AsyncCursor[Any]) -> str:
    """List the classes in the catalogue's order, as a JSON array in text."""
    await cursor.execute(CLASSES)
    row = await cursor.fetchone()
    return str(row[0]) if row else "[]"
