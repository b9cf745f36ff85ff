"""The 108 classes with their code schemes and attribute schemas, and the classes of events."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

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


EVENT_CLASSES = """
SELECT coalesce(json_agg(json_build_object(
         'code', e.code, 'name_zh', e.minor_zh, 'name_en', e.minor_en, 'category_zh', e.major_zh,
         'category_en', e.major_en, 'filing_condition_zh', e.filing_condition_zh, 'time_limit', e.time_limit,
         'closure_condition_zh', e.closure_condition_zh,
         'responsible_department_zh', e.responsible_department_zh) ORDER BY e.event_class_id), '[]')::text
FROM twin.event_class e
"""


async def all_event_classes(cursor: psycopg.AsyncCursor[Any]) -> str:
    """List the classes of events in the catalogue's order, as a JSON array in text."""
    await cursor.execute(EVENT_CLASSES)
    row = await cursor.fetchone()
    return str(row[0]) if row else "[]"


async def all_classes(cursor: psycopg.AsyncCursor[Any]) -> str:
    """List the classes in the catalogue's order, as a JSON array in text."""
    await cursor.execute(CLASSES)
    row = await cursor.fetchone()
    return str(row[0]) if row else "[]"


FIND = """
SELECT c.code, c.name_zh, c.name_en, c.category_zh, c.category_en, c.geometry_kind, c.accuracy_class,
       array_remove(array_agg(k.scheme || ' ' || k.code ORDER BY k.scheme, k.code), NULL) AS codes
FROM twin.class c LEFT JOIN twin.class_code k ON k.class_id = c.class_id AND k.kind = 'component'
WHERE %(text)s = '' OR starts_with(c.code, %(text)s) OR strpos(c.name_zh, %(text)s) > 0
   OR strpos(lower(c.name_en), lower(%(text)s)) > 0 OR k.code = %(text)s
GROUP BY c.class_id ORDER BY c.class_id
"""


def find_classes(connection: psycopg.Connection[Any], text: str = "") -> list[dict[str, Any]]:
    """List the classes whose code begins with a text or whose name has it; all of them for an empty one."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(FIND, {"text": text.strip()}).fetchall()
