-- :batches  newest first
SELECT b.batch_id, d.code AS department, d.name_zh AS department_zh, b.target, b.file, b.layer, b.state,
       b.mapping ->> 'name' AS mapping, b.source_crs, b.source_datum, b.encoding, b.read, b.inserted, b.changed, b.unchanged,
       b.rejected, b.ended, b.is_complete, b.mends_batch_id, b.given_by, b.started_at, b.finished_at, b.rolled_back_at,
       b.rolled_back_by
FROM twin.batch b LEFT JOIN twin.department d USING (department_id)
WHERE %(before)s::bigint IS NULL OR b.batch_id < %(before)s
ORDER BY b.batch_id DESC LIMIT %(count)s;

-- :reasons
SELECT reason_code AS code, count(*) AS rows, count(mended_batch_id) AS mended, (array_agg(row_no ORDER BY row_no))[1:20] AS first_rows
FROM private.quarantine WHERE batch_id = %(batch_id)s GROUP BY reason_code ORDER BY 2 DESC, 1;

-- :refused
SELECT r.refused_delivery_id, d.code AS department, r.file, r.layer, r.reason_code, r.message, r.given_by, r.times,
       r.first_at, r.last_at, EXISTS (SELECT FROM twin.batch b WHERE b.file_sha256 = r.file_sha256) AS taken_later
FROM twin.refused_delivery r LEFT JOIN twin.department d USING (department_id)
ORDER BY r.last_at DESC LIMIT %(count)s;

-- :rejected
SELECT row_no, reason_code, detail, sealed, mended_batch_id FROM private.quarantine
WHERE batch_id = %(batch_id)s AND row_no > %(after)s ORDER BY row_no LIMIT %(count)s;

-- :original  what a mended file belongs to
SELECT b.target, b.file, b.layer, b.mapping, b.department_id, d.code, b.source_crs, b.source_datum
FROM twin.batch b LEFT JOIN twin.department d USING (department_id) WHERE b.batch_id = %(batch_id)s;

-- :mended  the rows that the batch of mended rows has taken
UPDATE private.quarantine q SET mended_batch_id = %(mended)s, mended_at = clock_timestamp()
WHERE q.batch_id = %(batch_id)s AND q.row_no = ANY (%(row_nos)s)
  AND NOT EXISTS (SELECT FROM private.quarantine again WHERE again.batch_id = %(mended)s AND again.row_no = q.row_no);
