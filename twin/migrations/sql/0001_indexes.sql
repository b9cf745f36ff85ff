-- Indexes. GiST(class_id, geom_m) serves "nearest of a rare class" and only works when the literal has the column's
-- type: write class_id = 18::smallint. Text is looked up by prefix with text_pattern_ops, whatever the collation.

-- places
CREATE INDEX admin_unit_geom_m ON twin.admin_unit USING gist (geom_m);
CREATE INDEX admin_unit_geom ON twin.admin_unit USING gist (geom);
CREATE INDEX admin_unit_parent ON twin.admin_unit (parent_id);
CREATE INDEX grid_geom_m ON twin.grid USING gist (geom_m);
CREATE INDEX grid_geom ON twin.grid USING gist (geom);
CREATE INDEX grid_admin ON twin.grid (admin_id);

-- surveys and evidence
CREATE INDEX survey_footprint ON twin.survey USING gist (footprint);
CREATE INDEX photo_coverage ON twin.photo USING gist (coverage);
CREATE INDEX photo_position ON twin.photo USING gist (position);
CREATE INDEX evidence_batch ON twin.evidence (batch_id, row_no) WHERE batch_id IS NOT NULL;
CREATE INDEX evidence_survey ON twin.evidence (survey_id) WHERE survey_id IS NOT NULL;
CREATE INDEX evidence_photo ON twin.evidence (photo_id) WHERE photo_id IS NOT NULL;
CREATE INDEX batch_file ON twin.batch (file_sha256, target);
CREATE INDEX batch_department ON twin.batch (department_id);

-- buildings and addresses
CREATE INDEX building_geom_m ON twin.building USING gist (geom_m);
CREATE INDEX building_geom ON twin.building USING gist (geom);
CREATE INDEX building_admin ON twin.building (admin_id);
CREATE INDEX building_grid ON twin.building (grid_id);
CREATE INDEX building_survey ON twin.building (survey_id);
CREATE INDEX building_batch ON twin.building (batch_id);
CREATE INDEX building_footprint_evidence ON twin.building (footprint_evidence_id);
CREATE INDEX building_height_evidence ON twin.building (height_evidence_id);
CREATE INDEX address_geom_m ON twin.address USING gist (geom_m);
CREATE INDEX address_geom ON twin.address USING gist (geom);
CREATE INDEX address_normalised ON twin.address (normalised text_pattern_ops);
CREATE INDEX address_normalised_trigram ON twin.address USING gin (normalised gin_trgm_ops);
CREATE INDEX address_building ON twin.address (building_id);
CREATE INDEX address_admin ON twin.address (admin_id);
CREATE INDEX address_grid ON twin.address (grid_id);
CREATE INDEX address_batch ON twin.address (batch_id);

-- assets
CREATE INDEX asset_geom_m ON twin.asset USING gist (geom_m);
CREATE INDEX asset_class_geom_m ON twin.asset USING gist (class_id, geom_m);
CREATE INDEX asset_geom ON twin.asset USING gist (geom);
CREATE INDEX asset_class ON twin.asset (class_id, asset_id);
CREATE INDEX asset_admin ON twin.asset (admin_id);
CREATE INDEX asset_grid ON twin.asset (grid_id);
CREATE INDEX asset_batch ON twin.asset (batch_id);
CREATE INDEX asset_supervising ON twin.asset (supervising_department_id);

-- entities
CREATE INDEX entity_geom_m ON twin.entity USING gist (geom_m);
CREATE INDEX entity_building ON twin.entity (building_id);
CREATE INDEX entity_address ON twin.entity (address_id);
CREATE INDEX entity_admin ON twin.entity (admin_id);
CREATE INDEX entity_grid ON twin.entity (grid_id);
CREATE INDEX entity_batch ON twin.entity (batch_id);
CREATE INDEX entity_source ON twin.entity (department_id, type_code, source_key);
CREATE INDEX private_entity_department ON private.entity (department_id, grid_id);

-- records and links
CREATE INDEX record_geom_m ON twin.record USING gist (geom_m);
CREATE INDEX record_admin ON twin.record (admin_id);
CREATE INDEX record_grid ON twin.record (grid_id);
CREATE INDEX record_batch ON twin.record (batch_id);
CREATE INDEX private_record_department ON private.record (department_id);
CREATE INDEX link_record ON twin.link (record_id);
CREATE INDEX link_entity ON twin.link (entity_id);
CREATE INDEX link_building ON twin.link (building_id);
CREATE INDEX link_asset ON twin.link (asset_id);
CREATE INDEX link_address ON twin.link (address_id);
CREATE INDEX link_review ON twin.link (score) WHERE state = 'review';
-- A record stands once at a place, however often linking runs.
CREATE UNIQUE INDEX link_once ON twin.link (record_id, entity_id, building_id, asset_id, address_id)
  NULLS NOT DISTINCT WHERE state IN ('accepted', 'review');

-- events, sensors, jobs
CREATE INDEX event_geom_m ON twin.event USING gist (geom_m);
CREATE INDEX event_by_class ON twin.event (event_class_id, reported_at);
CREATE INDEX event_asset ON twin.event (asset_id);
CREATE INDEX event_state ON twin.event (state, reported_at);
CREATE INDEX sensor_geom_m ON twin.sensor USING gist (geom_m);
CREATE INDEX sensor_asset ON twin.sensor (asset_id);
CREATE INDEX job_state ON twin.job (state, created_at);
CREATE INDEX job_subject ON twin.job (subject, created_at);
CREATE INDEX class_code_class ON twin.class_code (class_id);
CREATE INDEX class_code_event_class ON twin.class_code (event_class_id);

-- history and search
CREATE INDEX version_row ON history.version (table_name, row_id, known_to);
CREATE INDEX private_version_row ON history.private_version (table_name, row_id, known_to);
CREATE INDEX search_entry_tokens ON twin.search_entry USING gin (tokens);
CREATE INDEX search_entry_code ON twin.search_entry (code text_pattern_ops);
CREATE INDEX search_entry_initials ON twin.search_entry (pinyin_initials text_pattern_ops);
CREATE INDEX search_entry_initials_trigram ON twin.search_entry USING gin (pinyin_initials gin_trgm_ops);
CREATE INDEX search_entry_geom ON twin.search_entry USING gist (geom);
