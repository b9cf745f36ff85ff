"""Example answers about deliveries for the OpenAPI description; invented, with the shape of the real ones."""

from __future__ import annotations

from typing import Any

from api.examples import JOB

_UPLOAD = "0b9f2f6e-6d0f-4f0e-9a53-2f1f6f1f7c11"
_DEPARTMENT = {"code": "housing", "name_zh": "住房和城乡建设局", "name_en": "Housing and Construction"}
UPLOAD: dict[str, Any] = {"upload": _UPLOAD, "name": "报修工单.xlsx", "bytes": 18211, "sha256": "9f86d081884c7d65"}
STARTED: dict[str, Any] = {"upload": _UPLOAD, "job_id": "5a2f6d60-43a5-4f0c-8f0b-6a1d5f3f7a10"}
ROLLING_BACK: dict[str, Any] = {"batch": 3, "job_id": STARTED["job_id"]}
CANCELLED: dict[str, Any] = {"cancelled": True}
CHOICES: dict[str, Any] = {
    "departments": [_DEPARTMENT],
    "mappings": [
        {
            "name": "repairs",
            "title_zh": "报修工单",
            "title_en": "Repair orders",
            "target": "record",
            "department": "housing",
            "department_zh": "住房和城乡建设局",
            "columns": ["工单编号", "报修地址", "报修内容"],
        }
    ],
    "datums": ["auto", "cgcs2000", "gcj02", "bd09"],
}
FILE: dict[str, Any] = {
    "file": "报修工单.xlsx",
    "layer": "工单",
    "mapping": "repairs",
    "target": "record",
    "batch": 3,
    "read": 153,
    "inserted": 150,
    "changed": 0,
    "unchanged": 0,
    "rejected": 3,
    "reasons": {"number_ruined": 1},
    "rejected_rows": {"number_ruined": [12]},
    "notes": {},
    "unknown_classes": {},
    "unplaced_columns": [],
    "crs": "EPSG:4490",
    "crs_how": {"zh": "按声明", "en": "as declared"},
    "datum": None,
    "encoding": None,
    "ended": 0,
    "resumed": False,
    "dry_run": False,
    "seconds": 0.4,
    "rows_per_second": 382.5,
    "error": None,
    "problem": None,
}
TAKEN: dict[str, Any] = {
    "batch": 3,
    "read": 153,
    "inserted": 150,
    "changed": 0,
    "unchanged": 0,
    "rejected": 3,
    "reasons": {"number_ruined": 1},
    "seconds": 0.4,
    "rows_per_second": 382.5,
    "batches": [3],
    "files": [FILE],
    "linked": {"accepted": 120, "review": 18, "unlinked": 12},
    "places_changed": False,
}
RULE: dict[str, str] = {
    "severity": "reject",
    "zh": "编码被 Excel 变成了科学计数法，后几位已丢失",
    "en": "Excel turned the code into a number in powers of ten and its last digits are lost",
    "fix_zh": "把该列设为文本后从原系统重新导出",
    "fix_en": "Export again from the source with the column as text",
}
RESULT: dict[str, Any] = {
    "upload": _UPLOAD,
    "asked": {
        "department": None,
        "mapping": None,
        "crs": None,
        "datum": "auto",
        "complete": False,
        "mends": None,
        "of_file": {},
        "files": ["报修工单.xlsx"],
        "given_by": "王主任",
    },
    "check": None,
    "taken": TAKEN,
    "job": JOB,
    "rules": {"number_ruined": RULE},
}
_BATCH: dict[str, Any] = {
    "batch": 3,
    "file": "报修工单.xlsx",
    "layer": "工单",
    "target": "record",
    "mapping": "repairs",
    "state": "done",
    "department": _DEPARTMENT,
    "read": 153,
    "inserted": 150,
    "changed": 0,
    "unchanged": 0,
    "rejected": 3,
    "ended": 0,
    "mends": None,
    "mended": 2,
    "crs": "EPSG:4490",
    "datum": "cgcs2000",
    "encoding": None,
    "started_at": "2026-11-02T01:00:00+00:00",
    "finished_at": "2026-11-02T01:00:01+00:00",
}
BATCHES: dict[str, Any] = {"items": [_BATCH]}
_SAID = {name: RULE[name] for name in ("zh", "en", "fix_zh", "fix_en")}
BATCH: dict[str, Any] = {
    **_BATCH,
    "reasons": [{"code": "number_ruined", "count": 1, "rows": [12], **_SAID}],
    "linked": {"accepted": 120, "review": 18, "unlinked": 12},
}
REJECTED: dict[str, Any] = {
    "columns": ["工单编号", "部件编号"],
    "items": [
        {
            "row_no": 12,
            "code": "number_ruined",
            "detail": "部件编号",
            "raw": {"工单编号": "BX20261012", "部件编号": "3.70612E+15"},
            "mended_in": None,
            **_SAID,
        }
    ],
}
REFUSED: dict[str, Any] = {
    "items": [
        {
            "file": "broken.gpkg",
            "layer": None,
            "department": None,
            "department_zh": None,
            "reason": "UnreadableDelivery",
            "message": "内容不是 GeoPackage (the content is not GeoPackage).",
            "given_by": "王主任",
            "times": 1,
            "first_at": "2026-11-02T01:00:00+00:00",
            "last_at": "2026-11-02T01:00:00+00:00",
            "taken_since": False,
        }
    ]
}
