-- :register  the address register in its present version
SELECT address_id, building_id, normalised, components, ST_X(geom_m), ST_Y(geom_m) FROM twin.address
WHERE valid_to IS NULL ORDER BY address_id;

-- :register_version
SELECT coalesce(max(register_version), 1) FROM twin.address;

-- :buildings
SELECT building_id, code, name_zh, grid_id, ST_AsBinary(geom_m) FROM twin.building WHERE valid_to IS NULL ORDER BY building_id;

-- :assets
SELECT asset_id, code, class_id, ST_X(p), ST_Y(p)
FROM (SELECT asset_id, code, class_id, ST_PointOnSurface(geom_m) AS p FROM twin.asset WHERE valid_to IS NULL) a
ORDER BY asset_id;

-- :record  what a record says about its place; the whole address is private
SELECT r.record_id, NULL::bigint AS entity_id, r.department_id, r.kind, r.title_zh AS name,
       r.attributes ->> 'asset_code' AS asset_code, r.attributes ->> 'building_code' AS building_code,
       r.attributes ->> 'class_code' AS class_code, coalesce(p.payload ->> 'address', r.address_given) AS address,
       ST_X(r.geom_m) AS east, ST_Y(r.geom_m) AS north, r.grid_id
FROM twin.record r LEFT JOIN private.record p USING (record_id)
WHERE r.valid_to IS NULL AND r.record_id > %(after)s ORDER BY r.record_id LIMIT %(count)s;

-- :entity
SELECT NULL::bigint AS record_id, e.entity_id, e.department_id, e.type_code AS kind, e.public_name_zh AS name,
       NULL AS asset_code, p.attributes ->> 'building_code' AS building_code,
       NULL AS class_code, p.attributes ->> 'address' AS address,
       ST_X(e.geom_m) AS east, ST_Y(e.geom_m) AS north, CASE WHEN e.geom_m IS NOT NULL THEN e.grid_id END AS grid_id
FROM twin.entity e LEFT JOIN private.entity p USING (entity_id)
WHERE e.valid_to IS NULL AND e.entity_id > %(after)s ORDER BY e.entity_id LIMIT %(count)s;
