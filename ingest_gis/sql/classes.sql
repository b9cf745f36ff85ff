-- Every class with its codes in all schemes, the class a shared code means first.
SELECT c.class_id, c.code, c.name_zh, c.geometry_kind, c.accuracy_class, c.attribute_schema, c.osm_tags,
       k.code AS other_code, k.name_zh AS other_name
FROM twin.class c LEFT JOIN twin.class_code k ON k.class_id = c.class_id AND k.kind = 'component'
ORDER BY coalesce(k.variant, 1), c.class_id
