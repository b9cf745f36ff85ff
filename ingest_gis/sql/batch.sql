-- :department  who delivers; known departments keep their names
INSERT INTO twin.department (code, name_zh, name_en) VALUES (%(code)s, %(name_zh)s, %(name_en)s)
ON CONFLICT (code) DO NOTHING;

-- :department_id
SELECT department_id FROM twin.department WHERE code = %(code)s;

-- :unfinished  a load of this very file, read in this very way, that did not come to its end
SELECT batch_id FROM twin.batch
WHERE file_sha256 = %(file_sha256)s AND target = %(target)s AND layer IS NOT DISTINCT FROM %(layer)s
  AND mapping = %(mapping)s AND department_id IS NOT DISTINCT FROM %(department_id)s AND state IN ('running', 'failed')
ORDER BY batch_id DESC LIMIT 1;

-- :resume
UPDATE twin.batch SET state = 'running', finished_at = NULL, run = %(run)s, is_complete = %(is_complete)s
WHERE batch_id = %(batch_id)s;

-- :settled  the rows of the file, from 0, that need not be loaded again
SELECT first_row, row_count FROM twin.batch_part WHERE batch_id = %(batch_id)s ORDER BY first_row;

-- :counts
SELECT read, inserted, changed, unchanged, rejected FROM twin.batch WHERE batch_id = %(batch_id)s;

-- :others_end  loads of this kind that were killed: what is left of them can settle nothing more
UPDATE twin.batch SET state = 'failed', run = NULL WHERE target = %(target)s AND state = 'running';

-- :open
INSERT INTO twin.batch (department_id, target, file, file_sha256, layer, mapping, source_crs, source_datum, encoding, state,
                        run, given_by, method, sigma_m, is_complete, mends_batch_id)
VALUES (%(department_id)s, %(target)s, %(file)s, %(file_sha256)s, %(layer)s, %(mapping)s, %(source_crs)s, %(source_datum)s,
        %(encoding)s, 'running', %(run)s, %(given_by)s, %(method)s, %(sigma_m)s, %(is_complete)s, %(mends_batch_id)s)
RETURNING batch_id;

-- :settle  counts and checkpoint, in the transaction of the rows they speak of
UPDATE twin.batch
SET read = read + %(read)s, inserted = inserted + %(inserted)s, changed = changed + %(changed)s,
    unchanged = unchanged + %(unchanged)s, rejected = rejected + %(rejected)s, checkpoint = checkpoint + %(read)s
WHERE batch_id = %(batch_id)s AND run = %(run)s;

-- :part
INSERT INTO twin.batch_part (batch_id, first_row, row_count) VALUES (%(batch_id)s, %(first_row)s, %(read)s);

-- :quarantine  rows set aside, as delivered, sealed (COPY cannot write to a table with row policies)
INSERT INTO private.quarantine (batch_id, department_id, row_no, reason_code, detail, sealed)
SELECT %(batch_id)s, %(department_id)s, q.row_no, q.code, q.detail, q.sealed
FROM unnest(%(row_nos)s::bigint[], %(codes)s::text[], %(details)s::text[], %(sealed)s::bytea[]) AS q (row_no, code, detail, sealed);

-- :finish
UPDATE twin.batch SET state = %(state)s, run = NULL, finished_at = clock_timestamp() WHERE batch_id = %(batch_id)s;

-- :reasons  how many rows were set aside by each rule, and the first of them
SELECT reason_code, count(*), (array_agg(row_no ORDER BY row_no))[1:20]
FROM private.quarantine WHERE batch_id = %(batch_id)s GROUP BY reason_code ORDER BY 2 DESC, 1;

-- :register_version  the version the register will have when this batch has been loaded
SELECT coalesce(max(register_version), 0) + 1 FROM twin.address WHERE batch_id IS DISTINCT FROM %(batch_id)s;

-- :refused  a file or layer set aside as a whole; the same one for the same reason is one row
INSERT INTO twin.refused_delivery AS r (department_id, file, file_sha256, layer, reason_code, message, given_by)
VALUES ((SELECT department_id FROM twin.department WHERE code = %(department)s), %(file)s, %(file_sha256)s, %(layer)s,
        %(reason_code)s, %(message)s, %(given_by)s)
ON CONFLICT (file_sha256, layer, reason_code) DO UPDATE
SET times = r.times + 1, last_at = now(), file = excluded.file, message = excluded.message, given_by = excluded.given_by,
    department_id = coalesce(excluded.department_id, r.department_id);
