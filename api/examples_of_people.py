"""Examples of answers about people and of the audit, for the documentation and the tests. All persons are invented."""

from __future__ import annotations

from typing import Any

REVEAL_ASKED: dict[str, Any] = {
    "purpose": "emergency",
    "reason": "五号楼火情, 需联系住户",
    "fields": ["name", "phone"],
}
REVEALED: dict[str, Any] = {
    "subject": "E03-0a1b2c3d4e5f6071",
    "purpose": "emergency",
    "values": {"name": "测试户主", "phone": "00000000000"},
}
PURPOSES: dict[str, Any] = {
    "purposes": [
        {
            "code": "emergency",
            "name_zh": "应急处置",
            "name_en": "Emergency",
            "for_zh": "火灾、事故、灾害中联系或疏散",
            "for_en": "reach or evacuate people in a fire, an accident or a disaster",
        }
    ],
    "fields": {"entity": ["name", "phone"], "record": ["phone"]},
}
AUDIT: dict[str, Any] = {
    "items": [
        {
            "audit_id": 1204,
            "at": "2026-11-28T03:12:07+00:00",
            "actor": "li",
            "role": "officer",
            "action": "people.revealed",
            "subject": "E03-0a1b2c3d4e5f6071",
            "purpose": "emergency",
            "request_id": "3f0e8f0c5a0b4c5e9d1f2a3b4c5d6e7f",
            "detail": {
                "fields": ["name", "phone"],
                "reason": "五号楼火情, 需联系住户",
                "persons": ["E03-0a1b2c3d4e5f6071"],
            },
            "hash": "9f2c5b7a0d6e4f1182739a5c6b7d8e9f00112233445566778899aabbccddeeff",
        }
    ],
    "next": "/audit?before=1204&n=1",
}
