"""The statement of /lookup: one round trip, lateral parts, every part already JSON.

`print(LOOKUP)` gives the text to paste into psql (bind the values of twin.queries.lookup). LOOKUP answers for the
present from the tables, LOOKUP_AS_OF for %(as_of)s from tables and history.
"""

from __future__ import annotations

from twin.queries.asset_json import ASSET_COLUMNS, ASSET_JOINS, ASSET_JSON
from twin.queries.evidence import evidence_of
from twin.queries.known_then import sources_as_of, sources_now, valid

# Columns that say nothing to a reader of the history: keys, geometry and what the loader needs.
NOT_SHOWN = (
    "{geom,geom_m,solid,row_hash,raw_hash,row_no,known_at,tokens,components,normalised,source_key,register_version}"
)

_PLACE = f"""
  LEFT JOIN LATERAL (
    WITH RECURSIVE chain AS (
      (SELECT u.admin_id, u.code, u.level, u.name_zh, u.name_en, u.parent_id FROM {{admin_unit}} u
       WHERE ST_Covers(u.geom_m, q.m) AND {valid("u")} ORDER BY u.level DESC, u.code LIMIT 1)
      UNION ALL
      SELECT u.admin_id, u.code, u.level, u.name_zh, u.name_en, u.parent_id
      FROM chain JOIN {{admin_unit}} u ON u.admin_id = chain.parent_id
    )
    SELECT json_agg(json_build_object('code', code, 'level', level, 'name_zh', name_zh, 'name_en', name_en)
                    ORDER BY level) AS listed
    FROM chain) admin ON true
  LEFT JOIN LATERAL (
    SELECT json_build_object('code', g.code, 'name_zh', g.name_zh, 'management_grids', coalesce((
             SELECT json_agg(json_build_object('code', m.code, 'name_zh', m.name_zh, 'kind', m.kind) ORDER BY m.code)
             FROM twin.management_grid_member x JOIN twin.management_grid m USING (management_grid_id)
             WHERE x.grid_id = g.grid_id AND {valid("x")}), '[]')) AS shown
    FROM {{grid}} g
    WHERE ST_Covers(g.geom_m, q.m) AND {valid("g")} ORDER BY g.code LIMIT 1) grid ON true"""

_BUILDING = f"""
  LEFT JOIN LATERAL (
    SELECT b.*, ST_Distance(b.geom_m, q.m) AS distance_m FROM {{building}} b
    WHERE ST_DWithin(b.geom_m, q.m, %(building_reach_m)s::float8) AND {valid("b")}
    ORDER BY ST_Distance(b.geom_m, q.m), ST_Area(b.geom_m), b.code LIMIT 1) b ON true
  LEFT JOIN twin.survey bs ON bs.survey_id = b.survey_id
  LEFT JOIN LATERAL (
    SELECT array_agg(a.address_id) AS ids,
           json_agg(json_build_object('code', a.code, 'text_zh', a.text_zh) ORDER BY a.code) AS listed
    FROM {{address}} a WHERE a.building_id = b.building_id AND {valid("a")}) own ON true
  LEFT JOIN LATERAL (
    SELECT json_build_object('code', a.code, 'text_zh', a.text_zh, 'distance_m', round(a.distance_m::numeric, 2),
                             'evidence', {evidence_of("a.evidence_id", delivered=True)}) AS shown
    FROM (
      SELECT 0 AS rank, a.code, a.text_zh, a.evidence_id, a.batch_id, a.row_no, a.known_at,
             ST_Distance(a.geom_m, q.m) AS distance_m
      FROM {{address}} a WHERE a.address_id = ANY (own.ids)
        AND {valid("a")}
      UNION ALL
      (SELECT 1, a.code, a.text_zh, a.evidence_id, a.batch_id, a.row_no, a.known_at, a.geom_m <-> q.m FROM {{address}} a
       WHERE ST_DWithin(a.geom_m, q.m, %(address_reach_m)s::float8) AND {valid("a")}
       ORDER BY a.geom_m <-> q.m LIMIT 1)
    ) a ORDER BY a.rank, a.distance_m NULLS LAST, a.code LIMIT 1) address ON true"""

_ASSETS = f"""
  LEFT JOIN LATERAL (
    SELECT array_agg(a.asset_id) AS ids, json_agg({ASSET_JSON} ORDER BY a.distance_m, a.code) AS listed
    FROM (
      SELECT {ASSET_COLUMNS}, a.geom_m <-> q.m AS distance_m FROM {{asset}} a
      WHERE ST_DWithin(a.geom_m, q.m, %(radius_m)s::float8) AND {valid("a")}
      ORDER BY a.geom_m <-> q.m, a.code LIMIT %(asset_limit)s) a
      {ASSET_JOINS}) assets ON true"""

# A record may be linked to several of the places found: it is shown once, by its best link.
_RECORDS = f"""
  LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object('department', json_build_object('code', d.code, 'name_zh', d.name_zh),
                                      'count', dep.n, 'items', dep.items) ORDER BY d.code) AS listed
    FROM (
      SELECT r.department_id, count(*) AS n, json_agg(json_build_object(
               'record_id', r.record_id, 'kind', r.kind, 'title_zh', r.title_zh, 'recorded_at', r.recorded_at,
               'state', r.state, 'address_given', r.address_given, 'attributes', r.attributes,
               'link', json_build_object('to', json_build_object('kind', r.to_kind, 'code', r.to_code),
                 'method', r.method, 'score', r.score, 'margin', r.margin, 'state', r.link_state,
                 'reason_zh', r.reason_zh, 'reason_en', r.reason_en),
               'evidence', {evidence_of("r.evidence_id", delivered=True)})
               ORDER BY r.recorded_at DESC NULLS LAST, r.record_id)
               FILTER (WHERE r.nth <= %(record_limit)s) AS items
      FROM (
        SELECT rec.*, best.method, best.score, best.margin, best.state AS link_state, best.reason_zh, best.reason_en,
               best.to_kind, best.to_code,
               row_number() OVER (PARTITION BY rec.department_id ORDER BY rec.recorded_at DESC NULLS LAST,
                                                                          rec.record_id) AS nth
        FROM (
          SELECT DISTINCT ON (l.record_id) l.*,
                 CASE WHEN l.asset_id IS NOT NULL THEN 'asset' WHEN l.building_id IS NOT NULL THEN 'building'
                      ELSE 'address' END AS to_kind,
                 coalesce((SELECT x.code FROM twin.asset x WHERE x.asset_id = l.asset_id),
                          (SELECT x.code FROM twin.building x WHERE x.building_id = l.building_id),
                          (SELECT x.code FROM twin.address x WHERE x.address_id = l.address_id)) AS to_code
          FROM (
            SELECT * FROM {{link}} k WHERE k.building_id = b.building_id
            UNION ALL SELECT * FROM {{link}} k WHERE k.asset_id = ANY (assets.ids)
            UNION ALL SELECT * FROM {{link}} k WHERE k.address_id = ANY (own.ids)) l
          WHERE l.record_id IS NOT NULL AND l.state IN ('accepted', 'review')
          ORDER BY l.record_id, l.state, l.score DESC, l.link_id) best
          JOIN {{record}} rec ON rec.record_id = best.record_id AND {valid("rec")}) r
      GROUP BY r.department_id) dep
      JOIN twin.department d ON d.department_id = dep.department_id) records ON true"""

# Persons and households count; they are listed only to those who may see them, and leave this statement sealed.
_ENTITIES = f"""
  LEFT JOIN LATERAL (
    SELECT json_build_object('count', count(*), 'items', coalesce(json_agg(json_build_object(
             'code', e.code, 'type_code', e.type_code, 'type_zh', t.name_zh, 'type_en', t.name_en,
             'name', e.public_name_zh, 'masked', e.public_name_zh IS NULL,
             'sealed', CASE WHEN p.sealed IS NOT NULL THEN json_build_array(p.entity_id, encode(p.sealed, 'hex')) END,
             'evidence', {evidence_of("e.evidence_id", delivered=True)})
             ORDER BY e.public_name_zh IS NULL, e.type_code, e.code)
             FILTER (WHERE (e.public_name_zh IS NOT NULL OR p.entity_id IS NOT NULL) AND e.nth <= %(entity_limit)s),
             '[]')) AS shown
    FROM (
      SELECT x.*, row_number() OVER (ORDER BY x.public_name_zh IS NULL, x.type_code, x.code) AS nth
      FROM {{entity}} x
      WHERE {valid("x")} AND x.entity_id IN (
        SELECT k.entity_id FROM {{entity}} k WHERE k.building_id = b.building_id
        UNION SELECT k.entity_id FROM {{entity}} k WHERE k.address_id = ANY (own.ids)
        UNION SELECT k.entity_id FROM {{link}} k
              WHERE k.building_id = b.building_id AND k.entity_id IS NOT NULL AND k.state = 'accepted'
        UNION SELECT k.entity_id FROM {{link}} k
              WHERE k.address_id = ANY (own.ids) AND k.entity_id IS NOT NULL AND k.state = 'accepted')) e
      JOIN twin.entity_type t ON t.type_code = e.type_code
      LEFT JOIN private.entity p ON p.entity_id = e.entity_id AND %(see_persons)s) entities ON true"""

_LIVE = f"""
  LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object(
             'code', v.code, 'class_code', k.code, 'class_zh', k.minor_zh, 'class_en', k.minor_en, 'source', v.source,
             'state', v.state, 'title_zh', v.title_zh, 'severity', v.severity, 'reported_at', v.reported_at,
             'due_at', v.due_at, 'closed_at', v.closed_at, 'distance_m', round(v.distance_m::numeric, 2),
             'lon', ST_X(v.geom), 'lat', ST_Y(v.geom),
             'evidence', {evidence_of("v.evidence_id")}) ORDER BY v.reported_at DESC, v.code) AS listed
    FROM (
      SELECT v.*, ST_Distance(v.geom_m, q.m) AS distance_m FROM {{event}} v
      WHERE ST_DWithin(v.geom_m, q.m, %(radius_m)s::float8) AND v.reported_at <= %(as_of)s
      ORDER BY v.reported_at DESC LIMIT %(event_limit)s) v
      JOIN twin.event_class k ON k.event_class_id = v.event_class_id) events ON true
  LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object(
             'code', s.code, 'kind', s.kind, 'name_zh', s.name_zh, 'unit', s.unit, 'latest_value', o.value,
             'latest_at', o.observed_at, 'asset_code', sa.code, 'distance_m', round(s.distance_m::numeric, 2),
             'lon', ST_X(s.geom), 'lat', ST_Y(s.geom)) ORDER BY s.distance_m, s.code) AS listed
    FROM (
      SELECT s.*, s.geom_m <-> q.m AS distance_m FROM {{sensor}} s
      WHERE ST_DWithin(s.geom_m, q.m, %(radius_m)s::float8) AND {valid("s")}
      ORDER BY s.geom_m <-> q.m LIMIT %(sensor_limit)s) s
      LEFT JOIN twin.asset sa ON sa.asset_id = s.asset_id
      LEFT JOIN LATERAL ({{observed}}) o ON true) sensors ON true"""

_OBSERVED_NOW = "SELECT s.latest_value AS value, s.latest_at AS observed_at"
_OBSERVED_AS_OF = """SELECT ob.value, ob.observed_at FROM twin.observation ob
        WHERE ob.sensor_id = s.sensor_id AND ob.observed_at <= %(as_of)s ORDER BY ob.observed_at DESC LIMIT 1"""

# A building without its solid: PostGIS has no JSON for a PolyhedralSurface.
_BUILDING_SHOWN = """(SELECT building_id, code, name_zh, use_zh, storeys, lod, ground_h_m, roof_h_m, height_m,
                              height_sigma_m, vertical_datum, height_confidence, height_note, valid_from, valid_to
                            FROM twin.building)"""

_HISTORY = f"""
  LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object(
             'table', v.table_name, 'code', v.old_row ->> 'code',
             'operation', CASE v.operation WHEN 'D' THEN 'removed' ELSE 'changed' END,
             'known_from', CASE WHEN v.known_from > to_timestamp(0) THEN v.known_from END, 'known_to', v.known_to,
             'actor', CASE WHEN %(see_actors)s THEN v.actor END, 'old', old.shown) ORDER BY v.known_to DESC) AS listed
    FROM (
      SELECT v.*, coalesce(lead(v.old_row) OVER (PARTITION BY v.table_name, v.row_id ORDER BY v.known_to, v.version_id),
                           CASE v.table_name
                             WHEN 'building' THEN (SELECT to_jsonb(x) FROM {_BUILDING_SHOWN} x
                                                   WHERE x.building_id = v.row_id)
                             WHEN 'address' THEN (SELECT to_jsonb(x) FROM twin.address x WHERE x.address_id = v.row_id)
                             ELSE (SELECT to_jsonb(x) FROM twin.asset x WHERE x.asset_id = v.row_id) END) AS new_row
      FROM (
        SELECT * FROM history.version h WHERE h.table_name = 'building' AND h.row_id = b.building_id
        UNION ALL SELECT * FROM history.version h WHERE h.table_name = 'address' AND h.row_id = ANY (own.ids)
        UNION ALL SELECT * FROM history.version h WHERE h.table_name = 'asset' AND h.row_id = ANY (assets.ids)) v
      WHERE v.operation <> 'I' AND v.known_to <= %(as_of)s) v
      CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(f.key, f.value) AS shown FROM jsonb_each(v.old_row) f
        WHERE NOT f.key = ANY ('{NOT_SHOWN.replace("{", "{{").replace("}", "}}")}') AND f.key NOT LIKE '%%\\_id'
          AND (v.operation = 'D' OR f.value IS DISTINCT FROM v.new_row -> f.key)) old
    WHERE old.shown IS NOT NULL) history ON true"""

# A survey published again replaces its products; what stood there before is no longer on disk to be shown.
_SURVEYS = """
  LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object(
             'survey_id', s.survey_id, 'name', s.name, 'kind', s.kind, 'taken_from', s.taken_from,
             'taken_to', s.taken_to, 'gsd_m', s.gsd_m, 'crs', s.crs, 'vertical_datum', s.vertical_datum,
             'frame', s.frame, 'fingerprint', s.fingerprint, 'published_at', s.published_at, 'products', (
               SELECT coalesce(json_object_agg(p.kind, json_build_object(
                        'path', p.path, 'sigma_m', p.sigma_m, 'vertical_datum', p.vertical_datum)), '{{}}')
               FROM twin.product p WHERE p.survey_id = s.survey_id))
             ORDER BY s.taken_from DESC NULLS LAST, s.name) AS listed
    FROM twin.survey s
    WHERE (s.footprint IS NULL OR ST_DWithin(s.footprint, q.g, 0.0002))
      AND (%(as_of_now)s OR (s.published_at <= %(as_of)s AND coalesce(s.taken_from <= %(as_of)s, true)))
    ) surveys ON true"""

_TEXT = (
    """
SELECT json_build_object(
         'admin', coalesce(admin.listed, '[]'), 'grid', grid.shown, 'address', address.shown)::text AS place,
       CASE WHEN b.building_id IS NOT NULL THEN json_build_object(
         'code', b.code, 'name_zh', b.name_zh, 'use_zh', b.use_zh, 'storeys', b.storeys, 'lod', b.lod,
         'distance_m', round(b.distance_m::numeric, 2), 'ground_h_m', b.ground_h_m, 'roof_h_m', b.roof_h_m,
         'height_m', b.height_m, 'height_sigma_m', b.height_sigma_m, 'height_confidence', b.height_confidence,
         'height_note', b.height_note, 'vertical_datum', b.vertical_datum, 'survey', bs.name,
         'addresses', coalesce(own.listed, '[]'), 'geometry', ST_AsGeoJSON(b.geom, 8, 0)::json,
         'evidence', json_build_object('footprint', """
    + evidence_of("b.footprint_evidence_id", delivered=True)
    + """,
                                       'height', """
    + evidence_of("b.height_evidence_id")
    + """)) END::text AS building,
       coalesce(assets.listed, '[]')::text AS assets, coalesce(records.listed, '[]')::text AS records,
       entities.shown::text AS entities, coalesce(events.listed, '[]')::text AS events,
       coalesce(sensors.listed, '[]')::text AS sensors, coalesce(history.listed, '[]')::text AS history,
       coalesce(surveys.listed, '[]') AS surveys
FROM (SELECT ST_SetSRID(ST_MakePoint(%(east)s, %(north)s), %(srid)s::int) AS m,
             ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4490) AS g) q"""
    + _PLACE
    + _BUILDING
    + _ASSETS
    + _RECORDS
    + _ENTITIES
    + _LIVE
    + _HISTORY
    + _SURVEYS
)

LOOKUP = _TEXT.format(**sources_now(), observed=_OBSERVED_NOW)
LOOKUP_AS_OF = _TEXT.format(**sources_as_of(), observed=_OBSERVED_AS_OF)
