-- Take a batch back. {table}, {key}: of the batch's target; {image}: its columns with geometry as text, alias x;
-- {columns}: all columns but the key; {derived}: columns that follow from other things and are nobody's change.
-- :batch  held until the end
SELECT b.target, b.state, b.file, d.code FROM twin.batch b LEFT JOIN twin.department d USING (department_id)
WHERE b.batch_id = %(batch_id)s FOR UPDATE OF b;

-- :columns
SELECT column_name, udt_name FROM information_schema.columns
WHERE table_schema = %(schema)s AND table_name = %(table)s ORDER BY ordinal_position;

-- :undo  what the batch changed or ended, with the row as it was before; what it inserted has none
CREATE TEMP TABLE undo ON COMMIT DROP AS
SELECT DISTINCT ON (v.row_id) v.row_id, v.version_id, v.old_row FROM history.version v
WHERE v.request_id = %(request)s AND v.table_name = %(table)s AND v.operation = 'U'
ORDER BY v.row_id, v.version_id;

-- :undo_inserted
INSERT INTO undo (row_id) SELECT x.{key} FROM twin.{table} x
WHERE x.batch_id = %(batch_id)s AND NOT EXISTS (SELECT FROM undo u WHERE u.row_id = x.{key});

-- :built_on  changes by others since; those of batches taken back themselves, and of derived columns, do not count
WITH later AS (
  SELECT v.row_id, v.version_id, v.request_id, v.actor, v.operation, v.old_row,
         lead(v.old_row) OVER (PARTITION BY v.row_id ORDER BY v.version_id) AS next_row
  FROM history.version v
  WHERE v.table_name = %(table)s AND v.operation <> 'I'
    AND (v.old_row ->> 'batch_id' = %(batch_text)s
         OR EXISTS (SELECT FROM undo u WHERE u.row_id = v.row_id AND v.version_id > u.version_id))
)
SELECT CASE WHEN l.request_id LIKE 'batch-%%' THEN l.request_id ELSE coalesce(l.actor, '?') END AS whose, count(DISTINCT l.row_id)
FROM later l LEFT JOIN twin.{table} now_row ON now_row.{key} = l.row_id
  LEFT JOIN LATERAL (SELECT to_jsonb(image) AS row FROM (SELECT {image} FROM twin.{table} x WHERE x.{key} = l.row_id) image) now_image ON true
WHERE l.request_id IS DISTINCT FROM %(request)s AND coalesce(l.request_id, '') NOT LIKE 'rollback-%%'
  AND NOT EXISTS (SELECT FROM twin.batch b WHERE b.state = 'rolled_back' AND l.request_id = 'batch-' || b.batch_id)
  AND (l.operation = 'D'
       OR (l.old_row - %(derived)s::text[]) IS DISTINCT FROM (coalesce(l.next_row, now_image.row) - %(derived)s::text[]))
GROUP BY 1 ORDER BY 2 DESC LIMIT 5;

-- :decided  links that a person has decided on, to or from what would be removed
SELECT count(*) FROM twin.link k JOIN undo u ON u.row_id = k.{key} WHERE u.old_row IS NULL AND k.decided_by IS NOT NULL;

-- :restore
UPDATE twin.{table} t SET ({columns}) = (SELECT {columns} FROM jsonb_populate_record(t, u.old_row))
FROM undo u WHERE u.row_id = t.{key} AND u.old_row IS NOT NULL;

-- :private_undo
CREATE TEMP TABLE private_undo ON COMMIT DROP AS
SELECT DISTINCT ON (v.row_id) v.row_id, v.operation, v.old_row FROM history.private_version v
WHERE v.request_id = %(request)s AND v.table_name = %(table)s ORDER BY v.row_id, v.version_id;

-- :private_remove
DELETE FROM private.{table} p USING private_undo u WHERE u.row_id = p.{key} AND u.operation = 'I';

-- :private_restore
UPDATE private.{table} p SET ({private_columns}) = (SELECT {private_columns} FROM jsonb_populate_record(p, u.old_row))
FROM private_undo u WHERE u.row_id = p.{key} AND u.operation = 'U';

-- :private_again
INSERT INTO private.{table} SELECT r.* FROM private_undo u
  CROSS JOIN LATERAL jsonb_populate_record(NULL::private.{table}, u.old_row) r WHERE u.operation = 'D';

-- :model_remove  how delivered solids hang together goes with them ...
DELETE FROM twin.building_model m USING undo u WHERE u.row_id = m.building_id AND m.batch_id = %(batch_id)s;

-- :model_again  ... and what it was before comes back
INSERT INTO twin.building_model
SELECT r.* FROM (
  SELECT DISTINCT ON (v.row_id) v.row_id, v.old_row FROM history.version v
  WHERE v.request_id = %(request)s AND v.table_name = 'building_model' AND v.operation = 'U'
  ORDER BY v.row_id, v.version_id
) earlier JOIN undo u ON u.row_id = earlier.row_id AND u.old_row IS NOT NULL
  CROSS JOIN LATERAL jsonb_populate_record(NULL::twin.building_model, earlier.old_row) r
ON CONFLICT (building_id) DO NOTHING;

-- :let_go  an entity's address is looked for again by the next linking
UPDATE twin.entity e SET address_id = NULL FROM undo u WHERE u.old_row IS NULL AND e.address_id = u.row_id;

-- :remove
DELETE FROM twin.{table} t USING undo u WHERE u.row_id = t.{key} AND u.old_row IS NULL;

-- :unmend
UPDATE private.quarantine SET mended_batch_id = NULL, mended_at = NULL WHERE mended_batch_id = %(batch_id)s;

-- :finish
UPDATE twin.batch SET state = 'rolled_back', run = NULL, rolled_back_at = clock_timestamp(), rolled_back_by = %(actor)s
WHERE batch_id = %(batch_id)s;

-- :audit
SELECT audit.write('ingest.rollback', %(subject)s, %(detail)s);
