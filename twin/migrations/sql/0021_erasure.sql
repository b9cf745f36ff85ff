-- Which entries of the erasure ledger (a file outside the database) this database has been brought to; a database
-- restored from an older backup lacks some, and is brought to them before it is served.
CREATE TABLE audit.erasure (entry text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
GRANT SELECT ON audit.erasure TO twin_app, twin_ingest;
