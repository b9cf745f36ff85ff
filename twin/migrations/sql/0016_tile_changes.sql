-- What vector tiles show has changed, and where: every change is noted by squares of 2048 m (twin.area_box(1, ...)) in the
-- transaction that makes it, and told to whoever listens when that transaction commits. A kept tile is good for as long
-- as nothing was noted in the squares it shows.

CREATE TABLE twin.tile_change (
  change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('asset','building','grid','place')),
  col integer, "row" integer,                -- NULL: everywhere
  n bigint NOT NULL DEFAULT 1,               -- how many changes this row stands for
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX tile_change_square ON twin.tile_change (kind, col, "row");

-- Note changed squares and tell them (channel twin_tiles, "kind col:row,col:row" or "kind *").
-- Rows are only added, never changed: an edit does not wait for a load that changes the same squares.
CREATE FUNCTION twin.tiles_changed(of_kind text, cols integer[], rows integer[]) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE piece text;
BEGIN
  IF cols IS NULL OR cardinality(cols) > 4000 THEN
    INSERT INTO twin.tile_change (kind) VALUES (of_kind);
    PERFORM pg_notify('twin_tiles', of_kind || ' *');
    RETURN;
  END IF;
  INSERT INTO twin.tile_change (kind, col, "row") SELECT of_kind, u.c, u.r FROM unnest(cols, rows) AS u (c, r);
  FOR piece IN SELECT string_agg(u.c || ':' || u.r, ',') FROM unnest(cols, rows) WITH ORDINALITY AS u (c, r, i) GROUP BY i / 400
  LOOP
    PERFORM pg_notify('twin_tiles', of_kind || ' ' || piece);
  END LOOP;
END $$;

-- The squares a statement makes stale for the totals are those whose tiles are out of date: no further cost per row.
CREATE FUNCTION twin.tiles_follow_totals() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE changed record;
BEGIN
  FOR changed IN
    SELECT s.of_table, array_agg(s.col) AS cols, array_agg(s."row") AS rows
    FROM (SELECT DISTINCT of_table, col >> 3 AS col, "row" >> 3 AS "row" FROM new_rows
          WHERE of_table IN ('asset', 'building')) s GROUP BY 1
  LOOP
    PERFORM twin.tiles_changed(changed.of_table, changed.cols, changed.rows);
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER tiles_follow AFTER INSERT ON twin.area_stale REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
  EXECUTE FUNCTION twin.tiles_follow_totals();
-- A new name or code shows in tiles too.
DROP TRIGGER area_update ON twin.asset;
CREATE TRIGGER area_update AFTER UPDATE ON twin.asset REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION twin.area_follow('asset', 'asset_id',
    'class_id,supervising_department_id,state,geom_m,valid_from,valid_to,code,name_zh');

-- Buildings are counted by squares like assets, so a tile of the whole city need not read them all.
ALTER TABLE twin.area_stale DROP CONSTRAINT area_stale_of_table_check,
  ADD CONSTRAINT area_stale_of_table_check CHECK (of_table IN ('asset','record','event','building'));
CREATE VIEW twin.area_building AS
  SELECT b.geom_m, s.spot, 'building' AS what, ''::text AS key, 0::float8 AS length_m, s.area_m2
  FROM twin.building b
    CROSS JOIN LATERAL (SELECT twin.area_spot(b.geom_m) AS spot, ST_Area(b.geom_m) AS area_m2 OFFSET 0) s
  WHERE b.valid_to IS NULL;
CREATE OR REPLACE FUNCTION twin.area_levels(of_table text) RETURNS text[] LANGUAGE sql IMMUTABLE
  RETURN CASE of_table WHEN 'asset' THEN ARRAY['asset_class', 'asset_department', 'asset_state', 'asset_year']
                       WHEN 'record' THEN ARRAY['record'] WHEN 'building' THEN ARRAY['building']
                       ELSE ARRAY['event_state'] END;

-- As twin.area_follow, for insertions: the new rows are among the keys given since twin.search_mark, so that no copy of
-- them need be kept. Arguments: the table's name, its key.
CREATE FUNCTION twin.area_inserted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
  EXECUTE format('INSERT INTO twin.area_stale (of_table, col, "row")
    SELECT DISTINCT %L, c, r FROM (
      SELECT DISTINCT twin.area_square(ST_XMin(geom_m)) AS c0, twin.area_square(ST_XMax(geom_m)) AS c1,
             twin.area_square(ST_YMin(geom_m)) AS r0, twin.area_square(ST_YMax(geom_m)) AS r1
      FROM %s n WHERE n.%3$I > $1 AND n.%3$I <= $2) b, generate_series(c0, c1) c, generate_series(r0, r1) r',
    TG_ARGV[0], TG_RELID::regclass, TG_ARGV[1])
    USING current_setting('twin.search_mark_' || TG_ARGV[0])::bigint, twin.last_key(TG_RELID, TG_ARGV[1]);
  RETURN NULL;
END $$;
CREATE TRIGGER area_insert AFTER INSERT ON twin.building FOR EACH STATEMENT
  EXECUTE FUNCTION twin.area_inserted('building', 'building_id');
CREATE TRIGGER area_update AFTER UPDATE ON twin.building REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION twin.area_follow('building', 'building_id',
    'code,name_zh,use_zh,storeys,ground_h_m,roof_h_m,height_m,height_confidence,geom_m,valid_to');
CREATE TRIGGER area_delete AFTER DELETE ON twin.building REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION twin.area_follow('building', 'building_id', '');
SELECT twin.area_rebuild('building');

-- Grids and places are few and large, and a class's name stands in all its assets' tiles: everything is new then.
CREATE FUNCTION twin.tiles_all_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
  PERFORM twin.tiles_changed(TG_ARGV[0], NULL, NULL);
  RETURN NULL;
END $$;
CREATE TRIGGER tiles_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON twin.grid FOR EACH STATEMENT
  EXECUTE FUNCTION twin.tiles_all_changed('grid');
CREATE TRIGGER tiles_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON twin.admin_unit FOR EACH STATEMENT
  EXECUTE FUNCTION twin.tiles_all_changed('place');
CREATE TRIGGER tiles_changed AFTER UPDATE ON twin.class FOR EACH STATEMENT EXECUTE FUNCTION twin.tiles_all_changed('asset');
CREATE TRIGGER tiles_truncated AFTER TRUNCATE ON twin.asset FOR EACH STATEMENT EXECUTE FUNCTION twin.tiles_all_changed('asset');
CREATE TRIGGER tiles_truncated AFTER TRUNCATE ON twin.building FOR EACH STATEMENT
  EXECUTE FUNCTION twin.tiles_all_changed('building');

-- Put many notes of a square together in one; what a square's notes add up to stays what it was.
CREATE FUNCTION twin.tiles_fold() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE folded bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('twin.tile_change')) THEN
    RETURN 0;
  END IF;
  WITH many AS (
    SELECT kind, col, "row" FROM twin.tile_change GROUP BY 1, 2, 3 HAVING count(*) > 1
  ), gone AS (
    DELETE FROM twin.tile_change c USING many m
    WHERE c.kind = m.kind AND c.col IS NOT DISTINCT FROM m.col AND c."row" IS NOT DISTINCT FROM m."row"
    RETURNING c.kind, c.col, c."row", c.n, c.at
  )
  INSERT INTO twin.tile_change (kind, col, "row", n, at) SELECT kind, col, "row", sum(n), max(at) FROM gone GROUP BY 1, 2, 3;
  GET DIAGNOSTICS folded = ROW_COUNT;
  RETURN folded;
END $$;

REVOKE ALL ON FUNCTION twin.tiles_changed(text, integer[], integer[]), twin.tiles_follow_totals(), twin.area_inserted(),
  twin.tiles_all_changed(), twin.tiles_fold() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twin.tiles_fold() TO twin_app, twin_ingest;
GRANT SELECT ON twin.tile_change, twin.area_building TO twin_app, twin_ingest;
