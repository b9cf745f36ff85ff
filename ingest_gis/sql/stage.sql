-- Staging of one batch of rows; gone with the session.
CREATE TEMP TABLE IF NOT EXISTS stage_row (
  row_no bigint NOT NULL, key text NOT NULL, row_hash bytea NOT NULL, raw_hash bytea,
  geom bytea, geom_m bytea,                 -- EWKB
  admin_id integer, grid_id integer,        -- where it stands
  doc jsonb NOT NULL, private_mac bytea       -- of the private document, which stays with the loading process
) ON COMMIT DELETE ROWS;
-- The rows among them that are new (target_id NULL) or changed.
CREATE TEMP TABLE IF NOT EXISTS stage_todo (
  row_no bigint NOT NULL, target_id bigint, admin_id integer, grid_id integer, code text
) ON COMMIT DELETE ROWS;
-- The private documents of those, sealed, with what is looked up of them.
CREATE TEMP TABLE IF NOT EXISTS stage_sealed (
  row_no bigint NOT NULL, target_id bigint NOT NULL, sealed bytea NOT NULL, content_mac bytea NOT NULL,
  id_mac bytea, phone_mac bytea, name_mac bytea, credit_code text, building_code text, has_name boolean
) ON COMMIT DELETE ROWS;
