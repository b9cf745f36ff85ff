-- :admin_units
SELECT code, level, name_zh FROM twin.admin_unit WHERE valid_to IS NULL ORDER BY code;

-- :address_names  roads and compounds the register knows
SELECT DISTINCT components ->> 'road', components ->> 'compound' FROM twin.address WHERE valid_to IS NULL;
