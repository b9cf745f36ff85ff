-- Assets that lie together in the city should lie together on the disk: a click then reads a few pages, not fifty. A load
-- in another order scatters them; twin db tidy brings one scattered square after another together again.

-- Squares of 2048 m whose assets stand on more than twice the pages they need, the worst first.
CREATE FUNCTION twin.scattered_squares() RETURNS TABLE (col integer, "row" integer, assets bigint, pages bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT s.col, s."row", s.assets, s.pages FROM (
    SELECT twin.area_square(ST_XMin(a.geom_m)) >> 3 AS col, twin.area_square(ST_YMin(a.geom_m)) >> 3 AS "row",
           count(*) AS assets, count(DISTINCT split_part(a.ctid::text, ',', 1)) AS pages
    FROM twin.asset a GROUP BY 1, 2) s,
    (SELECT greatest(1, c.reltuples / greatest(1, c.relpages)) AS on_a_page FROM pg_class c
     WHERE c.oid = 'twin.asset'::regclass) f
  WHERE s.pages > 8 + 2 * s.assets / f.on_a_page
  ORDER BY s.pages - s.assets / f.on_a_page DESC
$$;

-- Write a square's assets anew, in Hilbert order, behind each other. Nothing about them changes, so history, search and
-- totals record nothing. Readers are not held up; a writer of one of these rows waits for the end of the transaction.
CREATE FUNCTION twin.gather_square(of_col integer, of_row integer) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE moved bigint;
BEGIN
  UPDATE twin.asset a SET row_hash = a.row_hash FROM (
    SELECT asset_id FROM twin.asset b
    WHERE b.geom_m && twin.area_box(1, of_col, of_row)
      AND twin.area_square(ST_XMin(b.geom_m)) >> 3 = of_col AND twin.area_square(ST_YMin(b.geom_m)) >> 3 = of_row
    ORDER BY b.geom_m, b.asset_id OFFSET 0) ordered WHERE a.asset_id = ordered.asset_id;
  GET DIAGNOSTICS moved = ROW_COUNT;
  RETURN moved;
END $$;

REVOKE ALL ON FUNCTION twin.scattered_squares(), twin.gather_square(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twin.scattered_squares(), twin.gather_square(integer, integer) TO twin_ingest;
