-- Cases are written one by one now: who said what, and what stood there before, is kept as for assets.
SELECT history.track('twin.event', 'event_id');
-- A case that is given no code gets one with a number of its own.
DO $$ BEGIN
  EXECUTE format('GRANT USAGE ON SEQUENCE %s TO twin_ingest', pg_get_serial_sequence('twin.event', 'event_id'));
END $$;
