"""A made-up address register and the ways people write it: the right answer is always known."""

from __future__ import annotations

import random
from dataclasses import dataclass

from ingest_gis.address.match import AddressMatcher
from ingest_gis.address.normalise import Normaliser, Region
from ingest_gis.address.register import RegisterRow

REGION = Region("牟平区", ("牟平县",), ("山东省", "山东", "烟台市", "烟台"))
TOWNS = ["宁海街道", "文化街道", "武宁街道", "大窑街道"]
COMMUNITIES = ["东关社区居民委员会", "西关社区居民委员会", "杜家村村民委员会", "新建里社区居民委员会"]
FIRST = "正通宁北南政新工滨文沁金昆牟师东西永兴华建民和平安康泰祥富瑞"
SECOND = "阳海关府城商河化水埠嵛山范昌盛顺达宁德源丰园景江湖丽安"
COMPOUNDS = [
    "幸福小区",
    "金都花园",
    "和平家园",
    "阳光苑",
    "碧水庄园",
    "师范大院",
    "滨河新村",
    "东方公寓",
    "华城国际",
    "景泰名邸",
]
SAME_SOUND = {
    "阳": "洋",
    "海": "孩",
    "关": "官",
    "府": "福",
    "城": "成",
    "商": "伤",
    "河": "和",
    "化": "画",
    "山": "删",
    "园": "圆",
}
DIGITS = "〇一二三四五六七八九"


@dataclass(frozen=True)
class Place:
    address_id: int
    town: str
    road: str
    number: str
    compound: str
    building: str

    def standard(self) -> str:
        building = f"{self.building}号楼" if self.building else ""
        return f"山东省烟台市牟平区{self.town}{self.road}{self.number}号{self.compound}{building}"


def make_register(seed: int, roads: int = 120, gates: int = 24) -> list[Place]:
    """Make a register: some gates are one house, some a compound of several buildings."""
    draw = random.Random(seed)  # noqa: S311
    names = sorted({draw.choice(FIRST) + draw.choice(SECOND) + draw.choice(["路", "街", "大街"]) for _ in range(roads)})
    places: list[Place] = []
    for road in names:
        town = draw.choice(TOWNS)
        for number in draw.sample(range(1, 400), gates):
            if draw.random() < 0.3:
                compound = draw.choice(COMPOUNDS) if draw.random() < 0.8 else ""
                for building in range(1, draw.randint(2, 9)):
                    places.append(Place(len(places), town, road, str(number), compound, str(building)))
            else:
                places.append(Place(len(places), town, road, str(number), "", ""))
    return places


def matcher_of(places: list[Place]) -> AddressMatcher:
    """Build a matcher over a register; every place is a building of its own."""
    normalise = Normaliser(REGION)
    rows = [
        RegisterRow(
            place.address_id, place.address_id, normalise(place.standard()),
            {"road": place.road, "number": place.number, "compound": place.compound, "building": place.building},
        )
        for place in places
    ]  # fmt: skip
    return AddressMatcher(rows, REGION, TOWNS, COMMUNITIES)


def _chinese(number: str) -> str:
    return "".join(DIGITS[int(digit)] for digit in number)


def _wide(number: str) -> str:
    return "".join(chr(ord(digit) + 0xFEE0) for digit in number)


def write_by_hand(place: Place, draw: random.Random) -> str:
    """Write an address as a clerk might; what it says stays true."""
    prefix = draw.choice(["", "", "牟平区", "山东省烟台市牟平区", "烟台市牟平区", "烟台牟平区"])
    town = draw.choice(["", place.town, place.town.replace("街道", "街道办事处"), place.town.replace("街道", "街办")])
    road = place.road
    if draw.random() < 0.12:
        letters = [at for at, letter in enumerate(road[:-1]) if letter in SAME_SOUND]
        if letters:
            at = draw.choice(letters)
            road = road[:at] + SAME_SOUND[road[at]] + road[at + 1 :]
    number = draw.choice([place.number, place.number, _wide(place.number), _chinese(place.number)])
    gate = number + draw.choice(["号", "号", "#", "号院"] if place.building else ["号", "号", "#", ""])
    compound = place.compound if draw.random() < 0.7 else ""
    building = ""
    if place.building:
        kind = draw.choice(["号楼", "栋", "幢", "#楼", "座", "号楼"])
        building = draw.choice([place.building, _wide(place.building), _chinese(place.building)]) + kind
        tail = draw.choice(["", "", "2单元", "二单元301室", "1单元502", "一单元"])
    else:
        tail = draw.choice(["", "", "（临街）", "301室" if gate[-1] in "号#" else " 301室"])
    space = draw.choice(["", "", " ", "，"])
    return prefix + town + space + road + gate + space + compound + building + tail


def write_unknown(places: list[Place], draw: random.Random) -> str:
    """Write an address that is not in the register: a number or building that road does not have, or no such road."""
    known = {(place.road, place.number, place.building) for place in places}
    place = draw.choice(places)
    while True:
        kind = draw.random()
        number, building, road = place.number, place.building, place.road
        if kind < 0.5:
            number = str(draw.randint(1, 420))
        elif kind < 0.75 and building:
            building = str(draw.randint(10, 30))
        else:
            road = draw.choice(FIRST) + draw.choice(SECOND) + draw.choice(["里街", "支路", "大道"])
        if not any((road, number) == (r, n) and (b == building or not building) for r, n, b in known):
            text = Place(0, place.town, road, number, place.compound, building)
            return write_by_hand(text, draw)
