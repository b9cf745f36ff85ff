-- A large load pays for nothing that its rows do not need: no copy of them is kept for the triggers of history and search,
-- and indexes of columns that no delivery fills stay where they are.

-- ---------------------------------------------------------------- history
-- Start (or, after a table has got new columns, renew) the recording of a table.
-- key: its integer primary key. ignored: columns whose change alone is not worth a version (a sensor's latest value).
-- A delivered row (row_no) says itself which batch brought it: its insertion is not recorded a second time. Where rows are
-- delivered, insertions are recorded row by row, so that PostgreSQL keeps no copy of what a load brings.
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
  delivered boolean := 'row_no' = ANY (columns);
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
        %13$s;
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
    CASE WHEN delivered THEN format('VALUES (%L, NEW.%I, ''I'', at, at, who, request%s)', name, key, format(extra, 'NEW'))
         ELSE format('SELECT %L, n.%I, ''I'', at, at, who, request%s FROM new_rows n', name, key, format(extra, 'n')) END);
  FOREACH event IN ARRAY ARRAY['insert', 'update', 'delete'] LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS history_%s ON %s', event, target);
    CONTINUE WHEN event = 'insert' AND NOT record_inserts;
    IF event = 'insert' AND delivered THEN
      EXECUTE format('CREATE TRIGGER history_insert AFTER INSERT ON %s FOR EACH ROW WHEN (NEW.row_no IS NULL)
                      EXECUTE FUNCTION %s()', target, function_name);
      CONTINUE;
    END IF;
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

-- ---------------------------------------------------------------- search
-- What a load leaves for afterwards is noted row by row where it is little, else as the range of keys it was given.
ALTER TABLE twin.search_pending ADD COLUMN to_id bigint;  -- every row from row_id to this one; NULL: row_id alone

CREATE FUNCTION twin.last_key(target regclass, key text) RETURNS bigint LANGUAGE sql VOLATILE
  RETURN coalesce(pg_sequence_last_value(pg_get_serial_sequence(target::text, key)::regclass), 0);

-- Before an insertion: remember the last key given, by anybody. Arguments: kind, key.
CREATE FUNCTION twin.search_mark() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
  PERFORM set_config('twin.search_mark_' || TG_ARGV[0], twin.last_key(TG_RELID, TG_ARGV[1])::text, true);
  RETURN NULL;
END $$;

-- After it: the new rows are among the keys given since. Those of another session that has ended are seen too, which
-- does no harm; of one that has not, its own trigger sees. Arguments as for twin.search_follow.
CREATE FUNCTION twin.search_inserted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE
  after bigint := current_setting('twin.search_mark_' || TG_ARGV[0])::bigint;
  upto bigint := twin.last_key(TG_RELID, TG_ARGV[1]);
  later boolean := coalesce(current_setting('twin.search_later', true), '') = 'on';
  ids bigint[];
BEGIN
  IF later AND upto - after > 1000 THEN
    INSERT INTO twin.search_pending (kind, row_id, to_id) VALUES (TG_ARGV[0], after + 1, upto);
    RETURN NULL;
  END IF;
  EXECUTE format('SELECT array_agg(n.%1$I) FROM %2$s n WHERE n.%1$I > $1 AND n.%1$I <= $2 AND %3$s', TG_ARGV[1],
                 TG_RELID::regclass, TG_ARGV[3]) INTO ids USING after, upto;
  IF ids IS NULL THEN
    RETURN NULL;
  ELSIF later THEN
    INSERT INTO twin.search_pending (kind, row_id) SELECT TG_ARGV[0], row_id FROM unnest(ids) AS changed (row_id);
  ELSE
    PERFORM twin.search_refresh(TG_ARGV[0], ids);
  END IF;
  RETURN NULL;
END $$;

DO $$
DECLARE row record;
BEGIN
  FOR row IN SELECT * FROM (VALUES
    ('address', 'address_id', 'true'), ('building', 'building_id', 'n.name_zh IS NOT NULL'),
    ('asset', 'asset_id', 'n.name_zh IS NOT NULL'), ('entity', 'entity_id', 'n.public_name_zh IS NOT NULL'))
    AS kinds (kind, key, named)
  LOOP
    EXECUTE format('DROP TRIGGER search_insert ON twin.%I', row.kind);
    EXECUTE format('CREATE TRIGGER search_mark BEFORE INSERT ON twin.%I FOR EACH STATEMENT
                    EXECUTE FUNCTION twin.search_mark(%L, %L)', row.kind, row.kind, row.key);
    EXECUTE format('CREATE TRIGGER search_insert AFTER INSERT ON twin.%I FOR EACH STATEMENT
                    EXECUTE FUNCTION twin.search_inserted(%L, %L, '''', %L)', row.kind, row.kind, row.key, row.named);
  END LOOP;
END $$;

-- Work off what loads have noted, at most so many keys; those another session is at are left to it.
-- Returns how many rows were taken: 0 when nothing is left.
CREATE OR REPLACE FUNCTION twin.search_catch_up(most integer DEFAULT 20000) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE noted record; ids bigint[]; done bigint := 0; found_any boolean;
BEGIN
  LOOP  -- keys may have been given for rows that have no name, or were taken back
    found_any := false;
    FOR noted IN
      WITH next AS (
        SELECT * FROM twin.search_pending ORDER BY pending_id LIMIT most FOR UPDATE SKIP LOCKED
      ), counted AS (
        SELECT *, sum(n) OVER (ORDER BY pending_id) - n AS before
        FROM next CROSS JOIN LATERAL (SELECT coalesce(to_id, row_id) - row_id + 1) c (n)
      ), taken AS (
        SELECT *, least(coalesce(to_id, row_id), row_id + most - before - 1)::bigint AS last FROM counted WHERE before < most
      ), gone AS (
        DELETE FROM twin.search_pending p USING taken t WHERE p.pending_id = t.pending_id AND t.last = coalesce(t.to_id, t.row_id)
      ), shortened AS (
        UPDATE twin.search_pending p SET row_id = t.last + 1 FROM taken t
        WHERE p.pending_id = t.pending_id AND t.last < t.to_id
      )
      SELECT kind, coalesce(array_agg(row_id) FILTER (WHERE to_id IS NULL), '{}') AS single,
             coalesce(range_agg(int8range(row_id, last, '[]')) FILTER (WHERE to_id IS NOT NULL), '{}') AS ranges
      FROM taken GROUP BY kind
    LOOP
      found_any := true;
      EXECUTE format('SELECT $1 || coalesce(array_agg(s.row_id), ''{}'') FROM unnest($2) r
                        JOIN twin.search_source s ON s.kind = %L AND s.row_id >= lower(r) AND s.row_id < upper(r)', noted.kind)
        INTO ids USING noted.single, noted.ranges;
      CONTINUE WHEN ids = '{}';
      done := done + cardinality(ids);
      PERFORM twin.search_refresh(noted.kind, ids);
    END LOOP;
    EXIT WHEN done > 0 OR NOT found_any;
  END LOOP;
  RETURN done;
END $$;

REVOKE ALL ON FUNCTION twin.last_key(regclass, text), twin.search_mark(), twin.search_inserted() FROM PUBLIC;

-- ---------------------------------------------------------------- indexes set aside
-- Drop the indexes and foreign keys of a table that a load can do without; unique ones stay, and those of columns that no
-- load fills (WHERE ... IS NOT NULL). Each is remembered in the same transaction. Raises lock_not_available when somebody
-- holds on to the table.
CREATE OR REPLACE FUNCTION twin.set_indexes_aside(target text) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
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
      AND coalesce(pg_get_expr(x.indpred, x.indrelid), '') !~ '^\((survey_id|footprint_evidence_id|height_evidence_id) IS NOT NULL\)$'
    ORDER BY 1
  LOOP
    INSERT INTO twin.set_aside (table_name, name, is_index, definition)
    VALUES (target, item.name, item.is_index, item.definition);
    EXECUTE item.removal;
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;

-- Make one index (when none is left, and if asked for: one foreign key) again; several sessions may do it side by side.
-- Returns its name; NULL when there is nothing (more) for this session to do.
DROP FUNCTION twin.bring_index_back(text);
CREATE FUNCTION twin.bring_index_back(target text, references_too boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE item twin.set_aside;
BEGIN
  SELECT * INTO item FROM twin.set_aside s
  WHERE s.table_name = target
    AND (s.is_index OR references_too AND NOT EXISTS (SELECT FROM twin.set_aside o WHERE o.table_name = target AND o.is_index))
  ORDER BY s.definition LIKE '%USING gist%' DESC, s.set_aside_id LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF item IS NULL THEN
    RETURN NULL;
  END IF;
  EXECUTE item.definition;
  DELETE FROM twin.set_aside WHERE set_aside_id = item.set_aside_id;
  RETURN item.name;
END $$;
REVOKE ALL ON FUNCTION twin.bring_index_back(text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twin.bring_index_back(text, boolean) TO twin_ingest;
