"""Pages of features and single features, made as JSON bytes in the database.

Pages go by key: each says the last key it holds, and the next begins after it, so that rows that come or go meanwhile
neither repeat others nor hide them. A page and its count are one statement; a question asked for the second time has
its text and its plan already.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

import psycopg

from twin.errors import BadInput
from twin.queries.cql2_filter import Condition
from twin.queries.feature_collections import Collection
from twin.queries.feature_crs import STORED_SRID, Box, ServedCrs, in_metres
from twin.queries.known_then import KEYS, sources_as_of, sources_now

MOST = 10_000
COUNTED_UP_TO = 10_000
SMALL_BOX_DEG2 = 0.0025  # about 5 x 5 km: what lies in it is found by its index, whatever else is asked
ROUNDING_DEG = 5e-5  # of the boxes in an index, with room
CountMode = Literal["auto", "exact", "estimated", "none"]

_NOW, _THEN = sources_now(), sources_as_of()
_BOX = {
    False: "ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, {srid})",
    True: """ST_Collect(ST_MakeEnvelope(%(west)s, %(south)s, 180, %(north)s, {srid}),
                        ST_MakeEnvelope(-180, %(south)s, %(east)s, %(north)s, {srid}))""",
}


@dataclass(frozen=True)
class Area:
    """Where somebody may look: everywhere, or in some unit grids and at what a department answers for."""

    everything: bool = True
    department_id: int | None = None
    grid_ids: Sequence[int] = ()


EVERYWHERE = Area()


@dataclass(frozen=True)
class PageAsked:
    """What is asked of a collection. during: begin and end (None: open) of valid time; as_of: known time.

    after: the last key of the page before. properties: those to write, None for all. working_srid: the city's.
    """

    collection: Collection
    crs: ServedCrs
    working_srid: int
    limit: int = 10
    after: int | None = None
    box: Box | None = None
    during: tuple[datetime | None, datetime | None] | None = None
    as_of: datetime | None = None
    condition: Condition | None = None
    properties: tuple[str, ...] | None = None
    count: CountMode = "auto"
    area: Area = EVERYWHERE

    @property
    def by_box(self) -> bool:
        """Say whether the box is small enough to be looked at first."""
        box = self.box
        if box is None or box.crosses or box.srid != STORED_SRID:
            return False
        return (box.east - box.west) * (box.north - box.south) <= SMALL_BOX_DEG2

    @property
    def keeps_plan(self) -> bool:
        """Say whether one plan does for every question of this form."""
        return self.condition is None and self.as_of is None and (self.box is None or self.by_box)


@dataclass(frozen=True)
class Page:
    """Features as JSON, comma separated; how many; the key to go on after (None at the end); how many match.

    matched: None when not counted or still to be estimated. exact: whether it is counted.
    """

    features: bytes
    returned: int
    last: int | None
    matched: int | None
    exact: bool


@dataclass(frozen=True)
class Feature:
    """A feature as JSON and its entity tag (None for the past)."""

    body: bytes
    etag: str | None


def source_of(collection: Collection, as_of: datetime | None) -> str:
    """Name the table or subquery that a collection is read from."""
    if collection.table not in KEYS:
        return f"twin.{collection.table}"
    return _NOW[collection.table] if as_of is None else _THEN[collection.table]


def geometry_sql(collection: Collection, crs: ServedCrs, working_srid: int) -> str:
    """Give the SQL of a feature's geometry as GeoJSON in a CRS."""
    if crs.stored:
        geometry = f"a.{collection.geometry}"
    elif crs.srid == working_srid and collection.metric:
        geometry = f"a.{collection.metric}"
    else:
        geometry = f"ST_Transform(a.{collection.geometry}, {crs.srid:d})"
    if crs.north_first:
        geometry = f"ST_FlipCoordinates({geometry})"
    written = f"ST_AsGeoJSON({geometry}, {crs.digits:d}, 0)"
    return written if collection.shape == "any" and collection.geometry == "geom" else f"coalesce({written}, 'null')"


_features: dict[tuple[str, str, int, tuple[str, ...] | None], str] = {}


def feature_sql(collection: Collection, crs: ServedCrs, working_srid: int, names: tuple[str, ...] | None) -> str:
    """Give the SQL that writes a feature as JSON text; names: the properties to write, None for all."""
    key = (collection.table, crs.uri, working_srid, names)
    if key not in _features:
        if len(_features) > 500:  # every choice of properties is another
            _features.clear()
        _features[key] = _write_feature_sql(collection, crs, working_srid, names)
    return _features[key]


def _write_feature_sql(collection: Collection, crs: ServedCrs, working_srid: int, names: tuple[str, ...] | None) -> str:
    written = [
        f"""'{"," if number else ""}"{one.name}":' || {one.json}"""
        for number, one in enumerate(p for p in collection.properties if names is None or p.name in names)
    ]
    return (
        f"""'{{"type":"Feature","id":' || a.{collection.key} || ',"geometry":' """
        f"""|| {geometry_sql(collection, crs, working_srid)} || ',"properties":{{' || """
        + " || ".join([*written, "'}}'"])
    )


def _time_conditions(collection: Collection, during: bool, as_of: bool) -> list[str]:
    begin, end = collection.times
    if during:
        found = [f"(%(until)s::timestamptz IS NULL OR a.{begin} <= %(until)s::timestamptz)"]
        over = f"a.{end} > %(since)s::timestamptz" if end == "valid_to" else f"a.{end} >= %(since)s::timestamptz"
        return [*found, f"(%(since)s::timestamptz IS NULL OR a.{end} IS NULL OR {over})"]
    if as_of and collection.ends:
        return ["a.valid_from <= %(as_of)s", "(a.valid_to IS NULL OR a.valid_to > %(as_of)s)"]
    return ["a.valid_to IS NULL"] if collection.ends else []


def _conditions(asked: PageAsked, metric: bool) -> list[str]:
    """List the conditions of a question, all but its filter and where the page begins."""
    collection, found = asked.collection, []
    if collection.class_id is not None:
        found.append("a.class_id = %(class_id)s::smallint")  # an int4 would lose the index of class and place
    found += _time_conditions(collection, asked.during is not None, asked.as_of is not None)
    if asked.box is not None:
        srid, column = asked.box.srid, f"a.{collection.geometry}"
        box = _BOX[asked.box.crosses].format(srid=f"{srid:d}")
        if srid == asked.working_srid and collection.metric:
            column = f"a.{collection.metric}"
        elif srid != STORED_SRID:
            box = f"ST_Transform(ST_Segmentize({box}, 1000), {STORED_SRID:d})"
        if srid == STORED_SRID and not asked.box.crosses:
            # What surely lies inside need not be looked at closely: boxes in the index are rounded by up to a metre.
            inside = "ST_MakeEnvelope(%(in_west)s, %(in_south)s, %(in_east)s, %(in_north)s, 4490)"
            # With OR the index would be searched for both.
            found.append(
                f"{column} && {box} AND CASE WHEN {column} @ {inside} THEN true ELSE ST_Intersects({column}, {box}) END"
            )
        else:
            found.append(f"ST_Intersects({column}, {box})")
        if metric:
            found.append(
                f"a.{collection.metric} && ST_MakeEnvelope(%(m_west)s, %(m_south)s, %(m_east)s, %(m_north)s,"
                f" {asked.working_srid:d})"
            )
    return found if asked.area.everything else [*found, _within(collection)]


def _within(collection: Collection) -> str:
    own = [f"a.{column} = %(department_id)s::integer" for column in collection.area_departments]
    if collection.area_grid:
        own.append(f"{collection.area_grid} = ANY (%(grid_ids)s::integer[])")
    return "(" + " OR ".join(own) + ")" if own else "false"


@lru_cache(maxsize=512)
def _page_text(
    source: str, joins: str, key: str, feature: str, conditions: tuple[str, ...], asked_filter: str | None, after: bool,
    by_box: bool, count: CountMode,
) -> str:  # fmt: skip
    """Write a page's statement."""
    where = " AND ".join((*conditions, *([asked_filter] if asked_filter else ()))) or "true"
    matching = f"FROM {source} a {joins if asked_filter else ''} WHERE {where}"
    follow = f"AND a.{key} > %(after)s" if after else ""
    hit = ""
    # Only what is written is carried through the sorting.
    columns = ", ".join(sorted({f"a.{key}", *re.findall(r"\ba\.\w+", f"{feature} {joins}")}))
    if by_box:
        # OFFSET 0 keeps the planner from walking the whole table in the order of its keys to find a small box.
        counts = count in ("exact", "estimated")  # all of them are looked at anyway
        hit = f"hit AS MATERIALIZED (SELECT a.{key} {matching} OFFSET 0)," if counts else ""
        keys = "hit a" if hit else f"(SELECT a.{key} {matching} OFFSET 0) a"
        rows = f"""SELECT {columns} FROM (
          SELECT {key} FROM {keys} WHERE true {follow} ORDER BY {key} LIMIT %(limit)s + 1) h
          JOIN {source} a USING ({key})"""
    else:
        rows = f"SELECT {columns} {matching} {follow} ORDER BY a.{key} LIMIT %(limit)s + 1"
    if hit:
        counted = "(SELECT count(*) FROM hit)"
    else:
        capped = f"(SELECT FROM {source} a {joins if asked_filter else ''} WHERE {where} LIMIT {COUNTED_UP_TO + 1})"
        counted = {
            "auto": f"(SELECT count(*) FROM {capped} c)",
            "exact": f"(SELECT count(*) {matching})",
            "none": "NULL::bigint",
            "estimated": "NULL::bigint",
        }[count]
    return f"""
WITH {hit} page AS MATERIALIZED ({rows})
SELECT convert_to(coalesce(string_agg({feature}, ',' ORDER BY a.{key}), ''), 'UTF8'), count(*), max(a.{key}),
       (SELECT count(*) FROM page), {counted}
FROM (SELECT * FROM page ORDER BY {key} LIMIT %(limit)s) a {joins}"""


def page_statement(asked: PageAsked) -> tuple[str, dict[str, Any]]:
    """Give the SQL text and bound values of a page."""
    collection = asked.collection
    metres = in_metres(asked.box, asked.working_srid) if asked.box and _needs_metric(asked) else None
    values = _values(asked, metres)
    conditions = tuple(_conditions(asked, metres is not None))
    text = _page_text(
        source_of(collection, asked.as_of), collection.joins, collection.key,
        feature_sql(collection, asked.crs, asked.working_srid, asked.properties), conditions,
        asked.condition.sql if asked.condition else None, asked.after is not None, asked.by_box, asked.count,
    )  # fmt: skip
    return text, values


def _needs_metric(asked: PageAsked) -> bool:
    return asked.collection.class_id is not None and asked.collection.metric is not None and asked.box is not None


def _values(asked: PageAsked, metres: tuple[float, float, float, float] | None) -> dict[str, Any]:
    values: dict[str, Any] = {"limit": asked.limit}
    if asked.after is not None:
        values["after"] = asked.after
    if asked.collection.class_id is not None:
        values["class_id"] = asked.collection.class_id
    if asked.box is not None:
        box = asked.box
        values |= {"west": box.west, "south": box.south, "east": box.east, "north": box.north}
        if box.srid == STORED_SRID:
            values |= _inner(box)
    if metres is not None:
        values |= dict(zip(("m_west", "m_south", "m_east", "m_north"), metres, strict=True))
    if asked.during is not None:
        values |= {"since": asked.during[0], "until": asked.during[1]}
    if asked.as_of is not None:
        values["as_of"] = asked.as_of
    if not asked.area.everything:
        values |= {"grid_ids": list(asked.area.grid_ids), "department_id": asked.area.department_id}
    if asked.condition is not None:
        values |= asked.condition.values
    return values


def _inner(box: Box) -> dict[str, float]:
    """Give the box that rounding cannot lead out of; somewhere else for one too small to hold any."""
    if min(box.east - box.west, box.north - box.south) <= 2 * ROUNDING_DEG:
        return {"in_west": 999.0, "in_south": 999.0, "in_east": 999.0, "in_north": 999.0}
    return {
        "in_west": box.west + ROUNDING_DEG,
        "in_south": box.south + ROUNDING_DEG,
        "in_east": box.east - ROUNDING_DEG,
        "in_north": box.north - ROUNDING_DEG,
    }


async def page_of(cursor: psycopg.AsyncCursor[Any], asked: PageAsked) -> Page:
    """Read one page.

    cursor: binary, of a connection that may only read; where `keeps_plan` holds, one that keeps plans.
    Returns features in the order of their keys. Raises BadInput when the filter cannot be worked out for some row.
    """
    text, values = page_statement(asked)
    try:
        await cursor.execute(text, values, prepare=asked.keeps_plan)
    except psycopg.DataError as error:
        raise BadInput("the filter cannot be worked out for every feature", where="filter") from error
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate always gives a row
    features, returned, last, found, counted = row
    more = found > asked.limit
    if asked.after is None and not more and asked.count != "none":
        return Page(features, returned, None, returned, exact=True)
    if (asked.count == "estimated" and not asked.by_box) or (asked.count == "auto" and counted > COUNTED_UP_TO):
        estimate = await _estimate(cursor, asked)
        return Page(features, returned, last if more else None, max(estimate, returned + more), exact=False)
    return Page(features, returned, last if more else None, counted, exact=True)


def matching(asked: PageAsked) -> tuple[list[str], dict[str, Any]]:
    """Give the conditions of a question, its filter among them, and the bound values."""
    metres = in_metres(asked.box, asked.working_srid) if asked.box and _needs_metric(asked) else None
    conditions = _conditions(asked, metres is not None)
    return [*conditions, *([asked.condition.sql] if asked.condition else [])], _values(asked, metres)


async def about_how_many(cursor: psycopg.AsyncCursor[Any], asked: PageAsked) -> int:
    """Estimate how many features match."""
    return await _estimate(cursor, asked)


async def _estimate(cursor: psycopg.AsyncCursor[Any], asked: PageAsked) -> int:
    """Ask the planner how many rows it expects."""
    conditions = _conditions(asked, metric=False)
    joins = ""
    if asked.condition is not None:
        conditions.append(asked.condition.sql)
        joins = asked.collection.joins
    where = " AND ".join(conditions) or "true"
    source = source_of(asked.collection, asked.as_of)
    values = _values(asked, None)
    await cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT FROM {source} a {joins} WHERE {where}", values, prepare=False)
    row = await cursor.fetchone()
    plan = row[0] if row else []
    return int((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]["Plan Rows"])


@lru_cache(maxsize=512)
def _item_text(
    collection_id: str, key: str, joins: str, feature: str, conditions: tuple[str, ...], source: str, known: bool
) -> str:
    tag = "NULL::text" if source.startswith("(") else "a.xmin::text"
    since = "extract(epoch FROM a.known_at)::text" if known else "''"
    where = " AND ".join((f"a.{key} = %(fid)s::bigint", *conditions))
    return f"SELECT convert_to({feature}, 'UTF8'), {tag}, {since} FROM {source} a {joins} WHERE {where}"


def entity_tag_of(collection: Collection, fid: int, version: str, known: str) -> str:
    """Make a feature's strong entity tag: each write of its row makes another."""
    return f'"{collection.table}-{fid}-{version}-{known}"'


async def feature_of(cursor: psycopg.AsyncCursor[Any], asked: PageAsked, fid: int) -> Feature | None:
    """Read one feature by its key; None when there is none, or not for the asker. cursor: as for page_of."""
    collection = asked.collection
    feature = feature_sql(collection, asked.crs, asked.working_srid, None)
    conditions = tuple(_conditions(asked, metric=False))
    known = collection.property("known_at") is not None
    source = source_of(collection, asked.as_of)
    text = _item_text(collection.id, collection.key, collection.joins, feature, conditions, source, known)
    await cursor.execute(text, {**_values(asked, None), "fid": fid}, prepare=asked.keeps_plan)
    row = await cursor.fetchone()
    if row is None:
        return None
    return Feature(row[0], entity_tag_of(collection, fid, row[1], row[2]) if row[1] else None)
