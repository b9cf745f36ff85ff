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
