-- Totals of the city by square, so that an area's summary reads whole squares from here and counts rows only at its
-- edges. Level 0 squares are 256 m wide, level 1 squares 2048 m, on the working CRS's own raster. A thing belongs to
-- the square its spot lies in: the point itself, else a point on the line or surface.
-- A written row makes its square stale, in the same transaction; a summary counts stale squares row by row, so it is
-- right at any moment, and twin.area_catch_up() makes them quick again.

CREATE TABLE twin.area_total (
  level smallint NOT NULL, col integer NOT NULL, "row" integer NOT NULL,
  what text NOT NULL,                        -- asset_class, asset_department, asset_state, asset_year, record, event_state
  key text NOT NULL, n bigint NOT NULL, length_m double precision NOT NULL, area_m2 double precision NOT NULL,
  PRIMARY KEY (level, col, "row", what, key)
);
CREATE TABLE twin.area_stale (
  area_stale_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  of_table text NOT NULL CHECK (of_table IN ('asset','record','event')), col integer NOT NULL, "row" integer NOT NULL
);
CREATE INDEX area_stale_square ON twin.area_stale (of_table, col, "row");

CREATE FUNCTION twin.area_spot(geometry) RETURNS geometry LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN CASE WHEN GeometryType($1) = 'POINT' THEN $1 ELSE ST_PointOnSurface($1) END;
CREATE FUNCTION twin.area_square(metres double precision) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN floor(metres / 256)::integer;
CREATE FUNCTION twin.area_box(level integer, col integer, "row" integer) RETURNS geometry LANGUAGE sql IMMUTABLE STRICT
PARALLEL SAFE
  RETURN ST_MakeEnvelope(col * (256 << 3 * level), "row" * (256 << 3 * level), (col + 1) * (256 << 3 * level),
                         ("row" + 1) * (256 << 3 * level), :working_srid);

-- What is counted, one row for each thing and each of its keys. Only what stands now.
CREATE VIEW twin.area_asset AS
  SELECT a.geom_m, s.spot, k.what, k.key, s.length_m, s.area_m2
  FROM twin.asset a
    CROSS JOIN LATERAL (SELECT twin.area_spot(a.geom_m) AS spot,
      CASE WHEN ST_Dimension(a.geom_m) = 1 THEN ST_Length(a.geom_m) ELSE 0 END AS length_m,
      CASE WHEN ST_Dimension(a.geom_m) = 2 THEN ST_Area(a.geom_m) ELSE 0 END AS area_m2 OFFSET 0) s
    CROSS JOIN LATERAL (VALUES ('asset_class', a.class_id::text),
      ('asset_department', coalesce(a.supervising_department_id::text, '')), ('asset_state', a.state),
      ('asset_year', extract(year FROM a.valid_from AT TIME ZONE 'UTC')::integer::text)) AS k (what, key)
  WHERE a.valid_to IS NULL;
CREATE VIEW twin.area_record AS
  SELECT r.geom_m, r.geom_m AS spot, 'record' AS what, r.department_id || ':' || r.kind AS key, 0::float8 AS length_m, 0::float8 AS area_m2
  FROM twin.record r WHERE r.valid_to IS NULL AND r.geom_m IS NOT NULL;
CREATE VIEW twin.area_event AS
  SELECT v.geom_m, v.geom_m AS spot, 'event_state' AS what, v.state AS key, 0::float8 AS length_m, 0::float8 AS area_m2
  FROM twin.event v;

CREATE FUNCTION twin.area_levels(of_table text) RETURNS text[] LANGUAGE sql IMMUTABLE
  RETURN CASE of_table WHEN 'asset' THEN ARRAY['asset_class', 'asset_department', 'asset_state', 'asset_year']
                       WHEN 'record' THEN ARRAY['record'] ELSE ARRAY['event_state'] END;

-- Count everything of one table anew.
CREATE FUNCTION twin.area_rebuild(of_table text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('twin.area_total'));
  DELETE FROM twin.area_stale s WHERE s.of_table = area_rebuild.of_table;
  DELETE FROM twin.area_total t WHERE t.what = ANY (twin.area_levels(of_table));
  EXECUTE format('INSERT INTO twin.area_total
    SELECT 0, twin.area_square(ST_X(spot)), twin.area_square(ST_Y(spot)), what, key, count(*), sum(length_m), sum(area_m2)
    FROM twin.%I GROUP BY 2, 3, 4, 5', 'area_' || of_table);
  INSERT INTO twin.area_total
  SELECT 1, col >> 3, "row" >> 3, what, key, sum(n), sum(length_m), sum(area_m2) FROM twin.area_total
  WHERE level = 0 AND what = ANY (twin.area_levels(of_table)) GROUP BY 2, 3, 4, 5;
END $$;

-- Count the stale squares anew, at most so many. Returns how many were done: 0 when none is stale, or another session
-- is at it.
CREATE FUNCTION twin.area_catch_up(most integer DEFAULT 500) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE taken record; done integer := 0;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('twin.area_total')) THEN
    RETURN 0;
  END IF;
  FOR taken IN
    WITH next AS (SELECT DISTINCT of_table, col, "row" FROM twin.area_stale ORDER BY 1, 2, 3 LIMIT most),
    gone AS (DELETE FROM twin.area_stale s USING next n WHERE (s.of_table, s.col, s."row") = (n.of_table, n.col, n."row"))
    SELECT of_table, array_agg(col) AS cols, array_agg("row") AS rows, count(*) AS n FROM next GROUP BY 1
  LOOP
    done := done + taken.n;
    DELETE FROM twin.area_total t USING unnest(taken.cols, taken.rows) AS s (col, "row")
    WHERE t.level = 0 AND t.col = s.col AND t."row" = s."row" AND t.what = ANY (twin.area_levels(taken.of_table));
    EXECUTE format('INSERT INTO twin.area_total
      SELECT 0, s.col, s."row", v.what, v.key, count(*), sum(v.length_m), sum(v.area_m2)
      FROM unnest($1, $2) AS s (col, "row") CROSS JOIN LATERAL (
        SELECT * FROM twin.%I v WHERE v.geom_m && twin.area_box(0, s.col, s."row")) v
      WHERE twin.area_square(ST_X(v.spot)) = s.col AND twin.area_square(ST_Y(v.spot)) = s."row"
      GROUP BY 2, 3, 4, 5', 'area_' || taken.of_table) USING taken.cols, taken.rows;
    DELETE FROM twin.area_total t USING (SELECT DISTINCT col >> 3 AS col, "row" >> 3 AS "row"
                                         FROM unnest(taken.cols, taken.rows) AS u (col, "row")) s
    WHERE t.level = 1 AND t.col = s.col AND t."row" = s."row" AND t.what = ANY (twin.area_levels(taken.of_table));
    INSERT INTO twin.area_total
    SELECT 1, s.col, s."row", t.what, t.key, sum(t.n), sum(t.length_m), sum(t.area_m2)
    FROM (SELECT DISTINCT col >> 3 AS col, "row" >> 3 AS "row" FROM unnest(taken.cols, taken.rows) AS u (col, "row")) s
      CROSS JOIN generate_series(s.col * 8, s.col * 8 + 7) c CROSS JOIN generate_series(s."row" * 8, s."row" * 8 + 7) r
      JOIN twin.area_total t ON t.level = 0 AND t.col = c AND t."row" = r AND t.what = ANY (twin.area_levels(taken.of_table))
    GROUP BY 2, 3, 4, 5;
  END LOOP;
  RETURN done;
END $$;

-- The trigger of a counted table. Arguments: its name, its key, the columns that are counted by.
CREATE FUNCTION twin.area_follow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE
  counted text[] := string_to_array(TG_ARGV[2], ',');
  source text;
BEGIN
  source := CASE TG_OP WHEN 'INSERT' THEN 'SELECT geom_m FROM new_rows' WHEN 'DELETE' THEN 'SELECT geom_m FROM old_rows'
    ELSE format('SELECT g.geom_m FROM old_rows o JOIN new_rows n ON n.%1$I = o.%1$I
                   CROSS JOIN LATERAL (SELECT %2$s) a CROSS JOIN LATERAL (SELECT %3$s) b
                   CROSS JOIN LATERAL (VALUES (o.geom_m), (n.geom_m)) g (geom_m) WHERE a IS DISTINCT FROM b', TG_ARGV[1],
                history.column_list(TG_RELID, 'o', counted, true), history.column_list(TG_RELID, 'n', counted, true)) END;
  -- All squares a thing's box touches: its spot is in one of them, and the box costs nothing to have.
  EXECUTE format('INSERT INTO twin.area_stale (of_table, col, "row")
    SELECT DISTINCT %L, c, r FROM (%s) w, generate_series(twin.area_square(ST_XMin(geom_m)), twin.area_square(ST_XMax(geom_m))) c,
      generate_series(twin.area_square(ST_YMin(geom_m)), twin.area_square(ST_YMax(geom_m))) r
    WHERE geom_m IS NOT NULL', TG_ARGV[0], source);
  RETURN NULL;
END $$;

DO $$
DECLARE row record; event text;
BEGIN
  FOR row IN SELECT * FROM (VALUES
    ('asset', 'asset_id', 'class_id,supervising_department_id,state,geom_m,valid_from,valid_to'),
    ('record', 'record_id', 'department_id,kind,geom_m,valid_to'),
    ('event', 'event_id', 'state,geom_m')) AS tables (of_table, key, counted)
  LOOP
    FOREACH event IN ARRAY ARRAY['insert', 'update', 'delete'] LOOP
      EXECUTE format('CREATE TRIGGER area_%1$s AFTER %1$s ON twin.%2$I REFERENCING %3$s FOR EACH STATEMENT
                      EXECUTE FUNCTION twin.area_follow(%2$L, %4$L, %5$L)', event, row.of_table,
                     history.transition_tables(event), row.key, row.counted);
    END LOOP;
    PERFORM twin.area_rebuild(row.of_table);
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION twin.area_rebuild(text), twin.area_catch_up(integer), twin.area_follow() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twin.area_rebuild(text), twin.area_catch_up(integer) TO twin_ingest;
GRANT SELECT ON twin.area_total, twin.area_stale, twin.area_asset, twin.area_record, twin.area_event TO twin_app, twin_ingest;
