-- References of a table come back before the planner knows anything of it: a column that an index knows to be empty in most
-- rows (WHERE column IS NOT NULL) is checked through that index, not by reading the whole table. So looking at the table
-- anew for the planner can wait until nothing else waits for it.
CREATE OR REPLACE FUNCTION twin.bring_index_back(target text, references_too boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public SET enable_seqscan = on AS $$
DECLARE item twin.set_aside;
BEGIN
  SELECT * INTO item FROM twin.set_aside s
  WHERE s.table_name = target
    AND (s.is_index OR references_too AND NOT EXISTS (SELECT FROM twin.set_aside o WHERE o.table_name = target AND o.is_index))
  ORDER BY s.definition LIKE '%USING gist%' DESC, s.set_aside_id LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF item IS NULL THEN
    RETURN NULL;
  END IF;
  IF NOT item.is_index AND EXISTS (
    SELECT FROM pg_index x JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]
    WHERE x.indrelid = format('twin.%I', target)::regclass
      AND pg_get_expr(x.indpred, x.indrelid) = format('(%I IS NOT NULL)', a.attname)
      AND position(format('FOREIGN KEY (%I)', a.attname) IN item.definition) > 0)
  THEN
    SET LOCAL enable_seqscan = off;
  END IF;
  EXECUTE item.definition;
  DELETE FROM twin.set_aside WHERE set_aside_id = item.set_aside_id;
  RETURN item.name;
END $$;
