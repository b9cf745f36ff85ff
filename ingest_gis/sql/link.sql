-- :register  the address register in its present version, other texts of an address behind its own
SELECT address_id, building_id, normalised, components, ST_X(geom_m), ST_Y(geom_m), '' AS alias FROM twin.address
WHERE valid_to IS NULL
UNION ALL
SELECT a.address_id, a.building_id, x.normalised, '{}', ST_X(a.geom_m), ST_Y(a.geom_m), x.kind
FROM twin.address_alias x JOIN twin.address a USING (address_id)
WHERE x.valid_to IS NULL AND x.valid_from <= now() AND a.valid_to IS NULL
ORDER BY 1, 7, 3;

-- :register_version
SELECT coalesce(max(register_version), 1) FROM twin.address;

-- :fingerprint  changes with everything links are made from, except what people decide
SELECT md5(concat_ws(' ', (SELECT max(batch_id) || ':' || count(*) || ':' || count(*) FILTER (WHERE state = 'done') FROM twin.batch),
                     (SELECT count(*) || ':' || max(valid_to) FROM twin.address_alias),
                     (SELECT string_agg(fingerprint, ',' ORDER BY survey_id) FROM twin.survey),
                     (SELECT max(record_id) FROM twin.record), (SELECT max(entity_id) FROM twin.entity),
                     (SELECT max(address_id) || ':' || max(register_version) FROM twin.address)));

-- :buildings
SELECT building_id, name_zh, grid_id, ST_AsBinary(geom_m) FROM twin.building WHERE valid_to IS NULL ORDER BY building_id;

-- :assets
SELECT asset_id, class_id, ST_X(p), ST_Y(p)
FROM (SELECT asset_id, class_id, ST_PointOnSurface(geom_m) AS p FROM twin.asset WHERE valid_to IS NULL) a
ORDER BY asset_id;

-- :record_parts  records in parts of about %(size)s, ledgers left out; %(batches)s: only what these brought or changed
SELECT min(record_id), max(record_id), count(*) FROM (
  SELECT r.record_id, (row_number() OVER (ORDER BY r.record_id) - 1) / %(size)s AS part
  FROM twin.record r
  WHERE r.valid_to IS NULL AND (NOT %(only_new)s OR NOT EXISTS (SELECT FROM twin.link l WHERE l.record_id = r.record_id))
    AND (%(batches)s::bigint[] IS NULL OR r.batch_id = ANY (%(batches)s))
) x GROUP BY part ORDER BY part;

-- :entity_parts
SELECT min(entity_id), max(entity_id), count(*) FROM (
  SELECT e.entity_id, (row_number() OVER (ORDER BY e.entity_id) - 1) / %(size)s AS part
  FROM twin.entity e
  WHERE e.valid_to IS NULL AND (NOT %(only_new)s OR NOT EXISTS (SELECT FROM twin.link l WHERE l.entity_id = e.entity_id))
    AND (%(batches)s::bigint[] IS NULL OR e.batch_id = ANY (%(batches)s))
) x GROUP BY part ORDER BY part;

-- :ledger_parts  a department's own book of things of one class: rows with class and point, no code, no address;
-- whole also where batches are asked for, because its rows compete for the same things. Which books: found first and
-- joined, because a list of every row of many batches is looked through anew for every record once it fills work_mem.
WITH asked AS MATERIALIZED (
  SELECT DISTINCT t.department_id, t.kind, t.attributes ->> 'class_code' AS class_code
  FROM twin.record t
  WHERE t.valid_to IS NULL AND t.attributes ? 'class_code' AND t.geom_m IS NOT NULL AND t.address_given IS NULL
    AND NOT t.attributes ? 'asset_code' AND (%(batches)s::bigint[] IS NULL OR t.batch_id = ANY (%(batches)s))
), books AS MATERIALIZED (
  SELECT asked.* FROM asked JOIN twin.class c ON c.code = asked.class_code
  WHERE EXISTS (SELECT FROM twin.asset a WHERE a.class_id = c.class_id AND a.valid_to IS NULL)
)
SELECT r.department_id, r.kind, b.class_code, count(*)
FROM books b JOIN twin.record r ON r.department_id = b.department_id AND r.kind = b.kind
  AND r.attributes ->> 'class_code' = b.class_code
WHERE r.valid_to IS NULL AND r.attributes ? 'class_code' AND r.geom_m IS NOT NULL AND r.address_given IS NULL
  AND NOT r.attributes ? 'asset_code'
  AND (NOT %(only_new)s OR NOT EXISTS (SELECT FROM twin.link l WHERE l.record_id = r.record_id))
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- :record  what records say about their place, their exact keys resolved; the whole address is private and sealed. The credit codes
-- are read first: a condition on private.entity that looks into jsonb may not use its index under the row policies.
WITH said AS MATERIALIZED (
  SELECT r.record_id, r.department_id, r.kind, r.title_zh AS name, r.attributes ->> 'class_code' AS class_code,
         r.address_given AS address, r.geom_m, r.grid_id,
         r.attributes ->> 'grid_code' AS grid_code, r.attributes ->> 'asset_code' AS asset_code,
         r.attributes ->> 'building_code' AS building_code,
         coalesce(p.credit_code, r.attributes ->> 'credit_code') AS credit_code,
         coalesce(p.has_name, false) AS has_name, p.sealed
  FROM twin.record r LEFT JOIN private.record p USING (record_id)
  WHERE r.valid_to IS NULL AND r.record_id BETWEEN %(from_id)s AND %(to_id)s
    AND (%(batches)s::bigint[] IS NULL OR r.batch_id = ANY (%(batches)s))
    AND (NOT %(only_new)s OR NOT EXISTS (SELECT FROM twin.link l WHERE l.record_id = r.record_id))
    AND NOT (r.attributes ? 'class_code' AND r.geom_m IS NOT NULL AND r.address_given IS NULL
             AND NOT r.attributes ? 'asset_code'
             AND EXISTS (SELECT FROM twin.class c JOIN twin.asset y USING (class_id)
                         WHERE c.code = r.attributes ->> 'class_code' AND y.valid_to IS NULL))
)
SELECT s.record_id, NULL::bigint AS entity_id, s.department_id, s.kind, s.name, s.class_code, s.address,
       ST_X(s.geom_m) AS east, ST_Y(s.geom_m) AS north, coalesce(s.grid_id, g.grid_id) AS grid_id,
       a.asset_id, ST_Distance(a.geom_m, s.geom_m) AS asset_apart_m, b.building_id,
       f.building_id AS firm_building_id, f.address_id AS firm_address_id, s.has_name, s.sealed
FROM said s
  LEFT JOIN twin.asset a ON a.code = s.asset_code AND a.valid_to IS NULL
  LEFT JOIN twin.building b ON b.code = s.building_code AND b.valid_to IS NULL
  LEFT JOIN twin.grid g ON g.code = s.grid_code AND g.valid_to IS NULL
  LEFT JOIN LATERAL (SELECT e.building_id, e.address_id FROM private.entity x JOIN twin.entity e USING (entity_id)
                     WHERE x.credit_code = s.credit_code AND e.valid_to IS NULL AND e.building_id IS NOT NULL
                     ORDER BY e.entity_id LIMIT 1) f ON true
ORDER BY s.record_id;

-- :ledger
SELECT r.record_id, NULL::bigint AS entity_id, r.department_id, r.kind, r.title_zh AS name,
       r.attributes ->> 'class_code' AS class_code, NULL AS address,
       ST_X(r.geom_m) AS east, ST_Y(r.geom_m) AS north, r.grid_id,
       NULL::bigint AS asset_id, NULL::float8 AS asset_apart_m, b.building_id,
       NULL::bigint AS firm_building_id, NULL::bigint AS firm_address_id, false AS has_name, NULL::bytea AS sealed
FROM twin.record r LEFT JOIN twin.building b ON b.code = r.attributes ->> 'building_code' AND b.valid_to IS NULL
WHERE r.valid_to IS NULL AND r.department_id = %(department_id)s AND r.kind = %(kind)s
  AND r.attributes ->> 'class_code' = %(class_code)s AND r.geom_m IS NOT NULL AND r.address_given IS NULL
  AND r.attributes ? 'class_code' AND NOT r.attributes ? 'asset_code'
  AND (NOT %(only_new)s OR NOT EXISTS (SELECT FROM twin.link l WHERE l.record_id = r.record_id))
ORDER BY r.record_id;

-- :entity
SELECT NULL::bigint AS record_id, e.entity_id, e.department_id, e.type_code AS kind, e.public_name_zh AS name,
       NULL AS class_code, NULL AS address,
       ST_X(e.geom_m) AS east, ST_Y(e.geom_m) AS north, CASE WHEN e.geom_m IS NOT NULL THEN e.grid_id END AS grid_id,
       NULL::bigint AS asset_id, NULL::float8 AS asset_apart_m, b.building_id,
       NULL::bigint AS firm_building_id, NULL::bigint AS firm_address_id, false AS has_name, p.sealed
FROM twin.entity e
  LEFT JOIN private.entity p USING (entity_id)
  LEFT JOIN twin.building b ON b.code = p.building_code AND b.valid_to IS NULL
WHERE e.valid_to IS NULL AND e.entity_id BETWEEN %(from_id)s AND %(to_id)s AND (%(batches)s::bigint[] IS NULL OR e.batch_id = ANY (%(batches)s))
  AND (NOT %(only_new)s OR NOT EXISTS (SELECT FROM twin.link l WHERE l.entity_id = e.entity_id))
ORDER BY e.entity_id;

-- :people_parts  records that say a name, in parts of about %(size)s
SELECT min(record_id), max(record_id), count(*) FROM (
  SELECT r.record_id, (row_number() OVER (ORDER BY r.record_id) - 1) / %(size)s AS part
  FROM twin.record r JOIN private.record p USING (record_id)
  WHERE r.valid_to IS NULL AND p.has_name
    AND (%(batches)s::bigint[] IS NULL OR r.batch_id = ANY (%(batches)s))
) x GROUP BY part ORDER BY part;

-- :people_records  records with a name that no other way has found a place for; sealed, opened in memory only
SELECT r.record_id, p.sealed, r.grid_id::text AS grid
FROM twin.record r JOIN private.record p USING (record_id)
WHERE r.valid_to IS NULL AND r.record_id BETWEEN %(from_id)s AND %(to_id)s AND (%(batches)s::bigint[] IS NULL OR r.batch_id = ANY (%(batches)s))
  AND p.has_name
  AND NOT EXISTS (SELECT FROM twin.link l WHERE l.record_id = r.record_id AND l.method <> 'name'
                    AND l.state IN ('accepted', 'review'))
ORDER BY r.record_id;

-- :people_entities
SELECT e.entity_id, p.sealed, e.public_name_zh, p.credit_code, e.grid_id::text AS grid
FROM twin.entity e JOIN private.entity p USING (entity_id)
WHERE e.valid_to IS NULL AND e.building_id IS NOT NULL AND (e.public_name_zh IS NOT NULL OR p.name_mac IS NOT NULL)
ORDER BY e.entity_id;

-- :entity_places
SELECT entity_id, building_id, address_id FROM twin.entity WHERE entity_id = ANY (%(ids)s);
