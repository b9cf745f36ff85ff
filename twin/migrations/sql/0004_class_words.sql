-- What departments' words mean: their codes, names and OSM tags -> one of the 108 classes, or none of them. A meaning is
-- never overwritten: a new one ends the old, so that a batch can be read again as it was read then.
CREATE TABLE twin.class_word (
  class_word_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  department_id integer REFERENCES twin.department,          -- NULL: whoever delivers
  kind text NOT NULL CHECK (kind IN ('word','keyword','code','osm_tag')), -- keyword: stands somewhere in what was written
  written text NOT NULL CHECK (written <> ''),               -- plain form: half-width, lower case, no blanks or marks
  class_id smallint REFERENCES twin.class,                   -- NULL: known, and none of the 108
  confidence real NOT NULL CHECK (confidence > 0 AND confidence <= 1), -- below 0.6 it is a suggestion only
  decided_by text NOT NULL, note text,
  valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz
);
CREATE UNIQUE INDEX class_word_current ON twin.class_word (department_id, kind, written) NULLS NOT DISTINCT
  WHERE valid_to IS NULL;
CREATE INDEX class_word_class ON twin.class_word (class_id);
SELECT history.track('twin.class_word', 'class_word_id');

-- The table's version: every meaning begun or ended is one more.
CREATE FUNCTION twin.class_words_version() RETURNS bigint LANGUAGE sql STABLE
  RETURN (SELECT count(*) + count(valid_to) FROM twin.class_word);

-- Words that no class was found for, to be worked off. rows: how many rows the last delivery with it had.
CREATE TABLE twin.unmapped_class (
  unmapped_class_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  department_id integer REFERENCES twin.department,
  word text NOT NULL, rows bigint NOT NULL, file text NOT NULL,
  batch_id bigint REFERENCES twin.batch ON DELETE SET NULL,
  first_at timestamptz NOT NULL DEFAULT now(), last_at timestamptz NOT NULL DEFAULT now(),
  settled_at timestamptz,                                     -- when a person said what it means
  UNIQUE NULLS NOT DISTINCT (department_id, word)
);
CREATE INDEX unmapped_class_batch ON twin.unmapped_class (batch_id);

GRANT SELECT ON twin.class_word, twin.unmapped_class TO twin_app, twin_ingest;
GRANT INSERT, UPDATE, DELETE ON twin.class_word, twin.unmapped_class TO twin_ingest;
