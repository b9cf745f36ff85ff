"""What the city management bureau delivers: the asset list, and the lamp operator's list of the same lamps."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photogrammetry.sample.identifiers import credit_check, organisation_check
from photogrammetry.sample.quarter import DIVISION, Quarter
from photogrammetry.sample.randomness import stream

CATALOGUE = Path(__file__).resolve().parents[2] / "data" / "catalogue" / "classes.csv"
STATES = ("完好", "完好", "完好", "完好", "完好", "完好", "完好", "完好", "破损", "破损", "丢失", "废弃")
BUREAUS = {
    "01": (1, "牟平区住房和城乡建设局"),
    "02": (2, "牟平区交通运输局"),
    "03": (3, "牟平区城市管理局"),
    "04": (4, "牟平区园林建设养护中心"),
    "05": (1, "牟平区住房和城乡建设局"),
    "06": (5, "牟平区水利局"),
    "21": (3, "牟平区城市管理局"),
}
KEEPERS = ("牟平区市政工程养护中心", "宁海街道办事处", "烟台示例城市服务有限公司", "牟平区园林建设养护中心")
SURVEY_SIGMA_M = 0.08


@dataclass(frozen=True)
class Asset:
    """One asset: identifier, class, true place (local metres) and what the list says about it."""

    code: str
    class_code: str
    name: str
    state: str
    east: float
    north: float
    attributes: dict[str, Any]
    since: str
    keeper: str
    pole: str = ""


def class_names() -> dict[str, str]:
    """Read the names of the 108 classes from the shipped catalogue."""
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        return {row["code"]: row["name_zh"] for row in csv.DictReader(file)}


def bureau_code(number: int) -> str:
    """Give a bureau's synthetic credit code (11: a government body), check characters included."""
    body = f"TW{number:06d}"
    first = f"11{DIVISION}{body}{organisation_check(body)}"
    return first + credit_check(first)


def make_assets(quarter: Quarter) -> list[Asset]:
    """List everything on the street: furniture, lamps, covers, street trees and the lifts of tall buildings."""
    names = class_names()
    places = [(thing.class_code, thing.east, thing.north) for thing in quarter.things]
    places += [("0402", east, north) for east, north, _, _ in quarter.trees]
    for building in quarter.buildings:
        if building.storeys >= 7:
            middle = building.outline.mean(axis=0)
            places.append(("2104", float(middle[0]), float(middle[1])))
        if building.storeys >= 5 and building.use == "住宅":
            middle = building.outline.mean(axis=0)
            places.append(("0503", float(middle[0] + 2), float(middle[1])))
    inside = [place for place in places if _in_quarter(quarter, place[1], place[2])]
    serials: dict[str, int] = {}
    assets = []
    for class_code, east, north in inside:
        serials[class_code] = serials.get(class_code, 0) + 1
        serial = serials[class_code]
        random = stream(quarter.seed, "asset", class_code, serial)
        since = f"{int(random.integers(2008, 2026))}{int(random.integers(1, 13)):02d}{int(random.integers(1, 29)):02d}"
        assets.append(
            Asset(
                f"{DIVISION}{class_code}{serial:06d}", class_code, names[class_code], str(random.choice(STATES)), east,
                north, _attributes(class_code, serial, random), since, str(random.choice(KEEPERS)),
                f"NH-{serial:04d}" if class_code == "0118" else "",
            )
        )  # fmt: skip
    return sorted(assets, key=lambda asset: asset.code)


def _in_quarter(quarter: Quarter, east: float, north: float) -> bool:
    at = np.abs(np.array([east, north]) @ quarter.turn)
    return bool(at[0] < quarter.scale.half_e_m - 0.3 and at[1] < quarter.scale.half_n_m - 0.3)


def _attributes(class_code: str, serial: int, random: np.random.Generator) -> dict[str, Any]:
    """Fill in what the class's list of attributes names, for the classes where an office would."""

    def one(*choices: str) -> str:
        return str(random.choice(choices))

    year = int(random.integers(2008, 2026))
    if class_code == "0104":
        return {"箅子材质": one("球墨铸铁", "复合材料"), "尺寸mm": "450x750", "数量": 1}
    if class_code in ("0101", "0102", "0103", "0105", "0106", "0107", "0108", "0109", "0110", "0111", "0112", "0114",
                      "0127", "2111"):  # fmt: skip
        return {
            "井盖材质": one("球墨铸铁", "复合材料", "混凝土"), "井盖形状": one("圆形", "圆形", "方形"),
            "尺寸mm": one("Φ700", "Φ600", "600x600"), "承载等级": one("D400", "C250", "B125"),
            "防坠网": one("有", "无"), "所在路面": one("沥青", "人行道板"),
        }  # fmt: skip
    fixed: dict[str, dict[str, Any]] = {
        "0118": {"杆高m": 8, "灯型": "单臂", "功率W": int(random.choice([90, 120, 150])), "光源": "LED",
                 "回路编号": f"H{1 + serial % 4:02d}", "安装日期": f"{year}0601"},
        "0402": {"树种": one("法桐", "国槐", "白蜡", "银杏"), "胸径cm": int(random.integers(8, 32)), "栽植年份": year},
        "0305": {"分类类型": one("可回收/其他", "四分类"), "容积L": 120, "材质": one("不锈钢", "塑料")},
        "0113": {"设施类型": "地上消火栓", "编号": f"XF{serial:04d}", "出水口径": "DN65"},
        "0203": {"站名": f"牟平{serial}号站", "线路": one("601;602", "605", "618;601"), "电子站牌": one("有", "无")},
        "0407": {"材质": one("木", "花岗岩"), "座位数": 3, "靠背": one("有", "无")},
        "0401": {"树种": "银杏", "古树编号": f"37061200{serial:02d}", "保护等级": "三级", "树高m": 14.5},
        "0309": {"站号": f"D{serial:03d}", "观测要素": "气温;降水;风"},
        "2101": {"桩编号": f"CDZ{serial:04d}", "功率kW": 60, "运营商": "烟台示例充电有限公司"},
        "2102": {"杆高m": 9, "挂载设备列表": "照明;监控;5G", "供电": "市电"},
        "2104": {"96333识别码": f"{serial:06d}", "下次检验日期": "20270315"},
        "2105": {"站址编码": f"JZ{serial:05d}", "塔高m": 11, "制式": "5G"},
        "2121": {"门牌号": str(serial), "类型GB17733": "门牌"},
        "0136": {"杆号": f"JK{serial:03d}", "分辨率": "4K", "朝向": one("东", "南", "西", "北")},
        "0307": {"类型": "立柱", "面积m2": 18, "设置单位": "烟台示例广告有限公司"},
        "0134": {"容量kVA": 630, "电压等级": "10kV", "围栏": "有"},
    }  # fmt: skip
    return fixed.get(class_code, {})


def asset_rows(quarter: Quarter, assets: list[Asset]) -> list[dict[str, str]]:
    """Write the assets as rows of 03_assets.csv (coordinates in the working CRS, surveyed with 8 cm)."""
    noise = stream(quarter.seed, "survey of assets").normal(0, SURVEY_SIGMA_M, (len(assets), 2))
    local = np.array([[asset.east, asset.north] for asset in assets]) + noise
    up = quarter.terrain.height(local[:, 0], local[:, 1])
    places = quarter.frame.enu_to_crs(np.column_stack([local, up]))
    rows = []
    for asset, (east, north, _) in zip(assets, places, strict=True):
        number, bureau = BUREAUS[asset.class_code[:2]]
        rows.append(
            {
                "标识码": asset.code, "小类代码": asset.class_code, "名称": asset.name, "状态": asset.state,
                "东坐标": f"{east:.3f}", "北坐标": f"{north:.3f}", "主管部门代码": bureau_code(number),
                "主管部门名称": bureau, "权属单位名称": bureau, "养护单位名称": asset.keeper,
                "初始日期": asset.since, "数据来源": "实测",
                "属性": json.dumps(asset.attributes, ensure_ascii=False) if asset.attributes else "",
            }
        )  # fmt: skip
    return rows


def local_to_lonlat(quarter: Quarter, local: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn local east, north (N, 2) on the ground into longitude, latitude (N, 2), degrees, CGCS2000."""
    up = quarter.terrain.height(local[:, 0], local[:, 1])
    return quarter.frame.enu_to_lonlath(np.column_stack([local, up]))[:, :2]
