-- Entries follow the rows they are of, and read only those. Until here every edit and every piece of a load read the whole
-- table its rows are in: a join with a list of keys does not go down into a view of several tables, and a condition on
-- given keys does so only where that column has one type in all of them.

CREATE OR REPLACE VIEW twin.search_source AS
  SELECT 'address' AS kind, address_id AS row_id, text_zh AS label, code, geom::geometry AS place, 1.0::real AS weight
  FROM twin.address WHERE valid_to IS NULL
  UNION ALL
  SELECT 'building', building_id, name_zh, code, ST_PointOnSurface(geom), 0.9::real
  FROM twin.building WHERE valid_to IS NULL AND name_zh IS NOT NULL
  UNION ALL
  SELECT 'asset', asset_id, name_zh, code,
         CASE WHEN ST_Dimension(geom) = 0 THEN ST_GeometryN(ST_Points(geom), 1) ELSE ST_PointOnSurface(geom) END, 0.5::real
  FROM twin.asset WHERE valid_to IS NULL AND name_zh IS NOT NULL
  UNION ALL
  SELECT 'entity', entity_id, public_name_zh, code, geom::geometry, 0.8::real
  FROM twin.entity WHERE valid_to IS NULL AND public_name_zh IS NOT NULL
  UNION ALL
  SELECT 'admin_unit', admin_id::bigint, name_zh, code, ST_PointOnSurface(geom), 1.0::real
  FROM twin.admin_unit WHERE valid_to IS NULL
  UNION ALL
  SELECT 'grid', grid_id::bigint, coalesce(name_zh, code), code, ST_PointOnSurface(geom), 0.6::real
  FROM twin.grid WHERE valid_to IS NULL;

-- Bring the entries of some rows of one kind up to date, whatever happened to the rows. Returns how many entries were
-- written. Equal labels are read once. EXECUTE plans for the kind and the rows at hand.
CREATE OR REPLACE FUNCTION twin.search_refresh(of_kind text, ids bigint[]) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE written bigint;
BEGIN
  EXECUTE format($query$
    DELETE FROM twin.search_entry e WHERE e.kind = %1$L AND e.row_id = ANY (ARRAY(
      SELECT unnest($1) EXCEPT SELECT s.row_id FROM twin.search_source s WHERE s.kind = %1$L AND s.row_id = ANY ($1)))
    $query$, of_kind) USING ids;
  EXECUTE format($query$
    WITH changed AS MATERIALIZED (
      SELECT s.* FROM twin.search_source s
        LEFT JOIN LATERAL (  -- one by one: the planner may not know yet how many entries this kind has
          SELECT e.label_zh, e.code, e.geom FROM twin.search_entry e WHERE e.kind = %1$L AND e.row_id = s.row_id OFFSET 0
        ) e ON true
      WHERE s.kind = %1$L AND s.row_id = ANY ($1)
        AND (e.label_zh, e.code, e.geom::bytea) IS DISTINCT FROM (s.label, s.code, s.place::bytea)
    ), plain AS MATERIALIZED (
      SELECT label, twin.search_plain(label) AS sought FROM (SELECT DISTINCT label FROM changed) once
    ), cores AS MATERIALIZED (
      SELECT label, sought, twin.search_core(sought, before) AS core FROM plain, (SELECT twin.search_before() AS before) b
    ), read AS MATERIALIZED (  -- as twin.pinyin and twin.pinyin_initials, for all at once
      SELECT text, nullif(string_agg(coalesce(h.initial, latin), '' ORDER BY n), '') AS initials,
             nullif(string_agg(coalesce(h.syllable, latin), '' ORDER BY n), '') AS pinyin
      FROM (SELECT sought FROM cores UNION SELECT core FROM cores) texts (text)
        CROSS JOIN LATERAL unnest(twin.search_units(text)) WITH ORDINALITY AS s (u, n)
        CROSS JOIN LATERAL (SELECT CASE WHEN u ~ '^[a-z0-9]' THEN u ELSE '' END) l (latin)
        LEFT JOIN twin.hanzi_initial h ON h.hanzi = u
      GROUP BY text
    ), entries AS (
      SELECT c.*, whole.initials, twin.search_tokens(c.label) AS tokens, short.initials AS core_initials, short.pinyin,
             twin.search_near(core)
               || CASE WHEN char_length(short.initials) > 3 THEN twin.search_near(short.initials) ELSE '{}' END
               || CASE WHEN %1$L <> 'address' AND short.pinyin <> core THEN twin.search_near(short.pinyin) ELSE '{}' END
               || CASE WHEN sought <> core AND char_length(sought) <= 12 THEN twin.search_near(sought) ELSE '{}' END AS near
      FROM cores c LEFT JOIN read whole ON whole.text = c.sought LEFT JOIN read short ON short.text = c.core
    )
    INSERT INTO twin.search_entry AS e (kind, row_id, label_zh, code, pinyin_initials, tokens, geom, weight, sought, core,
                                        core_initials, pinyin, near)
    SELECT %1$L, c.row_id, c.label, c.code, r.initials, r.tokens, c.place, c.weight, r.sought, r.core, r.core_initials,
           r.pinyin, r.near
    FROM changed c JOIN entries r USING (label)
    ORDER BY c.row_id
    ON CONFLICT (kind, row_id) DO UPDATE SET label_zh = excluded.label_zh, code = excluded.code,
      pinyin_initials = excluded.pinyin_initials, tokens = excluded.tokens, geom = excluded.geom, weight = excluded.weight,
      sought = excluded.sought, core = excluded.core, core_initials = excluded.core_initials, pinyin = excluded.pinyin,
      near = excluded.near $query$, of_kind) USING ids;
  GET DIAGNOSTICS written = ROW_COUNT;
  RETURN written;
END $$;

-- Make all entries of one kind anew, so many keys at a time.
CREATE OR REPLACE FUNCTION twin.search_rebuild(of_kind text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE at_once CONSTANT integer := 20000; keys bigint[]; written bigint := 0;
BEGIN
  DELETE FROM twin.search_entry e WHERE e.kind = of_kind;
  EXECUTE format('SELECT array_agg(s.row_id ORDER BY s.row_id) FROM twin.search_source s WHERE s.kind = %L', of_kind) INTO keys;
  FOR at IN 1..coalesce(cardinality(keys), 0) BY at_once LOOP
    written := written + twin.search_refresh(of_kind, keys[at:at + at_once - 1]);
  END LOOP;
  RETURN written;
END $$;

-- Work off what loads have noted, at most so many rows; those another session is at are left to it.
-- Returns how many rows were taken: 0 when nothing is left.
CREATE OR REPLACE FUNCTION twin.search_catch_up(most integer DEFAULT 20000) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE noted record; ids bigint[]; done bigint := 0; found_any boolean;
BEGIN
  LOOP  -- keys may have been given for rows that have no name, or were taken back
    found_any := false;
    FOR noted IN
      WITH next AS (
        SELECT * FROM twin.search_pending ORDER BY pending_id LIMIT most FOR UPDATE SKIP LOCKED
      ), counted AS (
        SELECT *, sum(n) OVER (ORDER BY pending_id) - n AS before
        FROM next CROSS JOIN LATERAL (SELECT coalesce(to_id, row_id) - row_id + 1) c (n)
      ), taken AS (
        SELECT *, least(coalesce(to_id, row_id), row_id + most - before - 1)::bigint AS last FROM counted WHERE before < most
      ), gone AS (
        DELETE FROM twin.search_pending p USING taken t WHERE p.pending_id = t.pending_id AND t.last = coalesce(t.to_id, t.row_id)
      ), shortened AS (
        UPDATE twin.search_pending p SET row_id = t.last + 1 FROM taken t
        WHERE p.pending_id = t.pending_id AND t.last < t.to_id
      )
      SELECT kind, coalesce(array_agg(key) FILTER (WHERE to_id IS NULL), '{}') AS single,
             coalesce(array_agg(key) FILTER (WHERE to_id IS NOT NULL), '{}') AS given
      FROM taken CROSS JOIN LATERAL generate_series(row_id, last) AS key GROUP BY kind
    LOOP
      found_any := true;
      EXECUTE format('SELECT $1 || coalesce(array_agg(s.row_id), ''{}'') FROM twin.search_source s
                      WHERE s.kind = %L AND s.row_id = ANY ($2)', noted.kind) INTO ids USING noted.single, noted.given;
      CONTINUE WHEN ids = '{}';
      done := done + cardinality(ids);
      PERFORM twin.search_refresh(noted.kind, ids);
    END LOOP;
    EXIT WHEN done > 0 OR NOT found_any;
  END LOOP;
  RETURN done;
END $$;
