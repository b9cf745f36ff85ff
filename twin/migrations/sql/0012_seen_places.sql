-- Persons and enterprises linked by name; what a survey sees beside what the registers say.

ALTER TABLE twin.link DROP CONSTRAINT link_method_check,
  ADD CONSTRAINT link_method_check CHECK (method IN ('code','address','point','name_grid','name','person'));
ALTER TABLE twin.link_part DROP CONSTRAINT link_part_kind_check,
  ADD CONSTRAINT link_part_kind_check CHECK (kind IN ('record','entity','ledger','people'));

-- One group of buildings or assets and the outlines or points a survey sees for it, after the survey's block shift.
CREATE TABLE twin.seen_match (
  seen_match_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  survey_id integer NOT NULL REFERENCES twin.survey ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('building','asset')),
  relation text NOT NULL CHECK (relation IN ('1:1','1:n','n:1','n:m','1:0','0:1')), -- registered : seen
  place_ids bigint[] NOT NULL,               -- building_id or asset_id, sorted; empty for what only the survey sees
  seen_keys text[] NOT NULL,                 -- the outlines' codes in the survey, sorted
  seen_geom geometry(Geometry,4490),         -- as seen
  shift_east_m real NOT NULL, shift_north_m real NOT NULL,  -- added to the registered outlines
  iou real, distance_m real,                 -- after the shift
  score real NOT NULL CHECK (score BETWEEN 0 AND 1),
  state text NOT NULL CHECK (state IN ('accepted','review','rejected')),
  reason_zh text NOT NULL, reason_en text NOT NULL,
  decided_by text, decided_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (cardinality(place_ids) + cardinality(seen_keys) > 0)
);
CREATE UNIQUE INDEX seen_match_once ON twin.seen_match (survey_id, kind, place_ids, seen_keys);
CREATE INDEX seen_match_places ON twin.seen_match USING gin (place_ids);
CREATE INDEX seen_match_review ON twin.seen_match (survey_id, score) WHERE state = 'review';
SELECT history.track('twin.seen_match', 'seen_match_id');
GRANT SELECT ON twin.seen_match TO twin_app, twin_ingest;
GRANT UPDATE ON twin.seen_match TO twin_app;
GRANT INSERT, UPDATE, DELETE ON twin.seen_match TO twin_ingest;
