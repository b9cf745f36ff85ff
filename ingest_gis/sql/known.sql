-- What the twin holds, many rows at once: the last key read, the codes one a line, 16 bytes of raw hash each (zeros
-- where the row must be read again), 8 bytes of row hash each; all in the one order in which the rows come.
-- :building
SELECT max(id), string_agg(code, E'\n'), string_agg(raw, ''::bytea), string_agg(content, ''::bytea)
FROM (SELECT building_id AS id, code AS code,
             CASE WHEN valid_to IS NULL AND length(raw_hash) = 16 THEN raw_hash ELSE '\x00000000000000000000000000000000' END AS raw,
             substr(coalesce(row_hash, '') || '\x0000000000000000', 1, 8) AS content
      FROM twin.building WHERE building_id > %(after)s ORDER BY building_id LIMIT %(count)s) rows;

-- :address
SELECT max(id), string_agg(code, E'\n'), string_agg(raw, ''::bytea), string_agg(content, ''::bytea)
FROM (SELECT address_id AS id, code AS code,
             CASE WHEN valid_to IS NULL AND length(raw_hash) = 16 THEN raw_hash ELSE '\x00000000000000000000000000000000' END AS raw,
             substr(coalesce(row_hash, '') || '\x0000000000000000', 1, 8) AS content
      FROM twin.address WHERE address_id > %(after)s ORDER BY address_id LIMIT %(count)s) rows;

-- :asset
SELECT max(id), string_agg(code, E'\n'), string_agg(raw, ''::bytea), string_agg(content, ''::bytea)
FROM (SELECT asset_id AS id, code AS code,
             CASE WHEN valid_to IS NULL AND length(raw_hash) = 16 THEN raw_hash ELSE '\x00000000000000000000000000000000' END AS raw,
             substr(coalesce(row_hash, '') || '\x0000000000000000', 1, 8) AS content
      FROM twin.asset WHERE asset_id > %(after)s ORDER BY asset_id LIMIT %(count)s) rows;

-- :record
SELECT max(id), string_agg(code, E'\n'), string_agg(raw, ''::bytea), string_agg(content, ''::bytea)
FROM (SELECT record_id AS id, source_key AS code,
             CASE WHEN valid_to IS NULL AND length(raw_hash) = 16 THEN raw_hash ELSE '\x00000000000000000000000000000000' END AS raw,
             substr(coalesce(row_hash, '') || '\x0000000000000000', 1, 8) AS content
      FROM twin.record WHERE record_id > %(after)s AND department_id = %(department_id)s AND kind = %(kind)s ORDER BY record_id LIMIT %(count)s) rows;

-- :count  up to so many; {target} is one of the city's tables
SELECT count(*) FROM (SELECT FROM twin.{target} LIMIT %(most)s) rows;
