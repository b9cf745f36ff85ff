"""Who lives and works in the district: households, sole traders, firms, institutions; all of them made up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from photogrammetry.sample.district.codes import credit_codes, id_numbers
from photogrammetry.sample.district.houses import COMPOUND, Houses, town_names
from photogrammetry.sample.district.land import Land
from photogrammetry.sample.district.words import (
    FIRM_ENDINGS,
    INSTITUTIONS,
    ORGANS,
    SHOP_WORDS,
    SOCIAL,
    TRADES,
    Text,
    choose,
    dates,
    draw,
    fixed,
    join,
    padded,
    person_names,
    phone_numbers,
    pick,
    text,
)  # fmt: skip
from photogrammetry.sample.quarter import CRS
from photogrammetry.sample.randomness import stream
from twin.crs import transformer

# Of the entities: how many are what. The kinds are the first two characters of their credit codes.
HOUSEHOLDS, TRADERS, FIRMS, COOPERATIVES, INSTITUTES, ORGAN_OFFICES, SOCIETIES = range(7)
SHARES = (0.735, 0.18, 0.07, 0.005, 0.0055, 0.0015, 0.003)
CREDIT_KINDS = ("", "92", "91", "93", "12", "11", "52")
# How likely a house of each kind (village, compound, shops, civic) holds one.
HOLDS = {
    HOUSEHOLDS: (1.0, 40.0, 0.3, 0.0), TRADERS: (0.5, 1.0, 12.0, 0.3), FIRMS: (0.3, 0.5, 16.0, 1.0),
    COOPERATIVES: (1.0, 0.0, 0.5, 0.0), INSTITUTES: (0.02, 0.0, 0.5, 40.0), ORGAN_OFFICES: (0.01, 0.0, 0.5, 40.0),
    SOCIETIES: (0.2, 0.1, 2.0, 4.0),
}  # fmt: skip


@dataclass(frozen=True)
class People:
    """All entities, kind after kind. kind: HOUSEHOLDS ... SOCIETIES. house: index. number: which of all, from 0."""

    kind: NDArray[np.int64]
    house: NDArray[np.int64]

    def of(self, *kinds: int) -> NDArray[np.int64]:
        """List the rows of some kinds."""
        rows: NDArray[np.int64] = np.flatnonzero(np.isin(self.kind, kinds))
        return rows


def settle_people(seed: int, houses: Houses, wanted: int) -> People:
    """Draw `wanted` entities and the house of each, higher houses holding more."""
    random = stream(seed, "district", "people")
    counts = np.maximum(2, np.round(wanted * np.array(SHARES)).astype(np.int64))
    counts[HOUSEHOLDS] += wanted - counts.sum()
    kind = np.repeat(np.arange(len(SHARES)), counts)
    parts = []
    for value, count in enumerate(counts):
        weight = np.array(HOLDS[value])[houses.kind] * np.sqrt(houses.storeys)
        parts.append(random.choice(len(houses), int(count), p=weight / weight.sum()))
    return People(kind, np.concatenate(parts))


def rooms(random: np.random.Generator, houses: Houses, house: NDArray[np.int64]) -> tuple[Text, Text]:
    """Draw unit and room within some houses; "" in houses of one or two storeys."""
    storeys = houses.storeys[house]
    count = len(house)
    unit = choose(
        (houses.kind[house] == COMPOUND), join(text(random.integers(1, 4, count)), "单元"), pa.array([""] * count)
    )
    floor = (random.random(count) * storeys).astype(np.int64) + 1
    room = join(text(floor), padded(random.integers(1, 5, count), 2))
    return unit, choose(storeys > 2, room, pa.array([""] * count))


def credit_of(rows: NDArray[np.int64], people: People) -> Text:
    """Give the credit codes of some entities that have one."""
    return credit_codes(rows, pick(CREDIT_KINDS, people.kind[rows]))


def public_names(land: Land, houses: Houses, people: People, rows: NDArray[np.int64]) -> Text:
    """Name firms, traders and institutions of some rows; the names depend on the rows only."""
    random = stream(land.seed, "district", "firm names", int(rows[0]) if len(rows) else 0)
    count = len(rows)
    kind = people.kind[rows]
    two = join(draw(random, SHOP_WORDS, count), draw(random, SHOP_WORDS, count))
    trade = draw(random, TRADES, count)
    trader = join("牟平区", person_names(random, count), trade, draw(random, ("店", "店", "经营部", "商行"), count))
    firm = join("烟台示例", two, trade, draw(random, FIRM_ENDINGS, count))
    town = town_names(land, houses).take(pa.array(people.house[rows]))
    serial = join("第", text(random.integers(1, 90, count)))
    cooperative = join("牟平区", two, draw(random, ("果蔬", "樱桃", "花生", "农机"), count), "专业合作社")
    institute = join("牟平区", town, serial, draw(random, INSTITUTIONS, count))
    organ = join("牟平区", town, serial, draw(random, ORGANS, count), "办事处")
    society = join("牟平区", two, draw(random, SOCIAL, count))
    named = trader
    for value, words in (
        (FIRMS, firm),
        (COOPERATIVES, cooperative),
        (INSTITUTES, institute),
        (ORGAN_OFFICES, organ),
        (SOCIETIES, society),
    ):
        named = choose(kind == value, words, named)
    return named


def positions(land: Land, houses: Houses, house: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.float64]:
    """Draw points within some houses, (N, 2) metres in EPSG:4550."""
    size = (houses.corners[house, 2] - houses.corners[house, 0]) * 0.3
    return land.metres(houses.lattice[house] + random.uniform(-1, 1, (len(house), 2)) * size)


def degrees(metres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn (N, 2) metres in EPSG:4550 into longitude, latitude, CGCS2000."""
    return np.column_stack(transformer(CRS, "EPSG:4490").transform(metres[:, 0], metres[:, 1]))


def household_keys(rows: NDArray[np.int64]) -> Text:
    """Give the household numbers of some rows."""
    return join("H12", padded(rows + 1, 8))


def household_columns(
    random: np.random.Generator, rows: NDArray[np.int64], unit: Text, room: Text, address: Text
) -> dict[str, Text]:
    """Fill the columns of the police's list of households."""
    count = len(rows)
    return {
        "户编号": household_keys(rows), "户主姓名": person_names(random, count), "身份证号": id_numbers(rows),
        "人口数": text(random.integers(1, 7, count)), "地址": address, "房号": join(unit, room),
        "联系电话": phone_numbers(random, count),
    }  # fmt: skip


def firm_columns(
    random: np.random.Generator, codes: Text, names: Text, address: Text, lonlat: NDArray[np.float64], grid: Text
) -> dict[str, Text]:
    """Fill the columns of a list of enterprises, traders or institutions."""
    count = len(codes)
    return {
        "统一社会信用代码": codes, "企业名称": names, "法定代表人": person_names(random, count), "经营地址": address,
        "经营范围": join(draw(random, TRADES, count), "；日用品销售"),
        "成立日期": dates(random, count, "1998-01-01", "2026-04-30"),
        "经度": fixed(lonlat[:, 0], 7), "纬度": fixed(lonlat[:, 1], 7), "所在网格": grid,
    }  # fmt: skip
