"""Whether the unit grids cover their communities: closed, no gap, no overlap, nothing outside, no building cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

Progress = Callable[[int, int], None]

COMMUNITIES = """
SELECT u.admin_id, u.code, u.name_zh FROM twin.admin_unit u
WHERE u.level = 5 AND starts_with(u.code, %(within)s) AND u.geom_m IS NOT NULL AND u.valid_to IS NULL
  AND EXISTS (SELECT FROM twin.grid g WHERE starts_with(g.code, u.code) AND g.valid_to IS NULL)
ORDER BY u.code
"""
WITHOUT_OUTLINE = """
SELECT DISTINCT left(g.code, 12) FROM twin.grid g
WHERE g.valid_to IS NULL AND starts_with(g.code, %(within)s) AND NOT EXISTS (
  SELECT FROM twin.admin_unit u WHERE u.code = left(g.code, 12) AND u.geom_m IS NOT NULL AND u.valid_to IS NULL)
ORDER BY 1
"""
# One community at a time: its outline, its grids, what touches them.
FINDINGS = """
WITH unit AS (SELECT code, geom_m FROM twin.admin_unit WHERE admin_id = %(admin_id)s),
mine AS MATERIALIZED (
  SELECT g.code, g.geom_m, ST_IsValid(g.geom_m) AS is_valid FROM twin.grid g, unit
  WHERE g.valid_to IS NULL AND starts_with(g.code, unit.code)
), sound AS MATERIALIZED (SELECT * FROM mine WHERE is_valid),
overlap AS (
  SELECT 'grid_overlap' AS kind, ARRAY[a.code, b.code] AS codes, ST_Intersection(a.geom_m, b.geom_m) AS part
  FROM sound a JOIN twin.grid b ON b.geom_m && a.geom_m AND b.valid_to IS NULL AND ST_IsValid(b.geom_m)
    AND ST_Intersects(a.geom_m, b.geom_m) AND NOT ST_Touches(a.geom_m, b.geom_m)
    AND (a.code < b.code OR (b.code < a.code AND NOT starts_with(b.code, (SELECT code FROM unit))))
), gap AS (
  SELECT 'grid_gap', ARRAY[unit.code], (ST_Dump(ST_Difference(unit.geom_m, cover.geom_m))).geom
  FROM unit, (SELECT ST_Union(geom_m) AS geom_m FROM sound) cover
), outside AS (
  SELECT 'grid_outside', ARRAY[s.code], ST_Difference(s.geom_m, unit.geom_m)
  FROM sound s, unit WHERE NOT ST_CoveredBy(s.geom_m, unit.geom_m)
), cut AS (
  SELECT 'building_cut', array_agg(s.code ORDER BY s.code) || b.code, ST_Union(ST_Intersection(b.geom_m, s.geom_m))
  FROM twin.building b JOIN sound s ON s.geom_m && b.geom_m
    AND ST_Area(ST_Intersection(b.geom_m, s.geom_m)) > greatest(0.05 * ST_Area(b.geom_m), %(tolerance_m2)s)
  WHERE b.valid_to IS NULL AND b.geom_m && (SELECT geom_m FROM unit) AND ST_IsValid(b.geom_m)
  GROUP BY b.building_id, b.code HAVING count(*) > 1
), size AS (
  SELECT 'grid_size', ARRAY[s.code], s.geom_m FROM sound s
  WHERE ST_Area(s.geom_m) NOT BETWEEN %(smallest_m2)s AND %(largest_m2)s
), parts AS (
  SELECT * FROM overlap UNION ALL SELECT * FROM gap UNION ALL SELECT * FROM outside UNION ALL SELECT * FROM cut
  UNION ALL SELECT * FROM size
)
SELECT kind, codes, ST_Area(part) AS area_m2, ST_X(place), ST_Y(place)
FROM parts CROSS JOIN LATERAL (SELECT ST_Transform(ST_PointOnSurface(part), 4490) AS place) p
WHERE ST_Area(part) > %(tolerance_m2)s
UNION ALL
SELECT 'grid_invalid', ARRAY[code], ST_Area(geom_m), ST_X(place), ST_Y(place)
FROM mine CROSS JOIN LATERAL (SELECT ST_Transform(ST_PointOnSurface(ST_MakeValid(geom_m)), 4490) AS place) p
WHERE NOT is_valid
ORDER BY 1, 2
"""

WORDS = {
    "grid_invalid": ("网格边界自相交", "the outline crosses itself"),
    "grid_overlap": ("网格互相重叠", "grids overlap"),
    "grid_gap": ("社区内有空隙，没有网格覆盖", "a part of the community is in no grid"),
    "grid_outside": ("网格伸出所属社区", "the grid reaches outside its community"),
    "building_cut": ("网格边界切开了建筑物", "a grid boundary cuts a building"),
    "grid_size": ("网格面积与万米单元相差太大", "the area is far from a unit of 10 000 m2"),
    "no_outline": ("社区没有边界，无法检查", "the community has no outline to check against"),
}
REMARKS = frozenset({"building_cut", "grid_size", "no_outline"})  # worth a look; the others are wrong


@dataclass(frozen=True)
class GridFinding:
    """Something about the grids of a community. codes: the grids (and building) it is about. lon, lat: EPSG:4490."""

    kind: str
    community: str
    codes: list[str]
    area_m2: float | None
    lon: float | None
    lat: float | None

    @property
    def is_wrong(self) -> bool:
        """Tell a fault from a remark."""
        return self.kind not in REMARKS


def check_grids(
    connection: psycopg.Connection[Any],
    within: str = "",
    *,
    tolerance_m2: float = 0.5,
    size_m2: tuple[float, float] = (500.0, 60_000.0),
    progress: Progress | None = None,
) -> list[GridFinding]:
    """Check the current grids of all communities whose code begins with `within`.

    tolerance_m2: smaller parts are rounding of coordinates. size_m2: smallest and largest area taken as usual.
    """
    findings = []
    with connection.cursor() as cursor:
        for (code,) in cursor.execute(WITHOUT_OUTLINE, {"within": within}).fetchall():
            findings.append(GridFinding("no_outline", code, [code], None, None, None))
        communities = cursor.execute(COMMUNITIES, {"within": within}).fetchall()
        for number, (admin_id, community, _) in enumerate(communities, 1):
            values = {
                "admin_id": admin_id, "tolerance_m2": tolerance_m2, "smallest_m2": size_m2[0], "largest_m2": size_m2[1],
            }  # fmt: skip
            for kind, codes, area_m2, lon, lat in cursor.execute(FINDINGS, values).fetchall():
                findings.append(GridFinding(kind, community, codes, round(area_m2, 2), round(lon, 8), round(lat, 8)))
            if progress:
                progress(number, len(communities))
    return findings
