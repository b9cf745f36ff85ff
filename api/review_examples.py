"""Example answers of the review queue for the OpenAPI description; invented, with the shape of the real ones."""

from __future__ import annotations

from typing import Any

_REASONS = {"reason_zh": "地址: 另有同样相近的地址", "reason_en": "address: another address is as similar"}
_TO = {
    "kind": "building",
    "code": "3706120010010004",
    "label": "牟平区宁海街道政府大街102号",
    "lon": 121.6,
    "lat": 37.387,
}
CANDIDATE: dict[str, Any] = {
    "link_id": 17,
    "state": "review",
    "method": "address",
    "score": 0.74,
    "margin": 0.02,
    "distance_m": 12.5,
    **_REASONS,
    "to": {**_TO, "geometry": {"type": "Point", "coordinates": [121.6, 37.387]}, "name": "政府街小区4幢"},
    "parts": [
        {
            "part": "number",
            "name_zh": "门牌号",
            "name_en": "gate number",
            "given": "102",
            "known": "102",
            "verdict": "same",
        }
    ],
    "rank": 1,
    "texts": {
        "given": [{"text": "政府大街102", "is": "same"}],
        "known": [
            {"text": "牟平区宁海街道", "is": "more"},
            {"text": "政府大街102", "is": "same"},
            {"text": "号", "is": "more"},
        ],
    },
}
LINK: dict[str, Any] = {
    "link_id": 17,
    "version": 1,
    "state": "review",
    "method": "address",
    "score": 0.74,
    "margin": 0.02,
    "distance_m": 12.5,
    **_REASONS,
    "register_version": 1,
    "decided_by": None,
    "decided_at": None,
    "building_id": 4,
    "asset_id": None,
    "address_id": 4,
    **{f"to_{name}": value for name, value in _TO.items()},
}
ITEM: dict[str, Any] = {
    "subject": {
        "kind": "record",
        "number": 5,
        "department_code": "housing",
        "department": "区住房和城乡建设局",
        "type": "repair_order",
        "title": "下水道堵塞",
        "address_given": "政府大街102",
        "recorded_at": "2026-10-12T02:30:00+00:00",
        "lon": None,
        "lat": None,
        "grid": None,
    },
    "seen": "0cc175b9c0f1b6a831c399e269772661",
    "claimed_by": None,
    "claimed_until": None,
    "given": {"road": "政府大街", "number": "102"},
    "links": [LINK],
    "candidates": [CANDIDATE],
}
QUEUE: dict[str, Any] = {
    "items": [
        {
            "kind": "record",
            "number": 5,
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
DECIDED: dict[str, Any] = {
    "links": [17],
    "done": True,
    "item": {**ITEM, "links": [{**LINK, "state": "accepted", "version": 2}], "candidates": []},
}
