-- Entities whose code is personal (a household's number) are found by its keyed hash (s.key is that hash, in hexadecimal);
-- the others keep it in source_key. The public code is made up and says nothing.
-- :find
INSERT INTO stage_todo (row_no, target_id, admin_id, grid_id, code)
SELECT s.row_no, t.entity_id, s.admin_id, s.grid_id,
       coalesce(t.code, s.doc ->> 'type_code' || '-' || left(replace(gen_random_uuid()::text, '-', ''), 16))
FROM stage_row s
  LEFT JOIN private.entity p ON %(private_key)s AND p.department_id = %(department_id)s
                            AND p.key_mac = decode(s.key, 'hex')
  LEFT JOIN twin.entity t ON CASE WHEN %(private_key)s THEN t.entity_id = p.entity_id
                                  ELSE t.department_id = %(department_id)s AND t.source_key = s.key END
  LEFT JOIN private.entity kept ON kept.entity_id = t.entity_id
WHERE t.entity_id IS NULL OR t.row_hash IS DISTINCT FROM s.row_hash OR t.valid_to IS NOT NULL
   OR kept.content_mac IS DISTINCT FROM s.private_mac;

-- :insert
INSERT INTO twin.entity (type_code, code, public_name_zh, admin_id, grid_id, geom, geom_m, department_id, batch_id,
                         source_key, row_hash, raw_hash, row_no, valid_from)
SELECT s.doc ->> 'type_code', t.code, s.doc ->> 'public_name_zh', t.admin_id, t.grid_id,
       ST_PointOnSurface(ST_GeomFromEWKB(s.geom)), ST_PointOnSurface(ST_GeomFromEWKB(s.geom_m)), %(department_id)s, %(batch_id)s,
       CASE WHEN NOT %(private_key)s THEN s.key END, s.row_hash, s.raw_hash, s.row_no,
       coalesce((s.doc ->> 'valid_from')::timestamptz, now())
FROM stage_todo t JOIN stage_row s USING (row_no) WHERE t.target_id IS NULL ORDER BY s.row_no;

-- :update
UPDATE twin.entity e
SET type_code = s.doc ->> 'type_code', public_name_zh = s.doc ->> 'public_name_zh',
    admin_id = coalesce(t.admin_id, e.admin_id), grid_id = coalesce(t.grid_id, e.grid_id),
    geom = ST_PointOnSurface(ST_GeomFromEWKB(s.geom)), geom_m = ST_PointOnSurface(ST_GeomFromEWKB(s.geom_m)),
    batch_id = %(batch_id)s, row_hash = s.row_hash, raw_hash = s.raw_hash, row_no = s.row_no, evidence_id = NULL,
    known_at = now(),
    valid_from = coalesce((s.doc ->> 'valid_from')::timestamptz, e.valid_from), valid_to = NULL
FROM stage_todo t JOIN stage_row s USING (row_no) WHERE t.target_id = e.entity_id;

-- :numbers  what the twin calls the rows whose private part is to be sealed
SELECT t.row_no, e.entity_id FROM stage_todo t JOIN stage_row s USING (row_no) JOIN twin.entity e ON e.code = t.code
WHERE s.private_mac IS NOT NULL;

-- :after
INSERT INTO private.entity AS p (entity_id, department_id, grid_id, credit_code, building_code, sealed, content_mac, key_mac,
                                 id_mac, phone_mac, name_mac)
SELECT x.target_id, %(department_id)s, t.grid_id, x.credit_code, x.building_code, x.sealed, x.content_mac,
       CASE WHEN %(private_key)s THEN decode(s.key, 'hex') END, x.id_mac, x.phone_mac, x.name_mac
FROM stage_sealed x JOIN stage_todo t USING (row_no) JOIN stage_row s USING (row_no)
ON CONFLICT (entity_id) DO UPDATE
SET grid_id = coalesce(excluded.grid_id, p.grid_id), credit_code = excluded.credit_code,
    building_code = excluded.building_code, sealed = excluded.sealed, content_mac = excluded.content_mac,
    key_mac = excluded.key_mac, id_mac = excluded.id_mac, phone_mac = excluded.phone_mac, name_mac = excluded.name_mac;
