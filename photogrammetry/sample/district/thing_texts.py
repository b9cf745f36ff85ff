"""What a survey of components writes about each asset: attributes of its class, state, dates and the three parties."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from photogrammetry.sample.delivered_assets import BUREAUS, bureau_code
from photogrammetry.sample.district.land import Land
from photogrammetry.sample.district.things import ThingClass, Things
from photogrammetry.sample.district.words import Text, choose, dates, draw, fixed, join, padded, pick, text
from photogrammetry.sample.randomness import stream

STATES = ("完好",) * 9 + ("破损", "破损", "丢失", "废弃")
MOST_ATTRIBUTES = 6
UNIT = re.compile(r"(?<=[^\x00-\x7f])(mm|cm|km|m3/s|m3|m2|m|kVA|kW|kV|W|MPa|t/d|t|L)(?=$|\()")
COUNT = re.compile(r"(数量|件数|座位数|盖板数|格口数|台数|车道数|泊位数|回路数|出入口数|户数)$")
RANGES = {
    "mm": (100, 1200), "cm": (6, 60), "km": (1, 9), "m3/s": (1, 12), "m3": (6, 100), "m2": (4, 900), "m": (1, 30),
    "kVA": (100, 1250), "kW": (7, 120), "kV": (10, 110), "W": (60, 250), "MPa": (0.1, 1.6), "t/d": (2, 60),
    "t": (5, 80),
    "L": (120, 1100),
}  # fmt: skip
LISTED = {
    "井盖材质": ("球墨铸铁", "复合材料", "混凝土"), "井盖形状": ("圆形", "圆形", "方形"),
    "承载等级": ("D400", "C250", "B125"),
    "防坠网": ("有", "无"), "所在路面": ("沥青", "人行道板", "混凝土"), "箅子材质": ("球墨铸铁", "复合材料"),
    "灯型": ("单臂", "双臂", "庭院"),
    "光源": ("LED", "LED", "高压钠灯"), "树种": ("法桐", "国槐", "白蜡", "银杏", "黑松"),
    "材质": ("不锈钢", "木", "花岗岩", "铸铁"),
    "朝向": ("东", "南", "西", "北"), "保护等级": ("一级", "二级", "三级"), "分类类型": ("四分类", "可回收/其他"),
    "支撑": ("有", "无"),
    "电压等级": ("10kV", "0.4kV"), "运营企业": ("移动", "联通", "电信", "铁塔"), "联网状态": ("在线", "离线"),
    "管材": ("PE", "球墨铸铁"), "路面材质": ("沥青", "水泥"), "道路等级": ("主干路", "次干路", "支路"),
    "电子站牌": ("有", "无"),
    "类别(雨/污/合流)": ("雨", "污", "合流"), "供/回水": ("供", "回"), "接口标准GB/T20234": ("2015", "2023"),
    "无障碍": ("有", "无"),
}  # fmt: skip
KEEPERS = ("牟平区市政工程养护中心", "烟台示例城市服务有限公司", "牟平区园林建设养护中心", "烟台示例照明工程有限公司")
OWNERS = ("国网牟平供电公司", "牟平区自来水公司", "烟台示例燃气有限公司", "烟台示例热力有限公司", "中国移动牟平分公司")
OWNED = {"0105": 0, "0116": 0, "0133": 0, "0134": 0, "0101": 1, "2112": 1, "0111": 2, "0135": 2, "2114": 2,
         "0110": 3, "2115": 3,
         "0107": 4, "0115": 4, "2105": 4}  # fmt: skip
DIFFUSE = {"0405", "0601", "0602", "2118"}


def attribute_texts(land: Land, things: Things, rows: NDArray[np.int64]) -> Text:
    """Write the attributes of some assets as JSON objects, class by class. rows: ordered by class."""
    classes = things.of_class[rows]
    parts = []
    for index in np.unique(classes):
        mine = rows[classes == index]
        random = stream(land.seed, "district", "attributes", things.classes[index].code)
        parts.append(_objects(things.classes[index], things.serial[mine], random))
    return pa.concat_arrays(parts) if parts else pa.array([], pa.string())


def _objects(item: ThingClass, serial: NDArray[np.int64], random: np.random.Generator) -> Text:
    names = item.attributes[:MOST_ATTRIBUTES]
    if not names:
        return pa.array(["{}"] * len(serial))
    pieces: list[Text | str] = []
    for place, name in enumerate(names):
        pieces += ["{" if place == 0 else ", ", f'"{name}": ', _value(name, serial, random)]
    return join(*pieces, "}")


def _value(name: str, serial: NDArray[np.int64], random: np.random.Generator) -> Text:
    """Write one attribute of a class for all its assets as JSON values."""
    count = len(serial)
    if name in LISTED:
        return join('"', draw(random, LISTED[name], count), '"')
    if name.endswith("日期"):
        return join('"', dates(random, count, "2019-01-01", "2026-04-30"), '"')
    if name.endswith("年份"):
        return text(random.integers(1995, 2026, count))
    if COUNT.search(name):
        return text(random.integers(1, 13, count))
    unit = UNIT.search(name)
    if unit and name.startswith("尺寸"):
        return join('"', draw(random, ("Φ700", "Φ600", "600x600", "450x750"), count), '"')
    if unit:
        low, high = RANGES[unit.group(1)]
        return fixed(random.uniform(low, high, count), 1)
    return join(f'"{name[:2]}', padded(serial, 6), '"')


def party_columns(land: Land, things: Things, rows: NDArray[np.int64]) -> dict[str, Text]:
    """Give supervising code and name, owner, keeper, state, date, source and accuracy class of some assets."""
    count = len(rows)
    random = stream(land.seed, "district", "parties", int(rows[0]) if count else 0)
    classes = [things.classes[index].code for index in range(len(things.classes))]
    bureaus = [BUREAUS[code[:2]] for code in classes]
    of_class = things.of_class[rows]
    supervisor = pick([name for _, name in bureaus], of_class)
    owner = pick([OWNERS[OWNED[code]] if code in OWNED else BUREAUS[code[:2]][1] for code in classes], of_class)
    town = pick(
        [name + "办事处" if name.endswith("街道") else name + "人民政府" for _, name in land.towns],
        land.town[land.grid_village[things.grid[rows]]],
    )
    keeper = choose(random.random(count) < 0.3, town, draw(random, KEEPERS, count))
    accuracy = [
        "C" if code in DIFFUSE else "A" if things.classes[at].kind == "point" else "B"
        for at, code in enumerate(classes)
    ]
    return {
        "supervising_code": pick([bureau_code(number) for number, _ in bureaus], of_class),
        "supervising_name": supervisor, "owning_name": owner, "maintaining_name": keeper,
        "state": draw(random, STATES, count), "since": dates(random, count, "2008-01-01", "2026-04-30", "%Y%m%d"),
        "source": draw(random, ("实测", "实测", "地形图", "基础地理数据"), count), "accuracy": pick(accuracy, of_class),
        "name": pick([item.name for item in things.classes], of_class),
        "class": pick(classes, of_class), "grid": pick(land.grid_codes, things.grid[rows]),
        "code": things.codes(rows), "attributes": attribute_texts(land, things, rows),
    }  # fmt: skip
