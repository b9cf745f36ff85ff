"""Example answers for the OpenAPI description; invented, with the shape of the real ones (a test compares the keys)."""

from __future__ import annotations

from typing import Any

_DELIVERY = {
    "kind": "delivery",
    "file": "03_assets.csv",
    "row_no": 17,
    "batch": 3,
    "department": "区综合行政执法局",
    "observed_at": "2026-10-12T02:30:00+00:00",
    "known_at": "2026-11-02T01:00:00+00:00",
}
_SURVEY = {
    "kind": "survey",
    "survey": "spring-2026",
    "method": "LoD1.3 blocks from the surface model",
    "sigma_m": 0.08,
    "observed_at": "2026-04-12T02:30:00+00:00",
    "known_at": "2026-04-13T01:00:00+00:00",
}
ASSET: dict[str, Any] = {
    "code": "3706120118000001",
    "class_code": "0118",
    "class_zh": "路灯",
    "class_en": "Street lamp",
    "name_zh": "政府大街1号路灯",
    "state": "完好",
    "distance_m": 12.4,
    "bearing_deg": 87.5,
    "lon": 121.6001,
    "lat": 37.3872,
    "height_m": None,
    "vertical_datum": None,
    "accuracy_class": "A",
    "attributes": {"杆高m": 9, "功率W": 120},
    "parties": {
        "supervising": "区综合行政执法局",
        "owning": "区住房和城乡建设局",
        "maintaining": "区市政公司",
        "assigned": [],
    },
    "evidence": _DELIVERY,
}
LOOKUP: dict[str, Any] = {
    "query": {"lon": 121.6, "lat": 37.3871, "height_m": None, "radius_m": 30.0, "as_of": None, "role": "public"},
    "place": {
        "admin": [{"code": "370612", "level": 3, "name_zh": "牟平区", "name_en": "Muping"}],
        "grid": {
            "code": "370612001001001",
            "name_zh": None,
            "management_grids": [{"code": "M1", "name_zh": "东关一格", "kind": "responsibility"}],
        },
        "address": {
            "code": "DZ0001",
            "text_zh": "牟平区宁海街道政府大街101号",
            "distance_m": 4.2,
            "evidence": _DELIVERY,
        },
        "projected": {"crs": "EPSG:4550", "east": 376015.12, "north": 4140382.5},
    },
    "terrain": {
        "ground_h_m": 19.61,
        "surface_h_m": 44.02,
        "vertical_datum": "EPSG:5737",
        "survey": "spring-2026",
        "sigma_m": 0.06,
        "heights_from": "control",
        "evidence": _SURVEY,
    },
    "building": {
        "code": "3706120010010001",
        "name_zh": "区政府办公楼",
        "use_zh": "办公",
        "storeys": 6,
        "lod": "1.3",
        "distance_m": 0.0,
        "ground_h_m": 19.6,
        "roof_h_m": 44.0,
        "height_m": 24.4,
        "height_sigma_m": 0.08,
        "height_confidence": "high",
        "height_note": None,
        "vertical_datum": "EPSG:5737",
        "survey": "spring-2026",
        "addresses": [{"code": "DZ0001", "text_zh": "牟平区宁海街道政府大街101号"}],
        "geometry": {
            "type": "MultiPolygon",
            "coordinates": [[[[121.6, 37.387], [121.6003, 37.387], [121.6003, 37.3872], [121.6, 37.387]]]],
        },
        "evidence": {"footprint": _DELIVERY, "height": _SURVEY},
    },
    "assets": [ASSET],
    "records": [
        {
            "department": {"code": "housing", "name_zh": "区住房和城乡建设局"},
            "count": 1,
            "items": [
                {
                    "record_id": 42,
                    "kind": "repair_order",
                    "title_zh": "路灯不亮",
                    "recorded_at": "2026-10-12T02:30:00+00:00",
                    "state": "待处理",
                    "address_given": None,
                    "attributes": {"报修内容": "灯不亮"},
                    "link": {
                        "to": {"kind": "asset", "code": "3706120118000001"},
                        "method": "code",
                        "score": 1,
                        "margin": 0.3,
                        "state": "accepted",
                        "reason_zh": "部件编号一致",
                        "reason_en": "same component code",
                    },
                    "evidence": _DELIVERY,
                }
            ],
        }
    ],
    "entities": {
        "count": 3,
        "items": [
            {
                "code": "ENT-0001",
                "type_code": "E05",
                "type_zh": "企业法人",
                "type_en": "Enterprise (legal person)",
                "name": "宁海测试商贸有限公司",
                "masked": False,
                "evidence": _DELIVERY,
            }
        ],
    },
    "events": [],
    "sensors": [],
    "imagery": {
        "surveys": [
            {
                "name": "spring-2026",
                "kind": "drone",
                "taken_from": "2026-04-12T02:30:00+00:00",
                "gsd_m": 0.03,
                "products": ["dsm", "dtm", "orthophoto", "tileset"],
            }
        ],
        "photos": [
            {
                "survey": "spring-2026",
                "file": "DJI_0042.JPG",
                "taken_at": "2026-04-12T02:31:10+00:00",
                "pixel": {"col": 1012.4, "row": 733.9},
                "distance_m": 78.3,
                "off_nadir_deg": 12.1,
                "crop_url": "/surveys/spring-2026/photos/DJI_0042.JPG/crop?col=1012.4&row=733.9&size=320",
            }
        ],
        "hidden": 2,
    },
    "history": [
        {
            "table": "building",
            "code": "3706120010010001",
            "operation": "changed",
            "known_from": "2026-01-02T01:00:00+00:00",
            "known_to": "2026-11-02T01:00:00+00:00",
            "actor": None,
            "old": {"name_zh": "旧政府楼"},
        }
    ],
}
NEARBY: dict[str, Any] = {
    "query": {"lon": 121.6, "lat": 37.3871, "n": 1, "class": ["0118"], "radius_m": None, "as_of": None},
    "items": [ASSET],
}
SEARCH: dict[str, Any] = {
    "query": {"q": "政府大街101号", "kind": [], "bbox": None, "view": None, "n": 20},
    "items": [
        {
            "kind": "address",
            "code": "DZ0001",
            "label_zh": "牟平区宁海街道政府大街101号",
            "lon": 121.6,
            "lat": 37.3871,
            "score": 0.95,
        }
    ],
}
CLASSES: dict[str, Any] = {
    "items": [
        {
            "code": "0118",
            "name_zh": "路灯",
            "name_en": "Street lamp",
            "category_zh": "公用设施类",
            "category_en": "Public utilities",
            "geometry_kind": "point",
            "is_extension": False,
            "accuracy_class": "A",
            "responsible_department_zh": "住房城乡建设/城管部门",
            "codes": [{"scheme": "GBT47678.5-2026", "code": "01022", "name_zh": "路灯", "inferred": False}],
            "attribute_schema": {"type": "object", "properties": {"杆高m": {"type": ["number", "null"]}}},
            "osm_tags": "highway=street_lamp",
            "citygml_type": "CityFurniture",
        }
    ]
}
EVENT_CLASSES: dict[str, Any] = {
    "may_report": True,
    "items": [
        {
            "code": "06010",
            "name_zh": "暴露垃圾",
            "name_en": "Exposed rubbish",
            "category_zh": "市容环境类",
            "category_en": "City appearance",
            "filing_condition_zh": "公共区域成堆垃圾",
            "time_limit": "4WH",
            "closure_condition_zh": "清除干净",
            "responsible_department_zh": "环卫/街道(镇)",
        }
    ],
}
SURVEY: dict[str, Any] = {
    "name": "spring-2026",
    "kind": "drone",
    "taken_from": "2026-04-12T02:30:00+00:00",
    "taken_to": "2026-04-12T02:52:00+00:00",
    "crs": "EPSG:4550",
    "vertical_datum": "EPSG:5737",
    "gsd_m": 0.03,
    "published_at": "2026-04-13T01:00:00+00:00",
    "bounds": [121.598, 37.386, 121.602, 37.389],
    "photos": {"given": 38, "registered": 37},
    "products": [
        {
            "kind": "dsm",
            "media_type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "crs": "EPSG:4550",
            "vertical_datum": "EPSG:5737",
            "resolution_m": 0.05,
            "sigma_m": None,
            "bytes": 1048576,
            "sha256": "0" * 64,
        }
    ],
}
SURVEYS: dict[str, Any] = {"items": [SURVEY]}
SURVEY_WHOLE: dict[str, Any] = {
    **SURVEY,
    "report": {"survey": "spring-2026", "gsd_m": 0.03},
    "footprint": {"type": "MultiPolygon", "coordinates": [[[[121.6, 37.387], [121.601, 37.387], [121.6, 37.387]]]]},
}
REPORT: dict[str, Any] = {
    "survey": "spring-2026",
    "photos": {"given": 38, "accepted": 37, "rejected": [{"file": "x.JPG", "reason": "blurred"}], "registered": 37},
    "reprojection_px": 0.61,
    "gsd_m": 0.03,
    "crs": "EPSG:4550",
    "vertical_datum": "EPSG:5737",
}
PHOTOS: dict[str, Any] = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": 1,
            "geometry": {"type": "Point", "coordinates": [121.6, 37.387, 85.0]},
            "properties": {
                "file": "DJI_0042.JPG",
                "taken_at": "2026-04-12T02:31:10+00:00",
                "width": 2000,
                "height": 1500,
                "registered": True,
                "rejected_reason": None,
            },
        }
    ],
}
RECORD: dict[str, Any] = {
    "record_id": 42,
    "department": {"code": "housing", "name_zh": "区住房和城乡建设局"},
    "kind": "repair_order",
    "title_zh": "路灯不亮",
    "recorded_at": "2026-10-12T02:30:00+00:00",
    "state": "待处理",
    "address_given": None,
    "attributes": {"报修内容": "灯不亮"},
    "lon": None,
    "lat": None,
    "valid_from": "2026-10-12T02:30:00+00:00",
    "valid_to": None,
    "evidence": _DELIVERY,
}
RECORDS: dict[str, Any] = {"items": [RECORD], "next": "/records?after=42&n=100"}
LINKS: dict[str, Any] = {
    "items": [
        {
            "link_id": 7,
            "method": "code",
            "score": 1.0,
            "margin": 0.3,
            "distance_m": None,
            "state": "accepted",
            "reason_zh": "部件编号一致",
            "reason_en": "same component code",
            "register_version": 1,
            "created_at": "2026-11-02T01:00:00+00:00",
            "decided_at": None,
            "decided_by": None,
            "building": None,
            "asset": {"code": "3706120118000001", "name_zh": "政府大街1号路灯"},
            "address": None,
        }
    ]
}
JOB: dict[str, Any] = {
    "job_id": "6f1c2f0e-7f5e-4a55-9a55-0d3c5a0f4f11",
    "kind": "survey.run",
    "subject": "spring-2026",
    "state": "running",
    "stage": "depth",
    "progress": 0.42,
    "message_zh": "密集匹配 12/28",
    "message_en": "dense matching 12/28",
    "created_at": "2026-04-13T00:00:00+00:00",
    "started_at": "2026-04-13T00:00:02+00:00",
    "finished_at": None,
    "result": None,
    "requested_by": None,
}
JOBS: dict[str, Any] = {"items": [JOB]}
LAYER: dict[str, Any] = {
    "survey": "spring-2026",
    "product": "dsm",
    "tiles": "/rasters/spring-2026/dsm/tiles/{z}/{x}/{y}.png",
    "terrain": "/rasters/spring-2026/dsm/terrain/{z}/{x}/{y}.png",
    "bounds": [121.598, 37.386, 121.602, 37.389],
    "minzoom": 16,
    "maxzoom": 22,
    "version": "0" * 16,
    "vertical_datum": "EPSG:5737",
    "range_m": [18.0, 61.0],
    "legend": [{"value_m": 18.0, "colour": "#38605c"}, {"value_m": 61.0, "colour": "#eeeae4"}],
}
POINT: dict[str, Any] = {
    "survey": "spring-2026",
    "product": "dsm",
    "lon": 121.6,
    "lat": 37.387,
    "values": [44.02],
    "vertical_datum": "EPSG:5737",
}
HEALTH: dict[str, Any] = {
    "status": "ok",
    "version": "0.1.0",
    "database": {"state": "current", "revision": "0001", "newest": "0001", "answers_in_ms": 0.6},
    "products": {"listed": 9, "missing": []},
}
PROBLEM: dict[str, Any] = {
    "type": "urn:twin:problem:outside-city",
    "title": "A place outside the city, or one with longitude and latitude swapped.",
    "title_zh": "位置不在本区范围内",
    "status": 422,
    "detail": "lon, lat: longitude and latitude are swapped. Ask with lon=121.6 and lat=37.387.",
    "instance": "/lookup",
    "request_id": "0" * 32,
}
