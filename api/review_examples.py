"""Example answers of the review queue for the OpenAPI description; invented, with the shape of the real ones."""

from __future__ import annotations

from typing import Any

PLACE: dict[str, Any] = {
    "link_id": 17,
    "state": "review",
    "method": "address",
    "score": 0.74,
    "margin": 0.02,
    "distance_m": 12.5,
    "reason_zh": "地址: 另有同样相近的地址",
    "reason_en": "address: another address is as similar",
    "decided_by": None,
    "decided_at": None,
    "place": {
        "kind": "building",
        "code": "3706120010010004",
        "label": "牟平区宁海街道政府大街102号",
        "name": "政府街小区4幢",
        "lon": 121.6,
        "lat": 37.387,
        "geometry": {"type": "Point", "coordinates": [121.6, 37.387]},
    },
    "differences": {
        "given": [{"text": "政府大街102", "same": True}],
        "found": [
            {"text": "牟平区宁海街道", "same": False},
            {"text": "政府大街102", "same": True},
            {"text": "号", "same": False},
        ],
        "parts": [
            {"part": "road", "given": "政府大街", "found": "政府大街", "state": "same"},
            {"part": "number", "given": "102", "found": "102", "state": "same"},
        ],
    },
}
ITEM: dict[str, Any] = {
    "subject": {
        "kind": "record",
        "id": 5,
        "department": {"code": "housing", "name_zh": "区住房和城乡建设局", "name_en": "Housing and Construction"},
        "type": "repair_order",
        "type_zh": None,
        "type_en": None,
        "title": "下水道堵塞",
        "state": "待处理",
        "recorded_at": "2026-10-12T02:30:00+00:00",
        "attributes": {"报修内容": "下水道堵塞"},
        "address_given": "政府大街102",
        "lon": None,
        "lat": None,
        "grid": None,
    },
    "candidates": [PLACE],
    "decided": [],
    "version": "0cc175b9c0f1b6a831c399e269772661",
    "claim": None,
}
QUEUE: dict[str, Any] = {
    "items": [
        {
            "subject": "record",
            "id": 5,
            "department": "housing",
            "department_zh": "区住房和城乡建设局",
            "type": "repair_order",
            "type_zh": None,
            "title": "下水道堵塞",
            "why": "rivals",
            "score": 0.74,
            "claimed_by": None,
            "claimed_until": None,
        }
    ],
    "waiting": 1,
    "departments": [{"code": "housing", "name_zh": "区住房和城乡建设局", "count": 1}],
    "kinds": [{"code": "repair_order", "name_zh": None, "count": 1}],
    "whys": [{"code": "rivals", "count": 1}],
    "progress": {"decided_today": 0, "by_me_today": 0, "held_by_others": 0},
}
CLAIM: dict[str, Any] = {"item": ITEM, "lease_s": 300}
RELEASED: dict[str, Any] = {"released": True}
DECIDED: dict[str, Any] = {"links": [17], "done": True, "item": {**ITEM, "candidates": []}}
