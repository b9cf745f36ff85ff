"""The statement of /summary: whole squares from the totals, edges and stale squares counted row by row.

`print(SUMMARY)` gives the text to paste into psql (bind the values of twin.queries.summaries). One statement, so one
moment: what is being written meanwhile is either counted everywhere or nowhere.
"""

from __future__ import annotations

# OFFSET 0 keeps the planner from reading all totals or rows to join them: it cannot know how few squares there are.
# A square counts as whole when it lies inside and nothing in it is stale. What a coarse square says, its 64 fine ones
# need not say again; the rest of the fine ones that touch the area are counted by rows.
_SQUARES = """
inside AS MATERIALIZED (
  SELECT c AS col, r AS "row" FROM asked,
    generate_series(floor(ST_XMin(area) / 2048)::integer, floor(ST_XMax(area) / 2048)::integer) c,
    generate_series(floor(ST_YMin(area) / 2048)::integer, floor(ST_YMax(area) / 2048)::integer) r
  WHERE ST_Covers(area, twin.area_box(1, c, r))
), touched AS MATERIALIZED (
  SELECT c AS col, r AS "row", ST_Covers(area, twin.area_box(0, c, r)) AS whole FROM (
    SELECT area, c, r FROM asked,
      generate_series(floor(ST_XMin(area) / 256)::integer, floor(ST_XMax(area) / 256)::integer) c,
      generate_series(floor(ST_YMin(area) / 256)::integer, floor(ST_YMax(area) / 256)::integer) r) s
  WHERE NOT EXISTS (SELECT FROM inside i WHERE i.col = c >> 3 AND i."row" = r >> 3)
    AND ST_Intersects(area, twin.area_box(0, c, r))
)"""

_COUNTED = """
coarse_{table} AS MATERIALIZED (
  SELECT i.* FROM inside i WHERE NOT EXISTS (
    SELECT FROM twin.area_stale s WHERE s.of_table = '{table}' AND s.col >> 3 = i.col AND s."row" >> 3 = i."row")
), fine_{table} AS MATERIALIZED (
  SELECT f.*, f.whole AND NOT EXISTS (
    SELECT FROM twin.area_stale s WHERE s.of_table = '{table}' AND s.col = f.col AND s."row" = f."row") AS known
  FROM (
    SELECT * FROM touched
    UNION ALL
    SELECT c, r, true FROM inside i, generate_series(i.col * 8, i.col * 8 + 7) c,
      generate_series(i."row" * 8, i."row" * 8 + 7) r
    WHERE NOT EXISTS (SELECT FROM coarse_{table} k WHERE k.col = i.col AND k."row" = i."row")) f
), counted_{table} AS (
  SELECT t.what, t.key, t.n, t.length_m, t.area_m2 FROM coarse_{table} k CROSS JOIN LATERAL (
    SELECT * FROM twin.area_total t
    WHERE t.level = 1 AND t.col = k.col AND t."row" = k."row" AND t.what IN ({whats}) OFFSET 0) t
  UNION ALL
  SELECT t.what, t.key, t.n, t.length_m, t.area_m2 FROM fine_{table} k CROSS JOIN LATERAL (
    SELECT * FROM twin.area_total t
    WHERE t.level = 0 AND t.col = k.col AND t."row" = k."row" AND t.what IN ({whats}) OFFSET 0) t
  WHERE k.known
  UNION ALL
  SELECT v.what, v.key, count(*), sum(v.length_m), sum(v.area_m2)
  FROM asked, fine_{table} k CROSS JOIN LATERAL (
    SELECT * FROM twin.area_{table} v WHERE v.geom_m && twin.area_box(0, k.col, k."row") OFFSET 0) v
  WHERE NOT k.known AND twin.area_square(ST_X(v.spot)) = k.col AND twin.area_square(ST_Y(v.spot)) = k."row"
    AND (k.whole OR ST_Intersects(area, v.spot))
  GROUP BY 1, 2
)"""

_WHATS = {
    "asset": "'asset_class', 'asset_department', 'asset_state', 'asset_year'",
    "record": "'record'",
    "event": "'event_state'",
}

# People are told in whole unit grids only, and only in grids with at least %(at_least)s of them, each rounded by
# itself: every answer is a sum of the same published numbers, see docs/privacy.md.
_PEOPLE = """
whole_grid AS MATERIALIZED (
  SELECT g.grid_id FROM asked, twin.grid g
  WHERE g.geom_m && area AND g.valid_to IS NULL AND ST_Covers(area, g.geom_m)
), told AS MATERIALIZED (
  SELECT e.type_code, e.n FROM whole_grid g CROSS JOIN LATERAL (
    SELECT e.type_code, count(*) AS n FROM twin.entity e
    WHERE e.grid_id = g.grid_id AND e.type_code IN ('E02', 'E03') AND e.valid_to IS NULL GROUP BY e.type_code
    HAVING count(*) >= %(at_least)s) e
), people AS (
  SELECT (SELECT count(*) FROM whole_grid) AS grids,
         (SELECT sum(round(n / 5.0) * 5)::bigint FROM told WHERE type_code = 'E02') AS persons,
         (SELECT count(*) FROM told WHERE type_code = 'E02') AS grids_persons,
         (SELECT sum(round(n / 5.0) * 5)::bigint FROM told WHERE type_code = 'E03') AS households,
         (SELECT count(*) FROM told WHERE type_code = 'E03') AS grids_households
)"""

SUMMARY = (
    "WITH asked AS MATERIALIZED (\n  SELECT ST_GeomFromWKB(%(area)s, %(srid)s::integer) AS area\n),"
    + _SQUARES
    + ","
    + ",".join(_COUNTED.format(table=table, whats=whats) for table, whats in _WHATS.items())
    + """,
total AS MATERIALIZED (
  SELECT what, key, sum(n)::bigint AS n, sum(length_m) AS length_m, sum(area_m2) AS area_m2 FROM (
    SELECT * FROM counted_asset UNION ALL SELECT * FROM counted_record UNION ALL SELECT * FROM counted_event) c
  GROUP BY what, key
),"""
    + _PEOPLE
    + """
SELECT json_build_object(
  'assets', json_build_object(
    'count', (SELECT coalesce(sum(n), 0) FROM total WHERE what = 'asset_state'),
    'by_class', (SELECT coalesce(json_agg(json_build_object(
        'class_code', k.code, 'class_zh', k.name_zh, 'class_en', k.name_en, 'count', t.n,
        'length_m', round(t.length_m::numeric, 1)::float8, 'area_m2', round(t.area_m2::numeric, 1)::float8)
        ORDER BY t.n DESC, k.code), '[]')
      FROM total t JOIN twin.class k ON k.class_id = t.key::smallint WHERE what = 'asset_class'),
    'by_department', (SELECT coalesce(json_agg(json_build_object(
        'department', CASE WHEN d.code IS NOT NULL THEN json_build_object('code', d.code, 'name_zh', d.name_zh) END,
        'count', t.n) ORDER BY t.n DESC, d.code), '[]')
      FROM total t LEFT JOIN twin.department d ON d.department_id = nullif(t.key, '')::integer
      WHERE what = 'asset_department'),
    'by_state', (SELECT coalesce(json_agg(json_build_object('state', key, 'count', n) ORDER BY n DESC, key), '[]')
      FROM total WHERE what = 'asset_state'),
    'by_year', (SELECT coalesce(json_agg(json_build_object('since', key::integer, 'count', n)
        ORDER BY key::integer), '[]') FROM total WHERE what = 'asset_year')),
  'records', json_build_object(
    'count', (SELECT coalesce(sum(n), 0) FROM total WHERE what = 'record'),
    'by_department', (SELECT coalesce(json_agg(json_build_object(
        'department', json_build_object('code', d.code, 'name_zh', d.name_zh), 'count', r.n, 'kinds', r.kinds)
        ORDER BY r.n DESC, d.code), '[]')
      FROM (SELECT split_part(key, ':', 1)::integer AS department_id, sum(n) AS n,
                   json_agg(json_build_object('kind', substr(key, strpos(key, ':') + 1), 'count', n)
                            ORDER BY n DESC, key) AS kinds
            FROM total WHERE what = 'record' GROUP BY 1) r JOIN twin.department d USING (department_id))),
  'events', json_build_object(
    'count', (SELECT coalesce(sum(n), 0) FROM total WHERE what = 'event_state'),
    'by_state', (SELECT coalesce(json_agg(json_build_object('state', key, 'count', n) ORDER BY n DESC, key), '[]')
      FROM total WHERE what = 'event_state')),
  'people', json_build_object(
    'whole_grids', p.grids, 'at_least', %(at_least)s::integer, 'rounded_to', 5,
    'persons', json_build_object('count', p.persons, 'grids', p.grids_persons),
    'households', json_build_object('count', p.households, 'grids', p.grids_households)))::text
FROM people p
"""
)

# The outline of an administrative unit or unit grid, by its code.
OUTLINE = """
SELECT ST_AsBinary(geom_m), name_zh FROM (
  SELECT geom_m, name_zh FROM twin.admin_unit WHERE code = %(code)s AND valid_to IS NULL
  UNION ALL SELECT geom_m, coalesce(name_zh, code) FROM twin.grid WHERE code = %(code)s AND valid_to IS NULL) named
"""
