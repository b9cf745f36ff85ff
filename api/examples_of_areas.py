"""Examples of questions and answers about areas."""

from __future__ import annotations

from typing import Any

SUMMARY_ASKED: dict[str, Any] = {
    "polygon": {
        "summary": "A polygon",
        "value": {
            "polygon": {
                "type": "Polygon",
                "coordinates": [
                    [[121.597, 37.377], [121.603, 37.377], [121.603, 37.383], [121.597, 37.383], [121.597, 37.377]]
                ],
            }
        },
    },
    "code": {"summary": "A town or street", "value": {"code": "370612001"}},
}
SUMMARY: dict[str, Any] = {
    "area": {"name_zh": "宁海街道", "area_km2": 1.44},
    "assets": {
        "count": 21,
        "by_class": [
            {
                "class_code": "0118",
                "class_zh": "路灯",
                "class_en": "Street lamp",
                "count": 6,
                "length_m": 0.0,
                "area_m2": 0.0,
            }
        ],
        "by_department": [{"department": {"code": "urban", "name_zh": "区综合行政执法局"}, "count": 20}],
        "by_state": [{"state": "完好", "count": 20}],
        "by_year": [{"since": 2020, "count": 21}],
    },
    "records": {
        "count": 12,
        "by_department": [
            {
                "department": {"code": "housing", "name_zh": "区住房和城乡建设局"},
                "count": 12,
                "kinds": [{"kind": "repair_order", "count": 12}],
            }
        ],
    },
    "events": {"count": 1, "by_state": [{"state": "filed", "count": 1}]},
    "people": {
        "whole_grids": 2,
        "at_least": 10,
        "rounded_to": 5,
        "persons": {"count": None, "grids": 0},
        "households": {"count": 35, "grids": 1},
    },
}
