-- How the faces of a delivered solid belong together, so that it can be given back as it came: parts, shells, what each
-- surface is, and the system its coordinates were in. The faces themselves stand in twin.building.solid.
CREATE TABLE twin.building_model (
  building_id bigint PRIMARY KEY REFERENCES twin.building ON DELETE CASCADE,
  crs text NOT NULL,                         -- of the file: EPSG code, PROJ string or WKT
  vertical_datum text NOT NULL,
  model jsonb NOT NULL,                      -- {"crs", "swapped", "parts": [{"id","type","attributes","geometry","lod","shells","surfaces","values"}]}
  batch_id bigint REFERENCES twin.batch ON DELETE SET NULL
);
CREATE INDEX building_model_batch ON twin.building_model (batch_id);
SELECT history.track('twin.building_model', 'building_id');
GRANT SELECT ON twin.building_model TO twin_app, twin_ingest;
GRANT INSERT, UPDATE, DELETE ON twin.building_model TO twin_ingest;
