"""The quarter's standard addresses, and the ways in which people write them down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import LineString, Polygon

from photogrammetry.sample.building_plans import Building
from photogrammetry.sample.quarter import Quarter

PREFIX = "山东省烟台市牟平区宁海街道"
DIGITS = "〇一二三四五六七八九"


@dataclass(frozen=True)
class Address:
    """A standard address down to the building; east, north: the door's place (local metres)."""

    code: str
    road: str
    number: str
    compound: str
    building: str
    building_code: str
    east: float
    north: float

    @property
    def short(self) -> str:
        """The address without the divisions above the street."""
        house = f"{self.building}号楼" if self.building else ""
        return f"{self.road}{self.number}号{self.compound}{house}"

    @property
    def standard(self) -> str:
        """The full standard form."""
        return PREFIX + self.short


def make_register(quarter: Quarter) -> list[Address]:
    """Give every building its address: lanes in villages, one gate and house numbers in compounds, else the street."""
    counters: dict[str, int] = {}
    gates: dict[int, tuple[str, str]] = {}
    houses: dict[int, int] = {}
    addresses = []
    lines = [(road.name, LineString(road.line)) for road in quarter.roads]
    for building in quarter.buildings:
        block = quarter.blocks[building.block]
        wall = Polygon(building.outline)
        street, line = min(lines, key=lambda pair: pair[1].distance(wall))
        door = shapely.shortest_line(wall, line).coords[0]
        if block.kind == "village":
            lane = block.name + DIGITS[1 + _lane_of(quarter, building)] + "巷"
            parts = (lane, _next_number(counters, lane, 1), "", "")
        elif block.kind == "compound":
            if block.index not in gates:
                gates[block.index] = (street, _next_number(counters, street, 2))
            houses[block.index] = houses.get(block.index, 0) + 1
            parts = (*gates[block.index], block.name, str(houses[block.index]))
        else:
            compound = building.name if building.kind in ("tower", "podium") else ""
            parts = (street, _next_number(counters, street, 2), compound, "")
        addresses.append(Address(f"{building.code}001", *parts, building.code, float(door[0]), float(door[1])))
    return addresses


def _lane_of(quarter: Quarter, building: Building) -> int:
    """Count the rows of a village from the south."""
    block = quarter.blocks[building.block]
    north = (building.outline.mean(axis=0) @ quarter.turn)[1] - (block.outline @ quarter.turn)[:, 1].min()
    return int((north - quarter.scale.street_m / 2) // 20.5) % 9


def _next_number(counters: dict[str, int], road: str, step: int) -> str:
    counters[road] = counters.get(road, 0) + step
    return str(counters[road])


def chinese_number(number: int) -> str:
    """Write 0..999 in Chinese numerals."""
    hundreds, tens, ones = number // 100, number // 10 % 10, number % 10
    text = DIGITS[hundreds] + "百" if hundreds else ""
    if tens:
        text += ("" if tens == 1 and not hundreds else DIGITS[tens]) + "十"
    elif hundreds and ones:
        text += "零"
    return (text + (DIGITS[ones] if ones else "")) or "零"


SAME_SOUND = {
    "海": "孩",
    "牟": "谋",
    "阳": "洋",
    "福": "富",
    "源": "园",
    "府": "俯",
    "关": "官",
    "业": "叶",
    "范": "泛",
}


def write_by_hand(address: Address, random: np.random.Generator, room: str = "") -> str:
    """Write an address as it comes over the telephone: parts left out, other words and digits, slips of the pen."""
    prefix = str(random.choice(["", "", "牟平区", "牟平", "烟台市牟平区宁海街道", "宁海街道", PREFIX, "山东烟台牟平"]))
    number, house = address.number, address.building
    style = random.random()
    if style < 0.2:
        number = chinese_number(int(number))
    elif style < 0.4:
        number = "".join(chr(ord(digit) + 0xFEE0) for digit in number)
    gate = number + str(random.choice(["号", "号", "号", "#", " 号"]))
    compound = address.compound
    if house:
        named = chinese_number(int(house)) if random.random() < 0.25 else house
        house = named + str(random.choice(["号楼", "号楼", "栋", "幢", "#楼", "#"]))
    text = address.road + gate + compound + house
    if house and random.random() < 0.3:
        text = compound + house  # people in a compound leave the street out
    if random.random() < 0.08:
        slips = [at for at, letter in enumerate(text) if letter in SAME_SOUND]
        if slips:
            at = int(random.choice(slips))
            text = text[:at] + SAME_SOUND[text[at]] + text[at + 1 :]
    if room:
        text += str(random.choice([room, room + "室", " " + room, "-" + room]))
    if random.random() < 0.1:
        text = text.replace("号", "号，", 1)
    return prefix + text
