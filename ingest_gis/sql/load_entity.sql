-- Entities whose code is personal (a household's number) keep it in private.entity.attributes and are found there;
-- the others keep it in source_key. The public code is made up and says nothing.
-- :find
INSERT INTO stage_todo (row_no, target_id, admin_id, grid_id, code)
SELECT s.row_no, t.entity_id, s.admin_id, s.grid_id,
       coalesce(t.code, s.doc ->> 'type_code' || '-' || left(replace(gen_random_uuid()::text, '-', ''), 16))
FROM stage_row s
  LEFT JOIN private.entity p ON %(private_key)s AND p.department_id = %(department_id)s
                            AND p.attributes ->> 'source_key' = s.key
  LEFT JOIN twin.entity t ON CASE WHEN %(private_key)s THEN t.entity_id = p.entity_id
                                  ELSE t.department_id = %(department_id)s AND t.source_key = s.key END
  LEFT JOIN private.entity kept ON kept.entity_id = t.entity_id
WHERE t.entity_id IS NULL OR t.row_hash IS DISTINCT FROM s.row_hash OR t.valid_to IS NOT NULL
   OR (kept.name, kept.credit_code, kept.id_number, kept.phone, kept.room, kept.attributes - 'source_key') IS DISTINCT FROM
      (s.private ->> 'name', s.private ->> 'credit_code', s.private ->> 'id_number', s.private ->> 'phone',
       s.private ->> 'room', s.private -> 'attributes');

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

-- :after
INSERT INTO private.entity AS p (entity_id, department_id, grid_id, name, credit_code, id_number, phone, room, attributes)
SELECT e.entity_id, %(department_id)s, t.grid_id, s.private ->> 'name', s.private ->> 'credit_code',
       s.private ->> 'id_number', s.private ->> 'phone', s.private ->> 'room',
       s.private -> 'attributes' || CASE WHEN %(private_key)s THEN jsonb_build_object('source_key', s.key) ELSE '{}' END
FROM stage_todo t JOIN stage_row s USING (row_no) JOIN twin.entity e ON e.code = t.code
ON CONFLICT (entity_id) DO UPDATE
SET grid_id = coalesce(excluded.grid_id, p.grid_id), name = excluded.name, credit_code = excluded.credit_code,
    id_number = excluded.id_number, phone = excluded.phone, room = excluded.room, attributes = excluded.attributes;
