-- :find
INSERT INTO stage_todo (row_no, target_id, admin_id, grid_id)
SELECT s.row_no, t.record_id, s.admin_id, s.grid_id
FROM stage_row s
  LEFT JOIN twin.record t ON t.department_id = %(department_id)s AND t.kind = %(kind)s AND t.source_key = s.key
  LEFT JOIN private.record p ON p.record_id = t.record_id
WHERE t.record_id IS NULL OR t.row_hash IS DISTINCT FROM s.row_hash OR t.valid_to IS NOT NULL
   OR p.content_mac IS DISTINCT FROM s.private_mac;

-- :insert
INSERT INTO twin.record (department_id, kind, source_key, title_zh, recorded_at, state, attributes, address_given,
                         geom, geom_m, admin_id, grid_id, row_hash, raw_hash, batch_id, row_no)
SELECT %(department_id)s, %(kind)s, s.key, s.doc ->> 'title_zh', (s.doc ->> 'recorded_at')::timestamptz, s.doc ->> 'state',
       s.doc -> 'attributes', s.doc ->> 'address_given',
       ST_PointOnSurface(ST_GeomFromEWKB(s.geom)), ST_PointOnSurface(ST_GeomFromEWKB(s.geom_m)),
       t.admin_id, t.grid_id, s.row_hash, s.raw_hash, %(batch_id)s, s.row_no
FROM stage_todo t JOIN stage_row s USING (row_no) WHERE t.target_id IS NULL ORDER BY s.row_no;

-- :update
UPDATE twin.record r
SET title_zh = s.doc ->> 'title_zh', recorded_at = (s.doc ->> 'recorded_at')::timestamptz, state = s.doc ->> 'state',
    attributes = s.doc -> 'attributes', address_given = s.doc ->> 'address_given',
    geom = ST_PointOnSurface(ST_GeomFromEWKB(s.geom)), geom_m = ST_PointOnSurface(ST_GeomFromEWKB(s.geom_m)),
    admin_id = coalesce(t.admin_id, r.admin_id), grid_id = coalesce(t.grid_id, r.grid_id),
    row_hash = s.row_hash, raw_hash = s.raw_hash, batch_id = %(batch_id)s, row_no = s.row_no, evidence_id = NULL,
    known_at = now(), valid_to = NULL
FROM stage_todo t JOIN stage_row s USING (row_no) WHERE t.target_id = r.record_id;

-- :numbers  what the twin calls the rows whose private part is to be sealed
SELECT t.row_no, r.record_id FROM stage_todo t JOIN stage_row s USING (row_no)
  JOIN twin.record r ON r.department_id = %(department_id)s AND r.kind = %(kind)s AND r.source_key = s.key
WHERE s.private_mac IS NOT NULL;

-- :after
WITH gone AS (
  DELETE FROM private.record p USING stage_todo t JOIN stage_row s USING (row_no)
  WHERE p.record_id = t.target_id AND s.private_mac IS NULL
)
INSERT INTO private.record AS p (record_id, department_id, sealed, content_mac, id_mac, credit_code, has_name)
SELECT target_id, %(department_id)s, sealed, content_mac, id_mac, credit_code, has_name FROM stage_sealed
ON CONFLICT (record_id) DO UPDATE
SET sealed = excluded.sealed, content_mac = excluded.content_mac, id_mac = excluded.id_mac,
    credit_code = excluded.credit_code, has_name = excluded.has_name;
