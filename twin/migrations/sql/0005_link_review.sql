-- Reviewing links: what was weighed, which version of a link a reviewer saw, who has which item on the desk.

ALTER TABLE twin.link
  ADD COLUMN version integer NOT NULL DEFAULT 1,      -- counts every change of the row: a decision names the one it saw
  ADD COLUMN weighed jsonb NOT NULL DEFAULT '{}',     -- {"given": {part: text}, "candidates": [{"address_id", "building_id",
                                                      --  "asset_id", "score", "distance_m", "parts": {part: verdict}}]}
  DROP CONSTRAINT link_state_check,
  ADD CONSTRAINT link_state_check CHECK (state IN ('accepted','review','rejected','undone','set_aside'));
-- set_aside: open proposals of a subject whose place a person has settled; undoing that brings them back.
SELECT history.track('twin.link', 'link_id');

-- The queue by department and method, likeliest first.
DROP INDEX twin.link_review;
CREATE INDEX link_review ON twin.link (score DESC, link_id) WHERE state = 'review';

-- One reviewer's hold on one record or entity; it ends by itself.
CREATE TABLE twin.review_claim (
  record_id bigint UNIQUE REFERENCES twin.record ON DELETE CASCADE,
  entity_id bigint UNIQUE REFERENCES twin.entity ON DELETE CASCADE,
  claimed_by text NOT NULL, claimed_at timestamptz NOT NULL DEFAULT now(), claimed_until timestamptz NOT NULL,
  review_claim_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  CHECK (num_nonnulls(record_id, entity_id) = 1)
);
CREATE INDEX review_claim_person ON twin.review_claim (claimed_by);
GRANT SELECT, INSERT, UPDATE, DELETE ON twin.review_claim TO twin_app, twin_ingest;

-- An entity stands in the building of its accepted link (a person's word first), and in that building's grid and unit
-- when it has no position itself. Runs as the owner, so that an accepted link can do this whoever accepted it.
CREATE FUNCTION twin.place_entities(entities bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE acting text := current_setting('twin.role', true);
BEGIN
  PERFORM set_config('twin.role', 'system', true);
  UPDATE twin.entity e
  SET building_id = place.building_id, address_id = place.address_id,
      grid_id = CASE WHEN e.geom_m IS NULL THEN place.grid_id ELSE e.grid_id END,
      admin_id = CASE WHEN e.geom_m IS NULL THEN place.admin_id ELSE e.admin_id END
  FROM (
    SELECT s.entity_id, best.building_id, best.address_id, b.grid_id, b.admin_id
    FROM unnest(entities) AS s (entity_id)
      LEFT JOIN LATERAL (SELECT l.building_id, l.address_id FROM twin.link l
                         WHERE l.entity_id = s.entity_id AND l.state = 'accepted' AND l.building_id IS NOT NULL
                         ORDER BY l.decided_by IS NULL, l.score DESC, l.link_id LIMIT 1) best ON true
      LEFT JOIN twin.building b ON b.building_id = best.building_id
  ) place
  WHERE e.entity_id = place.entity_id
    AND ((e.building_id, e.address_id) IS DISTINCT FROM (place.building_id, place.address_id)
         OR (e.geom_m IS NULL AND (e.grid_id, e.admin_id) IS DISTINCT FROM (place.grid_id, place.admin_id)));
  UPDATE private.entity p SET grid_id = e.grid_id FROM twin.entity e
  WHERE e.entity_id = ANY (entities) AND p.entity_id = e.entity_id AND p.grid_id IS DISTINCT FROM e.grid_id;
  PERFORM set_config('twin.role', coalesce(acting, ''), true);
END $$;
REVOKE ALL ON FUNCTION twin.place_entities(bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twin.place_entities(bigint[]) TO twin_app, twin_ingest;
