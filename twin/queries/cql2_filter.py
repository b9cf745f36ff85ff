"""A CQL2 tree as one SQL condition: names and functions from lists, every literal bound.

Source: OGC 21-065r2, Common Query Language (CQL2). Literals in coordinates are in the filter's CRS and bound with
their SRID. The SQL has nothing in it that came from outside but the names of parameters f0, f1 ...
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

from twin.errors import BadInput
from twin.queries.feature_collections import Collection
from twin.queries.feature_crs import STORED_SRID, ServedCrs

Family = Literal["text", "number", "boolean", "instant", "interval", "geometry", "list"]
FAMILY: dict[str, Family] = {
    "string": "text",
    "word": "text",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "date-time": "instant",
    "object": "text",
}
COMPARISONS = {"=": "=", "<>": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
SPATIAL = {
    "s_intersects": "ST_Intersects",
    "s_equals": "ST_Equals",
    "s_disjoint": "ST_Disjoint",
    "s_touches": "ST_Touches",
    "s_within": "ST_Within",
    "s_overlaps": "ST_Overlaps",
    "s_crosses": "ST_Crosses",
    "s_contains": "ST_Contains",
}
# Over the begins and ends of two intervals; an instant begins and ends at once.
TEMPORAL = {
    "t_after": "{s1} > {e2}",
    "t_before": "{e1} < {s2}",
    "t_contains": "{s1} < {s2} AND {e1} > {e2}",
    "t_disjoint": "{e1} < {s2} OR {s1} > {e2}",
    "t_during": "{s1} > {s2} AND {e1} < {e2}",
    "t_equals": "{s1} = {s2} AND {e1} = {e2}",
    "t_finishedby": "{s1} < {s2} AND {e1} = {e2}",
    "t_finishes": "{s1} > {s2} AND {e1} = {e2}",
    "t_intersects": "{s1} <= {e2} AND {e1} >= {s2}",
    "t_meets": "{e1} = {s2}",
    "t_metby": "{s1} = {e2}",
    "t_overlappedby": "{s1} > {s2} AND {s1} < {e2} AND {e1} > {e2}",
    "t_overlaps": "{s1} < {s2} AND {e1} > {s2} AND {e1} < {e2}",
    "t_startedby": "{s1} = {s2} AND {e1} > {e2}",
    "t_starts": "{s1} = {s2} AND {e1} < {e2}",
}
ARITHMETIC: dict[str, str] = {
    "+": "({0} + {1})",
    "-": "({0} - {1})",
    "*": "({0} * {1})",
    "/": "({0} / nullif({1}, 0))",
    "^": "power({0}, {1})",
    "%": "mod(({0})::numeric, nullif(({1})::numeric, 0))::float8",
    "div": "div(({0})::numeric, nullif(({1})::numeric, 0))::float8",
}
MARKS = r"regexp_replace(normalize({0}, NFD), '[\u0300-\u036f]', '', 'g')"
GEOMETRIES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)
GEOMETRY_NAMES = ("geometry", "geom")
ID_NAME = "id"
ATTRIBUTES = "attributes."


@dataclass(frozen=True)
class Part:
    """A piece of SQL and what it is."""

    sql: str
    family: Family
    end: str = ""  # of an interval
    integer: bool = False
    literal: Any = None


@dataclass
class Condition:
    """A WHERE condition with its bound values."""

    sql: str
    values: dict[str, Any]


def refuse(what: str, do: str | None = None) -> BadInput:
    """Make the error for a filter that says something we do not serve."""
    return BadInput(what, where="filter", do=do)


def compile_filter(tree: Any, collection: Collection, crs: ServedCrs) -> Condition:
    """Compile a CQL2 tree to SQL over a collection's row.

    tree: its JSON form. crs: of the coordinates in it. Raises BadInput for unknown properties and operators and for
    wrong types.
    """
    compiler = _Compiler(collection, crs)
    part = compiler.part(tree)
    if part.family != "boolean":
        raise refuse("the filter is no condition")
    return Condition(part.sql, compiler.values)


@dataclass
class _Compiler:
    collection: Collection
    crs: ServedCrs
    values: dict[str, Any] = field(default_factory=dict)
    depth: int = 0

    def bind(self, value: Any, cast: str) -> str:
        name = f"f{len(self.values)}"
        self.values[name] = value
        return f"%({name})s::{cast}"

    def part(self, node: Any) -> Part:
        self.depth += 1
        try:
            if self.depth > 100:
                raise refuse("the filter is too deep")
            if isinstance(node, dict):
                return self._from_object(node)
            return self._literal(node)
        finally:
            self.depth -= 1

    def _literal(self, value: Any) -> Part:
        if isinstance(value, bool):
            return Part("true" if value else "false", "boolean")
        if isinstance(value, (int, float)):
            if not math.isfinite(value) or abs(value) > 1e300:
                raise refuse("a number is too large")
            return Part(self.bind(float(value), "float8"), "number", literal=value)
        if isinstance(value, str):
            if "\0" in value:
                raise refuse("a text holds a character that no text has")
            return Part(self.bind(value, "text"), "text")
        if value is None:
            raise refuse("null is no value to compare with", "Use IS NULL")
        raise refuse("a list stands where a value is needed")

    def _from_object(self, node: dict[str, Any]) -> Part:
        if "op" in node:
            args = node.get("args")
            if not isinstance(node["op"], str) or not isinstance(args, list):
                raise refuse("an operator has no list of arguments")
            return self._operator(node["op"].lower(), args)
        if "property" in node:
            return self._property(node["property"])
        if "timestamp" in node or "date" in node:
            return Part(self.bind(_instant(node), "timestamptz"), "instant")
        if "interval" in node:
            return self._interval(node["interval"])
        if "bbox" in node:
            return self._bbox(node["bbox"])
        if node.get("type") in GEOMETRIES:
            return self._geometry(node)
        raise refuse("a part of the filter is not known")

    def _property(self, name: Any) -> Part:
        if name in GEOMETRY_NAMES:
            return Part(f"a.{self.collection.geometry}", "geometry")
        if name == ID_NAME:
            return Part(f"a.{self.collection.key}", "number", integer=True)
        known = self.collection.property(name) if isinstance(name, str) else None
        if known is not None:
            sql = f"({known.sql})::text" if known.kind in ("object", "word") else f"({known.sql})"
            return Part(sql, FAMILY[known.kind], integer=known.kind == "integer")
        if isinstance(name, str) and name.startswith(ATTRIBUTES) and self.collection.property("attributes"):
            return Part(f"(a.attributes ->> {self.bind(name.removeprefix(ATTRIBUTES)[:200], 'text')})", "text")
        listed = ", ".join([ID_NAME, "geometry", *(p.name for p in self.collection.properties)])
        raise refuse("the filter names a property that this collection does not have", f"It has {listed}")

    def _operator(self, name: str, args: list[Any]) -> Part:
        special: dict[str, Callable[[list[Any]], Part]] = {
            "not": self._not,
            "like": self._like,
            "between": self._between,
            "in": self._in,
            "isnull": self._is_null,
            "casei": lambda given: self._of_text(given, "lower({0})"),
            "accenti": lambda given: self._of_text(given, MARKS),
        }
        if name in ("and", "or"):
            return self._joined(name, args)
        if name in special:
            return special[name](args)
        if name in COMPARISONS:
            return self._compared(name, *self._two(args))
        if name in SPATIAL:
            return self._spatial(name, *self._two(args))
        if name in TEMPORAL:
            return self._temporal(name, *self._two(args))
        if name in ARITHMETIC:
            left, right = self._two(args)
            _need("number", left, right)
            return Part(ARITHMETIC[name].format(_number(left), _number(right)), "number")
        raise refuse("the filter uses a function or operator that is not served", "See /conformance")

    def _two(self, args: list[Any]) -> tuple[Part, Part]:
        if len(args) != 2:
            raise refuse("an operator needs two arguments")
        return self.part(args[0]), self.part(args[1])

    def _joined(self, name: str, args: list[Any]) -> Part:
        if len(args) < 2:
            raise refuse("AND and OR join two conditions or more")
        parts = [self.part(arg) for arg in args]
        _need("boolean", *parts)
        return Part("(" + f" {name.upper()} ".join(part.sql for part in parts) + ")", "boolean")

    def _not(self, args: list[Any]) -> Part:
        part = self._one(args)
        _need("boolean", part)
        return Part(f"(NOT {part.sql})", "boolean")

    def _one(self, args: list[Any]) -> Part:
        if len(args) != 1:
            raise refuse("an operator needs one argument")
        return self.part(args[0])

    def _of_text(self, args: list[Any], sql: str) -> Part:
        part = self._one(args)
        _need("text", part)
        return Part(sql.format(part.sql), "text")

    def _like(self, args: list[Any]) -> Part:
        text, pattern = self._two(args)
        _need("text", text, pattern)
        return Part(f"({text.sql} LIKE {pattern.sql})", "boolean")

    def _is_null(self, args: list[Any]) -> Part:
        return Part(f"({self._one(args).sql} IS NULL)", "boolean")

    def _between(self, args: list[Any]) -> Part:
        if len(args) != 3:
            raise refuse("BETWEEN needs a value and two bounds")
        value, low, high = (self.part(arg) for arg in args)
        _need("number", value, low, high)
        return Part(f"({_number(value)} BETWEEN {_number(low)} AND {_number(high)})", "boolean")

    def _in(self, args: list[Any]) -> Part:
        if len(args) != 2 or not isinstance(args[1], list) or not args[1]:
            raise refuse("IN needs a value and a list")
        value = self.part(args[0])
        listed = [self._compared("=", value, self.part(item)).sql for item in args[1]]
        return Part("(" + " OR ".join(listed) + ")", "boolean")

    def _compared(self, name: str, left: Part, right: Part) -> Part:
        if left.family != right.family or left.family not in ("text", "number", "boolean", "instant"):
            raise refuse(f"{left.family} is compared with {right.family}", "Compare values of the same kind")
        if left.family == "number":
            left, right = self._as_integers(left, right)
        return Part(f"({left.sql} {COMPARISONS[name]} {right.sql})", "boolean")

    def _as_integers(self, left: Part, right: Part) -> tuple[Part, Part]:
        """Compare whole numbers as such, so that an index of them can be used."""
        for one, other in ((left, right), (right, left)):
            number = other.literal
            if one.integer and number is not None and float(number).is_integer() and abs(number) < 2**53:
                whole = Part(self.bind(int(number), "bigint"), "number")
                return (one, whole) if one is left else (whole, one)
        return Part(_number(left), "number"), Part(_number(right), "number")

    def _spatial(self, name: str, left: Part, right: Part) -> Part:
        _need("geometry", left, right)
        if name not in ("s_intersects", "s_disjoint") and "GeometryCollection" in (left.literal, right.literal):
            raise refuse(
                "a geometry collection can only be intersected",
                "Use S_INTERSECTS or S_DISJOINT, or its parts one by one",
            )
        return Part(f"{SPATIAL[name]}({left.sql}, {right.sql})", "boolean")

    def _temporal(self, name: str, left: Part, right: Part) -> Part:
        for part in (left, right):
            if part.family not in ("instant", "interval"):
                raise refuse(f"{part.family} stands where a time is needed")
        bounds = {"s1": left.sql, "e1": left.end or left.sql, "s2": right.sql, "e2": right.end or right.sql}
        return Part("(" + TEMPORAL[name].format(**bounds) + ")", "boolean")

    def _interval(self, ends: Any) -> Part:
        if not isinstance(ends, list) or len(ends) != 2:
            raise refuse("an interval has two ends")
        found = [self._end(end, open_end) for end, open_end in zip(ends, ("-infinity", "infinity"), strict=True)]
        return Part(found[0], "interval", end=found[1])

    def _end(self, end: Any, open_end: str) -> str:
        if end == "..":
            return f"'{open_end}'::timestamptz"
        if isinstance(end, str):
            return self.bind(_moment(end), "timestamptz")
        part = self.part(end)
        _need("instant", part)
        return f"coalesce({part.sql}, '{open_end}'::timestamptz)" if "property" in end else part.sql

    def _bbox(self, numbers: Any) -> Part:
        if not isinstance(numbers, list) or len(numbers) not in (4, 6) or not all(map(_is_number, numbers)):
            raise refuse("a BBOX has four or six numbers")
        half = len(numbers) // 2
        (x1, y1), (x2, y2) = numbers[:2], numbers[half : half + 2]
        ring = [[x1, y1], [x2, y1], [x2, y2], [x1, y2], [x1, y1]]
        return self._geometry({"type": "Polygon", "coordinates": [ring]})

    def _geometry(self, node: dict[str, Any]) -> Part:
        shape = plain_geometry(node, self.crs.north_first)
        bound = f"ST_SetSRID(ST_GeomFromGeoJSON({self.bind(json.dumps(shape), 'text')}), {self.crs.srid:d})"
        sql = bound if self.crs.stored else f"ST_Transform({bound}, {STORED_SRID:d})"
        return Part(sql, "geometry", literal=node["type"])


def _need(family: Family, *parts: Part) -> None:
    for part in parts:
        if part.family != family:
            raise refuse(f"{part.family} stands where {family} is needed")


def _number(part: Part) -> str:
    return f"({part.sql})::float8" if not part.sql.endswith("::float8") else part.sql


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _instant(node: dict[str, Any]) -> datetime:
    return _moment(node.get("timestamp", node.get("date")))


def _moment(text: Any) -> datetime:
    """Read a timestamp, or a date as its first moment (UTC)."""
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError) as error:
        raise refuse("this is no time", "Write TIMESTAMP('2026-01-31T08:00:00Z') or DATE('2026-01-31')") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def plain_geometry(node: dict[str, Any], north_first: bool) -> dict[str, Any]:
    """Keep type and coordinates only, longitude or easting first. Raises BadInput for what is no GeoJSON geometry."""
    if node["type"] == "GeometryCollection":
        inside = node.get("geometries")
        if not isinstance(inside, list) or not all(
            isinstance(one, dict) and one.get("type") in GEOMETRIES for one in inside
        ):
            raise refuse("a geometry collection has no geometries")
        return {"type": node["type"], "geometries": [plain_geometry(one, north_first) for one in inside]}
    return {"type": node["type"], "coordinates": _coordinates(node.get("coordinates"), north_first)}


def _coordinates(given: Any, north_first: bool) -> Sequence[Any]:
    if isinstance(given, list) and given and all(map(_is_number, given)) and 2 <= len(given) <= 4:
        return [given[1], given[0]] if north_first else given[:2]
    if isinstance(given, list) and all(isinstance(part, list) for part in given):
        return [_coordinates(part, north_first) for part in given]
    raise refuse("a geometry has wrong coordinates")
