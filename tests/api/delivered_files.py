"""Files as departments hand them in: a workbook of repair orders in the small city, with faults or mended."""

from __future__ import annotations

from io import BytesIO

from openpyxl import Workbook

HEADER = ["工单编号", "报修地址", "报修内容", "报修时间", "状态", "部件编号", "联系人", "联系电话"]
GOOD = [
    ["BX2026110101", "牟平区宁海街道政府大街101号", "屋顶渗漏", "2026-11-01 08:30:00", "待处理", None],
    ["BX2026110102", "政府大街103号", "楼道灯不亮", "2026-11-01 09:00:00", "待处理", None],
    ["BX2026110103", "宁海街道政府大道105号", "外墙脱落", "2026-11-01 09:30:00", "待处理", None],
    ["BX2026110104", None, "路灯不亮", "2026-11-01 10:00:00", "待处理", "3706120118000001"],
]
# The component code went through a spreadsheet as a number; no order number; the same order twice.
RUINED = ["BX2026110105", "政府大街102号", "井盖松动", "2026-11-01 11:00:00", "待处理", "3.70612E+15"]
NAMELESS = [None, "政府大街106号", "水管漏水", "2026-11-01 12:00:00", "待处理", None]
MENDED = [
    ["BX2026110105", "政府大街102号", "井盖松动", "2026-11-01 11:00:00", "待处理", "3706120102000001"],
    ["BX2026110106", "政府大街106号", "水管漏水", "2026-11-01 12:00:00", "待处理", None],
]
PRIVATE = ["测辛保密", "13900000099"]


def workbook(rows: list[list[str | None]]) -> bytes:
    """Write repair orders as XLSX, as an office keeps them."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "工单"
    sheet.append(HEADER)
    for row in rows:
        sheet.append([*row, *PRIVATE])
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def bad_workbook() -> bytes:
    """Give four good orders, one ruined, one without a number, one twice."""
    return workbook([*GOOD, RUINED, NAMELESS, GOOD[0]])
