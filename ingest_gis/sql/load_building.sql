-- :find
INSERT INTO stage_todo (row_no, target_id)
SELECT s.row_no, t.building_id
FROM stage_row s LEFT JOIN twin.building t ON t.code = s.key
WHERE t.building_id IS NULL OR t.row_hash IS DISTINCT FROM s.row_hash OR t.valid_to IS NOT NULL;

-- :insert
INSERT INTO twin.building (code, name_zh, use_zh, storeys, admin_id, grid_id, geom, geom_m, footprint_evidence_id,
                           source_key, row_hash, batch_id)
SELECT s.key, s.doc ->> 'name_zh', s.doc ->> 'use_zh', (s.doc ->> 'storeys')::smallint, t.admin_id, t.grid_id,
       ST_Multi(ST_GeomFromEWKB(s.geom)), ST_Multi(ST_GeomFromEWKB(s.geom_m)), t.evidence_id, s.key, s.row_hash, %(batch_id)s
FROM stage_todo t JOIN stage_row s USING (row_no) WHERE t.target_id IS NULL ORDER BY s.row_no;

-- :update  heights and solids are the survey's and stay
UPDATE twin.building b
SET name_zh = s.doc ->> 'name_zh', use_zh = s.doc ->> 'use_zh', storeys = (s.doc ->> 'storeys')::smallint,
    admin_id = t.admin_id, grid_id = t.grid_id,
    geom = ST_Multi(ST_GeomFromEWKB(s.geom)), geom_m = ST_Multi(ST_GeomFromEWKB(s.geom_m)),
    footprint_evidence_id = t.evidence_id, source_key = s.key, row_hash = s.row_hash, batch_id = %(batch_id)s, valid_to = NULL
FROM stage_todo t JOIN stage_row s USING (row_no) WHERE t.target_id = b.building_id;
