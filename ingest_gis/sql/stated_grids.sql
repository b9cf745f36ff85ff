-- The unit grids in force, which rows may name as theirs.
SELECT code, ST_AsBinary(geom_m) FROM twin.grid WHERE valid_to IS NULL ORDER BY code;
