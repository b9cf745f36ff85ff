-- :find
INSERT INTO stage_todo (row_no, target_id, admin_id)
SELECT s.row_no, t.grid_id, above.admin_id
FROM stage_row s LEFT JOIN twin.grid t ON t.code = s.key
  CROSS JOIN LATERAL (SELECT u.admin_id FROM twin.admin_unit u
                      WHERE u.code IN (left(s.key, 12), left(s.key, 9), left(s.key, 6))
                      ORDER BY u.level DESC LIMIT 1) above
WHERE t.grid_id IS NULL OR t.valid_to IS NOT NULL
   OR (t.name_zh, t.admin_id, ST_AsEWKB(t.geom_m)) IS DISTINCT FROM
      (s.doc ->> 'name_zh', above.admin_id, ST_AsEWKB(ST_GeometryN(ST_GeomFromEWKB(s.geom_m), 1)));

-- :insert
INSERT INTO twin.grid (code, admin_id, name_zh, geom, geom_m)
SELECT s.key, t.admin_id, s.doc ->> 'name_zh',
       ST_GeometryN(ST_GeomFromEWKB(s.geom), 1), ST_GeometryN(ST_GeomFromEWKB(s.geom_m), 1)
FROM stage_todo t JOIN stage_row s USING (row_no) WHERE t.target_id IS NULL ORDER BY s.row_no;

-- :update
UPDATE twin.grid g
SET admin_id = t.admin_id, name_zh = s.doc ->> 'name_zh', valid_to = NULL,
    geom = ST_GeometryN(ST_GeomFromEWKB(s.geom), 1), geom_m = ST_GeometryN(ST_GeomFromEWKB(s.geom_m), 1)
FROM stage_todo t JOIN stage_row s USING (row_no) WHERE t.target_id = g.grid_id;
