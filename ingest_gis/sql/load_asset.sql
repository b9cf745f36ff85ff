-- :find
INSERT INTO stage_todo (row_no, target_id, admin_id, grid_id)
SELECT s.row_no, t.asset_id, s.admin_id, s.grid_id
FROM stage_row s LEFT JOIN twin.asset t ON t.code = s.key
WHERE t.asset_id IS NULL OR t.row_hash IS DISTINCT FROM s.row_hash OR t.valid_to IS NOT NULL;

-- :insert
WITH named AS (SELECT name_zh, min(department_id) AS department_id FROM twin.department GROUP BY name_zh)
INSERT INTO twin.asset (class_id, code, name_zh, state, geom, geom_m, attributes, accuracy_class,
                        height_m, vertical_datum, supervising_department_id, owning_department_id, maintaining_department_id,
                        admin_id, grid_id, source_key, row_hash, raw_hash, batch_id, row_no, valid_from)
SELECT (s.doc ->> 'class_id')::smallint, s.key, s.doc ->> 'name_zh', coalesce(s.doc ->> 'state', '完好'),
       ST_GeomFromEWKB(s.geom), ST_GeomFromEWKB(s.geom_m), s.doc -> 'attributes', s.doc ->> 'accuracy_class',
       (s.doc ->> 'height_m')::real, s.doc ->> 'vertical_datum',
       coalesce(by_code.department_id, supervising.department_id), owning.department_id, maintaining.department_id,
       t.admin_id, t.grid_id, s.key, s.row_hash, s.raw_hash, %(batch_id)s, s.row_no,
       coalesce((s.doc ->> 'valid_from')::timestamptz, now())
FROM stage_todo t JOIN stage_row s USING (row_no)
  LEFT JOIN twin.department by_code ON by_code.code = s.doc ->> 'supervising_code'
  LEFT JOIN named supervising ON supervising.name_zh = s.doc ->> 'supervising_name' AND s.doc ->> 'supervising_code' IS NULL
  LEFT JOIN named owning ON owning.name_zh = s.doc ->> 'owning_name'
  LEFT JOIN named maintaining ON maintaining.name_zh = s.doc ->> 'maintaining_name'
WHERE t.target_id IS NULL ORDER BY s.row_no;

-- :update  heights are the survey's and stay where the delivery has none
UPDATE twin.asset a
SET class_id = (s.doc ->> 'class_id')::smallint, name_zh = s.doc ->> 'name_zh', state = coalesce(s.doc ->> 'state', a.state),
    geom = ST_GeomFromEWKB(s.geom), geom_m = ST_GeomFromEWKB(s.geom_m), attributes = s.doc -> 'attributes',
    accuracy_class = s.doc ->> 'accuracy_class',
    height_m = coalesce((s.doc ->> 'height_m')::real, a.height_m),
    vertical_datum = coalesce(s.doc ->> 'vertical_datum', a.vertical_datum),
    supervising_department_id = (SELECT d.department_id FROM twin.department d
                                 WHERE d.code = s.doc ->> 'supervising_code'
                                    OR (s.doc ->> 'supervising_code' IS NULL AND d.name_zh = s.doc ->> 'supervising_name')
                                 ORDER BY d.department_id LIMIT 1),
    owning_department_id = (SELECT d.department_id FROM twin.department d WHERE d.name_zh = s.doc ->> 'owning_name'
                            ORDER BY d.department_id LIMIT 1),
    maintaining_department_id = (SELECT d.department_id FROM twin.department d
                                 WHERE d.name_zh = s.doc ->> 'maintaining_name' ORDER BY d.department_id LIMIT 1),
    admin_id = t.admin_id, grid_id = t.grid_id, source_key = s.key, row_hash = s.row_hash, raw_hash = s.raw_hash, batch_id = %(batch_id)s,
    row_no = s.row_no, evidence_id = NULL, known_at = now(), valid_from = coalesce((s.doc ->> 'valid_from')::timestamptz, a.valid_from), valid_to = NULL
FROM stage_todo t JOIN stage_row s USING (row_no) WHERE t.target_id = a.asset_id;
