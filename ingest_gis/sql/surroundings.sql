-- :admin_units
SELECT code, level, name_zh FROM twin.admin_unit WHERE valid_to IS NULL ORDER BY code;

-- :address_names  roads and compounds the register knows
SELECT DISTINCT components ->> 'road', components ->> 'compound' FROM twin.address WHERE valid_to IS NULL;

-- :grid_areas  unit grids in the order in which a place belongs to them
SELECT grid_id, admin_id, ST_AsBinary(geom_m) FROM twin.grid WHERE valid_to IS NULL ORDER BY code;

-- :admin_areas  administrative units, the smallest first
SELECT admin_id, admin_id, ST_AsBinary(geom_m) FROM twin.admin_unit WHERE valid_to IS NULL AND geom_m IS NOT NULL
ORDER BY level DESC, code;
