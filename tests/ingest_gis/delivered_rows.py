"""Small deliveries made in tests, and a way to load rows without a file when the file is not the point."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import geopandas
import pyarrow as pa
import pyogrio
import shapely

from ingest_gis.anchors import read_anchors
from ingest_gis.load import Delivery
from ingest_gis.load_delivery import DeliveryLoad, work_plan
from ingest_gis.mappings import SHIPPED, read_mapping
from ingest_gis.part_loader import Counts
from ingest_gis.plan_delivery import DeliveryReport, IngestOptions
from ingest_gis.run_ingest import find_department, ingest_files
from ingest_gis.source_crs import SourceCrs
from tests.databases import Database
from twin.crs import transformer
from twin.session import Actor

EAST, NORTH = 376_000.0, 4_140_000.0
Row = dict[str, str]
CREDIT = "11370612TW0000016W"


def lonlat(east_m: float, north_m: float) -> tuple[float, float]:
    """Give the position of metres from the middle of the made-up district."""
    lon, lat = transformer("EPSG:4550", "EPSG:4490").transform(EAST + east_m, NORTH + north_m)
    return float(lon), float(lat)


def write_csv(path: Path, rows: Sequence[Row], encoding: str = "utf-8-sig") -> Path:
    """Write rows as a CSV file."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def asset_rows(count: int, *, name: str = "路灯", first: int = 1) -> list[Row]:
    """Make lamps 2 m apart as the component survey delivers them."""
    return [
        {
            "标识码": f"3706120118{number:06d}", "小类代码": "0118", "名称": f"{name}{number}", "状态": "完好",
            "东坐标": f"{EAST + 2 * (number % 200):.3f}", "北坐标": f"{NORTH + 2 * (number // 200):.3f}",
            "主管部门代码": CREDIT, "主管部门名称": "牟平区城市管理局", "权属单位名称": "牟平区城市管理局",
            "养护单位名称": "路灯管理处", "初始日期": "20200801", "数据来源": "实测", "属性": '{"杆高m": 8}',
        }
        for number in range(first, first + count)
    ]  # fmt: skip


def write_places(path: Path) -> Path:
    """Write a district of 4 km with one street and one community, and one unit grid."""
    shapes = {
        "370612": ("牟平区", 2000.0), "370612001": ("宁海街道", 1500.0), "370612001001": ("东关社区居民委员会", 1000.0),
    }  # fmt: skip
    boxes = [shapely.box(EAST - r, NORTH - r, EAST + r, NORTH + r) for _, r in shapes.values()]
    units = geopandas.GeoDataFrame(
        {"code": list(shapes), "name": [name for name, _ in shapes.values()]}, geometry=boxes, crs="EPSG:4550"
    )
    grid = geopandas.GeoDataFrame(
        {"code": ["370612001001001"], "name": ["一格"]},
        geometry=[shapely.box(EAST - 1000, NORTH - 1000, EAST + 1000, NORTH + 1000)],
        crs="EPSG:4550",
    )
    pyogrio.write_dataframe(units, path, layer="admin_units")
    pyogrio.write_dataframe(grid, path, layer="grids")
    return path


def write_buildings(path: Path, count: int = 12) -> Path:
    """Write houses of 10 x 10 m, 40 m apart, as the cadastre delivers them."""
    shapes = [shapely.box(EAST + 40 * i, NORTH, EAST + 40 * i + 10, NORTH + 10) for i in range(count)]
    table = geopandas.GeoDataFrame(
        {
            "JZBM": [f"370612001001{i + 1:04d}" for i in range(count)],
            "JZMC": [f"民房{i + 1}" for i in range(count)],
            "YT": "住宅",
            "CS": 2,
            "DZ": "",
        },
        geometry=shapes,
        crs="EPSG:4550",
    )
    pyogrio.write_dataframe(table, path, encoding="GB18030")
    path.with_suffix(".cpg").unlink()
    return path


def write_addresses(path: Path, count: int = 12) -> Path:
    """Write one gate number of 正阳路 for each house: 2, 4, 6 ..."""
    codes = [f"370612001001{i + 1:04d}" for i in range(count)]
    table = geopandas.GeoDataFrame(
        {
            "dzbm": [f"{code}001" for code in codes],
            "bzdz": [f"山东省烟台市牟平区宁海街道正阳路{2 * i + 2}号" for i in range(count)],
            "jlx": "正阳路",
            "mph": [str(2 * i + 2) for i in range(count)],
            "xqmc": "",
            "ldh": "",
            "jzbm": codes,
        },
        geometry=[shapely.Point(*lonlat(40 * i + 5, -1)) for i in range(count)],
        crs="EPSG:4490",
    )
    pyogrio.write_dataframe(table, path)
    return path


def take(database: Database, *paths: Path, **options: object) -> list[DeliveryReport]:
    """Ingest files; fail if one could not be taken at all."""
    reports = ingest_files(database.settings, list(paths), IngestOptions(**options))  # type: ignore[arg-type]
    for report in reports:
        assert report.error is None, str(report.error)
        counts = report.counts
        assert counts.read == counts.inserted + counts.changed + counts.unchanged + counts.rejected
    return reports


def load_rows(database: Database, mapping_name: str, rows: Sequence[Row], name: str = "rows.csv") -> Counts:
    """Load rows as if a file held them, in this process."""
    mapping = read_mapping(SHIPPED / f"{mapping_name}.yaml")
    columns = list(rows[0])
    table = {column: pa.array([row[column] for row in rows], pa.string()) for column in columns}
    table["_row_no"] = pa.array(range(1, len(rows) + 1), pa.int64())
    with database.connect("ingest", autocommit=True) as connection:
        department = find_department(connection, mapping, IngestOptions())
        anchors = read_anchors(connection, database.settings.city)
        delivery = Delivery(name, f"{hash(str(rows)):x}", None, mapping, department, None, None, None)
        actor = Actor("test", role="ingest", department_id=department, purpose="test")
        crs = SourceCrs("EPSG:4550", False, "", "")
        plan = work_plan(database.settings, delivery, actor, columns, anchors, crs, "cgcs2000")
        load = DeliveryLoad(
            connection, delivery, actor, plan, IngestOptions(), DeliveryReport(name), len(rows), lambda *_: None
        )
        load.load([pa.record_batch(table)])
        return load.report.counts
