"""The collections that the standards serve: which table, which properties, and how each is written as JSON.

Everything here is public: names of persons, rooms and the like stand in no collection. Property names, their SQL and
the tables are this module's constants; a request can only choose among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal["string", "word", "number", "integer", "boolean", "date-time", "object"]
# word: a string that the database itself allows no quotes in; it needs no escaping.

_JSON = {
    "string": "coalesce(to_json({sql})::text, 'null')",
    "word": "coalesce('\"' || {sql} || '\"', 'null')",
    "number": "coalesce(to_json({sql})::text, 'null')",
    "integer": "coalesce({sql}::text, 'null')",
    "boolean": "coalesce({sql}::text, 'null')",
    "date-time": "coalesce(to_json({sql})::text, 'null')",
    "object": "coalesce({sql}::text, 'null')",
}


@dataclass(frozen=True)
class Property:
    """A property of a collection's features: its SQL over the row's alias a (and the collection's joins)."""

    name: str
    sql: str
    kind: Kind
    title_zh: str
    title_en: str
    sort: bool = False

    @property
    def json(self) -> str:
        """Give the SQL that writes the value as JSON text."""
        return _JSON[self.kind].format(sql=self.sql)


@dataclass(frozen=True)
class Collection:
    """One collection.

    id: in addresses. rights: the collection of the rights' table. table: in schema twin, with its integer key.
    geometry, metric: its columns (EPSG:4490; the working CRS, if there is one). joins: what properties need.
    times: columns (or None for open) of a feature's begin and end. ends: rows with valid_to are no more.
    shape: of its geometries; points need no further test than their box.
    """

    id: str
    rights: str
    title_zh: str
    title_en: str
    about_en: str
    table: str
    key: str
    properties: tuple[Property, ...]
    joins: str = ""
    geometry: str = "geom"
    metric: str | None = "geom_m"
    times: tuple[str, str | None] = ("valid_from", "valid_to")
    ends: bool = True
    shape: Literal["point", "line", "polygon", "any"] = "any"
    class_id: int | None = None
    class_code: str | None = None
    batch: bool = True
    editable: bool = False
    area_grid: str | None = "a.grid_id"
    area_departments: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)

    def property(self, name: str) -> Property | None:
        """Find a property by its name."""
        return next((known for known in self.properties if known.name == name), None)


def _words(*rows: tuple[str, str, Kind, str, str]) -> tuple[Property, ...]:
    return tuple(Property(*row) for row in rows)


CODE = Property("code", "a.code", "string", "编码", "Code", sort=True)
NAME = Property("name_zh", "a.name_zh", "string", "名称", "Name")
VALID = _words(
    ("valid_from", "a.valid_from", "date-time", "生效时间", "Valid from"),
    ("valid_to", "a.valid_to", "date-time", "失效时间", "Valid to"),
)
KNOWN = Property("known_at", "a.known_at", "date-time", "入库时间", "Known since")
ADMIN = Property("admin_code", "u.code", "word", "行政区划代码", "Administrative unit")
GRID = Property("grid_code", "g.code", "word", "网格编码", "Unit grid")
PLACE_JOINS = """LEFT JOIN twin.admin_unit u ON u.admin_id = a.admin_id
  LEFT JOIN twin.grid g ON g.grid_id = a.grid_id"""

ASSETS = Collection(
    id="assets",
    rights="assets",
    title_zh="城市部件",
    title_en="Infrastructure assets",
    about_en="Lamps, covers, trees and everything else of the 108 classes.",
    table="asset",
    key="asset_id",
    joins="""JOIN twin.class c ON c.class_id = a.class_id
  LEFT JOIN twin.department ds ON ds.department_id = a.supervising_department_id
  LEFT JOIN twin.department do_ ON do_.department_id = a.owning_department_id
  LEFT JOIN twin.department dm ON dm.department_id = a.maintaining_department_id""",
    properties=(
        CODE,
        *_words(
            ("class_code", "c.code", "word", "小类代码", "Class code"),
            # The catalogue's names come with the program and have nothing in them to escape; a test holds them to it.
            ("class_zh", "c.name_zh", "word", "小类", "Class (Chinese)"),
            ("class_en", "c.name_en", "word", "小类（英文）", "Class"),
        ),
        NAME,
        *_words(
            ("state", "a.state", "word", "状态", "State"),
            ("height_m", "a.height_m", "number", "高程（米）", "Height of its place (m)"),
            ("vertical_datum", "a.vertical_datum", "string", "高程基准", "Vertical datum"),
            ("accuracy_class", "a.accuracy_class", "word", "定位精度等级", "Accuracy class"),
            ("supervising", "ds.code", "string", "主管部门代码", "Supervising department"),
            ("owning", "do_.code", "string", "权属单位代码", "Owning department"),
            ("maintaining", "dm.code", "string", "养护单位代码", "Maintaining department"),
            ("attributes", "a.attributes", "object", "扩展属性", "Attributes of its class"),
        ),
        VALID[0],
        KNOWN,
    ),
    editable=True,
    area_departments=("supervising_department_id", "owning_department_id", "maintaining_department_id"),
)

BUILDINGS = Collection(
    id="buildings",
    rights="buildings",
    title_zh="建筑物",
    title_en="Buildings",
    about_en="Footprints with heights, their datum and how sure they are.",
    table="building",
    key="building_id",
    joins=PLACE_JOINS,
    shape="polygon",
    properties=(
        CODE,
        NAME,
        *_words(
            ("use_zh", "a.use_zh", "string", "用途", "Use"),
            ("storeys", "a.storeys", "integer", "层数", "Storeys"),
            ("ground_h_m", "a.ground_h_m", "number", "地面高程（米）", "Ground height (m)"),
            ("roof_h_m", "a.roof_h_m", "number", "屋顶高程（米）", "Roof height (m)"),
            ("height_m", "a.height_m", "number", "高度（米）", "Height above ground (m)"),
            ("height_sigma_m", "a.height_sigma_m", "number", "高度中误差（米）", "Standard error of the height (m)"),
            ("vertical_datum", "a.vertical_datum", "string", "高程基准", "Vertical datum"),
            ("height_confidence", "a.height_confidence", "word", "高度可信度", "Confidence in the height"),
            ("lod", "a.lod", "string", "细节层次", "Level of detail"),
        ),
        ADMIN,
        GRID,
        VALID[0],
        KNOWN,
    ),
)

PLACES = Collection(
    id="places",
    rights="places",
    title_zh="行政区划",
    title_en="Administrative units",
    about_en="District, streets and towns, communities and villages.",
    table="admin_unit",
    key="admin_id",
    joins="LEFT JOIN twin.admin_unit up ON up.admin_id = a.parent_id",
    shape="polygon",
    batch=False,
    area_grid=None,
    properties=(
        CODE,
        *_words(("level", "a.level", "integer", "级别", "Level (3 district, 4 street or town, 5 community)")),
        NAME,
        *_words(
            ("name_en", "a.name_en", "string", "英文名", "English name"),
            ("parent_code", "up.code", "word", "上级代码", "Unit it belongs to"),
        ),
        *VALID,
    ),
)

GRIDS = Collection(
    id="grids",
    rights="grids",
    title_zh="单元网格",
    title_en="Unit grids",
    about_en="The grids that the city is managed by, with their 15-digit codes.",
    table="grid",
    key="grid_id",
    joins="LEFT JOIN twin.admin_unit u ON u.admin_id = a.admin_id",
    shape="polygon",
    batch=False,
    properties=(
        CODE,
        NAME,
        ADMIN,
        *_words(
            ("land_use_code", "a.land_use_code", "string", "用地代码", "Land use"),
            ("management_class", "a.management_class", "string", "管理类别", "Management class"),
        ),
        *VALID,
    ),
)

ADDRESSES = Collection(
    id="addresses",
    rights="addresses",
    title_zh="标准地址",
    title_en="Standard addresses",
    about_en="Standard addresses down to the building; rooms are not public.",
    table="address",
    key="address_id",
    joins=PLACE_JOINS,
    shape="point",
    properties=(
        CODE,
        *_words(("text_zh", "a.text_zh", "string", "地址", "Address")),
        ADMIN,
        GRID,
        VALID[0],
        KNOWN,
    ),
)

EVENTS = Collection(
    id="events",
    rights="events",
    title_zh="城市管理事件",
    title_en="Events",
    about_en="Cases with their class, state and deadline.",
    table="event",
    key="event_id",
    joins="JOIN twin.event_class e ON e.event_class_id = a.event_class_id\n  "
    "LEFT JOIN twin.asset s ON s.asset_id = a.asset_id\n  " + PLACE_JOINS,
    shape="point",
    times=("reported_at", "closed_at"),
    ends=False,
    editable=True,
    properties=(
        CODE,
        *_words(
            ("class_code", "e.code", "word", "事件小类代码", "Event class"),
            ("class_zh", "e.minor_zh", "string", "事件小类", "Event class (Chinese)"),
            ("class_en", "e.minor_en", "string", "事件小类（英文）", "Event class (English)"),
            ("title_zh", "a.title_zh", "string", "标题", "Title"),
            ("state", "a.state", "string", "状态", "State"),
            ("severity", "a.severity", "string", "严重程度", "Severity"),
            ("asset_code", "s.code", "string", "部件编码", "Code of the asset it is about"),
        ),
        ADMIN,
        GRID,
        *_words(
            ("reported_at", "a.reported_at", "date-time", "上报时间", "Reported"),
            ("due_at", "a.due_at", "date-time", "时限", "Due"),
            ("closed_at", "a.closed_at", "date-time", "结案时间", "Closed"),
        ),
    ),
)

SURVEYS = Collection(
    id="surveys",
    rights="surveys",
    title_zh="航测",
    title_en="Surveys",
    about_en="Drone flights and satellite images with their footprint.",
    table="survey",
    key="survey_id",
    geometry="footprint",
    metric=None,
    shape="polygon",
    times=("taken_from", "taken_to"),
    ends=False,
    batch=False,
    area_grid=None,
    properties=_words(
        ("name", "a.name", "string", "名称", "Name"),
        ("kind", "a.kind", "word", "类型", "Kind"),
        ("taken_from", "a.taken_from", "date-time", "开始拍摄", "Taken from"),
        ("taken_to", "a.taken_to", "date-time", "结束拍摄", "Taken to"),
        ("crs", "a.crs", "string", "坐标系", "CRS of its products"),
        ("vertical_datum", "a.vertical_datum", "string", "高程基准", "Vertical datum"),
        ("gsd_m", "a.gsd_m", "number", "地面分辨率（米）", "Ground sampling distance (m)"),
        ("published_at", "a.published_at", "date-time", "发布时间", "Published"),
    ),
)

RECORDS = Collection(
    id="records",
    rights="records",
    title_zh="部门业务数据",
    title_en="Departments' records",
    about_en="The public fields of what departments deliver.",
    table="record",
    key="record_id",
    joins="JOIN twin.department d ON d.department_id = a.department_id\n  " + PLACE_JOINS,
    shape="point",
    area_departments=("department_id",),
    properties=(
        *_words(
            ("department", "d.code", "string", "部门代码", "Department"),
            ("kind", "a.kind", "string", "类型", "Kind"),
            ("title_zh", "a.title_zh", "string", "标题", "Title"),
            ("recorded_at", "a.recorded_at", "date-time", "记录时间", "Recorded"),
            ("state", "a.state", "string", "状态", "State"),
            ("attributes", "a.attributes", "object", "公开字段", "Public fields"),
        ),
        ADMIN,
        GRID,
        VALID[0],
        KNOWN,
    ),
)

SENSORS = Collection(
    id="sensors",
    rights="sensors",
    title_zh="传感器",
    title_en="Sensors",
    about_en="Sensors with their latest value.",
    table="sensor",
    key="sensor_id",
    shape="point",
    batch=False,
    area_grid=None,
    properties=(
        CODE,
        *_words(("kind", "a.kind", "string", "类型", "Kind")),
        NAME,
        *_words(
            ("unit", "a.unit", "string", "单位", "Unit"),
            ("latest_value", "a.latest_value", "number", "最新值", "Latest value"),
            ("latest_at", "a.latest_at", "date-time", "最新时间", "Latest value of"),
        ),
        *VALID,
    ),
)

COLLECTIONS = {one.id: one for one in (ASSETS, BUILDINGS, PLACES, GRIDS, ADDRESSES, EVENTS, SURVEYS, RECORDS, SENSORS)}
CLASS_PREFIX = "assets-"


@dataclass(frozen=True)
class ClassOfAssets:
    """What a collection of one class needs to know of it; attributes: name -> JSON type."""

    class_id: int
    code: str
    name_zh: str
    name_en: str
    geometry_kind: str
    attributes: Mapping[str, str]


def collection_of_class(found: ClassOfAssets) -> Collection:
    """Make the collection of one class of assets, such as assets-0118."""
    shape = found.geometry_kind if found.geometry_kind in ("point", "line", "polygon") else "any"
    return replace(
        ASSETS,
        id=f"{CLASS_PREFIX}{found.code}",
        title_zh=f"{ASSETS.title_zh}：{found.name_zh}",
        title_en=f"Assets: {found.name_en}",
        about_en=f"Assets of class {found.code}, {found.name_en}.",
        shape="any" if shape == "point" else shape,  # type: ignore[arg-type]  # deliveries may differ from the catalogue
        class_id=found.class_id,
        class_code=found.code,
        attributes=found.attributes,
    )
