"""Vector tiles of assets, buildings, grids and places, made in the database as Mapbox vector tiles.

Features have stable ids (their keys). A tile holds at most MOST_FEATURES: of more, those are kept whose keys come first
in a fixed order that has nothing to do with where they lie, so the thinned tile looks like the full one and is the same
each time. Below COUNTS_BELOW_ZOOM assets and buildings are counted by squares instead (twin.area_total), because a tile
of a whole town would hold them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from twin.crs import LonLat
from twin.errors import NotFound
from twin.queries.about_how_many import about_in_box
from twin.queries.asset_tiles import COLUMNS, MOST_ROWS, Assets, assets_of, draw
from twin.queries.tile_encoder import Frame
from twin.queries.tile_grid import EVERYWHERE, Squares, check_tile, tile_at, tile_box, tile_squares

MOST_FEATURES = 10_000
COUNTS_BELOW_ZOOM = 13
SQUARES_BELOW_ZOOM = 11  # coarser counts from here on: squares of 2048 m and multiples
STRAIGHT_FROM_ZOOM = 13
GUESSED_BELOW_ZOOM = 16  # deeper tiles hardly ever lack room: guessing would cost more than it saves

_BOX = "ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4490)"
# In a tile of STRAIGHT_FROM_ZOOM or deeper Mercator's latitudes lie evenly to 0.4 of one of its 4096 steps, so
# degrees are drawn as they are: the first reprojection of a database process alone takes a tenth of a second. Further
# out CGCS2000 is taken for WGS 84, as PROJ does too, but without looking it up.
_STRAIGHT = """ST_AsMVTGeom(f.geom,
    (SELECT ST_MakeEnvelope(%(tile_west)s, %(tile_south)s, %(tile_east)s, %(tile_north)s, 4490)), 4096, 64, true)"""
_PROJECTED = """ST_AsMVTGeom(ST_Transform(ST_SetSRID(f.geom, 4326), 3857),
    (SELECT ST_TileEnvelope(%(z)s, %(x)s, %(y)s)), 4096, 64, true)"""


@dataclass(frozen=True)
class Layer:
    """How a collection is drawn: the kind its changes are told of, its key, table, columns read, properties shown."""

    kind: str
    key: str
    table: str
    columns: str
    properties: str
    join: str = ""


LAYERS = {
    "assets": Layer(
        "asset",
        "asset_id",
        "twin.asset",
        "class_id, code, name_zh, state",
        "f.code, c.code AS class_code, c.name_zh AS class_zh, c.name_en AS class_en, f.name_zh, f.state",
        "JOIN twin.class c USING (class_id)",
    ),
    "buildings": Layer(
        "building",
        "building_id",
        "twin.building",
        "code, name_zh, use_zh, storeys, ground_h_m, roof_h_m, height_m, height_confidence",
        "f.code, f.name_zh, f.use_zh, f.storeys, f.ground_h_m, f.roof_h_m, f.height_m, f.height_confidence",
    ),
    "grids": Layer("grid", "grid_id", "twin.grid", "code, name_zh", "f.code, f.name_zh"),
    "places": Layer(
        "place",
        "admin_id",
        "twin.admin_unit",
        "code, level, name_zh, name_en",
        "f.code, f.level, f.name_zh, f.name_en",
    ),
}
_OF_CLASSES = "AND f.class_id = ANY (ARRAY(SELECT class_id FROM twin.class WHERE code = ANY (%(classes)s::text[])))"


def _drawn(layer: Layer, z: int) -> str:
    geometry = _STRAIGHT if z >= STRAIGHT_FROM_ZOOM else _PROJECTED
    return f"f.{layer.key}::bigint AS id, {layer.properties}, {geometry} AS geom"


def _inside(asked: TileAsked) -> str:
    of_classes = _OF_CLASSES if asked.classes and asked.collection == "assets" else ""
    return f"f.geom && {_BOX} AND f.valid_to IS NULL {of_classes}"


def whole_statement(asked: TileAsked) -> str:
    """Write the statement of a tile that has room for all that lies there: its bytes, how many it shows, whether roomy.

    Nothing is read where it is surely not roomy; it shows one more than the limit where it turns out not to be.
    """
    layer = LAYERS[asked.collection]
    guess = about_in_box(layer.table, _BOX) if asked.z < GUESSED_BELOW_ZOOM else "NULL"
    return f"""
WITH room AS MATERIALIZED (SELECT coalesce({guess} <= %(limit)s, true) AS roomy)
SELECT ST_AsMVT(t, '{asked.collection}', 4096, 'geom', 'id'), count(*), (SELECT roomy FROM room)
FROM (SELECT {_drawn(layer, asked.z)} FROM {layer.table} f {layer.join}
      WHERE (SELECT roomy FROM room) AND {_inside(asked)} LIMIT %(limit)s + 1) t"""


def thinned_statement(asked: TileAsked) -> str:
    """Write the statement of a tile that need not have room for all: its bytes, how many it shows, how many there are.

    Those are shown whose keys come first in an order that scatters them.
    """
    layer = LAYERS[asked.collection]
    return f"""
WITH found AS MATERIALIZED (
  SELECT {layer.key} * 2654435761 %% 4294967296 AS turn, {layer.key}, {layer.columns}, geom
  FROM {layer.table} f WHERE {_inside(asked)}
), last AS MATERIALIZED (SELECT turn FROM found ORDER BY turn OFFSET %(limit)s - 1 LIMIT 1)
SELECT ST_AsMVT(t, '{asked.collection}', 4096, 'geom', 'id'), count(*), (SELECT count(*) FROM found)
FROM (SELECT {_drawn(layer, asked.z)} FROM found f {layer.join}
      WHERE turn <= coalesce((SELECT turn FROM last), 4294967296)) t"""


# What the totals say of a square, less what they say of its fine squares in which something was written since, and
# those counted row by row: right at any moment (as twin.queries.summary_sql). Fine squares are looked up one by one,
# coarse ones read in one go: there are few.
_TOTALS_FINE = """
  SELECT c AS col, r AS "row", t.n
  FROM generate_series(%(c0)s::integer, %(c1)s) c, generate_series(%(r0)s::integer, %(r1)s) r
    CROSS JOIN LATERAL (SELECT sum(t.n) AS n FROM twin.area_total t
      WHERE t.level = 0 AND t.col = c AND t."row" = r AND t.what = %(what)s {keys} HAVING sum(t.n) > 0 OFFSET 0) t"""
_TOTALS_COARSE = """
  SELECT t.col << 3 AS col, t."row" << 3 AS "row", t.n FROM twin.area_total t
  WHERE t.level = 1 AND t.col BETWEEN %(c0)s >> 3 AND %(c1)s >> 3 AND t."row" BETWEEN %(r0)s >> 3 AND %(r1)s >> 3
    AND t.what = %(what)s {keys}"""
_COUNTS = """
WITH stale AS MATERIALIZED (
  SELECT DISTINCT col, "row" FROM twin.area_stale
  WHERE of_table = '{table}' AND col BETWEEN %(c0)s AND %(c1)s AND "row" BETWEEN %(r0)s AND %(r1)s
), counted AS ({totals}
  UNION ALL
  SELECT s.col, s."row", -t.n FROM stale s CROSS JOIN LATERAL (
    SELECT sum(t.n) AS n FROM twin.area_total t
    WHERE t.level = 0 AND t.col = s.col AND t."row" = s."row" AND t.what = %(what)s {keys} OFFSET 0) t
  UNION ALL
  SELECT s.col, s."row", v.n FROM stale s CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM twin.{table} v CROSS JOIN LATERAL (SELECT twin.area_spot(v.geom_m) AS spot OFFSET 0) p
    WHERE v.geom_m && twin.area_box(0, s.col, s."row") AND v.valid_to IS NULL
      AND twin.area_square(ST_X(spot)) = s.col AND twin.area_square(ST_Y(spot)) = s."row" {classes} OFFSET 0) v
), squares AS (
  SELECT col >> %(shift)s AS col, "row" >> %(shift)s AS "row", sum(n)::bigint AS n
  FROM counted GROUP BY 1, 2 HAVING sum(n) > 0
), placed AS (
  SELECT s.*, ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AS tile, ST_Transform(ST_SetSRID(ST_Transform(
           ST_SetSRID(ST_MakePoint((s.col + 0.5) * (256 << %(shift)s), (s."row" + 0.5) * (256 << %(shift)s)),
                      %(srid)s::integer), 4490), 4326), 3857) AS spot
  FROM squares s
), inside AS (
  SELECT (p.col::bigint << 24) | (p."row" & 16777215) AS id, p.n::integer AS count, 256 << %(shift)s AS square_m,
         ST_AsMVTGeom(p.spot, p.tile, 4096, 0, false) AS geom
  FROM placed p
  WHERE ST_X(spot) >= ST_XMin(tile) AND ST_X(spot) < ST_XMax(tile)
    AND ST_Y(spot) > ST_YMin(tile) AND ST_Y(spot) <= ST_YMax(tile)
)
SELECT (SELECT ST_AsMVT(t, '{table}s', 4096, 'geom', 'id') FROM (SELECT * FROM inside ORDER BY id) t),
       (SELECT count(*) FROM inside), (SELECT count(*) FROM inside)
"""
_KEYS = "AND t.key = ANY (ARRAY(SELECT class_id::text FROM twin.class WHERE code = ANY (%(classes)s::text[])))"
_KIND_CLASSES = "AND v.class_id = ANY (ARRAY(SELECT class_id FROM twin.class WHERE code = ANY (%(classes)s::text[])))"


@dataclass(frozen=True)
class TileAsked:
    """One tile of a collection in the WebMercatorQuad matrix; classes: only assets of these (codes, sorted)."""

    collection: str
    z: int
    x: int
    y: int
    classes: tuple[str, ...] = ()
    limit: int = MOST_FEATURES

    @property
    def comes_in_columns(self) -> bool:
        """Say whether its assets are read and drawn here: so many that the database would take longer to draw them."""
        return self.collection == "assets" and COUNTS_BELOW_ZOOM <= self.z < GUESSED_BELOW_ZOOM

    @property
    def is_counted(self) -> bool:
        """Say whether the tile tells counts instead of single things."""
        return self.z < COUNTS_BELOW_ZOOM and self.collection in ("assets", "buildings")


@dataclass(frozen=True)
class Tile:
    """A tile's bytes, how many features it shows, and how many lie there."""

    body: bytes
    shown: int
    found: int


def check_asked(asked: TileAsked) -> None:
    """Raise NotFound for an unknown collection, BadInput for a tile that cannot be."""
    if asked.collection not in LAYERS:
        raise NotFound("there is no such collection", where=asked.collection[:100], do=f"Ask for {', '.join(LAYERS)}")
    check_tile(asked.z, asked.x, asked.y)


def _counts(asked: TileAsked, srid: int) -> tuple[str, dict[str, Any]]:
    coarse = asked.z < SQUARES_BELOW_ZOOM
    shift = max(3, 12 - asked.z) if coarse else 12 - asked.z
    squares = tile_squares(asked.z, asked.x, asked.y, srid)
    if squares == EVERYWHERE:
        squares = Squares(-(1 << 24), -(1 << 24), 1 << 24, 1 << 24)
    c0, r0 = ((low * 8 >> shift) << shift for low in (squares.col_min, squares.row_min))
    c1, r1 = ((((high * 8 + 7) >> shift) + 1 << shift) - 1 for high in (squares.col_max, squares.row_max))
    table = LAYERS[asked.collection].kind
    keys = _KEYS if asked.classes else ""
    totals = (_TOTALS_COARSE if coarse else _TOTALS_FINE).format(keys=keys)
    text = _COUNTS.format(table=table, totals=totals, keys=keys, classes=_KIND_CLASSES if asked.classes else "")
    what = "building" if table == "building" else "asset_class" if asked.classes else "asset_state"
    return text, {"c0": c0, "c1": c1, "r0": r0, "r1": r1, "shift": shift, "what": what, "srid": srid}


def tile_statement(asked: TileAsked, srid: int) -> tuple[str, dict[str, Any]]:
    """Give the statement that is asked first for a tile, and its bound values. srid: the working CRS.

    Raises NotFound for an unknown collection, BadInput for a tile that cannot be.
    """
    check_asked(asked)
    if asked.is_counted:
        text, more = _counts(asked, srid)
        return text, {"z": asked.z, "x": asked.x, "y": asked.y, "classes": list(asked.classes)} | more
    if asked.comes_in_columns:
        return columns_statement(asked), _bound(asked) | {"most_rows": MOST_ROWS}
    return whole_statement(asked), _bound(asked)


def _bound(asked: TileAsked) -> dict[str, Any]:
    west, south, east, north = tile_box(asked.z, asked.x, asked.y)
    values: dict[str, Any] = {"west": west, "south": south, "east": east, "north": north, "limit": asked.limit}
    if asked.classes:
        values["classes"] = list(asked.classes)
    if asked.z < STRAIGHT_FROM_ZOOM:
        return values | {"z": asked.z, "x": asked.x, "y": asked.y}
    sides = ("tile_west", "tile_south", "tile_east", "tile_north")
    return values | dict(zip(sides, tile_box(asked.z, asked.x, asked.y, 0.0), strict=True))


def columns_statement(asked: TileAsked) -> str:
    """Write the statement that reads a tile's assets as columns (twin.queries.asset_tiles)."""
    guess = about_in_box("twin.asset", _BOX)
    return f"""
WITH room AS MATERIALIZED (SELECT coalesce({guess} <= %(most_rows)s, true) AS roomy)
{COLUMNS.format(inside=_inside(asked))}"""


async def read_tile(cursor: psycopg.AsyncCursor[Any], asked: TileAsked, srid: int) -> Tile | Assets:
    """Read one tile, or the assets that are still to be drawn in it (draw_tile).

    cursor: binary, best of a connection that keeps plans. srid: the working CRS.
    Raises NotFound for an unknown collection, BadInput for a tile that cannot be.
    """
    text, values = tile_statement(asked, srid)
    if asked.is_counted or asked.comes_in_columns or asked.limit == MOST_FEATURES:
        await cursor.execute(text, values, prepare=True)
        row = await cursor.fetchone()
        assert row is not None  # noqa: S101 - an aggregate always gives a row
        if asked.comes_in_columns:
            if (assets := assets_of(row)) is not None:
                return assets
        elif asked.is_counted or (row[2] and row[1] <= asked.limit):
            return Tile(bytes(row[0]), row[1], row[1])
    await cursor.execute(thinned_statement(asked), values, prepare=True)
    body, shown, found = await cursor.fetchone() or (b"", 0, 0)
    return Tile(bytes(body), shown, found)


def draw_tile(asked: TileAsked, assets: Assets) -> Tile:
    """Draw the assets of a tile, at most asked.limit of them."""
    body, shown = draw(assets, Frame(*tile_box(asked.z, asked.x, asked.y, 0.0)), asked.limit)
    return Tile(body, shown, len(assets))


async def vector_tile(cursor: psycopg.AsyncCursor[Any], asked: TileAsked, srid: int) -> Tile:
    """Make one tile (read_tile, draw_tile)."""
    read = await read_tile(cursor, asked, srid)
    return read if isinstance(read, Tile) else draw_tile(asked, read)


def codes(given: Sequence[str]) -> tuple[str, ...]:
    """Put class codes in the one order by which tiles are kept."""
    return tuple(sorted(set(given)))


def tiles_around(place: LonLat) -> list[TileAsked]:
    """Give tiles of assets at a place, one for each statement that such tiles are made by."""
    return [
        TileAsked("assets", zoom, *tile_at(place, zoom))
        for zoom in (SQUARES_BELOW_ZOOM - 1, COUNTS_BELOW_ZOOM - 1, GUESSED_BELOW_ZOOM - 1, GUESSED_BELOW_ZOOM)
    ]
