"""Pages of features in an order that somebody asks for, over public properties only; what has no value comes last.

Pages go by key here too: each says the values its last feature is sorted by, and the next begins after them. Features
of equal values follow their keys, so that the order is whole and paging neither repeats nor leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from twin.errors import BadInput
from twin.queries.feature_collections import Collection, Kind
from twin.queries.features import COUNTED_UP_TO, Page, PageAsked, about_how_many, feature_sql, matching, source_of

MOST_KEYS = 4
CASTS: dict[Kind, str] = {
    "string": "text", "word": "text", "number": "float8", "integer": "float8", "boolean": "boolean",
    "date-time": "timestamptz",
}  # fmt: skip
ID = "id"


@dataclass(frozen=True)
class SortKey:
    """A property to sort by, and its direction. sql: from the collection's own constants."""

    name: str
    sql: str
    cast: str
    down: bool


@dataclass(frozen=True)
class Sorted:
    """A page in order. values: what its last feature is sorted by, as texts, and its key; None at the end."""

    page: Page
    values: tuple[str | None, ...] | None


def sortable(collection: Collection) -> list[str]:
    """List what a collection can be sorted by: its id and every property that has one value."""
    return [ID, *(one.name for one in collection.properties if one.kind in CASTS)]


def sort_keys(text: str, collection: Collection) -> tuple[SortKey, ...]:
    """Read `sortby`: names, comma separated, each with + (the default) or - before it.

    Raises BadInput, which says what can be sorted by; what is private is not there and told like what never was.
    """
    found: dict[str, SortKey] = {}
    for part in text.split(","):
        given = part.strip()  # a plus that was not encoded arrives as a blank
        name = given[1:] if given[:1] in ("+", "-") else given
        one = collection.property(name)
        if name in found or len(found) >= MOST_KEYS or not (name == ID or (one and one.kind in CASTS)):
            raise BadInput(
                f"the collection is not sorted by this, or by more than {MOST_KEYS} properties",
                where="sortby",
                do=f"It can be sorted by {', '.join(sortable(collection))}",
            )
        sql, cast = (one.sql, CASTS[one.kind]) if one else (f"a.{collection.key}", "bigint")
        found[name] = SortKey(
            name, f"({sql})::{cast}" if cast in ("text", "float8") else f"({sql})", cast, given[0] == "-"
        )
    return tuple(found.values())


async def sorted_page_of(
    cursor: psycopg.AsyncCursor[Any], asked: PageAsked, keys: Sequence[SortKey], after: Sequence[str | None] | None
) -> Sorted:
    """Read one page in an order. after: the values of the last page's last feature, its key the last of them.

    Raises BadInput for values that are none of ours, and when the filter cannot be worked out for some row.
    """
    text, values = _statement(asked, keys, after)
    try:
        await cursor.execute(text.encode(), values, prepare=False)
    except psycopg.DataError as error:
        raise BadInput("the filter or the token cannot be worked out", where="filter") from error
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate always gives a row
    features, returned, last, found, counted = row
    more = found > asked.limit
    matched, exact = counted, True
    if asked.count == "estimated" or (asked.count == "auto" and counted is not None and counted > COUNTED_UP_TO):
        matched, exact = max(await about_how_many(cursor, replace(asked, after=None)), returned + more), False
    return Sorted(Page(features, returned, None, matched, exact), tuple(last) if more else None)


def _statement(
    asked: PageAsked, keys: Sequence[SortKey], after: Sequence[str | None] | None
) -> tuple[str, dict[str, Any]]:
    collection = asked.collection
    conditions, values = matching(replace(asked, after=None))
    where = " AND ".join(conditions) or "true"
    source = f"{source_of(collection, asked.as_of)} a {collection.joins}"
    order = ", ".join(
        [*(f"{key.sql} {'DESC NULLS LAST' if key.down else 'ASC'}" for key in keys), f"a.{collection.key}"]
    )
    follow = ""
    if after is not None:
        beyond, bound = _beyond(keys, after, f"a.{collection.key}")
        follow, values = f"AND ({beyond})", values | bound
    feature = feature_sql(collection, asked.crs, asked.working_srid, asked.properties)
    columns = ", ".join(sorted({f"a.{collection.key}", *re.findall(r"\ba\.\w+", f"{feature} {collection.joins}")}))
    said = ", ".join([*(f"({key.sql})::text" for key in keys), f"a.{collection.key}::text"])
    counted = {
        "auto": f"(SELECT count(*) FROM (SELECT FROM {source} WHERE {where} LIMIT {COUNTED_UP_TO + 1}) c)",
        "exact": f"(SELECT count(*) FROM {source} WHERE {where})",
    }.get(asked.count, "NULL::bigint")
    text = f"""
WITH page AS MATERIALIZED (
  SELECT {columns}, ARRAY[{said}] AS sorted_by, row_number() OVER (ORDER BY {order}) AS place
  FROM {source} WHERE {where} {follow} ORDER BY {order} LIMIT %(limit)s + 1)
SELECT convert_to(coalesce(string_agg({feature}, ',' ORDER BY a.place), ''), 'UTF8'), count(*),
       (array_agg(to_jsonb(a.sorted_by) ORDER BY a.place DESC))[1], (SELECT count(*) FROM page), {counted}
FROM (SELECT * FROM page ORDER BY place LIMIT %(limit)s) a {collection.joins}"""
    return text, values


def _beyond(keys: Sequence[SortKey], after: Sequence[str | None], key: str) -> tuple[str, dict[str, Any]]:
    """Write which rows come after the last one: those greater in the first value that differs."""
    if len(after) != len(keys) + 1 or after[-1] is None:
        raise BadInput("this is no token of this order", where="token", do="Follow the link named next")
    values = {f"s{number}": value for number, value in enumerate(after)}
    equal, found = list[str](), list[str]()
    for number, one in enumerate(keys):
        value = f"%(s{number})s::{one.cast}"
        if after[number] is None:
            equal.append(f"{one.sql} IS NULL")  # what has no value comes last: nothing is beyond it but by its key
            continue
        beyond = f"({one.sql} {'<' if one.down else '>'} {value} OR {one.sql} IS NULL)"
        found.append(" AND ".join([*equal, beyond]))
        equal.append(f"{one.sql} = {value}")
    found.append(" AND ".join([*equal, f"{key} > %(s{len(keys)})s::bigint"]))
    return " OR ".join(f"({part})" for part in found), values
