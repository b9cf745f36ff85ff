-- Accounts, their sessions and tokens, and failed log-ins. Passwords as argon2id, sessions and tokens as hashes of random
-- texts: nobody can log in with what stands here. Read and written in the roles system and security_admin only.
CREATE TABLE access.account (
  account_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._-]{1,39}$'),
  person text NOT NULL CHECK (length(person) BETWEEN 1 AND 60),
  role text NOT NULL CHECK (role IN ('grid_worker', 'officer', 'planner', 'steward',
                                     'system_admin', 'security_admin', 'audit_admin')),
  department_id integer REFERENCES twin.department,
  grid_codes text[] NOT NULL DEFAULT '{}',
  password_hash text,                       -- NULL: comes through OpenID Connect only
  must_change boolean NOT NULL DEFAULT false,
  totp_secret text, totp_confirmed boolean NOT NULL DEFAULT false,
  totp_last_step bigint NOT NULL DEFAULT 0, -- a code is good once: only later steps count
  recovery_hashes text[] NOT NULL DEFAULT '{}',
  oidc_issuer text, oidc_subject text,
  disabled boolean NOT NULL DEFAULT false,
  made_at timestamptz NOT NULL DEFAULT now(), made_by text NOT NULL, last_login_at timestamptz,
  UNIQUE (oidc_issuer, oidc_subject),
  CHECK (role <> 'officer' OR department_id IS NOT NULL),
  CHECK (role <> 'grid_worker' OR cardinality(grid_codes) > 0)
);
-- No person is two of the three administrators.
CREATE UNIQUE INDEX account_one_administration ON access.account (person)
  WHERE role IN ('system_admin', 'security_admin', 'audit_admin') AND NOT disabled;

CREATE TABLE access.session (
  token_hash bytea PRIMARY KEY,
  account_id integer NOT NULL REFERENCES access.account ON DELETE CASCADE,
  made_at timestamptz NOT NULL DEFAULT now(), seen_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL,
  second_factor boolean NOT NULL
);
CREATE INDEX session_account ON access.session (account_id);

CREATE TABLE access.token (
  token_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id integer NOT NULL REFERENCES access.account ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  token_hash bytea NOT NULL UNIQUE,
  made_at timestamptz NOT NULL DEFAULT now(), made_by text NOT NULL, expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX token_account ON access.token (account_id);

-- By hash of the name typed, so that a name that is nobody's is told nothing else, and typed passwords stand nowhere.
CREATE TABLE access.login_failure (
  name_hash bytea PRIMARY KEY, failures integer NOT NULL, last_at timestamptz NOT NULL, locked_until timestamptz
);

ALTER TABLE access.state ADD COLUMN has_accounts boolean NOT NULL DEFAULT false;

-- Services read accounts again when this has counted up.
CREATE FUNCTION access.changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
  UPDATE access.state SET version = version + 1, has_accounts = has_accounts OR TG_TABLE_NAME = 'account';
  RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER INSERT OR DELETE
  OR UPDATE OF role, department_id, grid_codes, disabled, password_hash, must_change, totp_confirmed ON access.account
  FOR EACH ROW EXECUTE FUNCTION access.changed();
CREATE TRIGGER changed AFTER DELETE ON access.session FOR EACH ROW EXECUTE FUNCTION access.changed();
CREATE TRIGGER changed AFTER UPDATE OR DELETE ON access.token FOR EACH ROW EXECUTE FUNCTION access.changed();

-- What became of accounts and tokens, into the audit: names of columns, never a password, secret or token.
CREATE FUNCTION access.audit_account() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE
  row access.account := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
  changed jsonb := '[]';
BEGIN
  IF TG_OP = 'UPDATE' THEN
    SELECT coalesce(jsonb_agg(n.key ORDER BY n.key), '[]') INTO changed
    FROM jsonb_each(to_jsonb(NEW)) n JOIN jsonb_each(to_jsonb(OLD)) o USING (key)
    WHERE n.value IS DISTINCT FROM o.value AND n.key NOT IN ('last_login_at', 'totp_last_step');
    IF changed = '[]' THEN
      RETURN NULL;
    END IF;
  END IF;
  PERFORM audit.write('account.' || lower(TG_OP), 'account ' || row.name, jsonb_build_object(
    'changed', changed, 'role', row.role, 'department', (SELECT code FROM twin.department WHERE department_id = row.department_id),
    'grids', to_jsonb(row.grid_codes), 'disabled', row.disabled));
  RETURN NULL;
END $$;
CREATE TRIGGER audited AFTER INSERT OR UPDATE OR DELETE ON access.account
  FOR EACH ROW EXECUTE FUNCTION access.audit_account();

CREATE FUNCTION access.audit_token() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE
  row access.token := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  PERFORM audit.write('token.' || lower(TG_OP), format('token %s of account %s', row.token_id, row.account_id),
    jsonb_build_object('expires_at', row.expires_at, 'revoked', row.revoked_at IS NOT NULL));
  RETURN NULL;
END $$;
CREATE TRIGGER audited AFTER INSERT OR UPDATE OR DELETE ON access.token
  FOR EACH ROW EXECUTE FUNCTION access.audit_token();

DO $$
DECLARE
  target text;
  who text;
BEGIN
  FOR target, who IN VALUES
    ('access.account', '''system'', ''security_admin'''), ('access.token', '''system'', ''security_admin'''),
    ('access.session', '''system'', ''security_admin'''), ('access.login_failure', '''system'', ''security_admin''')
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY kept ON %s USING ((SELECT private.acting_role()) IN (%s))', target, who);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO twin_app', target);
  END LOOP;
END $$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA access FROM PUBLIC;
GRANT EXECUTE ON FUNCTION access.areas(text, text, text) TO twin_app, twin_ingest;
