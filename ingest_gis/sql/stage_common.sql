-- :places  the unit grid and administrative unit each row stands in
UPDATE stage_todo t SET admin_id = place.admin_id, grid_id = place.grid_id
FROM (
  SELECT s.row_no, coalesce(g.admin_id, u.admin_id) AS admin_id, g.grid_id
  FROM stage_todo x JOIN stage_row s USING (row_no)
    CROSS JOIN LATERAL (SELECT ST_PointOnSurface(ST_GeomFromEWKB(s.geom_m)) AS at) p
    LEFT JOIN LATERAL (SELECT grid_id, admin_id FROM twin.grid
                       WHERE ST_Covers(geom_m, p.at) AND valid_to IS NULL ORDER BY code LIMIT 1) g ON true
    LEFT JOIN LATERAL (SELECT admin_id FROM twin.admin_unit
                       WHERE ST_Covers(geom_m, p.at) AND valid_to IS NULL ORDER BY level DESC, code LIMIT 1) u ON true
  WHERE s.geom_m IS NOT NULL
) place
WHERE place.row_no = t.row_no;

-- :departments  the parties named by assets, by code or by name
INSERT INTO twin.department (code, name_zh)
SELECT code, max(name_zh) FROM (
  SELECT s.doc ->> 'supervising_code' AS code, coalesce(s.doc ->> 'supervising_name', s.doc ->> 'supervising_code') AS name_zh
  FROM stage_todo t JOIN stage_row s USING (row_no) WHERE s.doc ->> 'supervising_code' IS NOT NULL
  UNION ALL
  SELECT 'unit-' || left(md5(party.name_zh), 12), party.name_zh
  FROM stage_todo t JOIN stage_row s USING (row_no)
    CROSS JOIN LATERAL (VALUES (s.doc ->> 'owning_name'), (s.doc ->> 'maintaining_name'),
      (CASE WHEN s.doc ->> 'supervising_code' IS NULL THEN s.doc ->> 'supervising_name' END)) party (name_zh)
  WHERE party.name_zh IS NOT NULL
    AND NOT EXISTS (SELECT FROM twin.department d WHERE d.name_zh = party.name_zh)
    AND NOT EXISTS (SELECT FROM stage_row o WHERE o.doc ->> 'supervising_name' = party.name_zh
                    AND o.doc ->> 'supervising_code' IS NOT NULL)
) named
GROUP BY code
ON CONFLICT (code) DO NOTHING;
