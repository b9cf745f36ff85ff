-- Search for a city of millions: only what has a name of its own gets an entry (a lamp is found by its code in
-- twin.asset and by its class), every entry knows how it is written and read, and one wrong character is forgiven.
-- Entries follow small writes by trigger. A load sets twin.search_later = 'on': then the changed rows are only noted
-- in twin.search_pending, in the same transaction, and twin.search_catch_up() works them off afterwards.

DO $$
DECLARE target text; event text; kind text;
BEGIN
  FOREACH kind IN ARRAY ARRAY['address', 'building', 'asset', 'entity', 'admin_unit', 'grid'] LOOP
    target := format('twin.%I', kind);
    FOREACH event IN ARRAY ARRAY['insert', 'update', 'delete'] LOOP
      EXECUTE format('DROP TRIGGER search_%s ON %s', event, target);
    END LOOP;
    EXECUTE format('DROP FUNCTION twin.search_%I()', kind);
  END LOOP;
END $$;
DROP FUNCTION twin.track_search(regclass, text, text, text, text, text[], text, real);

TRUNCATE twin.search_entry;
ALTER TABLE twin.hanzi_initial ADD COLUMN syllable text;   -- the usual reading without tone; filled by the migration
ALTER TABLE twin.search_entry
  ADD COLUMN sought text NOT NULL,           -- the label as twin.search_units writes it
  ADD COLUMN core text NOT NULL,             -- the same without district and town before it and 有限公司 after it
  ADD COLUMN core_initials text, ADD COLUMN pinyin text,  -- how the core is read
  ADD COLUMN near integer[] NOT NULL;        -- hashes of the core and its readings, whole and each character left out
DROP INDEX twin.search_entry_initials_trigram;
CREATE INDEX search_entry_sought ON twin.search_entry (sought text_pattern_ops);
CREATE INDEX search_entry_core ON twin.search_entry (core text_pattern_ops);
CREATE INDEX search_entry_core_initials ON twin.search_entry (core_initials text_pattern_ops);
CREATE INDEX search_entry_pinyin ON twin.search_entry (pinyin text_pattern_ops);
CREATE INDEX search_entry_near ON twin.search_entry USING gin (near);

-- Names that stand before a name without saying more about it: the district and its towns, what they belong to.
CREATE TABLE twin.search_affix (name text PRIMARY KEY);
CREATE TABLE twin.search_pending (
  pending_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, row_id bigint NOT NULL
);

-- As before, but the units are read once and not for every pair.
CREATE OR REPLACE FUNCTION twin.search_tokens(text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE units text[] := twin.search_units($1); tokens text[] := units;
BEGIN
  FOR i IN 1..cardinality(units) - 1 LOOP
    tokens := tokens || (units[i] || units[i + 1]);
  END LOOP;
  RETURN array_to_tsvector(tokens);
END $$;

CREATE OR REPLACE FUNCTION twin.search_query(text) RETURNS tsquery LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE units text[] := twin.search_units($1); pairs text[] := '{}';
BEGIN
  IF cardinality(units) = 1 THEN
    RETURN quote_literal(units[1])::tsquery;
  END IF;
  FOR i IN 1..cardinality(units) - 1 LOOP
    pairs := pairs || quote_literal(units[i] || units[i + 1]);
  END LOOP;
  RETURN array_to_string(pairs, ' & ')::tsquery;
END $$;

CREATE FUNCTION twin.search_plain(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN array_to_string(twin.search_units($1), '');

-- The names that may stand before others, as one pattern; two characters must follow, and no street named after a city.
CREATE FUNCTION twin.search_before() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce('^(' || string_agg(name, '|') || ')+(?=..)(?!大?[路街道]|巷)', '^$') FROM twin.search_affix
$$;

-- What is left of a plain text without what stands before and after many names; at least two characters.
CREATE FUNCTION twin.search_core(plain text, before text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN regexp_replace(regexp_replace(plain, before, ''), '^(..+?)(股份|集团)?(有限)?(责任)?公司$', '\1');
CREATE FUNCTION twin.search_core(plain text) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
  RETURN twin.search_core(plain, twin.search_before());

-- Two texts that differ by one character (wrong, missing, extra, or two swapped) share one of these numbers.
-- md5, not hashtext: a backup may be restored under another PostgreSQL.
CREATE FUNCTION twin.search_near(plain text) RETURNS integer[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT coalesce(array_agg(DISTINCT ('x' || left(md5(CASE i WHEN 0 THEN plain ELSE left(plain, i - 1) || substr(plain, i + 1) END),
                                                  6))::bit(24)::integer & 4194303), '{}')
  FROM generate_series(0, char_length(plain)) i WHERE char_length(plain) BETWEEN 2 AND 32
$$;

-- How a plain text is read: the characters' usual readings one after the other, 正阳路12号 -> zhengyanglu12hao.
CREATE FUNCTION twin.pinyin(text) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
  SELECT nullif(string_agg(coalesce(h.syllable, CASE WHEN u ~ '^[a-z0-9]' THEN u ELSE '' END), '' ORDER BY n), '')
  FROM unnest(twin.search_units($1)) WITH ORDINALITY AS s (u, n) LEFT JOIN twin.hanzi_initial h ON h.hanzi = u
$$;

-- What is searched: one row for each thing with a name.
CREATE VIEW twin.search_source AS
  SELECT 'address' AS kind, address_id AS row_id, text_zh AS label, code, geom AS place, 1.0::real AS weight
  FROM twin.address WHERE valid_to IS NULL
  UNION ALL
  SELECT 'building', building_id, name_zh, code, ST_PointOnSurface(geom), 0.9
  FROM twin.building WHERE valid_to IS NULL AND name_zh IS NOT NULL
  UNION ALL
  SELECT 'asset', asset_id, name_zh, code,
         CASE WHEN ST_Dimension(geom) = 0 THEN ST_GeometryN(ST_Points(geom), 1) ELSE ST_PointOnSurface(geom) END, 0.5
  FROM twin.asset WHERE valid_to IS NULL AND name_zh IS NOT NULL
  UNION ALL
  SELECT 'entity', entity_id, public_name_zh, code, geom, 0.8
  FROM twin.entity WHERE valid_to IS NULL AND public_name_zh IS NOT NULL
  UNION ALL
  SELECT 'admin_unit', admin_id, name_zh, code, ST_PointOnSurface(geom), 1.0 FROM twin.admin_unit WHERE valid_to IS NULL
  UNION ALL
  SELECT 'grid', grid_id, coalesce(name_zh, code), code, ST_PointOnSurface(geom), 0.6 FROM twin.grid WHERE valid_to IS NULL;

-- Bring the entries of some rows of one kind up to date, whatever happened to the rows. Returns how many entries were
-- written. Equal labels are read once. EXECUTE plans for the kind and the number of rows at hand.
CREATE FUNCTION twin.search_refresh(of_kind text, ids bigint[]) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE written bigint;
BEGIN
  EXECUTE format($query$
    DELETE FROM twin.search_entry e USING unnest($1) AS changed (row_id)
    WHERE e.kind = %1$L AND e.row_id = changed.row_id
      AND NOT EXISTS (SELECT FROM twin.search_source s WHERE s.kind = %1$L AND s.row_id = e.row_id) $query$, of_kind)
    USING ids;
  EXECUTE format($query$
    WITH changed AS MATERIALIZED (
      SELECT s.* FROM (SELECT DISTINCT row_id FROM unnest($1) AS given (row_id)) given
        JOIN twin.search_source s ON s.kind = %1$L AND s.row_id = given.row_id
        LEFT JOIN twin.search_entry e ON e.kind = %1$L AND e.row_id = s.row_id
      WHERE (e.label_zh, e.code, e.geom::bytea) IS DISTINCT FROM (s.label, s.code, s.place::bytea)
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

-- Work off what loads have noted, at most so many rows; those another session is at are left to it.
-- Returns how many rows were taken: 0 when nothing is left.
CREATE FUNCTION twin.search_catch_up(most integer DEFAULT 20000) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE noted record; taken bigint := 0;
BEGIN
  FOR noted IN
    WITH next AS (
      DELETE FROM twin.search_pending WHERE pending_id IN (
        SELECT pending_id FROM twin.search_pending ORDER BY pending_id LIMIT most FOR UPDATE SKIP LOCKED)
      RETURNING kind, row_id)
    SELECT kind, array_agg(row_id) AS ids, count(*) AS n FROM next GROUP BY kind
  LOOP
    taken := taken + noted.n;
    PERFORM twin.search_refresh(noted.kind, noted.ids);
  END LOOP;
  RETURN taken;
END $$;

-- Make all entries of one kind anew.
CREATE FUNCTION twin.search_rebuild(of_kind text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
  DELETE FROM twin.search_entry e WHERE e.kind = of_kind;
  RETURN twin.search_refresh(of_kind, (SELECT array_agg(row_id) FROM twin.search_source s WHERE s.kind = of_kind));
END $$;

-- The trigger of a searched table. Arguments: kind, key, the columns an entry is made of, and which new rows may get
-- an entry (SQL over the row, alias n).
CREATE FUNCTION twin.search_follow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE
  watched text[] := string_to_array(TG_ARGV[2], ',');
  ids bigint[];
BEGIN
  IF TG_OP = 'DELETE' THEN
    EXECUTE format('SELECT array_agg(o.%I) FROM old_rows o', TG_ARGV[1]) INTO ids;
  ELSIF TG_OP = 'INSERT' THEN
    EXECUTE format('SELECT array_agg(n.%I) FROM new_rows n WHERE %s', TG_ARGV[1], TG_ARGV[3]) INTO ids;
  ELSE
    EXECUTE format('SELECT array_agg(n.%1$I) FROM old_rows o JOIN new_rows n ON n.%1$I = o.%1$I
                      CROSS JOIN LATERAL (SELECT %2$s) a CROSS JOIN LATERAL (SELECT %3$s) b WHERE a IS DISTINCT FROM b',
                   TG_ARGV[1], history.column_list(TG_RELID, 'o', watched, true),
                   history.column_list(TG_RELID, 'n', watched, true)) INTO ids;
  END IF;
  IF ids IS NULL THEN
    RETURN NULL;
  END IF;
  IF current_setting('twin.search_later', true) = 'on' THEN
    INSERT INTO twin.search_pending (kind, row_id) SELECT TG_ARGV[0], row_id FROM unnest(ids) AS changed (row_id);
  ELSE
    PERFORM twin.search_refresh(TG_ARGV[0], ids);
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION twin.search_affixes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
  INSERT INTO twin.search_affix (name) SELECT DISTINCT twin.search_plain(name_zh) FROM new_rows WHERE level <= 4
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER affixes_insert AFTER INSERT ON twin.admin_unit REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION twin.search_affixes();
CREATE TRIGGER affixes_update AFTER UPDATE ON twin.admin_unit REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION twin.search_affixes();
INSERT INTO twin.search_affix (name) SELECT DISTINCT twin.search_plain(name_zh) FROM twin.admin_unit WHERE level <= 4;

DO $$
DECLARE row record; event text;
BEGIN
  FOR row IN SELECT * FROM (VALUES
    ('address', 'address_id', 'text_zh,code,geom,valid_to', 'true'),
    ('building', 'building_id', 'name_zh,code,geom,valid_to', 'n.name_zh IS NOT NULL'),
    ('asset', 'asset_id', 'name_zh,code,geom,valid_to', 'n.name_zh IS NOT NULL'),
    ('entity', 'entity_id', 'public_name_zh,code,geom,valid_to', 'n.public_name_zh IS NOT NULL'),
    ('admin_unit', 'admin_id', 'name_zh,code,geom,valid_to', 'true'),
    ('grid', 'grid_id', 'name_zh,code,geom,valid_to', 'true')) AS kinds (kind, key, watched, named)
  LOOP
    FOREACH event IN ARRAY ARRAY['insert', 'update', 'delete'] LOOP
      EXECUTE format('CREATE TRIGGER search_%s AFTER %s ON twin.%I REFERENCING %s FOR EACH STATEMENT
                      EXECUTE FUNCTION twin.search_follow(%L, %L, %L, %L)', event, event, row.kind,
                     history.transition_tables(event), row.kind, row.key, row.watched, row.named);
    END LOOP;
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION twin.search_refresh(text, bigint[]), twin.search_catch_up(integer), twin.search_rebuild(text),
  twin.search_follow(), twin.search_affixes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twin.search_refresh(text, bigint[]), twin.search_catch_up(integer), twin.search_rebuild(text)
  TO twin_ingest;
GRANT SELECT ON twin.search_affix, twin.search_pending TO twin_app, twin_ingest;
GRANT INSERT, UPDATE, DELETE ON twin.search_affix TO twin_ingest;
