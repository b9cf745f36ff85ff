"""Vector tiles of assets and building outlines, made in the database as Mapbox vector tiles.

Features have stable ids (their keys). A tile holds at most MOST_FEATURES; below COUNTS_BELOW_ZOOM assets are counted
in cells instead, because a tile of a whole town would hold them all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from twin.errors import BadInput, NotFound

MOST_FEATURES = 10_000
COUNTS_BELOW_ZOOM = 13
CELLS_PER_SIDE = 32
DEEPEST_ZOOM = 24
BUFFER = 64 / 4096

_BOX = "ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4490)"

ASSETS = f"""
WITH shown AS (
  SELECT a.asset_id AS id, a.code, a.class_id, a.name_zh, a.state, a.geom FROM twin.asset a
  WHERE a.geom && {_BOX} AND a.valid_to IS NULL
    AND (%(classes)s::text[] IS NULL
         OR a.class_id IN (SELECT class_id FROM twin.class WHERE code = ANY (%(classes)s::text[])))
  ORDER BY a.asset_id LIMIT %(limit)s + 1
)
SELECT ST_AsMVT(t, 'assets', 4096, 'geom', 'id'), (SELECT count(*) FROM shown) > %(limit)s
FROM (
  SELECT s.id, s.code, c.code AS class_code, c.name_zh AS class_zh, c.name_en AS class_en, s.name_zh, s.state,
         ST_AsMVTGeom(ST_Transform(s.geom, 3857), ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, 64, true) AS geom
  FROM shown s JOIN twin.class c USING (class_id) ORDER BY s.id LIMIT %(limit)s) t
"""

ASSET_COUNTS = f"""
SELECT ST_AsMVT(t, 'assets', 4096, 'geom', 'id'), false
FROM (
  SELECT cell_row * %(cells)s + cell_column AS id, count(*)::int AS count,
         ST_AsMVTGeom(ST_SetSRID(ST_MakePoint(
           ST_XMin(tile) + (cell_column + 0.5) * (ST_XMax(tile) - ST_XMin(tile)) / %(cells)s,
           ST_YMax(tile) - (cell_row + 0.5) * (ST_YMax(tile) - ST_YMin(tile)) / %(cells)s), 3857), tile, 4096, 0, true)
           AS geom
  FROM (
    SELECT tile, floor((ST_X(p) - ST_XMin(tile)) / (ST_XMax(tile) - ST_XMin(tile)) * %(cells)s)::int AS cell_column,
           floor((ST_YMax(tile) - ST_Y(p)) / (ST_YMax(tile) - ST_YMin(tile)) * %(cells)s)::int AS cell_row
    FROM (SELECT ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AS tile) e, twin.asset a
      CROSS JOIN LATERAL (SELECT ST_Transform(ST_Centroid(a.geom), 3857) AS p) m
    WHERE a.geom && {_BOX} AND a.valid_to IS NULL
      AND (%(classes)s::text[] IS NULL
           OR a.class_id IN (SELECT class_id FROM twin.class WHERE code = ANY (%(classes)s::text[])))) placed
  WHERE cell_column BETWEEN 0 AND %(cells)s - 1 AND cell_row BETWEEN 0 AND %(cells)s - 1
  GROUP BY tile, cell_row, cell_column) t
"""

BUILDINGS = f"""
WITH shown AS (
  SELECT b.building_id AS id, b.code, b.name_zh, b.use_zh, b.storeys, b.ground_h_m, b.roof_h_m, b.height_m,
         b.height_confidence, b.geom
  FROM twin.building b WHERE b.geom && {_BOX} AND b.valid_to IS NULL ORDER BY b.building_id LIMIT %(limit)s + 1
)
SELECT ST_AsMVT(t, 'buildings', 4096, 'geom', 'id'), (SELECT count(*) FROM shown) > %(limit)s
FROM (
  SELECT s.id, s.code, s.name_zh, s.use_zh, s.storeys, s.ground_h_m, s.roof_h_m, s.height_m, s.height_confidence,
         ST_AsMVTGeom(ST_Transform(s.geom, 3857), ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, 64, true) AS geom
  FROM shown s ORDER BY s.id LIMIT %(limit)s) t
"""

COLLECTIONS = ("assets", "buildings")


@dataclass(frozen=True)
class TileAsked:
    """One tile of a collection in the WebMercatorQuad matrix; classes: only assets of these (codes)."""

    collection: str
    z: int
    x: int
    y: int
    classes: Sequence[str] = ()
    limit: int = MOST_FEATURES


def tile_box(z: int, x: int, y: int, buffer: float = BUFFER) -> tuple[float, float, float, float]:
    """Give a tile's west, south, east, north in degrees, widened by a share of its side.

    Raises BadInput for a tile that cannot be.
    """
    side = 2**z if 0 <= z <= DEEPEST_ZOOM else 0
    if not (0 <= x < side and 0 <= y < side):
        raise BadInput("there is no such tile", where=f"{z}/{x}/{y}", do=f"Zoom goes from 0 to {DEEPEST_ZOOM}")

    def latitude(row: float) -> float:
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / side))))

    west, east = ((x + shift) / side * 360 - 180 for shift in (-buffer, 1 + buffer))
    return west, latitude(y + 1 + buffer), east, latitude(y - buffer)


def _text(asked: TileAsked) -> LiteralString:
    if asked.collection == "buildings":
        return BUILDINGS
    if asked.collection == "assets":
        return ASSET_COUNTS if asked.z < COUNTS_BELOW_ZOOM else ASSETS
    raise NotFound(
        "there is no such collection", where=asked.collection[:100], do=f"Ask for {' or '.join(COLLECTIONS)}"
    )


async def vector_tile(cursor: psycopg.AsyncCursor[Any], asked: TileAsked) -> tuple[bytes, bool]:
    """Make one tile.

    Returns the tile's bytes and whether features were left out (more than limit). Raises NotFound for an unknown
    collection, BadInput for a tile that cannot be.
    """
    statement = _text(asked)
    west, south, east, north = tile_box(asked.z, asked.x, asked.y)
    values = {
        "z": asked.z,
        "x": asked.x,
        "y": asked.y,
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "classes": list(asked.classes) or None,
        "limit": asked.limit,
        "cells": CELLS_PER_SIDE,
    }
    await cursor.execute(statement, values)
    row = await cursor.fetchone()
    return (bytes(row[0]), bool(row[1])) if row else (b"", False)
