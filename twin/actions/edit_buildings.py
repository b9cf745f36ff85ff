"""Set a building's height as a person knows it: solid, roof and evidence follow, and no later survey overturns it."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import psycopg

from twin.actions.access import absent
from twin.errors import BadInput
from twin.solids import Points, read_wkb

LOWEST_M, HIGHEST_M = 1.0, 1000.0
FOOT_M = 0.25
CURRENT = """
SELECT b.building_id, b.ground_h_m::float8, b.height_m::float8, b.vertical_datum, ST_AsBinary(b.solid, 'NDR'),
       ST_SRID(b.geom_m)
FROM twin.building b WHERE b.code = %s AND b.valid_to IS NULL FOR UPDATE
"""
EVIDENCE = """
INSERT INTO twin.evidence (kind, method, sigma_m, observed_at, confirmed_by, confirmed_at)
VALUES ('person', 'height said by a person', %s, now(), %s, now()) RETURNING evidence_id
"""
CHANGE = """
UPDATE twin.building SET height_m = %(height_m)s, roof_h_m = ground_h_m + %(height_m)s, height_sigma_m = %(sigma_m)s,
  height_confidence = 'high', height_note = NULL, height_evidence_id = %(evidence_id)s, known_at = now(),
  solid = coalesce(%(solid)s::geometry, solid)
WHERE building_id = %(building_id)s
"""
AUDIT = "SELECT audit.write('change building', %s, %s::jsonb)"


def set_building_height(
    cursor: psycopg.Cursor[Any], code: str, height_m: float, sigma_m: float | None, who: str
) -> None:
    """Write a building's height above ground (m), and move its solid's roof by the difference.

    cursor: of role ingest, in a transaction. Rights are checked before. Raises NotFound for a building that does not
    stand, BadInput for a height that cannot be or a building whose ground height or datum is not known.
    """
    if not LOWEST_M <= height_m <= HIGHEST_M:
        raise BadInput(f"高度应在 {LOWEST_M:g} 与 {HIGHEST_M:g} 米之间 (out of range)", where="height_m")
    row = cursor.execute(CURRENT, (code,)).fetchone()
    if row is None:
        raise absent("building", code)
    building_id, ground_h_m, before_m, datum, solid, srid = row
    if ground_h_m is None or datum is None:
        raise BadInput("该建筑的地面高程未知 (its ground height is not known)", do="请先导入高程 (survey it first)")
    evidence = cursor.execute(EVIDENCE, (sigma_m, who)).fetchone()
    values = {
        "building_id": building_id, "height_m": height_m, "sigma_m": sigma_m, "evidence_id": evidence and evidence[0],
        "solid": None if solid is None else _raised(bytes(solid), height_m - (before_m or 0.0)).as_ewkb(srid).hex(),
    }  # fmt: skip
    cursor.execute(CHANGE, values)
    cursor.execute(AUDIT, (code, orjson.dumps({"height_m": height_m, "before_m": before_m}).decode()))


def _raised(solid: bytes, rise_m: float) -> Any:
    read = read_wkb(solid)
    foot = read.corners()[:, 2].min()

    def change(points: Points) -> Points:
        roof = points[:, 2] > foot + FOOT_M
        z = np.where(roof, np.maximum(points[:, 2] + rise_m, foot + LOWEST_M), points[:, 2])
        return np.column_stack([points[:, :2], z])

    return read.moved(change)
