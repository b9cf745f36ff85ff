-- Who may see and do what. Row policies stand on private tables only: on a table with geometry they would make
-- PostgreSQL run the policy before the index. The city's role of a transaction is twin.role, its department
-- twin.department_id (both SET LOCAL). Without a role no row is seen, by the tables' owner neither.

CREATE FUNCTION private.acting_role() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('twin.role', true), '');
CREATE FUNCTION private.acting_department() RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('twin.department_id', true), '')::integer;

-- steward and system see all; officer and ingest their own department's rows; a grid worker those of its own
-- department that lie in a grid (people and households, not the records departments keep).
DO $$
DECLARE
  target text;
  own text := 'department_id IS NOT DISTINCT FROM (SELECT private.acting_department())';
  whole text := '(SELECT private.acting_role()) IN (''steward'', ''system'')';
  seen text;
  changed text;
BEGIN
  FOREACH target IN ARRAY ARRAY['private.entity', 'private.record', 'private.quarantine', 'history.private_version'] LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    seen := whole || ' OR ((SELECT private.acting_role()) IN (''officer'', ''ingest'') AND ' || own || ')';
    IF target IN ('private.entity', 'history.private_version') THEN
      seen := seen || ' OR ((SELECT private.acting_role()) = ''grid_worker'' AND grid_id IS NOT NULL AND ' || own || ')';
    END IF;
    changed := whole || ' OR ((SELECT private.acting_role()) = ''ingest'' AND ' || own || ')';
    EXECUTE format('CREATE POLICY seen ON %s FOR SELECT USING (%s)', target, seen);
    CONTINUE WHEN target = 'history.private_version';
    EXECUTE format('CREATE POLICY added ON %s FOR INSERT WITH CHECK (%s)', target, changed);
    EXECUTE format('CREATE POLICY changed ON %s FOR UPDATE USING (%s) WITH CHECK (%s)', target, changed, changed);
    EXECUTE format('CREATE POLICY removed ON %s FOR DELETE USING (%s)', target, changed);
  END LOOP;
END $$;
-- The recording triggers run as the owner with twin.recording on for their own duration; nobody else writes history.
CREATE POLICY recorded ON history.private_version FOR INSERT TO twin_owner
  WITH CHECK (current_setting('twin.recording', true) = 'on');
CREATE POLICY looked_up ON history.private_version FOR SELECT TO twin_owner
  USING (current_setting('twin.recording', true) = 'on');

-- Grants: the least each database role needs. twin_app answers people, twin_ingest loads deliveries and surveys.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA history, audit FROM PUBLIC;
GRANT USAGE ON SCHEMA twin, private, history, audit TO twin_app, twin_ingest;
GRANT SELECT ON ALL TABLES IN SCHEMA twin TO twin_app, twin_ingest;
GRANT SELECT ON private.entity, private.record, private.quarantine TO twin_app, twin_ingest;
GRANT SELECT ON history.version, history.private_version TO twin_app, twin_ingest;
GRANT INSERT ON audit.log TO twin_app, twin_ingest;
GRANT EXECUTE ON FUNCTION audit.write(text, text, jsonb) TO twin_app, twin_ingest;

GRANT INSERT, UPDATE ON twin.link, twin.evidence, twin.job TO twin_app;

GRANT INSERT, UPDATE, DELETE ON twin.department, twin.evidence, twin.admin_unit, twin.grid, twin.survey, twin.photo,
  twin.product, twin.batch, twin.building, twin.address, twin.asset, twin.entity, twin.record, twin.link, twin.event,
  twin.sensor, twin.observation, twin.job, private.entity, private.record, private.quarantine TO twin_ingest;
