-- The queue's functions find their tables whatever the caller's search_path; who may queue work and who may take it.
DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'queue'::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = queue, pg_catalog', f);
  END LOOP;
END $$;

GRANT USAGE ON SCHEMA queue TO twin_app, twin_ingest;
GRANT SELECT, INSERT ON queue.procrastinate_jobs, queue.procrastinate_events TO twin_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA queue TO twin_ingest;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA queue TO twin_app, twin_ingest;
