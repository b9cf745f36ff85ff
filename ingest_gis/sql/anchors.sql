-- Known places to hold new positions against: the district's outline, buildings, point assets.
-- The outline is that of the district's own row; without one, of all its towns, communities or unit grids together.
-- Grids inside their towns add nothing to it, and tens of thousands take a second to unite.
WITH district AS (
  SELECT geom_m FROM twin.admin_unit
  WHERE code = %(district)s AND geom_m IS NOT NULL AND valid_to IS NULL
), units AS (
  SELECT ST_Union(geom_m) AS geom_m FROM twin.admin_unit
  WHERE level > 3 AND starts_with(code, %(district)s) AND geom_m IS NOT NULL AND valid_to IS NULL
), parts AS (
  SELECT geom_m FROM units WHERE geom_m IS NOT NULL
  UNION ALL
  SELECT g.geom_m FROM twin.grid g CROSS JOIN units u
  WHERE starts_with(g.code, %(district)s) AND g.valid_to IS NULL AND ST_Covers(u.geom_m, g.geom_m) IS NOT TRUE
)
SELECT 'district' AS kind, NULL::smallint AS class_id, ST_AsBinary(geom_m) AS wkb FROM district
UNION ALL
SELECT 'district', NULL, ST_AsBinary(ST_Union(geom_m)) FROM parts
WHERE NOT EXISTS (SELECT FROM district) HAVING count(*) > 0
UNION ALL
(SELECT 'building', NULL, ST_AsBinary(geom_m) FROM twin.building
 WHERE valid_to IS NULL AND %(places)s LIMIT 200000)
UNION ALL
(SELECT 'asset', class_id, ST_AsBinary(geom_m) FROM twin.asset
 WHERE valid_to IS NULL AND GeometryType(geom_m) = 'POINT' AND %(places)s LIMIT 200000)
