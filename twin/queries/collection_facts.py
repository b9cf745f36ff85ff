"""What a collection's description says of its rows: which classes have assets, where they lie, since when."""

from __future__ import annotations

from typing import Any

import psycopg

from twin.queries.feature_collections import ClassOfAssets, Collection

CLASSES = """
SELECT c.class_id, c.code, c.name_zh, c.name_en, c.geometry_kind, c.attribute_schema -> 'properties',
       EXISTS (SELECT FROM twin.asset a WHERE a.class_id = c.class_id)
FROM twin.class c ORDER BY c.class_id
"""
CITY = "SELECT working_srid FROM twin.city"
# Of a large table the planner's own extent is near enough, and at once; of a small one it may not be there.
EXTENT = """
SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e)
FROM (SELECT CASE WHEN (SELECT reltuples FROM pg_class WHERE oid = 'twin.{table}'::regclass) > 50000
                  THEN ST_EstimatedExtent('twin', '{table}', '{geometry}')
                  ELSE (SELECT ST_Extent(a.{geometry})::box2d FROM twin.{table} a) END AS e) found
WHERE e IS NOT NULL
"""
BEGIN = "SELECT min(a.{begin}) FROM (SELECT {begin} FROM twin.{table} ORDER BY {key} LIMIT 50000) a"


def attribute_types(schema: dict[str, Any] | None) -> dict[str, str]:
    """Give the JSON type of each attribute of a class's schema, string where it may be several."""
    found = {}
    for name, rule in (schema or {}).items():
        kinds = rule.get("type", "string")
        kinds = [kinds] if isinstance(kinds, str) else kinds
        plain = [kind for kind in kinds if kind != "null"]
        found[name] = plain[0] if len(plain) == 1 else "string"
    return found


async def asset_classes(cursor: psycopg.AsyncCursor[Any]) -> list[tuple[ClassOfAssets, bool]]:
    """List the classes, each with whether there are assets of it."""
    await cursor.execute(CLASSES)
    rows = await cursor.fetchall()
    return [
        (ClassOfAssets(row[0], row[1], row[2], row[3], row[4], attribute_types(row[5])), bool(row[6])) for row in rows
    ]


async def extent_of(
    cursor: psycopg.AsyncCursor[Any], collection: Collection
) -> tuple[tuple[float, float, float, float] | None, str | None]:
    """Say where a collection's features lie (degrees) and about since when (RFC 3339); None when there are none."""
    names = {"table": collection.table, "geometry": collection.geometry}
    await cursor.execute(EXTENT.format(**names).encode())
    row = await cursor.fetchone()
    await cursor.execute(BEGIN.format(begin=collection.times[0], table=collection.table, key=collection.key).encode())
    begin = await cursor.fetchone()
    since = begin[0].isoformat().replace("+00:00", "Z") if begin and begin[0] else None
    return ((row[0], row[1], row[2], row[3]) if row else None), since
