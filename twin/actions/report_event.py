"""Report, correct and withdraw cases one by one: a grid worker in the grids of its own, an officer at its assets.

What a case goes through afterwards is no matter of these: its state begins as `reported`, and only who may change every
case (a data steward) may set another. A title is for everyone to read, so numbers of people have no place in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from twin.actions.access import absent
from twin.actions.edited_features import Editor, audit, evidence, placed, properties_of, require_version, text_of
from twin.errors import BadInput, Conflict, NotAllowed
from twin.personal.ledger import PHONE
from twin.queries.feature_collections import EVENTS, Collection
from twin.queries.feature_crs import ServedCrs
from twin.queries.features import entity_tag_of

WRITABLE = ("code", "class_code", "title_zh", "severity", "asset_code", "state", "reported_at", "due_at")
DERIVED = ("class_zh", "class_en", "admin_code", "grid_code", "closed_at")
STATES = ("reported", "filed", "dispatched", "closed", "void")
OVER = ("closed", "void")
SEVERITIES = ("a", "b", "c")
ID_NUMBER = re.compile(r"(?<![0-9])[1-9][0-9]{16}[0-9Xx](?![0-9])")
CLOCKS_APART = timedelta(minutes=10)

FIND_CLASS = "SELECT event_class_id FROM twin.event_class WHERE code = %s"
FIND_ASSET = "SELECT asset_id FROM twin.asset WHERE code = %s AND valid_to IS NULL"
NEXT_CODE = """
SELECT 'SJ' || to_char(now() AT TIME ZONE make_interval(hours => utc_offset_h), 'YYYYMMDD')
            || lpad(nextval(pg_get_serial_sequence('twin.event', 'event_id'))::text, 6, '0')
FROM twin.city
"""
PARTIES = """
SELECT unnest(ARRAY[a.supervising_department_id, a.owning_department_id, a.maintaining_department_id])
FROM twin.asset a WHERE a.asset_id = %(asset)s
UNION ALL
SELECT r.department_id FROM twin.asset a CROSS JOIN LATERAL twin.responsible(a.class_id, a.admin_id, a.grid_id, now()) r
WHERE a.asset_id = %(asset)s
"""
CURRENT = """
SELECT a.xmin::text AS version, e.code AS class_code, a.code, a.title_zh, a.severity, s.code AS asset_code, a.state,
       a.reported_at, a.due_at, a.closed_at, a.grid_id, a.asset_id
FROM twin.event a JOIN twin.event_class e USING (event_class_id) LEFT JOIN twin.asset s ON s.asset_id = a.asset_id
WHERE a.event_id = %s FOR UPDATE OF a
"""
COLUMNS = ("code", "event_class_id", "title_zh", "severity", "asset_id", "state", "reported_at", "due_at", "closed_at",
           "evidence_id")  # fmt: skip
PLACE_COLUMNS = ("geom", "geom_m", "grid_id", "admin_id")
BEGIN = f"""
INSERT INTO twin.event ({", ".join((*COLUMNS, *PLACE_COLUMNS))}, source)
VALUES ({", ".join(f"%({name})s" for name in (*COLUMNS, *PLACE_COLUMNS))}, %(source)s) RETURNING event_id
"""  # noqa: S608 - names of this module's own
_SET = ", ".join(f"{name} = %({name})s" for name in COLUMNS)
_SET_PLACE = ", ".join(f"{name} = %({name})s" for name in PLACE_COLUMNS)
CHANGE = f"UPDATE twin.event SET {_SET} WHERE event_id = %(event_id)s"  # noqa: S608
CHANGE_AND_MOVE = f"UPDATE twin.event SET {_SET}, {_SET_PLACE} WHERE event_id = %(event_id)s"  # noqa: S608
REMOVE = "DELETE FROM twin.event WHERE event_id = %s"


def report_event(
    cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, feature: Mapping[str, Any], crs: ServedCrs
) -> int:
    """Write a new case.

    cursor: database role ingest, in a transaction of the person. feature: GeoJSON point in crs (longitude or easting
    first). Returns its key. Raises BadInput, OutsideCity, NotAllowed, and Conflict for a code that is taken.
    """
    values = _columns(cursor, editor, properties_of(feature, WRITABLE, DERIVED), None)
    place = _point(cursor, feature.get("geometry"), crs)
    _judge(cursor, editor, place["grid_id"], values["asset_id"])
    values |= place | {"evidence_id": evidence(cursor, editor), "source": editor.role}
    row = _run(cursor, BEGIN, values).fetchone()
    key = int(row[0]) if row else 0
    audit(cursor, "report event", f"event {key}", {"class_code": feature["properties"].get("class_code")})
    return key


def replace_event(
    cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, key: int, if_match: str,
    feature: Mapping[str, Any], crs: ServedCrs,
) -> None:  # fmt: skip
    """Write a case anew; its code, state and time of report stay where they are not said.

    Raises as report_event, NotFound and Stale.
    """
    current = _current(cursor, editor, key, if_match)
    given = {"state": current["state"]} | properties_of(feature, WRITABLE, DERIVED)
    _write(cursor, editor, key, given, _point(cursor, feature.get("geometry"), crs), current)
    audit(cursor, "replace event", f"event {key}", {})


def change_event(
    cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, key: int, if_match: str,
    patch: Mapping[str, Any], crs: ServedCrs,
) -> None:  # fmt: skip
    """Change some of a case (RFC 7396: null empties, what is not named stays). Raises as replace_event."""
    current = _current(cursor, editor, key, if_match)
    changes = properties_of(patch, WRITABLE, DERIVED) if "properties" in patch else {}
    place = _point(cursor, patch["geometry"], crs) if "geometry" in patch else None
    _write(cursor, editor, key, {name: current[name] for name in WRITABLE} | changes, place, current)
    audit(cursor, "change event", f"event {key}", {"changed": sorted({*changes, *(["geometry"] if place else [])})})


def withdraw_event(
    cursor: psycopg.Cursor[Any], editor: Editor, collection: Collection, key: int, if_match: str
) -> None:
    """Take a case out that should never have been one; history keeps it. Raises NotFound, NotAllowed and Stale."""
    _current(cursor, editor, key, if_match)
    cursor.execute(REMOVE, (key,))
    audit(cursor, "withdraw event", f"event {key}", {})


def _current(cursor: psycopg.Cursor[Any], editor: Editor, key: int, if_match: str) -> dict[str, Any]:
    cursor.execute(CURRENT, (key,))
    row = cursor.fetchone()
    if row is None:
        raise absent("feature", str(key))
    current = dict(zip((column.name for column in cursor.description or ()), row, strict=True))
    _judge(cursor, editor, current["grid_id"], current["asset_id"])
    require_version(if_match, entity_tag_of(EVENTS, key, current["version"], ""), key)
    return current


def _write(
    cursor: psycopg.Cursor[Any], editor: Editor, key: int, given: Mapping[str, Any], place: dict[str, Any] | None,
    current: Mapping[str, Any],
) -> None:  # fmt: skip
    values = _columns(cursor, editor, given, current)
    _judge(cursor, editor, (place or current)["grid_id"], values["asset_id"])
    values |= {"event_id": key, "evidence_id": evidence(cursor, editor)} | (place or {})
    _run(cursor, CHANGE_AND_MOVE if place else CHANGE, values)


def _run(cursor: psycopg.Cursor[Any], statement: str, values: Mapping[str, Any]) -> psycopg.Cursor[Any]:
    try:
        return cursor.execute(statement.encode(), values)
    except psycopg.errors.UniqueViolation as error:
        raise Conflict("编码已被占用 (the code is taken)", where="code", do="换一个编码 (choose another)") from error


def _judge(cursor: psycopg.Cursor[Any], editor: Editor, grid_id: int | None, asset_id: int | None) -> None:
    """Raise NotAllowed unless the case stands in a grid of the editor's, or at an asset of its department's."""
    reach = editor.reach
    if reach.holds(grid_id=grid_id):
        return
    parties = cursor.execute(PARTIES, {"asset": asset_id}).fetchall() if reach.department_id and asset_id else []
    if any(reach.holds(department_id=found[0]) for found in parties):
        return
    raise NotAllowed(
        "此处不是您的网格, 也不是您所在部门的部件 (neither a grid of yours nor an asset of your department's)",
        do="部门人员请填 asset_code (officers: give the asset_code), 或请联系数据管理员 (or ask a data steward)",
    )


def _point(cursor: psycopg.Cursor[Any], geometry: Any, crs: ServedCrs) -> dict[str, Any]:
    if isinstance(geometry, dict) and geometry.get("type") != "Point":
        raise BadInput("事件的位置应为一个点 (an event stands at a point)", where="geometry")
    return placed(cursor, geometry, crs)


def _columns(
    cursor: psycopg.Cursor[Any], editor: Editor, given: Mapping[str, Any], current: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Check properties and give the values of the columns (but for place and evidence)."""
    now, before = datetime.now(UTC), current or {}
    state = text_of(given, "state", 20) or "reported"
    if state not in (*STATES, before.get("state")):  # what a load brought may stay
        raise BadInput("取值不在范围内 (the value is not one of those)", where="state", do=" ".join(STATES))
    if state != before.get("state", "reported") and not editor.reach.everything:
        raise NotAllowed(
            "状态随处置流程改变 (a case's state follows its handling)", do="请联系数据管理员 (ask a data steward)"
        )
    severity = text_of(given, "severity", 10)
    if severity not in (None, *SEVERITIES, before.get("severity")):
        raise BadInput("取值不在范围内 (the value is not one of those)", where="severity", do=" ".join(SEVERITIES))
    reported = _moment(given, "reported_at") or before.get("reported_at") or now
    due = _moment(given, "due_at")
    if reported > now + CLOCKS_APART:
        raise BadInput("上报时间在将来 (reported in the future)", where="reported_at")
    if due is not None and due < reported:
        raise BadInput("时限早于上报时间 (due before it was reported)", where="due_at")
    return {
        "code": text_of(given, "code", 40) or before.get("code") or _new_code(cursor),
        "event_class_id": _class(cursor, text_of(given, "class_code", 10)),
        "title_zh": _title(given),
        "severity": severity,
        "asset_id": _asset(cursor, text_of(given, "asset_code", 40)),
        "state": state,
        "reported_at": reported,
        "due_at": due,
        "closed_at": (before.get("closed_at") or now) if state in OVER else None,
    }


def _title(given: Mapping[str, Any]) -> str:
    title = text_of(given, "title_zh", 200)
    if not title:
        raise BadInput("缺少标题 (a title is needed)", where="title_zh")
    if PHONE.search(title) or ID_NUMBER.search(title):
        raise BadInput(
            "标题人人可见, 不能写电话或证件号码 (everyone can read a title: no phone or id numbers in it)",
            where="title_zh",
            do="删去号码 (take the number out)",
        )
    return title


def _class(cursor: psycopg.Cursor[Any], code: str | None) -> int:
    row = cursor.execute(FIND_CLASS, (code,)).fetchone()
    if row is None:
        raise BadInput("没有这个事件小类 (there is no such class of events)", where="class_code", do="GET /classes")
    return int(row[0])


def _asset(cursor: psycopg.Cursor[Any], code: str | None) -> int | None:
    if code is None:
        return None
    row = cursor.execute(FIND_ASSET, (code,)).fetchone()
    if row is None:
        raise BadInput("没有这个部件编码 (there is no asset of this code)", where="asset_code")
    return int(row[0])


def _new_code(cursor: psycopg.Cursor[Any]) -> str:
    row = cursor.execute(NEXT_CODE).fetchone()
    return str(row[0]) if row else ""


def _moment(given: Mapping[str, Any], name: str) -> datetime | None:
    value = given.get(name)
    if value is None or isinstance(value, datetime):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadInput("应为带时区的时间 (a time with its zone)", where=name, do="2026-11-28T09:30:00+08:00")
    return moment
