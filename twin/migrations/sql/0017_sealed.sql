-- Personal data at rest. The private tables hold one sealed document a row (AES-256-GCM, made by the process that loads;
-- the keys stand in a file outside the database), keyed hashes (HMAC-SHA-256, 16 bytes) of what is looked up exactly, and
-- in clear only what is no one's secret: the credit code of an organisation, the code of a building.
-- What stood there in clear before waits in `unsealed` for `twin key apply` (twin db upgrade does it); nothing new may.
SELECT set_config('twin.role', 'system', true), set_config('twin.actor', 'migration', true);

ALTER TABLE private.entity DISABLE TRIGGER USER;
ALTER TABLE private.entity
  ADD COLUMN building_code text,              -- of the building the entity says it is in; public
  ADD COLUMN sealed bytea,                    -- {name, id_number, phone, room, attributes}
  ADD COLUMN content_mac bytea,               -- of the whole document: has anything changed?
  ADD COLUMN key_mac bytea,                   -- of a deliverer's key that is personal (a household's number)
  ADD COLUMN id_mac bytea, ADD COLUMN phone_mac bytea, ADD COLUMN name_mac bytea,
  ADD COLUMN unsealed jsonb;
UPDATE private.entity SET
  building_code = attributes ->> 'building_code',
  unsealed = jsonb_strip_nulls(jsonb_build_object('name', name, 'id_number', id_number, 'phone', phone, 'room', room))
             || CASE WHEN attributes = '{}' THEN '{}' ELSE jsonb_build_object('attributes', attributes) END;
ALTER TABLE private.entity DROP COLUMN name, DROP COLUMN id_number, DROP COLUMN phone, DROP COLUMN room, DROP COLUMN attributes;
ALTER TABLE private.entity ADD CONSTRAINT entity_is_sealed CHECK (unsealed IS NULL) NOT VALID;
ALTER TABLE private.entity ENABLE TRIGGER USER;
CREATE INDEX private_entity_key ON private.entity (department_id, key_mac) WHERE key_mac IS NOT NULL;
CREATE INDEX private_entity_id_number ON private.entity (id_mac) WHERE id_mac IS NOT NULL;
CREATE INDEX private_entity_phone ON private.entity (phone_mac) WHERE phone_mac IS NOT NULL;
CREATE INDEX private_entity_name ON private.entity (name_mac) WHERE name_mac IS NOT NULL;

ALTER TABLE private.record RENAME COLUMN payload TO unsealed;
ALTER TABLE private.record ALTER COLUMN unsealed DROP NOT NULL;
ALTER TABLE private.record
  ADD COLUMN sealed bytea,                    -- the payload
  ADD COLUMN content_mac bytea, ADD COLUMN id_mac bytea,
  ADD COLUMN credit_code text,                -- of the organisation it speaks of; public
  ADD COLUMN has_name boolean;                -- does it say a name that linking can go by?
ALTER TABLE private.record ADD CONSTRAINT record_is_sealed CHECK (unsealed IS NULL) NOT VALID;
CREATE INDEX private_record_id_number ON private.record (id_mac) WHERE id_mac IS NOT NULL;

ALTER TABLE private.quarantine RENAME COLUMN raw TO unsealed;
ALTER TABLE private.quarantine ALTER COLUMN unsealed DROP NOT NULL;
ALTER TABLE private.quarantine ADD COLUMN sealed bytea;
ALTER TABLE private.quarantine ADD CONSTRAINT quarantine_is_sealed CHECK (unsealed IS NULL) NOT VALID;

DO $$
DECLARE name text; is_empty boolean;
BEGIN
  FOREACH name IN ARRAY ARRAY['entity', 'record', 'quarantine'] LOOP
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM private.%I)', name) INTO is_empty;
    IF is_empty THEN
      EXECUTE format('ALTER TABLE private.%1$I VALIDATE CONSTRAINT %1$s_is_sealed', name);
    END IF;
  END LOOP;
END $$;

-- Sealing anew with another key is no change of the row.
SELECT history.track('private.entity', 'entity_id', '{sealed}');
SELECT history.track('private.record', 'record_id', '{sealed}');

-- Does the database hold anything that only its keys open? Asked before keys are made.
CREATE FUNCTION private.is_anything_sealed() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
DECLARE acting text := current_setting('twin.role', true); found boolean;
BEGIN
  PERFORM set_config('twin.role', 'system', true);
  found := EXISTS (SELECT FROM private.entity WHERE sealed IS NOT NULL)
        OR EXISTS (SELECT FROM private.record WHERE sealed IS NOT NULL)
        OR EXISTS (SELECT FROM private.quarantine WHERE sealed IS NOT NULL);
  PERFORM set_config('twin.role', coalesce(acting, ''), true);
  RETURN found;
END $$;
REVOKE ALL ON FUNCTION private.is_anything_sealed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION private.is_anything_sealed() TO twin_app, twin_ingest;

-- Sealing anew and erasing are the only changes of private history: by the owner, having said so.
CREATE POLICY kept ON history.private_version FOR ALL TO twin_owner
  USING (current_setting('twin.keeping', true) = 'on') WITH CHECK (current_setting('twin.keeping', true) = 'on');
