-- :find
INSERT INTO stage_todo (row_no, target_id, admin_id, grid_id)
SELECT s.row_no, t.address_id, s.admin_id, s.grid_id
FROM stage_row s LEFT JOIN twin.address t ON t.code = s.key
WHERE t.address_id IS NULL OR t.row_hash IS DISTINCT FROM s.row_hash OR t.valid_to IS NOT NULL;

-- :insert
INSERT INTO twin.address (code, text_zh, normalised, components, register_version, admin_id, grid_id, building_id,
                          geom, geom_m, source_key, row_hash, raw_hash, batch_id, row_no)
SELECT s.key, s.doc ->> 'text_zh', s.doc ->> 'normalised', s.doc -> 'components', %(register_version)s, t.admin_id, t.grid_id,
       b.building_id, ST_GeometryN(ST_GeomFromEWKB(s.geom), 1), ST_GeometryN(ST_GeomFromEWKB(s.geom_m), 1),
       s.key, s.row_hash, s.raw_hash, %(batch_id)s, s.row_no
FROM stage_todo t JOIN stage_row s USING (row_no)
  LEFT JOIN twin.building b ON b.code = s.doc -> 'components' ->> 'building_code'
WHERE t.target_id IS NULL ORDER BY s.row_no;

-- :update
UPDATE twin.address a
SET text_zh = s.doc ->> 'text_zh', normalised = s.doc ->> 'normalised', components = s.doc -> 'components',
    register_version = %(register_version)s, admin_id = t.admin_id, grid_id = t.grid_id,
    building_id = (SELECT b.building_id FROM twin.building b WHERE b.code = s.doc -> 'components' ->> 'building_code'),
    geom = ST_GeometryN(ST_GeomFromEWKB(s.geom), 1), geom_m = ST_GeometryN(ST_GeomFromEWKB(s.geom_m), 1),
    source_key = s.key, row_hash = s.row_hash, raw_hash = s.raw_hash, batch_id = %(batch_id)s, row_no = s.row_no,
    evidence_id = NULL, known_at = now(), valid_to = NULL
FROM stage_todo t JOIN stage_row s USING (row_no) WHERE t.target_id = a.address_id;
