-- :classes  Every class with its codes in all schemes, the class a shared code means first.
SELECT c.class_id, c.code, c.name_zh, c.geometry_kind, c.accuracy_class, c.attribute_schema, c.osm_tags,
       k.code AS other_code, k.name_zh AS other_name
FROM twin.class c LEFT JOIN twin.class_code k ON k.class_id = c.class_id AND k.kind = 'component'
ORDER BY coalesce(k.variant, 1), c.class_id;

-- :words  what words mean: the department's own before everybody's, longer keywords before shorter ones
SELECT w.kind, w.written, c.code, w.confidence, w.department_id IS NOT NULL
FROM twin.class_word w LEFT JOIN twin.class c USING (class_id)
WHERE w.valid_to IS NULL AND w.confidence >= %(sure)s
  AND (w.department_id IS NULL OR w.department_id = %(department_id)s)
ORDER BY w.department_id NULLS LAST, length(w.written) DESC, w.written;

-- :version
SELECT twin.class_words_version();
