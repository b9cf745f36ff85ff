-- History: every change of a tracked table is one row in history.version (public tables) or history.private_version
-- (private tables, under their policies), written by statement triggers with transition tables, so COPY and bulk
-- updates are recorded too. Who and which request come from the transaction's settings (twin.actor, twin.request_id).

CREATE FUNCTION history.actor() RETURNS text LANGUAGE sql STABLE
  RETURN coalesce(nullif(current_setting('twin.actor', true), ''), session_user::text);
CREATE FUNCTION history.request_id() RETURNS text LANGUAGE sql STABLE
  RETURN nullif(current_setting('twin.request_id', true), '');

-- Columns of a table as a select list over an alias: all but those named, or just those.
-- Geometry as hex EWKB, which is exact and knows its SRID.
CREATE FUNCTION history.column_list(target regclass, alias text, named text[], just_those boolean DEFAULT false) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT string_agg(CASE WHEN t.typname = 'geometry' THEN format('%1$I.%2$I::text AS %2$I', alias, a.attname)
                         ELSE format('%1$I.%2$I', alias, a.attname) END, ', ' ORDER BY a.attnum)
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND (a.attname = ANY (named)) = just_those
$$;

CREATE FUNCTION history.transition_tables(event text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE event WHEN 'insert' THEN 'NEW TABLE AS new_rows'
                    WHEN 'update' THEN 'OLD TABLE AS old_rows NEW TABLE AS new_rows'
                    ELSE 'OLD TABLE AS old_rows' END;

-- Start (or, after a table has got new columns, renew) the recording of a table.
-- key: its integer primary key. ignored: columns whose change alone is not worth a version (a sensor's latest value).
-- known_column: when a row began to be known, for rows whose insertion is not recorded (record_inserts false).
CREATE FUNCTION history.track(target regclass, key text, ignored text[] DEFAULT '{}', record_inserts boolean DEFAULT true,
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
        SELECT %4$L, n.%5$I, 'I', at, at, who, request%6$s FROM new_rows n;
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
    history.column_list(target, 'n', ignored));
  FOREACH event IN ARRAY ARRAY['insert', 'update', 'delete'] LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS history_%s ON %s', event, target);
    CONTINUE WHEN event = 'insert' AND NOT record_inserts;
    EXECUTE format('CREATE TRIGGER history_%1$s AFTER %1$s ON %2$s REFERENCING %3$s FOR EACH STATEMENT EXECUTE FUNCTION %4$s()',
      event, target, history.transition_tables(event), function_name);
  END LOOP;
  EXECUTE format('REVOKE ALL ON FUNCTION %s() FROM PUBLIC', function_name);
END $outer$;

SELECT history.track('twin.department', 'department_id');
SELECT history.track('twin.admin_unit', 'admin_id');
SELECT history.track('twin.grid', 'grid_id');
SELECT history.track('twin.survey', 'survey_id');
SELECT history.track('twin.photo', 'photo_id');
SELECT history.track('twin.product', 'product_id');
SELECT history.track('twin.building', 'building_id');
SELECT history.track('twin.address', 'address_id');
SELECT history.track('twin.asset', 'asset_id');
SELECT history.track('twin.entity', 'entity_id');
SELECT history.track('twin.record', 'record_id');
SELECT history.track('twin.link', 'link_id');
SELECT history.track('twin.event', 'event_id');
SELECT history.track('twin.sensor', 'sensor_id', '{latest_value,latest_at}');
-- evidence says itself when it became known, and there is a row of it for every delivered value
SELECT history.track('twin.evidence', 'evidence_id', '{}', false, 'known_at');
SELECT history.track('private.entity', 'entity_id');
SELECT history.track('private.record', 'record_id');

-- Yearly partitions for what grows with time, made ahead; rows already in the default partition are moved.
CREATE FUNCTION history.make_partitions(target regclass, from_year integer, to_year integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  space text := (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = target);
  name text := (SELECT relname FROM pg_class WHERE oid = target);
  key text := (SELECT a.attname FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid
               AND a.attnum = p.partattrs[0] WHERE p.partrelid = target);
  part text;
BEGIN
  FOR y IN from_year..to_year LOOP
    part := format('%s_%s', name, y);
    CONTINUE WHEN to_regclass(format('%I.%I', space, part)) IS NOT NULL;
    EXECUTE format('CREATE TABLE %I.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', space, part, target);
    EXECUTE format('WITH moved AS (DELETE FROM %1$I.%2$I WHERE %3$I >= %4$L AND %3$I < %5$L RETURNING *)
                    INSERT INTO %1$I.%6$I SELECT * FROM moved', space, name || '_default', key,
                   make_timestamptz(y, 1, 1, 0, 0, 0, 'UTC'), make_timestamptz(y + 1, 1, 1, 0, 0, 0, 'UTC'), part);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)', target, space, part,
                   make_timestamptz(y, 1, 1, 0, 0, 0, 'UTC'), make_timestamptz(y + 1, 1, 1, 0, 0, 0, 'UTC'));
  END LOOP;
END $$;
