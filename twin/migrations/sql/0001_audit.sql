-- The audit log: append-only and hash-chained. Each row's hash covers its content and the hash before it, so a changed
-- or removed row breaks the chain. Nobody updates, deletes or truncates, the owner included.

-- What is hashed: a text that does not depend on the session's settings.
CREATE FUNCTION audit.content(entry audit.log) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT convert_to(jsonb_build_array(entry.audit_id, extract(epoch FROM entry.at), entry.actor, entry.role, entry.action,
                                      entry.subject, entry.purpose, entry.request_id, entry.detail)::text, 'UTF8')
$$;

CREATE FUNCTION audit.chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE last audit.log;
BEGIN
  -- One writer at a time until it commits: otherwise two rows would follow the same one.
  PERFORM pg_advisory_xact_lock(hashtext('audit.log'));
  SELECT * INTO last FROM audit.log ORDER BY audit_id DESC LIMIT 1;
  NEW.audit_id := coalesce(last.audit_id, 0) + 1;
  NEW.at := clock_timestamp();
  NEW.actor := coalesce(nullif(NEW.actor, ''), nullif(current_setting('twin.actor', true), ''), session_user);
  NEW.role := coalesce(nullif(NEW.role, ''), nullif(current_setting('twin.role', true), ''), 'none');
  NEW.purpose := coalesce(NEW.purpose, nullif(current_setting('twin.purpose', true), ''));
  NEW.request_id := coalesce(NEW.request_id, nullif(current_setting('twin.request_id', true), ''));
  NEW.previous_hash := coalesce(last.hash, sha256(''));
  NEW.hash := sha256(NEW.previous_hash || audit.content(NEW));
  RETURN NEW;
END $$;

CREATE FUNCTION audit.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER chain BEFORE INSERT ON audit.log FOR EACH ROW EXECUTE FUNCTION audit.chain();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit.log FOR EACH ROW EXECUTE FUNCTION audit.refuse();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit.log FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse();
ALTER TABLE audit.log ENABLE ALWAYS TRIGGER chain;
ALTER TABLE audit.log ENABLE ALWAYS TRIGGER refuse_change;
ALTER TABLE audit.log ENABLE ALWAYS TRIGGER refuse_truncate;

-- Write one entry; actor, role, purpose and request come from the transaction's settings.
CREATE FUNCTION audit.write(action text, subject text, detail jsonb DEFAULT '{}') RETURNS bigint LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
  INSERT INTO audit.log (action, subject, detail) VALUES ($1, $2, $3) RETURNING audit_id
$$;

-- The first row at which the chain is broken; NULL when it is whole.
CREATE FUNCTION audit.first_broken() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
  SELECT min(audit_id) FROM (
    SELECT l.audit_id, l.hash <> sha256(l.previous_hash || audit.content(l))
           OR l.previous_hash <> coalesce(lag(l.hash) OVER w, sha256(''))
           OR l.audit_id <> row_number() OVER w AS broken
    FROM audit.log l WINDOW w AS (ORDER BY l.audit_id)
  ) checked WHERE broken
$$;
