"""Create, replace, change and end assets one by one, as a person (or another system) says through the standards.

Each write is one transaction with its evidence, history (by trigger), search entry (by trigger) and audit entry. A
change names the version it is meant for; who may change what is judged on the row before and after.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from twin.actions.access import Reach, absent
from twin.errors import BadInput, Conflict, NotAllowed, OutsideCity, Stale
from twin.queries.city_bounds import CITY_BOUNDS, ROOM_DEG
from twin.queries.feature_collections import ASSETS, Collection
from twin.queries.feature_crs import STORED_SRID, ServedCrs
from twin.queries.features import entity_tag_of

TEXTS = {"code": 40, "name_zh": 200, "state": 10, "vertical_datum": 60, "accuracy_class": 1}
NUMBERS = ("height_m", "height_sigma_m")
DEPARTMENTS = ("supervising", "owning", "maintaining")
WRITABLE = (*TEXTS, *NUMBERS, *DEPARTMENTS, "class_code", "attributes")
# What an answer says beyond that; a program that sends back what it got is not scolded for it.
DERIVED = ("class_zh", "class_en", "valid_from", "known_at")
MOST_ATTRIBUTES = 100
MOST_BYTES = 20_000

PLACED = """
WITH given AS (
  SELECT ST_Transform(ST_SetSRID(ST_GeomFromGeoJSON(%(geometry)s), %(srid)s), 4490) AS geom
), metric AS (
  SELECT geom, ST_Transform(geom, (SELECT working_srid FROM twin.city)) AS geom_m FROM given
)
SELECT geom::text, geom_m::text, ST_IsValid(geom) AND NOT ST_IsEmpty(geom), ST_XMin(geom), ST_YMin(geom), ST_XMax(geom),
       ST_YMax(geom), g.grid_id, coalesce(g.admin_id, (
         SELECT u.admin_id FROM twin.admin_unit u
         WHERE ST_Covers(u.geom_m, ST_PointOnSurface(m.geom_m)) AND u.valid_to IS NULL
         ORDER BY u.level DESC, u.code LIMIT 1))
FROM metric m LEFT JOIN LATERAL (
  SELECT grid_id, admin_id FROM twin.grid
  WHERE ST_Covers(geom_m, ST_PointOnSurface(m.geom_m)) AND valid_to IS NULL ORDER BY code LIMIT 1) g ON true
"""
FIND_CLASS = "SELECT class_id, attribute_schema -> 'properties' FROM twin.class WHERE code = %s"
FIND_DEPARTMENT = "SELECT department_id FROM twin.department WHERE code = %s"
CURRENT = """
SELECT a.xmin::text, extract(epoch FROM a.known_at)::text, c.code AS class_code, a.code, a.name_zh, a.state, a.height_m,
       a.height_sigma_m, a.vertical_datum, a.accuracy_class, a.attributes, ds.code AS supervising, d2.code AS owning,
       d3.code AS maintaining, a.class_id, a.admin_id, a.grid_id, a.supervising_department_id, a.owning_department_id,
       a.maintaining_department_id
FROM twin.asset a JOIN twin.class c USING (class_id)
  LEFT JOIN twin.department ds ON ds.department_id = a.supervising_department_id
  LEFT JOIN twin.department d2 ON d2.department_id = a.owning_department_id
  LEFT JOIN twin.department d3 ON d3.department_id = a.maintaining_department_id
WHERE a.asset_id = %s AND a.valid_to IS NULL FOR UPDATE OF a
"""
RESPONSIBLE = "SELECT department_id FROM twin.responsible(%s::smallint, %s::integer, %s::integer, now())"
EVIDENCE = """
INSERT INTO twin.evidence (kind, method, observed_at, confirmed_by, confirmed_at)
VALUES ('person', 'OGC API Features', now(), %s, now()) RETURNING evidence_id
"""
COLUMNS = (
    "class_id", "code", "name_zh", "state", "height_m", "height_sigma_m", "vertical_datum", "accuracy_class",
    "attributes", "supervising_department_id", "owning_department_id", "maintaining_department_id", "evidence_id",
)  # fmt: skip
PLACE_COLUMNS = ("geom", "geom_m", "grid_id", "admin_id")
BEGIN = f"""
INSERT INTO twin.asset ({", ".join((*COLUMNS, *PLACE_COLUMNS))})
VALUES ({", ".join(f"%({name})s" for name in (*COLUMNS, *PLACE_COLUMNS))}) RETURNING asset_id
"""  # noqa: S608 - names of this module's own
_SET = ", ".join(f"{name} = %({name})s" for name in COLUMNS)
_SET_PLACE = ", ".join(f"{name} = %({name})s" for name in PLACE_COLUMNS)
CHANGE = f"UPDATE twin.asset SET {_SET}, known_at = now() WHERE asset_id = %(asset_id)s"  # noqa: S608
CHANGE_AND_MOVE = f"UPDATE twin.asset SET {_SET}, {_SET_PLACE}, known_at = now() WHERE asset_id = %(asset_id)s"  # noqa: S608
END = "UPDATE twin.asset SET valid_to = now(), known_at = now(), evidence_id = %s WHERE asset_id = %s"
AUDIT = "SELECT audit.write(%s, %s, %s::jsonb)"


@dataclass(frozen=True)
class Editor:
    """Who edits: a name for the evidence, and which rows the action may touch."""

    name: str
    reach: Reach


def create_asset(
    cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, feature: Mapping[str, Any], crs: ServedCrs
) -> int:
    """Write a new asset.

    cursor: database role ingest, in a transaction of the person. feature: GeoJSON, coordinates in crs (longitude or
    easting first). Returns its key. Raises BadInput, OutsideCity, NotAllowed, and Conflict for a code that is taken.
    """
    values = _columns(cursor, collection, _properties(feature))
    place = _placed(cursor, feature.get("geometry"), crs)
    _judge(cursor, editor, values, place)
    values["evidence_id"] = _evidence(cursor, editor)
    try:
        row = cursor.execute(BEGIN.encode(), values | place).fetchone()
    except psycopg.errors.UniqueViolation as error:
        raise Conflict("编码已被占用 (the code is taken)", where="code", do="换一个编码 (choose another)") from error
    key = int(row[0]) if row else 0
    _audit(cursor, "create asset", key, {"class_code": feature["properties"].get("class_code", collection.class_code)})
    return key


def replace_asset(
    cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, key: int, if_match: str,
    feature: Mapping[str, Any], crs: ServedCrs,
) -> None:  # fmt: skip
    """Write an asset anew: what the feature does not say is emptied. Raises as create_asset, NotFound and Stale."""
    _current(cursor, editor, collection, key, if_match)
    place = _placed(cursor, feature.get("geometry"), crs)
    _write(cursor, editor, collection, key, _properties(feature), place)
    _audit(cursor, "replace asset", key, {})


def change_asset(
    cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, key: int, if_match: str,
    patch: Mapping[str, Any], crs: ServedCrs,
) -> None:  # fmt: skip
    """Change some of an asset (RFC 7396: null empties, what is not named stays). Raises as replace_asset."""
    current = _current(cursor, editor, collection, key, if_match)
    changes = _properties(patch) if "properties" in patch else {}
    merged = {name: current[name] for name in WRITABLE} | changes
    if isinstance(changes.get("attributes"), dict):
        merged["attributes"] = _merged(current["attributes"], changes["attributes"])
    place = _placed(cursor, patch["geometry"], crs) if "geometry" in patch else None
    _write(cursor, editor, collection, key, merged, place, before=current)
    _audit(cursor, "change asset", key, {"changed": sorted({*changes, *(["geometry"] if place else [])})})


def end_asset(cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, key: int, if_match: str) -> None:
    """End an asset: it is no more from now on, and stays in history. Raises NotFound, NotAllowed and Stale."""
    _current(cursor, editor, collection, key, if_match)
    cursor.execute(END, (_evidence(cursor, editor), key))
    _audit(cursor, "end asset", key, {})


def _current(
    cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, key: int, if_match: str
) -> dict[str, Any]:
    cursor.execute(CURRENT, (key,))
    row = cursor.fetchone()
    names = [column.name for column in cursor.description or ()]
    if row is None or (collection.class_id not in (None, row[names.index("class_id")])):
        raise absent("feature", str(key))
    current = dict(zip(names, row, strict=True))
    _judge(cursor, editor, current, current)
    tag = entity_tag_of(ASSETS, key, row[0], row[1])
    if if_match.strip() != "*" and tag not in [given.strip() for given in if_match.split(",")]:
        raise Stale(
            "要素已被修改 (the feature has been changed meanwhile)", where=str(key),
            do="重新读取后再改 (read it again, then change it)",
        )  # fmt: skip
    return current


def _write(
    cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, key: int, properties: Mapping[str, Any],
    place: dict[str, Any] | None, before: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    values = _columns(cursor, collection, properties)
    _judge(cursor, editor, values, place or before or {})
    values |= {"evidence_id": _evidence(cursor, editor), "asset_id": key} | (place or {})
    try:
        cursor.execute((CHANGE_AND_MOVE if place else CHANGE).encode(), values)
    except psycopg.errors.UniqueViolation as error:
        raise Conflict("编码已被占用 (the code is taken)", where="code", do="换一个编码 (choose another)") from error


def _judge(cursor: psycopg.Cursor[Any], editor: Editor, row: Mapping[str, Any], place: Mapping[str, Any]) -> None:
    """Raise NotAllowed unless the row is the editor's: its department is a party to it, or answers for its class."""
    reach, grid = editor.reach, place.get("grid_id")
    if reach.everything:
        return
    parties = [row[f"{name}_department_id"] for name in DEPARTMENTS]
    rule = cursor.execute(RESPONSIBLE, (row["class_id"], place.get("admin_id"), grid)).fetchall()
    for department in (*parties, *(found[0] for found in rule)):
        if reach.holds(department_id=department, grid_id=grid):
            return
    raise NotAllowed(
        "该部件不由您所在部门负责 (the asset is not your department's)", do="请联系数据管理员 (ask a data steward)"
    )


def _evidence(cursor: psycopg.Cursor[Any], editor: Editor) -> int:
    row = cursor.execute(EVIDENCE, (editor.name,)).fetchone()
    return int(row[0]) if row else 0


def _audit(cursor: psycopg.Cursor[Any], action: str, key: int, detail: Mapping[str, Any]) -> None:
    cursor.execute(AUDIT, (action, f"asset {key}", json.dumps(detail, ensure_ascii=False)))


def _properties(feature: Mapping[str, Any]) -> dict[str, Any]:
    properties = feature.get("properties")
    if not isinstance(properties, dict):
        raise BadInput("properties 缺失 (there are no properties)", where="properties")
    unknown = [name for name in properties if name not in WRITABLE and name not in DERIVED]
    if unknown:
        raise BadInput(
            "有不认识的字段 (a property is not known)", where="properties", do=f"可写 (writable): {', '.join(WRITABLE)}"
        )
    return {name: value for name, value in properties.items() if name in WRITABLE}


def _columns(cursor: psycopg.Cursor[Any], collection: Collection, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check properties and give the values of the columns (but for place and evidence)."""
    values: dict[str, Any] = {name: _text(given, name, most) for name, most in TEXTS.items()}
    values |= {name: _number(given, name) for name in NUMBERS}
    if not values["code"]:
        raise BadInput("缺少编码 (a code is needed)", where="code")
    if values["height_m"] is not None and not values["vertical_datum"]:
        raise BadInput("高程须注明基准 (a height needs its vertical_datum)", where="vertical_datum", do="EPSG:5737")
    values["state"] = values["state"] or "完好"
    values["accuracy_class"] = values["accuracy_class"] or "B"
    for name, allowed in (("state", ("完好", "破损", "丢失", "废弃", "移除")), ("accuracy_class", ("A", "B", "C"))):
        if values[name] not in allowed:
            raise BadInput("取值不在范围内 (the value is not one of those)", where=name, do=" ".join(allowed))
    code = _text(given, "class_code", 10) or collection.class_code
    found = cursor.execute(FIND_CLASS, (code,)).fetchone()
    if found is None or collection.class_id not in (None, found[0]):
        raise BadInput("没有这个小类, 或不属于本图层 (no such class, or not of this collection)", where="class_code")
    values["class_id"] = found[0]
    values["attributes"] = json.dumps(_attributes(given.get("attributes"), found[1] or {}), ensure_ascii=False)
    for name in DEPARTMENTS:
        values[f"{name}_department_id"] = _department(cursor, _text(given, name, 60), name)
    return values


def _text(given: Mapping[str, Any], name: str, most: int) -> str | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > most or any(not letter.isprintable() for letter in value):
        raise BadInput(f"应为不超过 {most} 字的文字 (a text of at most {most} characters)", where=name)
    return value.strip() or None


def _number(given: Mapping[str, Any], name: str) -> float | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -500 <= value <= 9000:
        raise BadInput("应为米制数字 (a number of metres)", where=name)
    return float(value)


def _department(cursor: psycopg.Cursor[Any], code: str | None, where: str) -> int | None:
    if code is None:
        return None
    row = cursor.execute(FIND_DEPARTMENT, (code,)).fetchone()
    if row is None:
        raise BadInput("没有这个部门代码 (there is no such department)", where=where)
    return int(row[0])


def _merged(before: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {**(before or {}), **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _attributes(given: Any, schema: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Check attributes against the class's schema; values are texts, numbers and truth values."""
    if given is None:
        return {}
    if not isinstance(given, dict) or len(given) > MOST_ATTRIBUTES or len(json.dumps(given)) > MOST_BYTES:
        raise BadInput("扩展属性过多或不是对象 (attributes are too many, or no object)", where="attributes")
    for name, value in given.items():
        if isinstance(value, (dict, list)) or "\0" in name or (isinstance(value, str) and "\0" in value):
            raise BadInput("属性值应为文字、数字或真假 (plain values only)", where="attributes")
        if not _conforms(value, schema.get(name, {})):
            raise BadInput("属性值不符合小类的要求 (not as its class asks)", where=f"attributes.{name[:40]}")
    return {name: value for name, value in given.items() if value is not None}


def _conforms(value: Any, rule: Mapping[str, Any]) -> bool:
    kinds = rule.get("type")
    if not kinds or value is None:
        return True
    own = {bool: ("boolean",), str: ("string",), int: ("integer", "number"), float: ("number",)}[type(value)]
    if not set(own) & set([kinds] if isinstance(kinds, str) else kinds):
        return False
    if isinstance(value, str):
        return "pattern" not in rule or re.search(rule["pattern"], value) is not None
    low, high = rule.get("minimum", value), rule.get("maximum", value)
    return bool(low <= value <= high)


def _placed(cursor: psycopg.Cursor[Any], geometry: Any, crs: ServedCrs) -> dict[str, Any]:
    """Give the columns of a place. Raises BadInput for no or a broken geometry, OutsideCity for one elsewhere."""
    if not isinstance(geometry, dict):
        raise BadInput("缺少位置 (a geometry is needed)", where="geometry")
    try:
        with cursor.connection.transaction():
            srid = crs.srid if crs.metric else STORED_SRID
            row = cursor.execute(PLACED, {"geometry": json.dumps(geometry), "srid": srid}).fetchone()
    except (psycopg.errors.InternalError_, psycopg.errors.DataError) as error:
        raise BadInput("位置无法读取 (the geometry cannot be read)", where="geometry") from error
    if row is None or not row[2]:
        raise BadInput("几何无效 (the geometry is empty or crosses itself)", where="geometry")
    bounds = cursor.execute(CITY_BOUNDS).fetchone()
    if bounds is not None and not (
        bounds[0] - ROOM_DEG <= row[3]
        and bounds[1] - ROOM_DEG <= row[4]
        and row[5] <= bounds[2] + ROOM_DEG
        and row[6] <= bounds[3] + ROOM_DEG
    ):
        raise OutsideCity(
            "位置不在本区范围内 (the geometry lies outside the city)", where="geometry", do="检查坐标次序"
        )
    return {"geom": row[0], "geom_m": row[1], "grid_id": row[7], "admin_id": row[8]}
