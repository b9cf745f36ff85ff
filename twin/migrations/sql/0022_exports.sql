-- What was asked for as a file, who may fetch it, and until when it lies there.
CREATE TABLE twin.export (
  export_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  job_id uuid REFERENCES twin.job ON DELETE SET NULL,   -- NULL while it waits for approval
  collection text NOT NULL, format text NOT NULL, question jsonb NOT NULL,
  state text NOT NULL CHECK (state IN ('asked','approved','ready','refused','removed')),
  asked_by text NOT NULL, asked_role text NOT NULL, department_id integer REFERENCES twin.department,
  asked_at timestamptz NOT NULL DEFAULT now(),
  decided_by text, decided_at timestamptz,
  path text, bytes bigint, features bigint, sha256 text, ready_at timestamptz, expires_at timestamptz
);
CREATE INDEX export_expiry ON twin.export (expires_at) WHERE state = 'ready';
GRANT SELECT ON twin.export TO twin_app, twin_ingest;
GRANT INSERT, UPDATE ON twin.export TO twin_ingest;
