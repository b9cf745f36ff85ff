"""What other departments deliver: repair orders, enterprises and households, and the truth of where they belong."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from photogrammetry.sample.address_register import Address, write_by_hand
from photogrammetry.sample.delivered_assets import Asset, local_to_lonlat
from photogrammetry.sample.identifiers import credit_code, id_number, phone_number
from photogrammetry.sample.quarter import Quarter
from photogrammetry.sample.randomness import stream

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
GIVEN = "甲乙丙丁戊己庚辛壬癸"  # no family names its children so: these people do not exist
REPAIRS = ("屋面漏水", "外墙脱落", "单元门损坏", "下水堵塞", "墙皮脱落", "楼道灯不亮", "雨水管断裂", "窗户玻璃破损")
FAULTS = ("设施损坏需更换", "歪斜", "缺失", "有异响", "污损", "松动", "破裂")
TRADES = ("餐饮", "百货", "五金", "服装", "水产", "建材", "药房", "理发", "物流", "软件", "广告", "培训")
STATES = ("已受理", "处理中", "已完成", "已完成", "已关闭")


class Link(NamedTuple):
    """The truth about one row: which building or asset it speaks of ('none': no single place)."""

    file: str
    source_key: str
    target_kind: str
    target_code: str


Rows = list[dict[str, str]]


def person_name(random: np.random.Generator) -> str:
    """Draw a name that is plainly made up."""
    first, second = random.choice(list(GIVEN), 2)
    return f"{random.choice(list(SURNAMES))}{first}{second}"


def _room(random: np.random.Generator, storeys: int) -> str:
    return f"{int(random.integers(1, storeys + 1))}{int(random.integers(1, 5)):02d}"


def repair_rows(quarter: Quarter, assets: list[Asset], register: list[Address]) -> tuple[Rows, list[Link]]:
    """Write repair orders: by component code, by an address written by hand, by a point, or by neither."""
    rows: Rows = []
    links: list[Link] = []
    storeys = {building.code: building.storeys for building in quarter.buildings}
    start = datetime(2026, 1, 5, 8, 0)
    for index in range(quarter.scale.repairs):
        random = stream(quarter.seed, "repair", index)
        key = f"BX2026{index + 1:06d}"
        when = start + timedelta(minutes=int(random.integers(0, 200_000)))
        row = {
            "工单编号": key, "报修时间": when.strftime("%Y-%m-%d %H:%M"), "报修地址": "",
            "联系人": person_name(random), "联系电话": phone_number(random), "报修内容": "", "部件编号": "",
            "状态": str(random.choice(STATES)), "经度": "", "纬度": "",
        }  # fmt: skip
        way = ("address", "code", "address", "point", "address", "relative", "code", "address")[index % 8]
        if way == "relative":
            _by_relative_place(quarter, row, random)
            links.append(Link("05_repairs.xlsx", key, "none", ""))
        elif way == "address":
            address = register[int(random.integers(len(register)))]
            room = _room(random, storeys[address.building_code]) if address.compound and random.random() < 0.5 else ""
            row["报修地址"] = write_by_hand(address, random, room)
            row["报修内容"] = str(random.choice(REPAIRS))
            links.append(Link("05_repairs.xlsx", key, "building", address.building_code))
        else:
            asset = assets[int(random.integers(len(assets)))]
            row["报修内容"] = asset.name + ("不亮" if asset.class_code == "0118" else str(random.choice(FAULTS)))
            if way == "code":
                row["部件编号"] = asset.code
            else:
                at = np.array([[asset.east, asset.north]]) + random.normal(0, 0.6, (1, 2))
                lon, lat = local_to_lonlat(quarter, at)[0]
                row["经度"], row["纬度"] = f"{lon:.7f}", f"{lat:.7f}"
            links.append(Link("05_repairs.xlsx", key, "asset", asset.code))
        rows.append(row)
    return rows, links


def _by_relative_place(quarter: Quarter, row: dict[str, str], random: np.random.Generator) -> None:
    first, second = quarter.roads[0].name, quarter.roads[-1].name
    side = str(random.choice(["东北", "西南", "北侧", "南"]))
    row["报修地址"] = f"{first}与{second}交叉口{side}{int(random.integers(2, 9)) * 10}米"
    row["报修内容"] = "路面破损"


def enterprise_rows(quarter: Quarter, register: list[Address]) -> tuple[Rows, list[Link]]:
    """Write enterprises with valid credit codes, addresses by hand and a position within their building."""
    used = {"商铺", "商业", "办公", "市场", "仓储", "住宅", "文化"}
    buildings = {building.code: building for building in quarter.buildings}
    homes = [address for address in register if buildings[address.building_code].use in used]
    weight = np.array([0.15 if buildings[a.building_code].use == "住宅" else 2.0 for a in homes])
    weight *= np.array([max(1, buildings[a.building_code].storeys) for a in homes])
    rows: Rows = []
    links: list[Link] = []
    for index in range(quarter.scale.enterprises):
        random = stream(quarter.seed, "enterprise", index)
        address = homes[int(random.choice(len(homes), p=weight / weight.sum()))]
        building = buildings[address.building_code]
        sole = building.use in ("商铺", "住宅", "市场")
        code = credit_code(random, kind="92" if sole else "91")
        trade = str(random.choice(TRADES))
        name = f"牟平区{person_name(random)}{trade}店" if sole else f"烟台示例{_letters(random)}{trade}有限公司"
        room = _room(random, building.storeys) if building.storeys > 3 else ""
        middle = building.outline.mean(axis=0) + random.normal(0, 1.0, 2)
        lon, lat = local_to_lonlat(quarter, middle[None])[0]
        rows.append(
            {
                "统一社会信用代码": code, "企业名称": name, "法定代表人": person_name(random),
                "经营地址": write_by_hand(address, random, room), "经营范围": f"{trade}；日用品销售",
                "成立日期": f"{int(random.integers(2001, 2026))}-{int(random.integers(1, 13)):02d}-"
                f"{int(random.integers(1, 29)):02d}",
                "经度": f"{lon:.7f}", "纬度": f"{lat:.7f}",
            }
        )  # fmt: skip
        links.append(Link("06_enterprises.csv", code, "building", address.building_code))
    return rows, links


def _letters(random: np.random.Generator) -> str:
    return "".join(str(letter) for letter in random.choice(list("金海福源泰和顺达宏远德润"), 2))


def household_rows(quarter: Quarter, register: list[Address]) -> tuple[Rows, list[Link]]:
    """Write synthetic households, spread over the dwellings by their storeys."""
    buildings = {building.code: building for building in quarter.buildings}
    homes = [address for address in register if buildings[address.building_code].use == "住宅"]
    weight = np.array([float(buildings[a.building_code].storeys ** 2) for a in homes])
    rows: Rows = []
    links: list[Link] = []
    for index in range(quarter.scale.households):
        random = stream(quarter.seed, "household", index)
        address = homes[int(random.choice(len(homes), p=weight / weight.sum()))]
        storeys = buildings[address.building_code].storeys
        unit = f"{int(random.integers(1, 4))}单元" if storeys > 3 else ""
        key = f"H{quarter.seed % 100:02d}{index + 1:07d}"
        rows.append(
            {
                "户编号": key, "户主姓名": person_name(random), "身份证号": id_number(random),
                "人口数": str(int(random.integers(1, 7))),
                "地址": address.standard if random.random() < 0.6 else write_by_hand(address, random),
                "房号": unit + (_room(random, storeys) if storeys > 2 else ""), "联系电话": phone_number(random),
            }
        )  # fmt: skip
        links.append(Link("07_households.csv", key, "building", address.building_code))
    return rows, links
