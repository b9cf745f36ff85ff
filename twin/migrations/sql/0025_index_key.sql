-- Under which index key the keyed hashes of the private tables stand. While they are changed to another, `past` says to which
-- (`to`) and for each table the last row that is done, written in the transaction that hashes the rows anew. No row: there
-- has never been another key than the first.
CREATE TABLE private.index_key (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  key_id text NOT NULL,
  past jsonb NOT NULL DEFAULT '{}'
);
GRANT SELECT ON private.index_key TO twin_app, twin_ingest;
