"""A made-up address register of a district: real names of towns and villages, roads and compounds of any number.

Two halves that share no road name, no compound name and no village: what is tuned on one is judged on the other.
"""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

from twin.settings import SHIPPED_DATA

Half = Literal["tune", "judge"]
FIRST = {
    "tune": "正通宁政新工滨文沁金昆永兴华建民和平安康泰祥富瑞德昌广景",
    "judge": "迎崇振胜解红光凤龙鱼莒玉佳锦福仁义礼清明秀长春秋青松朝",
}
SECOND = {
    "tune": "阳海关府城商化水埠嵛范盛顺达源丰园江湖丽林",
    "judge": "鸟山宾利放翠霞岭泉溪庆乐堂桥塔港湾茂荣远辉坤",
}
NUMBER_ROADS = {
    "tune": ("三八路", "八一路", "工商一路", "工商二路", "滨河三路", "五里街", "二十里铺路"),
    "judge": ("五一路", "五四街", "七一大街", "迎宾一路", "迎宾二路", "迎宾三路", "十里街", "三山路"),
}
COMPOUND_ENDINGS = ("小区", "花园", "家园", "公寓", "新村", "嘉苑", "名邸", "华庭", "国际", "城", "府", "庄园")
PARTS = ("一期", "二期", "三期", "东区", "西区", "南区", "北区", "A区", "B区")
POI = {
    "tune": ("商厦", "大酒店", "宾馆", "卫生院", "小学", "幼儿园", "机械厂", "农贸市场"),
    "judge": ("购物中心", "快捷酒店", "诊所", "中学", "托儿所", "纺织厂", "建材市场", "敬老院"),
}
NUMBERED_POI = {
    "tune": ("一中", "101医院", "第二实验小学", "306厂", "三中"),
    "judge": ("二中", "107医院", "第四中学", "512厂", "九中", "第一人民医院"),
}


@dataclass(frozen=True)
class Place:
    """One standard address. place: the building it stands for; several addresses may stand for one."""

    address_id: int
    place: int
    town: str
    community: str = ""
    group: str = ""
    road: str = ""
    number: str = ""
    compound: str = ""
    building: str = ""
    room: str = ""

    def standard(self) -> str:
        """Write it in full."""
        village = village_name(self.community) if not self.road else ""
        group = f"{self.group}组" if self.group else ""
        gate = f"{self.number}号" if self.number else ""
        house = f"{self.building}号楼" if self.building.isdigit() else f"{self.building}座" if self.building else ""
        room = f"{self.room}室" if self.room else ""
        return f"山东省烟台市牟平区{self.town}{village}{group}{self.road}{gate}{self.compound}{house}{room}"

    def components(self) -> dict[str, str]:
        """Give the components a delivery states in columns of its own."""
        names = ("road", "number", "compound", "building")
        return {name: value for name in names if (value := getattr(self, name))}


@dataclass(frozen=True)
class AddressBook:
    """A register, its towns and communities, and the roads that exist in two towns."""

    half: Half
    places: list[Place]
    towns: list[str]
    communities: list[str]
    twice: frozenset[str]

    def index(self) -> dict[tuple[str, ...], list[Place]]:
        """Find places by (town, community, group, road, number, compound, building)."""
        found: dict[tuple[str, ...], list[Place]] = defaultdict(list)
        for place in self.places:
            found[spot(place)].append(place)
        return found


def village_name(community: str) -> str:
    """Cut the committee off a community's official name: 张家村村民委员会 -> 张家村."""
    for ending in ("居民委员会", "村民委员会", "居委会", "村委会"):
        if community.endswith(ending) and len(community) > len(ending):
            name = community.removesuffix(ending)
            return name if name[-1] in "村社区疃庄屯" or ending[0] == "居" else name + "村"
    return community


def spot(place: Place) -> tuple[str, ...]:
    """Give what tells a place from another."""
    return (place.town, place.group, place.road or place.community, place.number, place.building, place.compound)


def make_address_book(half: Half, seed: int, size: int) -> AddressBook:
    """Make a register of about `size` addresses. The two halves share no name below the town."""
    draw = random.Random(f"{half} {seed}")  # noqa: S311 - a repeatable draw
    towns, villages = _units(half)
    makers = [_street(draw, half, town, road) for town, road in _roads(half, draw, towns, max(20, size // 55))]
    some = draw.sample(villages, min(len(villages), max(3, size // 150)))
    makers += [_village(draw, town, name) for town, name in some]
    draw.shuffle(makers)
    places: list[Place] = []
    building = 0
    for item in chain.from_iterable(makers):
        building += item.place == -1
        places.append(replace(item, address_id=len(places) + 1, place=building))
        if len(places) >= size:
            break
    counted: dict[str, set[str]] = defaultdict(set)
    for place in places:
        if place.road:
            counted[place.road].add(place.town)
    twice = frozenset(road for road, where in counted.items() if len(where) > 1)
    return AddressBook(half, places, towns, [name for _, name in _all_units()], twice)


def _all_units() -> list[tuple[str, str]]:
    with (SHIPPED_DATA / "admin" / "370612.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    towns = {row["code"]: row["name_zh"] for row in rows if row["level"] == "4"}
    return [(towns[row["parent_code"]], row["name_zh"]) for row in rows if row["level"] == "5"]


def _units(half: Half) -> tuple[list[str], list[tuple[str, str]]]:
    units = _all_units()
    return sorted({town for town, _ in units}), units[half == "judge" :: 2]


def _roads(half: Half, draw: random.Random, towns: list[str], count: int) -> list[tuple[str, str]]:
    kinds = ("路", "街", "大街", "东路", "西路", "中路", "南街", "北街", "支路")
    names = list(NUMBER_ROADS[half])
    known = set(names)
    while len(names) < count:
        middle = draw.choice(FIRST[half]) if draw.random() < 0.25 + (count > 2000) * 0.6 else ""
        name = draw.choice(FIRST[half]) + middle + draw.choice(SECOND[half]) + draw.choice(kinds)
        if draw.random() < 0.06:
            name += draw.choice("一二三四五") + "巷"
        if name not in known:
            known.add(name)
            names.append(name)
    roads = [(draw.choice(towns), name) for name in names]
    for town, name in draw.sample(roads, max(2, len(roads) // 30)):
        roads.append((draw.choice([other for other in towns if other != town]), name))
    return roads


def _street(draw: random.Random, half: Half, town: str, road: str) -> Iterator[Place]:
    """Give the addresses of a road; place -1 begins a new building, -2 is another address of the same one."""
    numbered = iter(draw.sample(range(1, 700), draw.randint(15, 60)))
    for number in numbered:
        chance = draw.random()
        gate = str(number)
        if chance < 0.06:
            gate = f"{number}-{draw.randint(1, 9)}"
        elif chance < 0.07:
            gate = f"{number}{draw.choice('AB甲乙')}"
        base = Place(0, -1, town, "", "", road, gate)
        kind = draw.random()
        if kind < 0.12:
            yield from _compound(draw, half, base)
        elif kind < 0.17:
            poi = draw.choice(FIRST[half]) + draw.choice(SECOND[half]) + draw.choice(POI[half])
            yield replace(base, compound=draw.choice(NUMBERED_POI[half]) if draw.random() < 0.15 else poi)
        elif kind < 0.2:
            rooms = draw.sample(range(101, 130), 3)
            yield replace(base, room=str(rooms[0]))
            yield from (replace(base, place=-2, room=str(room)) for room in rooms[1:])
            yield replace(base, place=-2)
        else:
            yield base


def _compound(draw: random.Random, half: Half, base: Place) -> Iterator[Place]:
    name = draw.choice(FIRST[half]) + draw.choice(SECOND[half]) + draw.choice(COMPOUND_ENDINGS)
    if draw.random() < 0.2:
        name += draw.choice(PARTS)
    letters = draw.random() < 0.08
    for number in range(1, draw.randint(3, 14)):
        yield replace(base, compound=name, building="ABCDEFGHJKLMNP"[number] if letters else str(number))


def _village(draw: random.Random, town: str, community: str) -> Iterator[Place]:
    groups = [str(group) for group in range(1, draw.randint(2, 6))] if draw.random() < 0.5 else [""]
    for group in groups:
        for number in draw.sample(range(1, 160), draw.randint(20, 60)):
            yield Place(0, -1, town, community, group, "", str(number))
