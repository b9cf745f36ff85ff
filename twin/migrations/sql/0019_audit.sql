-- Who looked at whom, and why: found by person, actor, action and time; read through one function that writes down who
-- read; reasons sealed with a key of each person's own, which erasing destroys; old entries put away without losing the
-- chain.
CREATE INDEX log_subject ON audit.log (subject, audit_id) WHERE subject IS NOT NULL;
CREATE INDEX log_actor ON audit.log (actor, audit_id);
CREATE INDEX log_action ON audit.log (action, audit_id);
CREATE INDEX log_at ON audit.log USING brin (at);
CREATE INDEX log_persons ON audit.log USING gin ((detail -> 'persons')) WHERE detail ? 'persons';

-- A key per subject, itself sealed with the key file's; what was written about the subject in words opens with it alone.
CREATE TABLE audit.subject_key (
  subject text PRIMARY KEY, sealed bytea NOT NULL, made_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON audit.subject_key TO twin_app, twin_ingest;

-- Entries put away: up to which one, its hash (the next entry follows it), and the archive they are in.
CREATE TABLE audit.put_away (
  last_id bigint PRIMARY KEY, last_hash bytea NOT NULL, first_id bigint NOT NULL, archive text NOT NULL,
  archive_sha256 text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(), put_away_by text NOT NULL
);

-- The last entry: of the log, or where that is empty, of what was put away.
CREATE FUNCTION audit.head(OUT last_id bigint, OUT last_hash bytea) LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
  SELECT last_id, last_hash FROM (
    (SELECT audit_id AS last_id, hash AS last_hash FROM audit.log ORDER BY audit_id DESC LIMIT 1)
    UNION ALL
    (SELECT p.last_id, p.last_hash FROM audit.put_away p ORDER BY p.last_id DESC LIMIT 1)
    UNION ALL
    SELECT 0, sha256('')) ends
  ORDER BY last_id DESC LIMIT 1
$$;

CREATE OR REPLACE FUNCTION audit.chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE last record;
BEGIN
  -- One writer at a time until it commits: otherwise two rows would follow the same one.
  PERFORM pg_advisory_xact_lock(hashtext('audit.log'));
  SELECT audit_id AS last_id, hash AS last_hash INTO last FROM audit.log ORDER BY audit_id DESC LIMIT 1;
  IF NOT FOUND THEN
    SELECT * INTO last FROM audit.head();
  END IF;
  NEW.audit_id := last.last_id + 1;
  NEW.at := clock_timestamp();
  NEW.actor := coalesce(nullif(NEW.actor, ''), nullif(current_setting('twin.actor', true), ''), session_user);
  NEW.role := coalesce(nullif(NEW.role, ''), nullif(current_setting('twin.role', true), ''), 'none');
  NEW.purpose := coalesce(NEW.purpose, nullif(current_setting('twin.purpose', true), ''));
  NEW.request_id := coalesce(NEW.request_id, nullif(current_setting('twin.request_id', true), ''));
  NEW.previous_hash := last.last_hash;
  NEW.hash := sha256(NEW.previous_hash || audit.content(NEW));
  RETURN NEW;
END $$;

-- The first row at which the chain is broken; NULL when it is whole. It begins where the last archive ends.
CREATE OR REPLACE FUNCTION audit.first_broken() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
  WITH start AS (
    SELECT last_id, last_hash FROM audit.put_away
    UNION ALL SELECT 0, sha256('') ORDER BY last_id DESC LIMIT 1
  )
  SELECT min(audit_id) FROM (
    SELECT l.audit_id, l.hash <> sha256(l.previous_hash || audit.content(l))
           OR l.previous_hash <> coalesce(lag(l.hash) OVER w, (SELECT last_hash FROM start))
           OR l.audit_id <> (SELECT last_id FROM start) + row_number() OVER w AS broken
    FROM audit.log l WINDOW w AS (ORDER BY l.audit_id)
  ) checked WHERE broken
$$;

-- Entries, the newest first, before a number; whoever reads is written down with what was asked.
CREATE FUNCTION audit.page(before bigint, of_actor text, of_subject text, of_action text, since timestamptz,
                           until timestamptz, most integer)
RETURNS TABLE (audit_id bigint, at timestamptz, actor text, role text, action text, subject text, purpose text,
               request_id text, detail jsonb, hash bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
BEGIN
  IF NOT ('all' = ANY (access.areas('read', 'audit', 'public'))) THEN
    RAISE EXCEPTION 'the audit is read by the audit administrator' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN QUERY
    SELECT l.audit_id, l.at, l.actor, l.role, l.action, l.subject, l.purpose, l.request_id, l.detail, l.hash
    FROM audit.log l
    WHERE (before IS NULL OR l.audit_id < before) AND (of_actor IS NULL OR l.actor = of_actor)
      AND (of_subject IS NULL OR l.subject = of_subject
           OR (l.detail ? 'persons' AND l.detail -> 'persons' @> to_jsonb(of_subject)))
      AND (of_action IS NULL OR l.action = of_action OR starts_with(l.action, of_action || '.'))
      AND (since IS NULL OR l.at >= since) AND (until IS NULL OR l.at < until)
    ORDER BY l.audit_id DESC LIMIT least(most, 10000);
  PERFORM audit.write('audit.read', 'audit.log', jsonb_strip_nulls(jsonb_build_object(
    'before', before, 'actor', of_actor, 'subject', of_subject, 'action', of_action, 'since', since, 'until', until,
    'most', most)));
END $$;

-- Is an entry noted elsewhere still there, as it was? true, false; NULL where it was put away since.
CREATE FUNCTION audit.still_there(noted_id bigint, noted_hash bytea) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
  SELECT CASE WHEN noted_id <= 0 THEN true
              WHEN noted_id <= coalesce((SELECT max(last_id) FROM audit.put_away), 0) THEN NULL
              ELSE EXISTS (SELECT FROM audit.log l WHERE l.audit_id = noted_id AND l.hash = noted_hash) END
$$;

-- Take entries older than half a year out of the log once they are in an archive. The chain goes on from the last of them.
CREATE FUNCTION audit.put_entries_away(upto bigint, archive text, archive_sha256 text, by text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE last audit.log; first bigint; gone bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('audit.log'));
  SELECT * INTO last FROM audit.log l WHERE l.audit_id = upto;
  IF NOT FOUND OR last.at > now() - interval '180 days' THEN
    RAISE EXCEPTION 'audit entries are kept for at least 180 days' USING ERRCODE = 'check_violation';
  END IF;
  SELECT min(audit_id) INTO first FROM audit.log;
  INSERT INTO audit.put_away (last_id, last_hash, first_id, archive, archive_sha256, put_away_by)
  VALUES (upto, last.hash, first, $2, $3, $4);
  ALTER TABLE audit.log DISABLE TRIGGER refuse_change;
  DELETE FROM audit.log l WHERE l.audit_id <= upto;
  GET DIAGNOSTICS gone = ROW_COUNT;
  ALTER TABLE audit.log ENABLE ALWAYS TRIGGER refuse_change;
  PERFORM audit.write('audit.put_away', 'audit.log', jsonb_build_object('first', first, 'last', upto, 'archive', $2,
                                                                        'sha256', $3));
  RETURN gone;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.write(text, text, jsonb), audit.head(), audit.first_broken(),
  audit.still_there(bigint, bytea) TO twin_app, twin_ingest;
GRANT EXECUTE ON FUNCTION audit.page(bigint, text, text, text, timestamptz, timestamptz, integer) TO twin_app;
GRANT SELECT (audit_id, hash) ON audit.log TO twin_app, twin_ingest;
