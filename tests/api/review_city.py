"""Records and an entity whose place a person must settle, added to the small city."""

from __future__ import annotations

from typing import Any

from tests.databases import Database
from tests.private_rows import put_record

ROAD = "牟平区宁海街道政府大街"
# key, department, kind, title, address as given (cut at the building), whole address, offset of the point or None
SUBJECTS = (
    ("FH1", "housing", "repair_order", "楼道灯不亮", "政府大街103", "政府大街103号2单元301室", None),
    ("FH2", "housing", "repair_order", "外墙渗水", "宁海街道政府大道105号", "宁海街道政府大道105号", (-60.0, 20.0)),
    ("FH3", "urban", "fire_inspection", "消防通道堵塞", "政府大街一零四号", "政府大街104号", None),
    ("FH4", "urban", "fire_inspection", "灭火器过期", "政府街小区", "政府街小区4幢东户101室", None),
)
# subject -> (building, method, score, margin, distance, reasons)
PROPOSALS = (
    ("FH1", "school", "address", 0.83, 0.02, None, "另有同样相近的地址", "another address is as similar"),
    ("FH1", "offices", "address", 0.81, 0.02, None, "另有同样相近的地址", "another address is as similar"),
    ("FH2", "offices", "address", 0.78, 0.1, 132.0, "但坐标在 132 米外", "but the point is 132 m away"),
    ("FH2", "tower", "point", 0.77, 0.3, 0.0, "坐标在此楼", "the point is here"),
    ("FH3", "shed", "address", 0.72, 0.2, None, "相近但不确定", "similar but not certain"),
    ("FH4", "row", "address", 0.66, 0.2, None, "不足以确定到一栋楼", "not enough to tell the building"),
)
RECORD = """
INSERT INTO twin.record (department_id, kind, source_key, title_zh, state, address_given, geom, geom_m)
SELECT department_id, %(kind)s, %(key)s, %(title)s, '待处理', %(cut)s, p.geom, ST_Transform(p.geom, 4550)
FROM twin.department, (SELECT ST_SetSRID(ST_Point(%(lon)s, %(lat)s), 4490) AS geom) p WHERE code = %(department)s
RETURNING record_id, department_id
"""
LINK = """
INSERT INTO twin.link (record_id, building_id, address_id, method, score, margin, distance_m, state, reason_zh,
                       reason_en, register_version)
SELECT %(record_id)s, b.building_id, a.address_id, %(method)s, %(score)s, %(margin)s, %(distance)s, 'review', %(zh)s,
       %(en)s, 1
FROM twin.building b JOIN twin.address a USING (building_id) WHERE b.code = %(code)s
"""


def add_reviews(database: Database, buildings: dict[str, Any], lonlat: Any) -> dict[str, int]:
    """Add the subjects and proposals; gives each subject's number. lonlat: offset in metres -> position."""
    numbers: dict[str, int] = {}
    for key, department, kind, title, cut, whole, offset in SUBJECTS:
        place = lonlat(*offset) if offset else None
        values = {"key": key, "department": department, "kind": kind, "title": title, "cut": cut}
        at = {"lon": place.lon if place else None, "lat": place.lat if place else None}
        numbers[key], department_id = database.fetch(RECORD, values | at)[0]
        put_record(database, numbers[key], department_id, {"address": whole, "联系人": "测庚保密"})
    for key, building, method, score, margin, distance, zh, en in PROPOSALS:
        values = {"record_id": numbers[key], "code": buildings[building].code, "method": method, "score": score}
        database.fetch(LINK, values | {"margin": margin, "distance": distance, "zh": zh, "en": en})
    return numbers
