-- :find
INSERT INTO stage_todo (row_no, target_id)
SELECT s.row_no, t.admin_id
FROM stage_row s LEFT JOIN twin.admin_unit t ON t.code = s.key
WHERE t.admin_id IS NULL OR t.valid_to IS NOT NULL
   OR (t.name_zh, t.level, ST_AsEWKB(t.geom_m)) IS DISTINCT FROM
      (s.doc ->> 'name_zh', (s.doc ->> 'level')::smallint, ST_AsEWKB(ST_Multi(ST_GeomFromEWKB(s.geom_m))))
   OR coalesce(s.doc ->> 'name_en', t.name_en) IS DISTINCT FROM t.name_en;

-- :insert
INSERT INTO twin.admin_unit (code, level, name_zh, name_en, geom, geom_m)
SELECT s.key, (s.doc ->> 'level')::smallint, s.doc ->> 'name_zh', s.doc ->> 'name_en',
       ST_Multi(ST_GeomFromEWKB(s.geom)), ST_Multi(ST_GeomFromEWKB(s.geom_m))
FROM stage_todo t JOIN stage_row s USING (row_no) WHERE t.target_id IS NULL ORDER BY s.row_no;

-- :update
UPDATE twin.admin_unit u
SET level = (s.doc ->> 'level')::smallint, name_zh = s.doc ->> 'name_zh', name_en = coalesce(s.doc ->> 'name_en', u.name_en),
    geom = ST_Multi(ST_GeomFromEWKB(s.geom)), geom_m = ST_Multi(ST_GeomFromEWKB(s.geom_m)), valid_to = NULL
FROM stage_todo t JOIN stage_row s USING (row_no) WHERE t.target_id = u.admin_id;

-- :after  the unit above: a town's district, a community's town (or district while the town is not there)
UPDATE twin.admin_unit u SET parent_id = above.admin_id
FROM stage_row s
  CROSS JOIN LATERAL (SELECT p.admin_id FROM twin.admin_unit p
                      WHERE p.code IN (left(s.key, 9), left(s.key, 6)) AND p.code <> s.key
                      ORDER BY p.level DESC LIMIT 1) above
WHERE u.code = s.key AND u.parent_id IS DISTINCT FROM above.admin_id;
