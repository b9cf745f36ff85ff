-- Files and layers set aside as a whole: unreadable, in a coordinate system that cannot be, with columns nobody knows.
-- (Rows set aside one by one are in private.quarantine.) A file refused again for the same reason stays one row; one
-- that was taken later has a batch of the same file_sha256. The message is what the deliverer was told: no cell of the
-- file is in it.
CREATE TABLE twin.refused_delivery (
  refused_delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  department_id integer REFERENCES twin.department,
  file text NOT NULL, file_sha256 text NOT NULL, layer text,
  reason_code text NOT NULL,                 -- UnreadableDelivery, UnknownCrs, DatumUnsure, UnknownMapping ...
  message text NOT NULL, given_by text NOT NULL,
  times integer NOT NULL DEFAULT 1,
  first_at timestamptz NOT NULL DEFAULT now(), last_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE NULLS NOT DISTINCT (file_sha256, layer, reason_code)
);
CREATE INDEX refused_delivery_department ON twin.refused_delivery (department_id);
GRANT SELECT ON twin.refused_delivery TO twin_app, twin_ingest;
GRANT INSERT, UPDATE, DELETE ON twin.refused_delivery TO twin_ingest;
