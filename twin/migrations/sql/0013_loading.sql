-- Loading at the size of a district. A delivered row says itself which row of which batch it is and since when the
-- twin knows it: no row of history and none of evidence is written beside it. Parts of a delivery are settled on their
-- own, each with its rows. Indexes that a large load sets aside are remembered until they stand again.

-- ---------------------------------------------------------------- lineage in the row
DO $$
DECLARE name text; key text; evidence text;
BEGIN
  FOREACH name IN ARRAY ARRAY['building', 'address', 'asset', 'entity', 'record'] LOOP
    key := name || '_id';
    evidence := CASE name WHEN 'building' THEN 'footprint_evidence_id' ELSE 'evidence_id' END;
    EXECUTE format('ALTER TABLE twin.%I
      ADD COLUMN row_no bigint,                 -- the row of the batch''s file
      ADD COLUMN raw_hash bytea,                -- of the row as delivered and the way it was read; unchanged: not read again
      ADD COLUMN known_at timestamptz NOT NULL DEFAULT now()', name);
    EXECUTE format('ALTER TABLE twin.%I DISABLE TRIGGER USER', name);
    EXECUTE format('UPDATE twin.%1$I t SET
        known_at = coalesce((SELECT max(v.known_to) FROM history.version v
                             WHERE v.table_name = %1$L AND v.row_id = t.%2$I), t.known_at),
        row_no = (SELECT e.row_no FROM twin.evidence e WHERE e.evidence_id = t.%3$I AND e.kind = ''delivery'')',
      name, key, evidence);
    EXECUTE format('ALTER TABLE twin.%I ENABLE TRIGGER USER', name);
  END LOOP;
END $$;

-- Most buildings have no survey; an index of the others serves the foreign keys just as well.
DROP INDEX twin.building_survey, twin.building_footprint_evidence, twin.building_height_evidence;
CREATE INDEX building_survey ON twin.building (survey_id) WHERE survey_id IS NOT NULL;
CREATE INDEX building_footprint_evidence ON twin.building (footprint_evidence_id) WHERE footprint_evidence_id IS NOT NULL;
CREATE INDEX building_height_evidence ON twin.building (height_evidence_id) WHERE height_evidence_id IS NOT NULL;

-- ---------------------------------------------------------------- batches and their parts
ALTER TABLE twin.batch
  ADD COLUMN given_by text, ADD COLUMN method text, ADD COLUMN sigma_m real,
  ADD COLUMN run uuid,                        -- the run that works on it; one that was killed can settle nothing more
  ADD COLUMN is_complete boolean NOT NULL DEFAULT false,  -- what is not in it is no more
  ADD COLUMN ended bigint NOT NULL DEFAULT 0, -- rows that were in the twin, but not in a complete delivery
  ADD COLUMN mends_batch_id bigint REFERENCES twin.batch, -- whose rejected rows, mended, this is
  ADD COLUMN rolled_back_at timestamptz, ADD COLUMN rolled_back_by text;
CREATE TABLE twin.batch_part (                -- rows of the file that are settled; commits with them
  batch_id bigint NOT NULL REFERENCES twin.batch ON DELETE CASCADE, first_row bigint NOT NULL, row_count bigint NOT NULL,
  PRIMARY KEY (batch_id, first_row)
);
INSERT INTO twin.batch_part SELECT batch_id, 0, checkpoint FROM twin.batch
WHERE state IN ('running', 'failed') AND checkpoint > 0;
ALTER TABLE private.quarantine
  ADD COLUMN mended_batch_id bigint REFERENCES twin.batch, ADD COLUMN mended_at timestamptz;

-- ---------------------------------------------------------------- history: rows of a batch say themselves when they came
-- Start (or, after a table has got new columns, renew) the recording of a table.
-- key: its integer primary key. ignored: columns whose change alone is not worth a version (a sensor's latest value).
-- A delivered row (row_no) says itself which batch brought it: its insertion is not recorded a second time.
-- known_column: when a row began to be known, for rows whose insertion is not recorded (record_inserts false).
CREATE OR REPLACE FUNCTION history.track(target regclass, key text, ignored text[] DEFAULT '{}', record_inserts boolean DEFAULT true,
                              known_column text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $outer$
DECLARE
  space text := (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = target);
  name text := (SELECT relname FROM pg_class WHERE oid = target);
  columns text[] := (SELECT array_agg(attname::text) FROM pg_attribute
                     WHERE attrelid = target AND attnum > 0 AND NOT attisdropped);
  store text := CASE space WHEN 'private' THEN 'private_version' ELSE 'version' END;
  extra_names text := CASE space WHEN 'private' THEN ', department_id, grid_id' ELSE '' END;
  extra text := CASE WHEN space <> 'private' THEN ''
                     WHEN 'grid_id' = ANY (columns) THEN ', %1$s.department_id, %1$s.grid_id'
                     ELSE ', %1$s.department_id, NULL::integer' END;
  valid text := CASE WHEN 'valid_from' = ANY (columns) THEN 'o.valid_from, o.valid_to'
                     ELSE 'NULL::timestamptz, NULL::timestamptz' END;
  known text := CASE WHEN known_column IS NULL THEN 'to_timestamp(0)' ELSE format('o.%I', known_column) END;
  function_name text := format('history.record_%s_%s', space, name);
  event text;
BEGIN
  EXECUTE format($sql$
    CREATE OR REPLACE FUNCTION %1$s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $body$
    DECLARE at timestamptz := clock_timestamp(); who text := history.actor(); request text := history.request_id();
    BEGIN
      PERFORM set_config('twin.recording', 'on', true);  -- opens the policies of history.private_version
      IF TG_OP = 'INSERT' THEN
        INSERT INTO history.%2$I (table_name, row_id, operation, known_from, known_to, actor, request_id%3$s)
        SELECT %4$L, n.%5$I, 'I', at, at, who, request%6$s FROM new_rows n%13$s;
      ELSIF TG_OP = 'UPDATE' THEN
        -- EXECUTE plans anew: a statement keeps the number of changed rows it first saw, and a plan for one row
        -- would join a million in a nested loop.
        EXECUTE $query$
        INSERT INTO history.%2$I (table_name, row_id, operation, valid_from, valid_to, known_from, known_to, actor,
                                  request_id, old_row%3$s)
        SELECT %4$L, o.%5$I, 'U', %8$s, coalesce(before.known_to, %9$s), greatest($1, before.known_to), $2, $3,
               to_jsonb(old_image)%7$s
        FROM old_rows o JOIN new_rows n ON n.%5$I = o.%5$I
          CROSS JOIN LATERAL (SELECT %10$s) old_image
          CROSS JOIN LATERAL (SELECT %11$s) old_value CROSS JOIN LATERAL (SELECT %12$s) new_value
          CROSS JOIN LATERAL (SELECT max(v.known_to) AS known_to FROM history.%2$I v
                              WHERE v.table_name = %4$L AND v.row_id = o.%5$I) before
        WHERE old_value IS DISTINCT FROM new_value $query$ USING at, who, request;
      ELSE
        EXECUTE $query$
        INSERT INTO history.%2$I (table_name, row_id, operation, valid_from, valid_to, known_from, known_to, actor,
                                  request_id, old_row%3$s)
        SELECT %4$L, o.%5$I, 'D', %8$s, coalesce(before.known_to, %9$s), greatest($1, before.known_to), $2, $3,
               to_jsonb(old_image)%7$s
        FROM old_rows o CROSS JOIN LATERAL (SELECT %10$s) old_image
          CROSS JOIN LATERAL (SELECT max(v.known_to) AS known_to FROM history.%2$I v
                              WHERE v.table_name = %4$L AND v.row_id = o.%5$I) before $query$ USING at, who, request;
      END IF;
      PERFORM set_config('twin.recording', 'off', true);
      RETURN NULL;
    END $body$ $sql$,
    function_name, store, extra_names, name, key, format(extra, 'n'), format(extra, 'o'), valid, known,
    history.column_list(target, 'o', '{}'), history.column_list(target, 'o', ignored),
    history.column_list(target, 'n', ignored),
    CASE WHEN 'row_no' = ANY (columns) THEN ' WHERE n.row_no IS NULL' ELSE '' END);
  FOREACH event IN ARRAY ARRAY['insert', 'update', 'delete'] LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS history_%s ON %s', event, target);
    CONTINUE WHEN event = 'insert' AND NOT record_inserts;
    EXECUTE format('CREATE TRIGGER history_%1$s AFTER %1$s ON %2$s REFERENCING %3$s FOR EACH STATEMENT EXECUTE FUNCTION %4$s()',
      event, target, history.transition_tables(event), function_name);
  END LOOP;
  EXECUTE format('REVOKE ALL ON FUNCTION %s() FROM PUBLIC', function_name);
END $outer$;

SELECT history.track('twin.building', 'building_id', '{}', true, 'known_at');
SELECT history.track('twin.address', 'address_id', '{}', true, 'known_at');
SELECT history.track('twin.asset', 'asset_id', '{}', true, 'known_at');
SELECT history.track('twin.entity', 'entity_id', '{}', true, 'known_at');
SELECT history.track('twin.record', 'record_id', '{}', true, 'known_at');
-- What a batch changed, for those who take it back.
CREATE INDEX version_batch ON history.version (request_id, table_name, row_id) WHERE request_id LIKE 'batch-%';
CREATE INDEX private_version_batch ON history.private_version (request_id, table_name, row_id)
  WHERE request_id LIKE 'batch-%';

-- ---------------------------------------------------------------- indexes and references set aside for a large load
CREATE TABLE twin.set_aside (
  set_aside_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, table_name text NOT NULL, name text NOT NULL,
  is_index boolean NOT NULL, definition text NOT NULL, set_aside_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (table_name, name)
);

-- Drop the indexes and foreign keys of a table that a load can do without; unique ones stay. Each is remembered in the
-- same transaction. Raises lock_not_available when somebody holds on to the table.
CREATE FUNCTION twin.set_indexes_aside(target text) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public SET lock_timeout = '3s' AS $$
DECLARE item record; made integer := 0;
BEGIN
  IF target NOT IN ('building', 'address', 'asset', 'entity', 'record') THEN
    RAISE EXCEPTION 'the indexes of twin.% are not set aside', target USING ERRCODE = 'invalid_parameter_value';
  END IF;
  EXECUTE format('LOCK TABLE twin.%I IN ACCESS EXCLUSIVE MODE', target);
  FOR item IN
    SELECT c.conname AS name, false AS is_index,
           format('ALTER TABLE twin.%I ADD CONSTRAINT %I %s', target, c.conname, pg_get_constraintdef(c.oid)) AS definition,
           format('ALTER TABLE twin.%I DROP CONSTRAINT %I', target, c.conname) AS removal
    FROM pg_constraint c WHERE c.conrelid = format('twin.%I', target)::regclass AND c.contype = 'f'
    UNION ALL
    SELECT i.relname, true, pg_get_indexdef(i.oid), format('DROP INDEX twin.%I', i.relname)
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
    WHERE x.indrelid = format('twin.%I', target)::regclass AND NOT x.indisunique
    ORDER BY 1
  LOOP
    INSERT INTO twin.set_aside (table_name, name, is_index, definition)
    VALUES (target, item.name, item.is_index, item.definition);
    EXECUTE item.removal;
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;

-- Make one index (when none is left: one foreign key) again; several sessions may do it side by side.
-- Returns its name; NULL when there is nothing (more) for this session to do.
CREATE FUNCTION twin.bring_index_back(target text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE item twin.set_aside;
BEGIN
  SELECT * INTO item FROM twin.set_aside s
  WHERE s.table_name = target
    AND (s.is_index OR NOT EXISTS (SELECT FROM twin.set_aside o WHERE o.table_name = target AND o.is_index))
  ORDER BY s.definition LIKE '%USING gist%' DESC, s.set_aside_id LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF item IS NULL THEN
    RETURN NULL;
  END IF;
  EXECUTE item.definition;
  DELETE FROM twin.set_aside WHERE set_aside_id = item.set_aside_id;
  RETURN item.name;
END $$;

-- Look at a table anew for the planner, after a large load.
CREATE FUNCTION twin.look_at(target text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
  EXECUTE format('ANALYZE twin.%I', target);
END $$;

REVOKE ALL ON FUNCTION twin.set_indexes_aside(text), twin.bring_index_back(text), twin.look_at(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twin.set_indexes_aside(text), twin.bring_index_back(text), twin.look_at(text) TO twin_ingest;
GRANT SELECT ON twin.batch_part, twin.set_aside TO twin_app, twin_ingest;
GRANT INSERT, UPDATE, DELETE ON twin.batch_part TO twin_ingest;
