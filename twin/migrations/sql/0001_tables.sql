-- The city's tables. Public geometry, class and code stand in schema `twin` without row policies;
-- names, phones, id numbers, household and person data stand in schema `private` (FORCE ROW LEVEL SECURITY,
-- policies in 0001_policies.sql). `geom` is EPSG:4490 (lon, lat), `geom_m` is the city's working CRS in metres;
-- :working_srid is filled in by the migration from the city's settings (4550 for Muping).

CREATE SCHEMA IF NOT EXISTS twin;   -- the table of the database version stands in it before anything else
CREATE SCHEMA private;
CREATE SCHEMA history;
CREATE SCHEMA audit;

-- ---------------------------------------------------------------- system
CREATE TABLE twin.city (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  code text NOT NULL, name_zh text NOT NULL, name_en text NOT NULL,
  working_srid integer NOT NULL, vertical_datum text NOT NULL, code_scheme text NOT NULL,
  utc_offset_h smallint NOT NULL DEFAULT 8,
  model_version text NOT NULL
);

CREATE TABLE twin.department (
  department_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,                 -- short stable code, or unified social credit code
  name_zh text NOT NULL, name_en text
);

-- Where a value came from: a delivery (batch, file, row), a survey (survey, photo, pixel) or a person.
CREATE TABLE twin.evidence (
  evidence_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('delivery','survey','person','catalogue','computed')),
  batch_id bigint, file text, row_no bigint,                      -- foreign keys: at the end, the tables come later
  survey_id integer, photo_id bigint, pixel_col real, pixel_row real,
  method text, sigma_m real, confidence real CHECK (confidence BETWEEN 0 AND 1),
  observed_at timestamptz, known_at timestamptz NOT NULL DEFAULT now(),
  confirmed_by text, confirmed_at timestamptz
);

-- ---------------------------------------------------------------- catalogue
CREATE TABLE twin.class (
  class_id smallint PRIMARY KEY,             -- 1..108, order of data/catalogue/classes.csv
  code text NOT NULL UNIQUE,                 -- CJ/T 214-2007 style four digits
  category_zh text NOT NULL, category_en text NOT NULL,
  name_zh text NOT NULL, name_en text NOT NULL,
  geometry_kind text NOT NULL,               -- point | line | polygon | (as in the catalogue)
  responsible_department_zh text, is_extension boolean NOT NULL,
  accuracy_class char(1) NOT NULL DEFAULT 'B' CHECK (accuracy_class IN ('A','B','C')),
  attribute_schema jsonb NOT NULL,           -- JSON Schema of asset.attributes
  osm_tags text, citygml_type text, evidence text
);
CREATE TABLE twin.event_class (
  event_class_id smallint PRIMARY KEY, code text NOT NULL UNIQUE,
  major_zh text NOT NULL, major_en text NOT NULL, minor_zh text NOT NULL, minor_en text NOT NULL,
  filing_condition_zh text, time_limit text, time_limit_source text, closure_condition_zh text,
  responsible_department_zh text, source text
);
-- Codes are text, keyed (scheme, kind, code). A newer standard may merge two of our classes into one code (03006 of
-- 2026 is both 0306 and 0307): variant 1 is the class that code means when it is read, further ones are for display.
CREATE TABLE twin.class_code (
  scheme text NOT NULL, kind text NOT NULL CHECK (kind IN ('component','event')), code text NOT NULL,
  variant smallint NOT NULL DEFAULT 1,
  class_id smallint REFERENCES twin.class, event_class_id smallint REFERENCES twin.event_class,
  name_zh text NOT NULL, inferred boolean NOT NULL DEFAULT false,
  PRIMARY KEY (scheme, kind, code, variant), CHECK (num_nonnulls(class_id, event_class_id) = 1)
);
CREATE TABLE twin.handling_limit (           -- class_code is NULL where the source's class has none of ours beside it
  limit_id smallint PRIMARY KEY, class_code text REFERENCES twin.class (code), condition text NOT NULL,
  limit_value numeric NOT NULL, limit_unit text NOT NULL CHECK (limit_unit IN ('UH','WH','WD','UD')),
  source_code text NOT NULL, source_name_zh text,
  UNIQUE NULLS NOT DISTINCT (class_code, source_code, condition)
);
CREATE TABLE twin.entity_type (
  type_code text PRIMARY KEY, name_zh text NOT NULL, name_en text NOT NULL, kind text NOT NULL, parent_type text,
  geometry_kind text, primary_identifier text, identifier_rule text, key_attributes text,
  personal_data text NOT NULL, source text, confidence text
);

-- ---------------------------------------------------------------- places
CREATE TABLE twin.admin_unit (
  admin_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,                 -- 6, 9 or 12 digits
  level smallint NOT NULL,                   -- 3 district, 4 street/town, 5 community/village
  name_zh text NOT NULL, name_en text, parent_id integer REFERENCES twin.admin_unit,
  geom geometry(MultiPolygon,4490), geom_m geometry(MultiPolygon,:working_srid),
  valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz
);
CREATE TABLE twin.grid (
  grid_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE CHECK (code ~ '^[0-9]{15}$'),   -- 6 + 3 + 3 + 3
  admin_id integer NOT NULL REFERENCES twin.admin_unit, name_zh text,
  geom geometry(Polygon,4490) NOT NULL, geom_m geometry(Polygon,:working_srid) NOT NULL,
  valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz
);

-- ---------------------------------------------------------------- surveys
CREATE TABLE twin.survey (
  survey_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE, kind text NOT NULL CHECK (kind IN ('drone','satellite')),
  taken_from timestamptz, taken_to timestamptz,
  crs text NOT NULL, vertical_datum text NOT NULL,           -- an undeclared height is refused
  frame jsonb NOT NULL,                                      -- local frame: {"type":"enu","origin":{"lon","lat","h_m"}}
  gsd_m real, report jsonb NOT NULL DEFAULT '{}', fingerprint text NOT NULL, -- sha256 of the product manifests
  footprint geometry(MultiPolygon,4490), published_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE twin.photo (
  photo_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  survey_id integer NOT NULL REFERENCES twin.survey ON DELETE CASCADE,
  file text NOT NULL, sha256 text NOT NULL, taken_at timestamptz,
  width integer NOT NULL, height integer NOT NULL,
  registered boolean NOT NULL, rejected_reason text,
  camera jsonb,                              -- {"model":"OPENCV","params":[fx,fy,cx,cy,k1,k2,p1,p2],"width","height"}
  pose jsonb,                                -- {"rotation":[[3x3] world(ENU)->camera], "centre":[e,n,u] metres in survey.frame}
  position geometry(PointZ,4490),            -- adjusted camera centre
  coverage geometry(Polygon,4490),           -- ground outline seen
  UNIQUE (survey_id, file)
);
CREATE TABLE twin.product (
  product_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  survey_id integer NOT NULL REFERENCES twin.survey ON DELETE CASCADE,
  kind text NOT NULL,                        -- orthophoto | dsm | dtm | ndsm | cloud | mesh_tiles | building_tiles | tileset | report
  path text NOT NULL,                        -- relative to TWIN_DATA_DIR
  media_type text NOT NULL, crs text NOT NULL, vertical_datum text, resolution_m real, sigma_m real,
  bytes bigint NOT NULL, sha256 text NOT NULL, footprint geometry(Polygon,4490),
  created_at timestamptz NOT NULL DEFAULT now(), UNIQUE (survey_id, kind)
);

-- ---------------------------------------------------------------- deliveries
CREATE TABLE twin.batch (
  batch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  department_id integer REFERENCES twin.department, target text NOT NULL, -- what the rows became: asset, building, record ...
  file text NOT NULL, file_sha256 text NOT NULL, layer text, mapping jsonb NOT NULL DEFAULT '{}',
  source_crs text, source_datum text, encoding text,
  state text NOT NULL CHECK (state IN ('running','done','failed','rolled_back')),
  read bigint NOT NULL DEFAULT 0, inserted bigint NOT NULL DEFAULT 0, changed bigint NOT NULL DEFAULT 0,
  unchanged bigint NOT NULL DEFAULT 0, rejected bigint NOT NULL DEFAULT 0,
  checkpoint bigint NOT NULL DEFAULT 0,      -- source rows settled; commits with the rows it speaks of
  started_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz
);

-- ---------------------------------------------------------------- buildings and addresses
CREATE TABLE twin.building (
  building_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE, name_zh text, use_zh text, storeys smallint,
  admin_id integer REFERENCES twin.admin_unit, grid_id integer REFERENCES twin.grid,
  geom geometry(MultiPolygon,4490) NOT NULL, geom_m geometry(MultiPolygon,:working_srid) NOT NULL,
  solid geometry(PolyhedralSurfaceZ,:working_srid),            -- LoD1.x blocks, heights in vertical_datum
  lod text, ground_h_m real, roof_h_m real, height_m real, height_sigma_m real, vertical_datum text,
  height_confidence text CHECK (height_confidence IN ('high','low')), height_note text,
  survey_id integer REFERENCES twin.survey ON DELETE SET NULL,
  footprint_evidence_id bigint REFERENCES twin.evidence, height_evidence_id bigint REFERENCES twin.evidence,
  source_key text, row_hash bytea, batch_id bigint REFERENCES twin.batch,
  valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz,
  CHECK (height_m IS NULL OR vertical_datum IS NOT NULL)
);
CREATE TABLE twin.address (
  address_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE, text_zh text NOT NULL,            -- the standard form, down to building (rooms are private)
  normalised text NOT NULL, components jsonb NOT NULL,          -- {"district","town","community","road","number","compound","building","unit"}
  register_version integer NOT NULL DEFAULT 1,
  admin_id integer REFERENCES twin.admin_unit, grid_id integer REFERENCES twin.grid,
  building_id bigint REFERENCES twin.building ON DELETE SET NULL,
  geom geometry(Point,4490), geom_m geometry(Point,:working_srid),
  source_key text, row_hash bytea, batch_id bigint REFERENCES twin.batch, evidence_id bigint REFERENCES twin.evidence,
  valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz
);

-- ---------------------------------------------------------------- assets
CREATE TABLE twin.asset (
  asset_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  class_id smallint NOT NULL REFERENCES twin.class,
  code text NOT NULL UNIQUE,                  -- component identifier (16 or 17 digits), text
  name_zh text, state text NOT NULL DEFAULT '完好' CHECK (state IN ('完好','破损','丢失','废弃','移除')),
  geom geometry(Geometry,4490) NOT NULL, geom_m geometry(Geometry,:working_srid) NOT NULL,
  height_m real, height_sigma_m real, vertical_datum text,
  attributes jsonb NOT NULL DEFAULT '{}', accuracy_class char(1) NOT NULL DEFAULT 'B' CHECK (accuracy_class IN ('A','B','C')),
  supervising_department_id integer REFERENCES twin.department,
  owning_department_id integer REFERENCES twin.department,
  maintaining_department_id integer REFERENCES twin.department,
  admin_id integer REFERENCES twin.admin_unit, grid_id integer REFERENCES twin.grid,
  source_key text, row_hash bytea, batch_id bigint REFERENCES twin.batch, evidence_id bigint REFERENCES twin.evidence,
  valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz
);

-- ---------------------------------------------------------------- social entities: public row + private row
CREATE TABLE twin.entity (
  entity_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  type_code text NOT NULL REFERENCES twin.entity_type, code text NOT NULL UNIQUE, -- opaque public code, never an id number
  public_name_zh text,                        -- enterprises and institutions only; NULL for persons and households
  building_id bigint REFERENCES twin.building ON DELETE SET NULL, address_id bigint REFERENCES twin.address,
  admin_id integer REFERENCES twin.admin_unit, grid_id integer REFERENCES twin.grid,
  geom geometry(Point,4490), geom_m geometry(Point,:working_srid),
  department_id integer REFERENCES twin.department, batch_id bigint REFERENCES twin.batch, source_key text, row_hash bytea,
  evidence_id bigint REFERENCES twin.evidence,
  valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz
);
CREATE TABLE private.entity (
  entity_id bigint PRIMARY KEY REFERENCES twin.entity ON DELETE CASCADE,
  department_id integer NOT NULL REFERENCES twin.department, grid_id integer REFERENCES twin.grid,
  name text, credit_code text, id_number text, phone text, room text, attributes jsonb NOT NULL DEFAULT '{}'
);

-- ---------------------------------------------------------------- departments' records: public row + private row
CREATE TABLE twin.record (
  record_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  department_id integer NOT NULL REFERENCES twin.department,
  kind text NOT NULL,                         -- what sort of record, e.g. business_licence, repair_order, fire_inspection
  source_key text NOT NULL, title_zh text NOT NULL, recorded_at timestamptz, state text,
  attributes jsonb NOT NULL DEFAULT '{}',     -- only fields the mapping declares public
  address_given text,                         -- as delivered, cut at building level
  geom geometry(Point,4490), geom_m geometry(Point,:working_srid),
  admin_id integer REFERENCES twin.admin_unit, grid_id integer REFERENCES twin.grid,
  row_hash bytea, batch_id bigint REFERENCES twin.batch, evidence_id bigint REFERENCES twin.evidence,
  valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz,
  UNIQUE (department_id, kind, source_key)
);
CREATE TABLE private.record (
  record_id bigint PRIMARY KEY REFERENCES twin.record ON DELETE CASCADE,
  department_id integer NOT NULL REFERENCES twin.department, payload jsonb NOT NULL
);
CREATE TABLE private.quarantine (             -- rejected rows keep their raw form; raw may hold personal data
  quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  batch_id bigint NOT NULL REFERENCES twin.batch ON DELETE CASCADE, department_id integer REFERENCES twin.department,
  row_no bigint NOT NULL, reason_code text NOT NULL, detail text, raw jsonb NOT NULL,
  UNIQUE (batch_id, row_no)
);

-- A record or entity at a place. A person's decision (decided_by not null) is never overturned by a re-run.
CREATE TABLE twin.link (
  link_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  record_id bigint REFERENCES twin.record ON DELETE CASCADE, entity_id bigint REFERENCES twin.entity ON DELETE CASCADE,
  building_id bigint REFERENCES twin.building ON DELETE CASCADE, asset_id bigint REFERENCES twin.asset ON DELETE CASCADE,
  address_id bigint REFERENCES twin.address ON DELETE CASCADE,
  method text NOT NULL CHECK (method IN ('code','address','point','name_grid','person')),
  score real NOT NULL CHECK (score BETWEEN 0 AND 1), margin real, distance_m real,
  state text NOT NULL CHECK (state IN ('accepted','review','rejected','undone')),
  reason_zh text NOT NULL, reason_en text NOT NULL, register_version integer NOT NULL,
  decided_by text, decided_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (num_nonnulls(record_id, entity_id) = 1), CHECK (num_nonnulls(building_id, asset_id, address_id) >= 1)
);

-- ---------------------------------------------------------------- events and sensors (widened by later issues)
CREATE TABLE twin.event (
  event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL UNIQUE,
  event_class_id smallint NOT NULL REFERENCES twin.event_class, asset_id bigint REFERENCES twin.asset ON DELETE SET NULL,
  source text NOT NULL, state text NOT NULL, title_zh text NOT NULL, severity text,
  geom geometry(Point,4490) NOT NULL, geom_m geometry(Point,:working_srid) NOT NULL,
  admin_id integer REFERENCES twin.admin_unit, grid_id integer REFERENCES twin.grid,
  reported_at timestamptz NOT NULL, due_at timestamptz, closed_at timestamptz,
  batch_id bigint REFERENCES twin.batch, evidence_id bigint REFERENCES twin.evidence
);
CREATE TABLE twin.sensor (
  sensor_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL UNIQUE,
  kind text NOT NULL, name_zh text, unit text, asset_id bigint REFERENCES twin.asset ON DELETE SET NULL,
  geom geometry(Point,4490) NOT NULL, geom_m geometry(Point,:working_srid) NOT NULL,
  latest_value double precision, latest_at timestamptz,
  valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz
);
CREATE TABLE twin.observation (
  sensor_id integer NOT NULL REFERENCES twin.sensor, observed_at timestamptz NOT NULL, value double precision NOT NULL,
  PRIMARY KEY (sensor_id, observed_at)
) PARTITION BY RANGE (observed_at);
CREATE TABLE twin.observation_default PARTITION OF twin.observation DEFAULT;

-- ---------------------------------------------------------------- history (trigger-written) and audit (append-only)
-- One row per change. U and D keep the version that ended at known_to; I says that the row began to be known then
-- (known_from = known_to, old_row NULL). Geometry stands in old_row as hex EWKB, exact.
CREATE SEQUENCE history.version_id;
CREATE TABLE history.version (
  version_id bigint NOT NULL DEFAULT nextval('history.version_id'),
  table_name text NOT NULL, row_id bigint NOT NULL, operation char(1) NOT NULL CHECK (operation IN ('I','U','D')),
  valid_from timestamptz, valid_to timestamptz,     -- when it was so in the city
  known_from timestamptz NOT NULL, known_to timestamptz NOT NULL, -- when the twin believed it
  actor text, request_id text, old_row jsonb
) PARTITION BY RANGE (known_to);
CREATE TABLE history.version_default PARTITION OF history.version DEFAULT;
-- The same for the private tables, under their policies: history must not show what the table hides.
CREATE TABLE history.private_version (
  version_id bigint NOT NULL DEFAULT nextval('history.version_id'),
  table_name text NOT NULL, row_id bigint NOT NULL, operation char(1) NOT NULL CHECK (operation IN ('I','U','D')),
  valid_from timestamptz, valid_to timestamptz,
  known_from timestamptz NOT NULL, known_to timestamptz NOT NULL,
  actor text, request_id text, old_row jsonb,
  department_id integer, grid_id integer
) PARTITION BY RANGE (known_to);
CREATE TABLE history.private_version_default PARTITION OF history.private_version DEFAULT;
CREATE TABLE audit.log (                     -- audit_id, previous_hash and hash are given by the trigger
  audit_id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor text NOT NULL, role text NOT NULL, action text NOT NULL, subject text, purpose text, request_id text,
  detail jsonb NOT NULL DEFAULT '{}', previous_hash bytea NOT NULL UNIQUE, hash bytea NOT NULL
);

-- ---------------------------------------------------------------- jobs as people see them (the queue itself is procrastinate's)
CREATE TABLE twin.job (
  job_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), kind text NOT NULL, subject text NOT NULL,
  state text NOT NULL CHECK (state IN ('queued','running','done','failed','cancelled')),
  stage text, progress real NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1), message_zh text, message_en text,
  requested_by text, created_at timestamptz NOT NULL DEFAULT now(), started_at timestamptz, finished_at timestamptz,
  result jsonb
);

-- ---------------------------------------------------------------- search: own unigram/bigram tokens (pg_trgm needs three characters)
CREATE TABLE twin.search_entry (
  kind text NOT NULL CHECK (kind IN ('address','building','asset','entity','admin_unit','grid')),
  row_id bigint NOT NULL, label_zh text NOT NULL, code text, pinyin_initials text,
  tokens tsvector NOT NULL, geom geometry(Point,4490), weight real NOT NULL DEFAULT 1,
  PRIMARY KEY (kind, row_id)
);
-- The first letter of each character's usual reading, for search by pinyin initials (filled by the migration).
CREATE TABLE twin.hanzi_initial (hanzi text PRIMARY KEY, initial text NOT NULL);

ALTER TABLE twin.evidence
  ADD CONSTRAINT evidence_batch FOREIGN KEY (batch_id) REFERENCES twin.batch ON DELETE SET NULL,
  ADD CONSTRAINT evidence_survey FOREIGN KEY (survey_id) REFERENCES twin.survey ON DELETE SET NULL,
  ADD CONSTRAINT evidence_photo FOREIGN KEY (photo_id) REFERENCES twin.photo ON DELETE SET NULL;
