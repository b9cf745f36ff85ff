"""What every edited feature needs: who edits, where it stands, its texts, evidence and audit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from twin.actions.access import Reach
from twin.errors import BadInput, OutsideCity, Stale
from twin.queries.city_bounds import CITY_BOUNDS, ROOM_DEG
from twin.queries.feature_crs import STORED_SRID, ServedCrs

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
EVIDENCE = """
INSERT INTO twin.evidence (kind, method, observed_at, confirmed_by, confirmed_at)
VALUES ('person', 'OGC API Features', now(), %s, now()) RETURNING evidence_id
"""
AUDIT = "SELECT audit.write(%s, %s, %s::jsonb)"


@dataclass(frozen=True)
class Editor:
    """Who edits: a name for the evidence, which rows the action may touch, and the role it is done in."""

    name: str
    reach: Reach
    role: str


def require_version(if_match: str, tag: str, key: int) -> None:
    """Raise Stale unless If-Match names the present version (or any: `*`)."""
    if if_match.strip() != "*" and tag not in [given.strip() for given in if_match.split(",")]:
        raise Stale(
            "要素已被修改 (the feature has been changed meanwhile)", where=str(key),
            do="重新读取后再改 (read it again, then change it)",
        )  # fmt: skip


def properties_of(feature: Mapping[str, Any], writable: Sequence[str], derived: Sequence[str]) -> dict[str, Any]:
    """Give the properties that may be written. Raises BadInput for none, and for one that is not known."""
    properties = feature.get("properties")
    if not isinstance(properties, dict):
        raise BadInput("properties 缺失 (there are no properties)", where="properties")
    if [name for name in properties if name not in (*writable, *derived)]:
        raise BadInput(
            "有不认识的字段 (a property is not known)", where="properties", do=f"可写 (writable): {', '.join(writable)}"
        )
    return {name: value for name, value in properties.items() if name in writable}


def evidence(cursor: psycopg.Cursor[Any], editor: Editor) -> int:
    """Write that a person says so. Returns evidence_id."""
    row = cursor.execute(EVIDENCE, (editor.name,)).fetchone()
    return int(row[0]) if row else 0


def audit(cursor: psycopg.Cursor[Any], action: str, subject: str, detail: Mapping[str, Any]) -> None:
    """Write the audit entry, in the same transaction."""
    cursor.execute(AUDIT, (action, subject, json.dumps(detail, ensure_ascii=False)))


def text_of(given: Mapping[str, Any], name: str, most: int) -> str | None:
    """Give a text without blanks around it, None for none. Raises BadInput for what is no printable text."""
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > most or any(not letter.isprintable() for letter in value):
        raise BadInput(f"应为不超过 {most} 字的文字 (a text of at most {most} characters)", where=name)
    return value.strip() or None


def placed(cursor: psycopg.Cursor[Any], geometry: Any, crs: ServedCrs) -> dict[str, Any]:
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
