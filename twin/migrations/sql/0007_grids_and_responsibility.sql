-- Grids as they change, grids of grids, and who is responsible for what where.
ALTER TABLE twin.grid ADD COLUMN land_use_code text, ADD COLUMN management_class text;
SELECT history.track('twin.grid', 'grid_id');

-- When boundaries change the old code ends and new ones begin; a code is never used again.
CREATE TABLE twin.grid_succession (
  old_grid_id integer NOT NULL REFERENCES twin.grid, new_grid_id integer NOT NULL REFERENCES twin.grid,
  kind text NOT NULL CHECK (kind IN ('split','merge')), at timestamptz NOT NULL DEFAULT now(), decided_by text NOT NULL,
  PRIMARY KEY (old_grid_id, new_grid_id)
);
CREATE INDEX grid_succession_new ON twin.grid_succession (new_grid_id);

-- Management grids are unions of adjacent unit grids: what one worker walks, what is evaluated together, a park or market.
CREATE TABLE twin.management_grid (
  management_grid_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE, name_zh text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('responsibility','evaluation','exclusive')),
  valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz
);
CREATE TABLE twin.management_grid_member (
  management_grid_id integer NOT NULL REFERENCES twin.management_grid ON DELETE CASCADE,
  grid_id integer NOT NULL REFERENCES twin.grid,
  valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz,
  PRIMARY KEY (management_grid_id, grid_id, valid_from)
);
CREATE INDEX management_grid_member_grid ON twin.management_grid_member (grid_id) WHERE valid_to IS NULL;
SELECT history.track('twin.management_grid', 'management_grid_id');

-- Who supervises, owns and maintains things of a class (or category, or any) in an area (or everywhere).
CREATE TABLE twin.responsibility (
  responsibility_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  role text NOT NULL CHECK (role IN ('supervising','owning','maintaining')),
  class_id smallint REFERENCES twin.class, category_zh text,
  admin_id integer REFERENCES twin.admin_unit, grid_id integer REFERENCES twin.grid,
  management_grid_id integer REFERENCES twin.management_grid,
  department_id integer NOT NULL REFERENCES twin.department,
  decided_by text NOT NULL, valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz,
  CHECK (num_nonnulls(class_id, category_zh) <= 1), CHECK (num_nonnulls(admin_id, grid_id, management_grid_id) <= 1)
);
CREATE UNIQUE INDEX responsibility_current ON twin.responsibility
  (role, class_id, category_zh, admin_id, grid_id, management_grid_id) NULLS NOT DISTINCT WHERE valid_to IS NULL;
CREATE INDEX responsibility_class ON twin.responsibility (class_id);
CREATE INDEX responsibility_department ON twin.responsibility (department_id);
SELECT history.track('twin.responsibility', 'responsibility_id');

-- The parties for a thing of this class standing in this unit and grid, at a time. The class counts more than the area: what is
-- said of lamps everywhere goes before what is said of anything in a village. Then the smaller area goes first.
CREATE FUNCTION twin.responsible(of_class smallint, in_unit integer, in_grid integer, at timestamptz DEFAULT now())
RETURNS TABLE (role text, department_id integer, responsibility_id integer) LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT DISTINCT ON (r.role) r.role, r.department_id, r.responsibility_id
  FROM twin.responsibility r
    LEFT JOIN twin.admin_unit area ON area.admin_id = r.admin_id
  WHERE r.valid_from <= at AND (r.valid_to IS NULL OR r.valid_to > at)
    AND (r.class_id = of_class OR r.class_id IS NULL)
    AND (r.category_zh IS NULL OR r.category_zh = (SELECT c.category_zh FROM twin.class c WHERE c.class_id = of_class))
    AND (r.admin_id IS NULL
         OR starts_with((SELECT u.code FROM twin.admin_unit u WHERE u.admin_id = in_unit), area.code))
    AND (r.grid_id IS NULL OR r.grid_id = in_grid)
    AND (r.management_grid_id IS NULL OR EXISTS (
           SELECT FROM twin.management_grid_member m
           WHERE m.management_grid_id = r.management_grid_id AND m.grid_id = in_grid
             AND m.valid_from <= at AND (m.valid_to IS NULL OR m.valid_to > at)))
  ORDER BY r.role, (r.class_id IS NOT NULL) DESC, (r.category_zh IS NOT NULL) DESC, (r.grid_id IS NOT NULL) DESC,
           (r.management_grid_id IS NOT NULL) DESC, length(area.code) DESC NULLS LAST
$$;

GRANT SELECT ON twin.grid_succession, twin.management_grid, twin.management_grid_member, twin.responsibility
  TO twin_app, twin_ingest;
GRANT INSERT, UPDATE, DELETE ON twin.grid_succession, twin.management_grid, twin.management_grid_member,
  twin.responsibility TO twin_ingest;
