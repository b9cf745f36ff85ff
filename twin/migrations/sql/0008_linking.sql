-- Linking at scale: runs in parts that can be done by several processes and taken up after a crash; other texts of an
-- address.

CREATE TABLE twin.link_run (
  link_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  fingerprint text NOT NULL,                 -- what the run was made on: register, deliveries, options; same = can go on
  register_version integer NOT NULL, only_new boolean NOT NULL,
  state text NOT NULL CHECK (state IN ('running','done','abandoned')),
  subjects bigint NOT NULL DEFAULT 0,        -- to be looked at
  started_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz
);
-- One part: records or entities with numbers from_id..to_id, or a department's ledger of one class. Done in the same
-- transaction as its links; locked while somebody works on it.
CREATE TABLE twin.link_part (
  link_part_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  link_run_id bigint NOT NULL REFERENCES twin.link_run ON DELETE CASCADE,
  phase smallint NOT NULL,                   -- a phase begins when the one before is done
  kind text NOT NULL CHECK (kind IN ('record','entity','ledger')),
  from_id bigint, to_id bigint,
  ledger_department_id integer REFERENCES twin.department, ledger_kind text, ledger_class text,
  subjects bigint NOT NULL, counts jsonb,    -- changes and outcome of the part
  done_at timestamptz
);
CREATE INDEX link_part_run ON twin.link_part (link_run_id, phase, link_part_id) WHERE done_at IS NULL;
GRANT SELECT ON twin.link_run, twin.link_part TO twin_app, twin_ingest;
GRANT INSERT, UPDATE, DELETE ON twin.link_run, twin.link_part TO twin_ingest;

-- Which records are a department's ledger of things of one class, matched all at once.
CREATE INDEX record_ledger ON twin.record (department_id, kind, (attributes ->> 'class_code'))
  WHERE valid_to IS NULL AND attributes ? 'class_code' AND geom_m IS NOT NULL;
CREATE INDEX private_entity_credit ON private.entity (credit_code) WHERE credit_code IS NOT NULL;

-- Other texts of a standard address: old road names, how people say it, a name in use.
CREATE TABLE twin.address_alias (
  address_alias_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  address_id bigint NOT NULL REFERENCES twin.address ON DELETE CASCADE,
  alias text NOT NULL, normalised text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('old_name','spoken','abbreviation','poi','other')),
  valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz,
  CHECK (normalised <> ''), CHECK (valid_to IS NULL OR valid_to >= valid_from)
);
CREATE UNIQUE INDEX address_alias_once ON twin.address_alias (address_id, normalised) WHERE valid_to IS NULL;
CREATE INDEX address_alias_text ON twin.address_alias (normalised);
SELECT history.track('twin.address_alias', 'address_alias_id');
GRANT SELECT ON twin.address_alias TO twin_app, twin_ingest;
GRANT INSERT, UPDATE, DELETE ON twin.address_alias TO twin_ingest;
