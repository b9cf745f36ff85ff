"""The sixty kinds of record that departments hold, and how each says where it belongs."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# One line a kind: what its columns are called, how many of 10,000 records are of it, and where it says it belongs:
# address (by hand), home (with room and person), firm (credit code and address), asset (component code), both
# (component code and point), point (a point at a component), spot (address and point).
TABLE = Path(__file__).with_name("kinds.csv")
# Which components a kind of record speaks of; others speak of any.
OF_CLASSES = {
    "lamp_repair": ("0118",), "cover_check": ("0101", "0102", "0103", "0105", "0107", "0110", "0111"),
    "waste_collect": ("0305",),
    "pipe_check": ("2112", "2113", "2114"), "tree_care": ("0402",), "device_check": ("2104",),
    "hydrant_check": ("0113",),
    "air_reading": ("0308",), "outfall_check": ("2108",), "water_level": ("2110",), "bridge_check": ("0208",),
    "bus_trip": ("0203",), "sign_repair": ("0209",), "signal_fault": ("0210",), "camera_check": ("0136",),
    "site_check": ("0602",),
    "tower_check": ("2105",), "parcel_box": ("2106",), "parking_fee": ("0201",), "noise_report": ("0311",),
    "road_defect": ("2116",), "flood_patrol": ("0606",), "pest_report": ("0401",),
    "city_case": ("0101", "0103", "0104", "0118", "0209", "0305", "0117", "0307"),
}  # fmt: skip
STATES = ("已受理", "处理中", "已完成", "已完成", "已关闭")
SMALL = 60_000  # kinds of fewer records come as workbooks


@dataclass(frozen=True)
class RecordKind:
    """One kind of record. share: of 10,000 records. where: how it says its place. says: what it may say.

    number: name of a column with a number, "" for none.
    """

    code: str
    department: str
    department_zh: str
    department_en: str
    title_zh: str
    title_en: str
    key: str
    prefix: str
    share: int
    where: str
    says: tuple[str, ...]
    number: str

    @property
    def has_person(self) -> bool:
        """Whether the record names a person."""
        return self.where in ("home", "address", "spot")

    @property
    def has_point(self) -> bool:
        """Whether the record gives a position."""
        return self.where in ("both", "point", "spot")

    @property
    def has_address(self) -> bool:
        """Whether the record gives an address."""
        return self.where in ("address", "home", "firm", "spot")


@cache
def record_kinds() -> tuple[RecordKind, ...]:
    """List all kinds."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="|"))
    return tuple(
        RecordKind(
            row["code"], row["department"], row["department_zh"], row["department_en"], row["title_zh"],
            row["title_en"],
            row["key"], row["prefix"], int(row["share"]), row["where"], tuple(row["says"].split(";")), row["number"],
        )
        for row in rows
    )  # fmt: skip


def counts_of_kinds(records: int) -> dict[str, int]:
    """Share `records` out among the kinds; each gets ten at least and what is over goes to the first."""
    kinds = record_kinds()
    total = sum(kind.share for kind in kinds)
    counts = {kind.code: 10 + (records - 10 * len(kinds)) * kind.share // total for kind in kinds}
    counts[kinds[0].code] += records - sum(counts.values())
    return counts


def mapping_of(kind: RecordKind) -> dict[str, Any]:
    """Write the mapping of a kind's deliveries, as data/mappings/README.md describes."""
    says, when = f"{kind.title_zh}内容", f"{kind.title_zh}时间"
    mapping: dict[str, Any] = {
        "title": {"zh": kind.title_zh, "en": kind.title_en}, "target": "record", "kind": kind.code,
        "department": {"code": kind.department, "name_zh": kind.department_zh, "name_en": kind.department_en},
        "match": [[kind.key], [says], [when]],
        "fields": {
            "key": {"from": [kind.key], "type": "code"}, "title_zh": {"from": [says], "required": True},
            "recorded_at": {"from": [when], "type": "time"},
            "state": {"from": ["办理状态"], "values": {state: state for state in sorted(set(STATES))}},
        },
        "position": {"kind": "none"},
    }  # fmt: skip
    fields = mapping["fields"]
    if kind.has_address:
        fields["address"] = {"from": ["地址"], "required": kind.where in ("home", "firm")}
    if kind.where in ("asset", "both"):
        fields["asset_code"] = {"from": ["部件标识码"], "type": "code", "rule": "component_code", "required": True}
    if kind.has_point:
        required = kind.where != "spot"
        mapping["position"] = {
            "kind": "lonlat",
            "x": ["经度"],
            "y": ["纬度"],
            "datum": "cgcs2000",
            "required": required,
        }
        fields["grid_code"] = {"from": ["所在网格"], "type": "code", "rule": "grid_code"}
    if kind.number:
        mapping["public"] = {kind.number: {"from": [kind.number], "type": "number", "min": 0, "max": 1_000_000}}
    private: dict[str, Any] = {}
    if kind.has_person:
        private |= {"联系人": {"from": ["联系人"]}, "联系电话": {"from": ["联系电话"]}}
    if kind.where == "home":
        private["房号"] = {"from": ["房号"]}
    if kind.where == "firm":
        private["统一社会信用代码"] = {"from": ["统一社会信用代码"], "type": "code", "rule": "credit_code"}
    if private:
        mapping["private"] = private
    return mapping
