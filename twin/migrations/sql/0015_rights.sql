-- Rights as data: which role may do what with which collection, in which area, and which fields it gets. The rows come
-- from data/access/rights.csv at every upgrade; what a security administrator sets stays (is_local). What the public
-- may, everyone may.
CREATE SCHEMA access;
CREATE TABLE access.right (
  role text NOT NULL, action text NOT NULL, collection text NOT NULL,
  area text NOT NULL CHECK (area IN ('all', 'own_grids', 'own_department')),
  fields text[] NOT NULL CHECK (cardinality(fields) > 0),
  allowed boolean NOT NULL DEFAULT true,   -- false: a shipped right that was taken away here
  is_local boolean NOT NULL DEFAULT false,
  PRIMARY KEY (role, action, collection, area)
);
-- One row: every change of rights or accounts counts it up, so that a service knows when to read them again.
CREATE TABLE access.state (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), version bigint NOT NULL DEFAULT 1);
INSERT INTO access.state DEFAULT VALUES;

-- Rights that came, went or changed, into the audit: one entry a statement.
CREATE FUNCTION access.audit_rights() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE
  lines jsonb;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT jsonb_agg(concat_ws(' ', o.role, o.action, o.collection, o.area)) INTO lines FROM old_rows o;
  ELSE
    SELECT jsonb_agg(concat_ws(' ', n.role, n.action, n.collection, n.area, array_to_string(n.fields, '+'),
                               CASE WHEN NOT n.allowed THEN 'denied' END)) INTO lines FROM new_rows n;
  END IF;
  IF lines IS NOT NULL THEN
    PERFORM audit.write('rights.' || lower(TG_OP), 'access.right', jsonb_build_object('rights', lines));
    UPDATE access.state SET version = version + 1;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER audited_insert AFTER INSERT ON access.right REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION access.audit_rights();
CREATE TRIGGER audited_update AFTER UPDATE ON access.right REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION access.audit_rights();
CREATE TRIGGER audited_delete AFTER DELETE ON access.right REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION access.audit_rights();

CREATE FUNCTION private.acting_grids() RETURNS integer[] LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('twin.grid_ids', true), '')::integer[];

-- In which areas the acting role may do something with a field of a collection. The row policies ask this once a query.
CREATE FUNCTION access.areas(of_action text, of_collection text, of_field text) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT coalesce(array_agg(r.area), '{}') FROM access.right r
  WHERE r.role = private.acting_role() AND r.action = of_action AND r.collection = of_collection
    AND of_field = ANY (r.fields) AND r.allowed
$$;

-- The policies of 0001 named roles; these ask the table.
DO $$
DECLARE
  target text;
  collection text;
  field text;
  rule text := '''all'' = ANY (%1$s) OR (''own_department'' = ANY (%1$s) AND department_id IS NOT DISTINCT FROM '
    '(SELECT private.acting_department()))';
  in_grids text := ' OR (''own_grids'' = ANY (%1$s) AND grid_id = ANY ((SELECT private.acting_grids())::integer[]))';
  seen text;
  written text;
BEGIN
  FOR target, collection, field IN VALUES
    ('private.entity', 'entities', 'persons'), ('private.record', 'records', 'contacts'),
    ('private.quarantine', 'deliveries', 'contacts'), ('history.private_version', 'entities', 'persons')
  LOOP
    seen := rule || CASE WHEN target IN ('private.entity', 'history.private_version') THEN in_grids ELSE '' END;
    seen := format(seen, format('((SELECT access.areas(''read'', %L, %L))::text[])', collection, field));
    EXECUTE format('DROP POLICY seen ON %s', target);
    EXECUTE format('CREATE POLICY seen ON %s FOR SELECT USING (%s)', target, seen);
    CONTINUE WHEN target = 'history.private_version';
    written := format(rule, format('((SELECT access.areas(''change'', %L, ''contacts''))::text[])', collection));
    EXECUTE format('DROP POLICY added ON %s', target);
    EXECUTE format('DROP POLICY changed ON %s', target);
    EXECUTE format('DROP POLICY removed ON %s', target);
    EXECUTE format('CREATE POLICY added ON %s FOR INSERT WITH CHECK (%s)', target, written);
    EXECUTE format('CREATE POLICY changed ON %s FOR UPDATE USING (%s) WITH CHECK (%s)', target, written, written);
    EXECUTE format('CREATE POLICY removed ON %s FOR DELETE USING (%s)', target, written);
  END LOOP;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA access FROM PUBLIC;
GRANT USAGE ON SCHEMA access TO twin_app, twin_ingest;
GRANT SELECT ON access.right, access.state TO twin_app, twin_ingest;
GRANT EXECUTE ON FUNCTION access.areas(text, text, text) TO twin_app, twin_ingest;
