"""An asset as an answer shows it, the same in /lookup and /nearby."""

from __future__ import annotations

from twin.queries.evidence import evidence_of

# Aliases: a the asset with distance_m, q the place asked (m: point in the working CRS). `assigned` are the parties that
# the asset came without and that the responsibility table names.
# Bearings are clockwise from true north, to the asset's nearest point; null on the spot itself.
ASSET_JSON = f"""json_build_object(
             'code', a.code, 'class_code', c.code, 'class_zh', c.name_zh, 'class_en', c.name_en,
             'name_zh', a.name_zh, 'state', a.state, 'distance_m', round(a.distance_m::numeric, 2),
             'bearing_deg', round(bearing.deg::numeric, 1)::float8,
             'lon', round(ST_X(spot.g)::numeric, 8), 'lat', round(ST_Y(spot.g)::numeric, 8),
             'height_m', a.height_m, 'vertical_datum', a.vertical_datum, 'accuracy_class', a.accuracy_class,
             'attributes', a.attributes,
             'parties', json_build_object(
               'supervising', coalesce(ps.name_zh, duty.parties ->> 'supervising'),
               'owning', coalesce(po.name_zh, duty.parties ->> 'owning'),
               'maintaining', coalesce(pm.name_zh, duty.parties ->> 'maintaining'),
               'assigned', coalesce(duty.roles, '[]')),
             'evidence', {evidence_of("a.evidence_id", delivered=True)})"""

ASSET_JOINS = """JOIN twin.class c ON c.class_id = a.class_id
        LEFT JOIN twin.department ps ON ps.department_id = a.supervising_department_id
        LEFT JOIN twin.department po ON po.department_id = a.owning_department_id
        LEFT JOIN twin.department pm ON pm.department_id = a.maintaining_department_id
        LEFT JOIN LATERAL (
          SELECT json_object_agg(x.role, d.name_zh) AS parties, json_agg(x.role ORDER BY x.role) AS roles
          FROM twin.responsible(a.class_id, a.admin_id, a.grid_id, %(as_of)s) x
            JOIN twin.department d ON d.department_id = x.department_id
          WHERE num_nulls(a.supervising_department_id, a.owning_department_id, a.maintaining_department_id) > 0
            AND CASE x.role WHEN 'supervising' THEN a.supervising_department_id
                            WHEN 'owning' THEN a.owning_department_id
                            ELSE a.maintaining_department_id END IS NULL) duty ON true
        CROSS JOIN LATERAL (SELECT CASE WHEN GeometryType(a.geom) = 'POINT' THEN a.geom
                                        ELSE ST_PointOnSurface(a.geom) END AS g) spot
        CROSS JOIN LATERAL (SELECT mod((degrees(ST_Azimuth(q.m, ST_ClosestPoint(a.geom_m, q.m)))
                                        + %(convergence_deg)s::float8 + 720)::numeric, 360) AS deg) bearing"""

# What an asset's row must bring along for ASSET_JSON; geometry last, it is the widest.
ASSET_COLUMNS = """a.asset_id, a.class_id, a.code, a.name_zh, a.state, a.height_m, a.vertical_datum, a.accuracy_class,
               a.attributes, a.evidence_id, a.batch_id, a.row_no, a.known_at,
               a.supervising_department_id, a.owning_department_id,
               a.maintaining_department_id, a.admin_id, a.grid_id, a.geom, a.geom_m"""
