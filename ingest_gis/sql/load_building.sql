-- :find
INSERT INTO stage_todo (row_no, target_id, admin_id, grid_id)
SELECT s.row_no, t.building_id, s.admin_id, s.grid_id
FROM stage_row s LEFT JOIN twin.building t ON t.code = s.key
WHERE t.building_id IS NULL OR t.row_hash IS DISTINCT FROM s.row_hash OR t.valid_to IS NOT NULL;

-- Solids and heights of a delivery go in with their row, in one statement, so that taking the batch back finds one change.
-- :insert
WITH told AS (
  INSERT INTO twin.evidence (kind, batch_id, file, row_no, method)
  SELECT 'delivery', d.batch_id, d.file, s.row_no,
         CASE WHEN s.doc ? 'solid' THEN 'delivered model' ELSE 'delivered heights' END
  FROM stage_todo t JOIN stage_row s USING (row_no) JOIN twin.batch d ON d.batch_id = %(batch_id)s
  WHERE t.target_id IS NULL AND s.doc ? 'vertical_datum' ORDER BY s.row_no
  RETURNING evidence_id, row_no
)
INSERT INTO twin.building (code, name_zh, use_zh, storeys, admin_id, grid_id, geom, geom_m, source_key,
                           row_hash, raw_hash, batch_id, row_no,
                           solid, lod, ground_h_m, roof_h_m, height_m, vertical_datum, height_evidence_id)
SELECT s.key, s.doc ->> 'name_zh', s.doc ->> 'use_zh', (s.doc ->> 'storeys')::smallint, t.admin_id, t.grid_id,
       ST_Multi(ST_GeomFromEWKB(s.geom)), ST_Multi(ST_GeomFromEWKB(s.geom_m)), s.key, s.row_hash, s.raw_hash, %(batch_id)s, s.row_no,
       (s.doc ->> 'solid')::geometry, s.doc ->> 'lod', (s.doc ->> 'ground_h_m')::real, (s.doc ->> 'roof_h_m')::real,
       (s.doc ->> 'height_m')::real, s.doc ->> 'vertical_datum', e.evidence_id
FROM stage_todo t JOIN stage_row s USING (row_no) LEFT JOIN told e USING (row_no)
WHERE t.target_id IS NULL ORDER BY s.row_no;

-- :update  heights and solids are the survey's and stay, unless the delivery has its own; what a person confirmed stays
WITH told AS (
  INSERT INTO twin.evidence (kind, batch_id, file, row_no, method)
  SELECT 'delivery', d.batch_id, d.file, s.row_no,
         CASE WHEN s.doc ? 'solid' THEN 'delivered model' ELSE 'delivered heights' END
  FROM stage_todo t JOIN stage_row s USING (row_no) JOIN twin.batch d ON d.batch_id = %(batch_id)s
    JOIN twin.building b ON b.building_id = t.target_id
  WHERE s.doc ? 'vertical_datum'
    AND NOT EXISTS (SELECT FROM twin.evidence h WHERE h.evidence_id = b.height_evidence_id AND h.confirmed_by IS NOT NULL)
  ORDER BY s.row_no
  RETURNING evidence_id, row_no
)
UPDATE twin.building b
SET name_zh = s.doc ->> 'name_zh', use_zh = s.doc ->> 'use_zh', storeys = (s.doc ->> 'storeys')::smallint,
    admin_id = t.admin_id, grid_id = t.grid_id,
    geom = ST_Multi(ST_GeomFromEWKB(s.geom)), geom_m = ST_Multi(ST_GeomFromEWKB(s.geom_m)),
    footprint_evidence_id = NULL, source_key = s.key, row_hash = s.row_hash, raw_hash = s.raw_hash, batch_id = %(batch_id)s,
    row_no = s.row_no, known_at = now(), valid_to = NULL,
    (solid, lod, ground_h_m, roof_h_m, height_m, vertical_datum, height_sigma_m, height_confidence, height_note, survey_id,
     height_evidence_id) = (
      SELECT coalesce((s.doc ->> 'solid')::geometry, b.solid), coalesce(s.doc ->> 'lod', b.lod),
             (s.doc ->> 'ground_h_m')::real, (s.doc ->> 'roof_h_m')::real, (s.doc ->> 'height_m')::real,
             s.doc ->> 'vertical_datum', NULL::real, NULL, NULL, NULL::integer, e.evidence_id WHERE e.evidence_id IS NOT NULL
      UNION ALL
      SELECT b.solid, b.lod, b.ground_h_m, b.roof_h_m, b.height_m, b.vertical_datum, b.height_sigma_m, b.height_confidence,
             b.height_note, b.survey_id, b.height_evidence_id WHERE e.evidence_id IS NULL)
FROM stage_todo t JOIN stage_row s USING (row_no) LEFT JOIN told e USING (row_no) WHERE t.target_id = b.building_id;

-- :after  how the faces of the solids just taken hang together
INSERT INTO twin.building_model (building_id, crs, vertical_datum, model, batch_id)
SELECT b.building_id, s.doc #>> '{model,crs}', s.doc ->> 'vertical_datum', s.doc -> 'model', %(batch_id)s
FROM stage_todo t JOIN stage_row s USING (row_no) JOIN twin.building b ON b.code = s.key
  JOIN twin.evidence e ON e.evidence_id = b.height_evidence_id
WHERE s.doc ? 'solid' AND e.batch_id = %(batch_id)s AND e.row_no = s.row_no
ON CONFLICT (building_id) DO UPDATE SET crs = excluded.crs, vertical_datum = excluded.vertical_datum,
  model = excluded.model, batch_id = excluded.batch_id;
