-- Search: own unigram and bigram tokens in a GIN tsvector (pg_trgm needs three characters, 路灯 has two), codes by
-- prefix, pinyin initials by prefix. Statement triggers keep twin.search_entry; equal labels are cut into tokens once.

-- One form for what people type and what is stored: half-width, lower case, no blanks or punctuation between units.
-- A run of Latin letters or digits is one unit, any other letter is one: 12号楼 -> 12, 号, 楼.
CREATE FUNCTION twin.search_units(text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT coalesce(array_agg(u[1] ORDER BY n), '{}')
  FROM regexp_matches(lower(normalize($1, NFKC)), '[a-z0-9]+|[[:alpha:]]', 'g') WITH ORDINALITY AS m (u, n)
$$;

-- Units and pairs of neighbouring units.
CREATE FUNCTION twin.search_tokens(text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT array_to_tsvector(coalesce(array_agg(DISTINCT token), '{}'))
  FROM (SELECT twin.search_units($1) AS u) s,
       LATERAL (SELECT u[i] FROM generate_subscripts(u, 1) i
                UNION ALL SELECT u[i] || u[i + 1] FROM generate_series(1, cardinality(u) - 1) i) t (token)
$$;

-- What a search text asks for: all its pairs (its one unit, when there is only one); empty text matches nothing.
CREATE FUNCTION twin.search_query(text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT coalesce(string_agg(quote_literal(token), ' & '), '')::tsquery
  FROM (SELECT twin.search_units($1) AS u) s,
       LATERAL (SELECT DISTINCT CASE WHEN cardinality(u) = 1 THEN u[1] ELSE u[i] || u[i + 1] END
                FROM generate_series(1, greatest(cardinality(u) - 1, least(cardinality(u), 1))) i) t (token)
$$;

-- First letters of the characters' usual readings, digits and Latin letters as they are: 牟平大街12号 -> mpdj12h.
CREATE FUNCTION twin.pinyin_initials(text) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
  SELECT nullif(string_agg(coalesce(h.initial, CASE WHEN u ~ '^[a-z0-9]' THEN u ELSE '' END), '' ORDER BY n), '')
  FROM unnest(twin.search_units($1)) WITH ORDINALITY AS s (u, n) LEFT JOIN twin.hanzi_initial h ON h.hanzi = u
$$;

-- Keep the search entries of a table. key: its primary key. label, place: SQL over the row, alias r. watched: the
-- columns they are made of. source: further joins. weight: order among equal matches.
-- Rows without a label and rows that have ended (valid_to) are left out.
CREATE FUNCTION twin.track_search(target regclass, kind text, key text, label text, place text, watched text[],
                                  source text, weight real) RETURNS void
LANGUAGE plpgsql AS $outer$
DECLARE
  function_name text := format('twin.search_%s', kind);
  event text;
BEGIN
  EXECUTE format($sql$
    CREATE OR REPLACE FUNCTION %1$s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $body$
    BEGIN  -- EXECUTE plans anew for the number of rows at hand, see history.track
      IF TG_OP = 'DELETE' THEN
        EXECUTE $query$
        DELETE FROM twin.search_entry e USING old_rows o WHERE e.kind = %2$L AND e.row_id = o.%3$I $query$;
        RETURN NULL;
      ELSIF TG_OP = 'UPDATE' THEN
        EXECUTE $query$
        DELETE FROM twin.search_entry e USING old_rows o JOIN new_rows n ON n.%3$I = o.%3$I
          CROSS JOIN LATERAL (SELECT %4$s) old_value CROSS JOIN LATERAL (SELECT %5$s) new_value
        WHERE e.kind = %2$L AND e.row_id = o.%3$I AND old_value IS DISTINCT FROM new_value $query$;
      END IF;
      EXECUTE $query$
      WITH changed AS MATERIALIZED (
        SELECT r.%3$I AS row_id, %6$s AS label, r.code, (%7$s)::public.geometry(Point, 4490) AS place
        FROM new_rows r %8$s
        WHERE r.valid_to IS NULL AND %6$s IS NOT NULL AND ($1 = 'INSERT' OR NOT EXISTS (
          SELECT FROM twin.search_entry e WHERE e.kind = %2$L AND e.row_id = r.%3$I))
      ), labels AS MATERIALIZED (
        SELECT label, twin.search_tokens(label) AS tokens, twin.pinyin_initials(label) AS initials
        FROM (SELECT DISTINCT label FROM changed) once
      )
      INSERT INTO twin.search_entry (kind, row_id, label_zh, code, pinyin_initials, tokens, geom, weight)
      SELECT %2$L, row_id, label, code, initials, tokens, place, %9$L FROM changed JOIN labels USING (label) $query$
      USING TG_OP;
      RETURN NULL;
    END $body$ $sql$,
    function_name, kind, key, history.column_list(target, 'o', watched, true),
    history.column_list(target, 'n', watched, true), label, place, source, weight);
  FOREACH event IN ARRAY ARRAY['insert', 'update', 'delete'] LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS search_%s ON %s', event, target);
    EXECUTE format('CREATE TRIGGER search_%1$s AFTER %1$s ON %2$s REFERENCING %3$s FOR EACH STATEMENT EXECUTE FUNCTION %4$s()',
      event, target, history.transition_tables(event), function_name);
  END LOOP;
  EXECUTE format('REVOKE ALL ON FUNCTION %s() FROM PUBLIC', function_name);
END $outer$;

SELECT twin.track_search('twin.address', 'address', 'address_id', 'r.text_zh', 'r.geom',
                         '{text_zh,code,geom,valid_to}', '', 1.0);
SELECT twin.track_search('twin.building', 'building', 'building_id', 'coalesce(r.name_zh, r.code)',
                         'public.ST_PointOnSurface(r.geom)', '{name_zh,code,geom,valid_to}', '', 0.9);
SELECT twin.track_search('twin.asset', 'asset', 'asset_id', 'coalesce(r.name_zh, c.name_zh)',
                         'CASE WHEN public.ST_Dimension(r.geom) = 0 THEN public.ST_GeometryN(public.ST_Points(r.geom), 1)
                               ELSE public.ST_PointOnSurface(r.geom) END',
                         '{name_zh,class_id,code,geom,valid_to}', 'JOIN twin.class c USING (class_id)', 0.5);
SELECT twin.track_search('twin.entity', 'entity', 'entity_id', 'r.public_name_zh', 'r.geom',
                         '{public_name_zh,code,geom,valid_to}', '', 0.8);
SELECT twin.track_search('twin.admin_unit', 'admin_unit', 'admin_id', 'r.name_zh', 'public.ST_PointOnSurface(r.geom)',
                         '{name_zh,code,geom,valid_to}', '', 1.0);
SELECT twin.track_search('twin.grid', 'grid', 'grid_id', 'coalesce(r.name_zh, r.code)', 'public.ST_PointOnSurface(r.geom)',
                         '{name_zh,code,geom,valid_to}', '', 0.6);
