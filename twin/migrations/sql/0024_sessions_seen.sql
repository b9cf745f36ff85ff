-- From where and with what somebody has logged in, so that a person can tell own sessions from a stranger's; the rows go
-- with the sessions. A new authenticator waits beside the present one until its first code has been confirmed.
ALTER TABLE access.session
  ADD COLUMN session_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  ADD COLUMN address text NOT NULL DEFAULT '' CHECK (length(address) <= 60),
  ADD COLUMN device text NOT NULL DEFAULT '' CHECK (length(device) <= 80);
ALTER TABLE access.account ADD COLUMN totp_next text;
