"""Create, replace, change and end assets one by one, as a person (or another system) says through the standards.

Each write is one transaction with its evidence, history (by trigger), search entry (by trigger) and audit entry. A
change names the version it is meant for; who may change what is judged on the row before and after.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import psycopg

from twin.actions.access import absent
from twin.actions.edited_features import Editor, audit, evidence, placed, properties_of, require_version, text_of
from twin.errors import BadInput, Conflict, NotAllowed
from twin.queries.feature_collections import ASSETS, Collection
from twin.queries.feature_crs import ServedCrs
from twin.queries.features import entity_tag_of

TEXTS = {"code": 40, "name_zh": 200, "state": 10, "vertical_datum": 60, "accuracy_class": 1}
NUMBERS = ("height_m", "height_sigma_m")
DEPARTMENTS = ("supervising", "owning", "maintaining")
WRITABLE = (*TEXTS, *NUMBERS, *DEPARTMENTS, "class_code", "attributes")
# What an answer says beyond that; a program that sends back what it got is not scolded for it.
DERIVED = ("class_zh", "class_en", "valid_from", "known_at")
MOST_ATTRIBUTES = 100
MOST_BYTES = 20_000

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


def create_asset(
    cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, feature: Mapping[str, Any], crs: ServedCrs
) -> int:
    """Write a new asset.

    cursor: database role ingest, in a transaction of the person. feature: GeoJSON, coordinates in crs (longitude or
    easting first). Returns its key. Raises BadInput, OutsideCity, NotAllowed, and Conflict for a code that is taken.
    """
    values = _columns(cursor, collection, properties_of(feature, WRITABLE, DERIVED))
    place = placed(cursor, feature.get("geometry"), crs)
    _judge(cursor, editor, values, place)
    values["evidence_id"] = evidence(cursor, editor)
    try:
        row = cursor.execute(BEGIN.encode(), values | place).fetchone()
    except psycopg.errors.UniqueViolation as error:
        raise Conflict("编码已被占用 (the code is taken)", where="code", do="换一个编码 (choose another)") from error
    key = int(row[0]) if row else 0
    audit(
        cursor,
        "create asset",
        f"asset {key}",
        {"class_code": feature["properties"].get("class_code", collection.class_code)},
    )
    return key


def replace_asset(
    cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, key: int, if_match: str,
    feature: Mapping[str, Any], crs: ServedCrs,
) -> None:  # fmt: skip
    """Write an asset anew: what the feature does not say is emptied. Raises as create_asset, NotFound and Stale."""
    _current(cursor, editor, collection, key, if_match)
    place = placed(cursor, feature.get("geometry"), crs)
    _write(cursor, editor, collection, key, properties_of(feature, WRITABLE, DERIVED), place)
    audit(cursor, "replace asset", f"asset {key}", {})


def change_asset(
    cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, key: int, if_match: str,
    patch: Mapping[str, Any], crs: ServedCrs,
) -> None:  # fmt: skip
    """Change some of an asset (RFC 7396: null empties, what is not named stays). Raises as replace_asset."""
    current = _current(cursor, editor, collection, key, if_match)
    changes = properties_of(patch, WRITABLE, DERIVED) if "properties" in patch else {}
    merged = {name: current[name] for name in WRITABLE} | changes
    if isinstance(changes.get("attributes"), dict):
        merged["attributes"] = _merged(current["attributes"], changes["attributes"])
    place = placed(cursor, patch["geometry"], crs) if "geometry" in patch else None
    _write(cursor, editor, collection, key, merged, place, before=current)
    audit(cursor, "change asset", f"asset {key}", {"changed": sorted({*changes, *(["geometry"] if place else [])})})


def end_asset(cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, key: int, if_match: str) -> None:
    """End an asset: it is no more from now on, and stays in history. Raises NotFound, NotAllowed and Stale."""
    _current(cursor, editor, collection, key, if_match)
    cursor.execute(END, (evidence(cursor, editor), key))
    audit(cursor, "end asset", f"asset {key}", {})


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
    require_version(if_match, tag, key)
    return current


def _write(
    cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, key: int, properties: Mapping[str, Any],
    place: dict[str, Any] | None, before: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    values = _columns(cursor, collection, properties)
    _judge(cursor, editor, values, place or before or {})
    values |= {"evidence_id": evidence(cursor, editor), "asset_id": key} | (place or {})
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


def _columns(cursor: psycopg.Cursor[Any], collection: Collection, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check properties and give the values of the columns (but for place and evidence)."""
    values: dict[str, Any] = {name: text_of(given, name, most) for name, most in TEXTS.items()}
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
    code = text_of(given, "class_code", 10) or collection.class_code
    found = cursor.execute(FIND_CLASS, (code,)).fetchone()
    if found is None or collection.class_id not in (None, found[0]):
        raise BadInput("没有这个小类, 或不属于本图层 (no such class, or not of this collection)", where="class_code")
    values["class_id"] = found[0]
    values["attributes"] = json.dumps(_attributes(given.get("attributes"), found[1] or {}), ensure_ascii=False)
    for name in DEPARTMENTS:
        values[f"{name}_department_id"] = _department(cursor, text_of(given, name, 60), name)
    return values


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
