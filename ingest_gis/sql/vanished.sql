-- What a complete delivery must hold: the rows that are there now of what this department delivers in this way.
-- Each gives row numbers and codes, many at once.
-- :building
SELECT t.building_id, t.code FROM twin.building t JOIN twin.batch b USING (batch_id)
WHERE t.valid_to IS NULL AND b.department_id IS NOT DISTINCT FROM %(department_id)s AND b.mapping ->> 'name' = %(mapping)s;

-- :address
SELECT t.address_id, t.code FROM twin.address t JOIN twin.batch b USING (batch_id)
WHERE t.valid_to IS NULL AND b.department_id IS NOT DISTINCT FROM %(department_id)s AND b.mapping ->> 'name' = %(mapping)s;

-- :asset
SELECT t.asset_id, t.code FROM twin.asset t JOIN twin.batch b USING (batch_id)
WHERE t.valid_to IS NULL AND b.department_id IS NOT DISTINCT FROM %(department_id)s AND b.mapping ->> 'name' = %(mapping)s;

-- :record
SELECT t.record_id, t.source_key FROM twin.record t
WHERE t.valid_to IS NULL AND t.department_id = %(department_id)s AND t.kind = %(kind)s;

-- :entity  a household's code is private and known by its keyed hash
SELECT t.entity_id, coalesce(t.source_key, encode(p.key_mac, 'hex'))
FROM twin.entity t JOIN twin.batch b USING (batch_id) LEFT JOIN private.entity p USING (entity_id)
WHERE t.valid_to IS NULL AND t.department_id = %(department_id)s AND b.mapping ->> 'name' = %(mapping)s;

-- :end  {table} is the target's
UPDATE twin.{table} SET valid_to = now() WHERE {table}_id = ANY (%(ids)s) AND valid_to IS NULL;

-- :ended
UPDATE twin.batch SET ended = ended + %(ended)s WHERE batch_id = %(batch_id)s AND run = %(run)s;
