"""What stands in the small city: facts that tests compare answers with. Persons and their numbers are invented."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class BuildingFact:
    """A building; box is its index in the survey's scene, heights in metres (EPSG:5737)."""

    key: str
    box: int
    code: str
    name_zh: str
    use_zh: str
    storeys: int
    address_code: str
    address_zh: str
    ground_h_m: float
    confidence: str = "high"


@dataclass(frozen=True)
class AssetFact:
    """An asset; points are offsets (metres east, north) from the city's origin."""

    key: str
    class_code: str
    code: str
    name_zh: str
    points: tuple[tuple[float, float], ...]
    shape: str = "point"
    state: str = "完好"
    attributes: tuple[tuple[str, object], ...] = ()
    valid_to: datetime | None = None


@dataclass(frozen=True)
class RecordFact:
    """A department's record and the place it is linked to."""

    department: str
    kind: str
    source_key: str
    title_zh: str
    state: str
    file: str
    place_kind: str
    place: str
    method: str
    score: float
    contact: str
    phone: str
    address_given: str | None = None
    link_state: str = "accepted"
    attributes: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True)
class EnterpriseFact:
    """An enterprise: its public name, and what is private about it."""

    code: str
    name: str
    building: str
    legal_person: str
    credit_code: str
    phone: str


@dataclass(frozen=True)
class HouseholdFact:
    """A household: everything but the building is private."""

    code: str
    building: str
    head: str
    id_number: str
    phone: str
    room: str


DEPARTMENTS = {
    "housing": ("区住房和城乡建设局", "Housing and Construction"),
    "urban": ("区综合行政执法局", "Urban Management"),
    "market": ("区市场监督管理局", "Market Supervision"),
    "police": ("区公安分局", "Public Security"),
    "civil": ("区民政局", "Civil Affairs"),
}

ROAD = "牟平区宁海街道政府大街"
BUILDINGS = (
    BuildingFact("tower", 0, "3706120010010001", "旧政府楼", "办公", 6, "DZ0001", f"{ROAD}101号", 19.6),
    BuildingFact("school", 1, "3706120010010002", "实验小学", "教育", 2, "DZ0002", f"{ROAD}103号", 20.05),
    BuildingFact("offices", 2, "3706120010010003", "财政大厦", "办公", 3, "DZ0003", f"{ROAD}105号", 20.5),
    BuildingFact("row", 3, "3706120010010004", "政府街小区4幢", "住宅", 1, "DZ0004", f"{ROAD}102号", 19.6),
    BuildingFact("shed", 4, "3706120010010005", "配电房", "设备", 1, "DZ0005", f"{ROAD}104号", 20.05, "low"),
    BuildingFact("business", 5, "3706120010010006", "宁海商务楼", "商业", 4, "DZ0006", f"{ROAD}106号", 20.5),
)

ASSETS = (
    *(
        AssetFact(f"lamp_{n}", "0118", f"37061201180000{n:02d}", f"政府大街{n}号路灯", ((x, 4.0),))
        for n, x in enumerate((-40.0, -20.0, 0.0, 20.0, 40.0, 60.0), 1)
    ),
    *(
        AssetFact(f"cover_{n}", "0102", f"37061201020000{n:02d}", "污水井盖", ((x, 0.0),))
        for n, x in enumerate((-35.0, 5.0, 45.0), 1)
    ),
    *(
        AssetFact(f"tree_{n}", "0402", f"37061204020000{n:02d}", "行道树", ((x, -6.0),))
        for n, x in enumerate((-50.0, -30.0, -10.0, 10.0, 30.0, 50.0), 1)
    ),
    AssetFact("hydrant", "0113", "3706120113000001", "消火栓", ((-28.0, 8.0),), state="破损"),
    AssetFact("camera", "0136", "3706120136000001", "路口监控", ((22.0, 6.0),)),
    AssetFact("rail", "0211", "3706120211000001", "中央护栏", ((-70.0, 0.5), (0.0, 0.5), (70.0, 0.5)), "line"),
    AssetFact("green", "0405", "3706120405000001", "街心绿地", ((-20.0, 32.0), (-2, 32), (-2, 48), (-20, 48)), "area"),
    AssetFact(
        "old_lamp", "0118", "3706120118000099", "已拆路灯", ((-25.0, 4.0),), valid_to=datetime(2025, 1, 1, tzinfo=UTC)
    ),
)

RECORDS = (
    RecordFact(
        "housing",
        "repair_order",
        "BX20261001",
        "路灯不亮",
        "待处理",
        "05_repairs.xlsx",
        "asset",
        "lamp_1",
        "code",
        1.0,
        "测甲保密",
        "13900000001",
        attributes=(("报修内容", "灯不亮"),),
    ),
    RecordFact(
        "housing",
        "repair_order",
        "BX20261002",
        "屋顶渗漏",
        "已完成",
        "05_repairs.xlsx",
        "building",
        "tower",
        "address",
        0.93,
        "测乙保密",
        "13900000002",
        "政府大街一百零一号",
    ),
    RecordFact(
        "housing",
        "repair_order",
        "BX20261003",
        "下水道堵塞",
        "待处理",
        "05_repairs.xlsx",
        "building",
        "row",
        "address",
        0.71,
        "测丙保密",
        "13900000003",
        "政府大街102",
        "review",
    ),
    RecordFact(
        "market",
        "business_licence",
        "YYZZ0001",
        "营业执照:宁海测试商贸有限公司",
        "有效",
        "06_enterprises.csv",
        "building",
        "business",
        "address",
        0.97,
        "测丁保密",
        "13900000004",
    ),
    RecordFact(
        "urban",
        "fire_inspection",
        "XF0001",
        "消防检查合格",
        "合格",
        "09_inspections.csv",
        "address",
        "tower",
        "address",
        0.99,
        "测戊保密",
        "13900000005",
    ),
    RecordFact(
        "urban",
        "fire_inspection",
        "XF0002",
        "已撤销的检查",
        "合格",
        "09_inspections.csv",
        "building",
        "tower",
        "point",
        0.55,
        "测己保密",
        "13900000006",
        link_state="rejected",
    ),
)

ENTERPRISES = (
    EnterpriseFact("ENT-0001", "宁海测试商贸有限公司", "business", "法人保密甲", "91370612TEST00001X", "13900000011"),
    EnterpriseFact("ENT-0002", "宁海测试餐饮店", "business", "法人保密乙", "91370612TEST00002X", "13900000012"),
)
HOUSEHOLDS = (
    HouseholdFact("HH-0001", "row", "户主保密甲", "370612190001010000", "13900000021", "东户101室"),
    HouseholdFact("HH-0002", "row", "户主保密乙", "370612190001020000", "13900000022", "西户102室"),
)

PRIVATE_TEXTS = tuple(
    text
    for texts in (
        *((r.contact, r.phone) for r in RECORDS),
        *((e.legal_person, e.credit_code, e.phone) for e in ENTERPRISES),
        *((h.head, h.id_number, h.phone, h.room) for h in HOUSEHOLDS),
    )
    for text in texts
)
