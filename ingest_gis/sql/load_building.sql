-- :find
INSERT INTO stage_todo (row_no, target_id)
SELECT s.row_no, t.building_id
FROM stage_row s LEFT JOIN twin.building t ON t.code = s.key
WHERE t.building_id IS NULL OR t.row_hash IS DISTINCT FROM s.row_hash OR t.valid_to IS NOT NULL;

-- :insert
INSERT INTO twin.building (code, name_zh, use_zh, storeys, admin_id, grid_id, geom, geom_m, source_key,
                           row_hash, raw_hash, batch_id, row_no)
SELECT s.key, s.doc ->> 'name_zh', s.doc ->> 'use_zh', (s.doc ->> 'storeys')::smallint, t.admin_id, t.grid_id,
       ST_Multi(ST_GeomFromEWKB(s.geom)), ST_Multi(ST_GeomFromEWKB(s.geom_m)), s.key, s.row_hash, s.raw_hash, %(batch_id)s, s.row_no
FROM stage_todo t JOIN stage_row s USING (row_no) WHERE t.target_id IS NULL ORDER BY s.row_no;

-- :update  heights and solids are the survey's and stay
UPDATE twin.building b
SET name_zh = s.doc ->> 'name_zh', use_zh = s.doc ->> 'use_zh', storeys = (s.doc ->> 'storeys')::smallint,
    admin_id = t.admin_id, grid_id = t.grid_id,
    geom = ST_Multi(ST_GeomFromEWKB(s.geom)), geom_m = ST_Multi(ST_GeomFromEWKB(s.geom_m)),
    footprint_evidence_id = NULL, source_key = s.key, row_hash = s.row_hash, raw_hash = s.raw_hash, batch_id = %(batch_id)s,
    row_no = s.row_no, known_at = now(), valid_to = NULL
FROM stage_todo t JOIN stage_row s USING (row_no) WHERE t.target_id = b.building_id;

-- :after  delivered solids and heights, each with its evidence; what a person has confirmed stays
WITH delivered AS (
  SELECT b.building_id, s.row_no, s.doc
  FROM stage_todo t JOIN stage_row s USING (row_no) JOIN twin.building b ON b.code = s.key
  WHERE s.doc ? 'vertical_datum'
    AND NOT EXISTS (SELECT FROM twin.evidence e WHERE e.evidence_id = b.height_evidence_id AND e.confirmed_by IS NOT NULL)
), told AS (
  INSERT INTO twin.evidence (kind, batch_id, file, row_no, method)
  SELECT 'delivery', d.batch_id, d.file, x.row_no, CASE WHEN x.doc ? 'solid' THEN 'delivered model' ELSE 'delivered heights' END
  FROM delivered x CROSS JOIN twin.batch d WHERE d.batch_id = %(batch_id)s ORDER BY x.row_no
  RETURNING evidence_id, row_no
), model AS (
  INSERT INTO twin.building_model (building_id, crs, vertical_datum, model, batch_id)
  SELECT building_id, doc #>> '{model,crs}', doc ->> 'vertical_datum', doc -> 'model', %(batch_id)s
  FROM delivered WHERE doc ? 'solid'
  ON CONFLICT (building_id) DO UPDATE SET crs = excluded.crs, vertical_datum = excluded.vertical_datum,
    model = excluded.model, batch_id = excluded.batch_id
)
UPDATE twin.building b
SET solid = coalesce((x.doc ->> 'solid')::geometry, b.solid), lod = coalesce(x.doc ->> 'lod', b.lod),
    ground_h_m = (x.doc ->> 'ground_h_m')::real, roof_h_m = (x.doc ->> 'roof_h_m')::real,
    height_m = (x.doc ->> 'height_m')::real, vertical_datum = x.doc ->> 'vertical_datum', height_sigma_m = NULL,
    height_confidence = NULL, height_note = NULL, survey_id = NULL, height_evidence_id = e.evidence_id
FROM delivered x JOIN told e USING (row_no) WHERE b.building_id = x.building_id;
