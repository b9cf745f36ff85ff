"""How people write an address down: parts left out, other words and digits, old names, slips, wrong numbers.

What each address truly means is kept beside it. Written apart from the rules that match addresses, and never to be
used for tuning them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from photogrammetry.sample.address_register import chinese_number
from photogrammetry.sample.district.houses import COMPOUND, VILLAGE, Houses, town_names
from photogrammetry.sample.district.land import Land
from photogrammetry.sample.district.words import Text, choose, draw, join, pick, text

MOST_NUMBER = 6000
CHINESE = [chinese_number(number) if number < 1000 else str(number) for number in range(MOST_NUMBER)]
FULL_WIDTH = ["".join(chr(ord(digit) + 0xFEE0) for digit in str(number)) for number in range(MOST_NUMBER)]
PLAIN = [str(number) for number in range(MOST_NUMBER)]
# Letters that sound alike or look alike, as typed by mistake.
SLIPS = {
    "金": "今", "海": "嗨", "安": "按", "福": "服", "和": "合", "庄": "装", "村": "邨", "东": "冬", "西": "四",
    "源": "原", "达": "答", "泰": "太",
    "家": "加", "花": "化", "园": "圆", "新": "心", "山": "三", "河": "何", "龙": "笼", "宁": "咛", "平": "坪",
    "长": "常", "青": "清", "华": "画",
    "盛": "胜", "隆": "龙", "顺": "順", "夼": "况", "疃": "瞳", "观": "官", "水": "永", "石": "右", "大": "太",
    "王": "玉", "李": "季", "张": "章",
}  # fmt: skip
EXACT, STYLE, ALIAS, SLIP, NO_TOWN, WRONG_NUMBER, NO_SUCH_PLACE, RELATIVE = range(8)
WAYS = ("exact", "style", "alias", "typing error", "town left out", "wrong number", "no such place", "relative")
SHARES = (0.30, 0.42, 0.05, 0.06, 0.12, 0.025, 0.015, 0.01)


@dataclass(frozen=True)
class Written:
    """Addresses as written. house: the house each means, -1 for none. way: index into WAYS."""

    address: Text
    house: NDArray[np.int64]
    way: NDArray[np.int64]


class Handwriting:
    """Writes addresses of a district's houses as people do."""

    def __init__(self, land: Land, houses: Houses) -> None:
        """Find which names stand in several towns: those cannot do without their town."""
        self._land, self._houses = land, houses
        self._town = town_names(land, houses)
        self._village = pick(land.short, houses.village)
        self._alone = self._stands_alone()
        self._highest = self._highest_numbers()

    def write(
        self, random: np.random.Generator, house: NDArray[np.int64], unit: Text | None = None, room: Text | None = None
    ) -> Written:
        """Write the addresses of some houses, (N,) indices. unit, room: "" or None where none is named."""
        count = len(house)
        way = random.choice(len(WAYS), count, p=SHARES)
        alone = self._alone[house]
        way = np.where((way == NO_TOWN) & ~alone, STYLE, way)
        has_compound = self._houses.kind[house] == COMPOUND
        way = np.where((way == ALIAS) & ~has_compound, STYLE, way)
        number = self._numbers(random, house, way)
        numeral = self._numerals(random, number, way)
        body = self._bodies(random, house, numeral, way)
        if room is not None and unit is not None:
            body = join(
                body,
                unit,
                choose(pc.equal(room, "").to_numpy(False), "", join(room, draw(random, ("室", "", "室"), count))),
            )
        written = join(self._prefixes(random, house, way), body)
        written = _with_slips(written, np.flatnonzero(way == SLIP), random)
        lost = np.flatnonzero(way == NO_SUCH_PLACE)
        relative = np.flatnonzero(way == RELATIVE)
        written = _put(written, lost, self._made_up(random, lost))
        written = _put(written, relative, self._relative(random, house[relative]))
        means = np.where(np.isin(way, (WRONG_NUMBER, NO_SUCH_PLACE, RELATIVE)), -1, house)
        return Written(written, means, way)

    def _stands_alone(self) -> NDArray[np.bool_]:
        """Tell for each house whether its road, or its village, is the only one of that name in the district."""
        names = np.asarray(choose(self._houses.kind == VILLAGE, self._village, self._houses.road).to_pylist())
        town = self._land.town[self._houses.village]
        every, index = np.unique(names, return_inverse=True)
        low = np.full(len(every), 99)
        high = np.full(len(every), -1)
        np.minimum.at(low, index, town)
        np.maximum.at(high, index, town)
        alone: NDArray[np.bool_] = (low == high)[index]
        return alone

    def _highest_numbers(self) -> NDArray[np.int64]:
        """Give a number beyond any on the same road, or in the same village, for each house."""
        names = join(self._town, choose(self._houses.kind == VILLAGE, self._village, self._houses.road))
        index = pc.dictionary_encode(names).indices.to_numpy()
        highest = np.zeros(index.max() + 1, np.int64)
        np.maximum.at(highest, index, self._houses.number)
        beyond: NDArray[np.int64] = highest[index]
        return beyond

    def _numbers(
        self, random: np.random.Generator, house: NDArray[np.int64], way: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        wrong = self._highest[house] + 2 * random.integers(3, 40, len(house))
        return np.minimum(np.where(way == WRONG_NUMBER, wrong, self._houses.number[house]), MOST_NUMBER - 1)

    def _numerals(self, random: np.random.Generator, number: NDArray[np.int64], way: NDArray[np.int64]) -> Text:
        style = random.random(len(number))
        plain = (way == EXACT) | (style > 0.35)
        return choose(plain, pick(PLAIN, number), choose(style < 0.15, pick(CHINESE, number), pick(FULL_WIDTH, number)))

    def _prefixes(self, random: np.random.Generator, house: NDArray[np.int64], way: NDArray[np.int64]) -> Text:
        town = self._town.take(pa.array(house))
        full = join("山东省烟台市牟平区", town)
        some = draw(random, ("", "牟平区", "烟台市牟平区", "山东烟台牟平区"), len(house))
        without = draw(random, ("", "", "牟平区", "烟台市牟平区"), len(house))
        alias_of_town = pc.replace_substring_regex(town, pattern="街道$", replacement="街道办事处")
        styled = join(some, choose(random.random(len(house)) < 0.15, alias_of_town, town))
        return choose(way == EXACT, full, choose(way == NO_TOWN, without, styled))

    def _bodies(
        self, random: np.random.Generator, house: NDArray[np.int64], numeral: Text, way: NDArray[np.int64]
    ) -> Text:
        houses, count = self._houses, len(house)
        at = pa.array(house)
        exact = way == EXACT
        gate = join(numeral, choose(exact, "号", draw(random, ("号", "号", "号", "#", " 号", "號"), count)))
        block = text(houses.block[house])
        block = join(block, choose(exact, "号楼", draw(random, ("号楼", "号楼", "栋", "幢", "#楼"), count)))
        compound = houses.compound.take(at)
        in_compound = houses.kind[house] == COMPOUND
        urban = join(houses.road.take(at), gate, choose(in_compound, join(compound, block), ""))
        urban = choose(in_compound & (way == ALIAS), join(compound, block), urban)
        group = houses.group[house]
        groups = choose(
            group > 0, join(choose(random.random(count) < 0.3, pick(CHINESE, group), text(group)), "组"), ""
        )
        village = self._village.take(at)
        village = choose(
            ~exact & (random.random(count) < 0.1), pc.replace_substring_regex(village, "村$", "村委会"), village
        )
        return choose(houses.kind[house] == VILLAGE, join(village, groups, gate), urban)

    def _made_up(self, random: np.random.Generator, rows: NDArray[np.int64]) -> Text:
        count = len(rows)
        roads = draw(random, ("远航路", "彼岸大街", "无名路", "旧码头街", "外环西辅路"), count)
        return join("牟平区", roads, text(random.integers(1, 400, count)), "号")

    def _relative(self, random: np.random.Generator, house: NDArray[np.int64]) -> Text:
        count = len(house)
        at = pa.array(house)
        name = choose(self._houses.kind[house] == VILLAGE, self._village.take(at), self._houses.road.take(at))
        return join(
            self._town.take(at),
            name,
            draw(random, ("东头往南", "路口向北", "西侧约"), count),
            text(random.integers(2, 30, count) * 10),
            "米",
        )


def _with_slips(words: Text, rows: NDArray[np.int64], random: np.random.Generator) -> Text:
    """Let each of some addresses have one typing error, never in a number."""
    spoilt = []
    for address in words.take(pa.array(rows)).to_pylist():
        able = [at for at, letter in enumerate(address) if letter in SLIPS and at > 0]
        if not able:
            spoilt.append(address)
            continue
        at = able[int(random.integers(len(able)))]
        spoilt.append(address[:at] + SLIPS[address[at]] + address[at + 1 :])
    return _put(words, rows, pa.array(spoilt, pa.string()))


def _put(words: Text, rows: NDArray[np.int64], new: Text) -> Text:
    """Put new texts into some rows."""
    if not len(rows):
        return words
    mask = np.zeros(len(words), bool)
    mask[rows] = True
    return pc.replace_with_mask(words, pa.array(mask), new)
