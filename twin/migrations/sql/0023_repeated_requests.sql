-- What was answered to a POST with an Idempotency-Key, for 24 hours. Answers are sealed under a key made from the client's own
-- key, which stands nowhere here: nobody can read them, or find a request, with what is in this table.
CREATE TABLE access.repeated_request (
  request_hash bytea PRIMARY KEY,           -- of who, what address and the client's key
  body_hash bytea NOT NULL,                 -- keyed: tells whether the same was sent
  begun_at timestamptz NOT NULL DEFAULT now(),
  answer bytea                              -- NULL while it is being answered
);
CREATE INDEX repeated_request_begun ON access.repeated_request (begun_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON access.repeated_request TO twin_app;
