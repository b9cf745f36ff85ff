"""Take a normalised address apart: town, community, road, gate number, compound, building, unit, floor, room."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields

TOWN_ENDINGS = ("街道办事处", "街道办", "街办", "办事处", "街道", "镇政府", "镇", "乡")
COMMUNITY_ENDINGS = ("社区居民委员会", "社区居委会", "居民委员会", "居委会", "社区", "村民委员会", "村委会", "村")
COMPOUND_ENDINGS = (
    "小区|新区|花园|家园|公园|花苑|苑|园|新城|城|府|湾|庄|里|居|公寓|大厦|广场|中心|商场|市场|商城|超市|酒店|宾馆|院|大院|厂|公司|局|所|"
    "学校|小学|中学|幼儿园|医院|卫生院|银行|楼|阁|村|屯|家属院|宿舍|基地|产业园|工业园|驿站|名邸|华庭|半岛"
)
ROAD = re.compile(
    r"(?P<road>[^\d\-号栋]{1,10}?(?:大街|大道|路|街(?!道)|胡同|道(?!办))(?:[^\d\-号栋]{1,3}?巷|\d+巷)?|[^\d\-号栋]{1,8}?巷)"
)
NUMBER = re.compile(r"(?P<number>\d+(?:-\d+)?)号")
BUILDING = re.compile(r"(?P<building>\d+|[A-Z]|[甲乙丙丁])栋")
SECOND_NUMBER = re.compile(r"(?P<building>\d+)号(?=$|\d+单元|\d+层|\d+室|[^\d])")
UNIT = re.compile(r"(?P<unit>\d+)单元")
FLOOR = re.compile(r"(?P<floor>\d+)层")
ROOM = re.compile(r"(?P<room>[A-Z]?\d+(?:-\d+)?)室")
RELATIVE = re.compile(
    r"交叉口|交汇处|路口|对面|对过|附近|旁边|旁|隔壁|斜对|[东西南北]\d+米|向[东西南北]|以[东西南北]|门口|[东西南北]门|[东西南北]侧"
)
COMPOUND = re.compile(rf"(?P<compound>[^\d\-]{{1,16}}?(?:{COMPOUND_ENDINGS}))(?=$|[\dA-Z甲乙丙丁])")


@dataclass(frozen=True)
class ParsedAddress:
    """The components of one address; "" where it does not say. relative: it only says near what, not where.

    rest: letters that no component took.
    """

    town: str = ""
    community: str = ""
    road: str = ""
    number: str = ""
    compound: str = ""
    building: str = ""
    unit: str = ""
    floor: str = ""
    room: str = ""
    relative: bool = False
    rest: str = ""

    def components(self) -> dict[str, str]:
        """Give the named components that are there, without unit-inside parts that are private (floor, room)."""
        public = ("town", "community", "road", "number", "compound", "building", "unit")
        return {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if item.name in public and getattr(self, item.name)
        }

    def to_building(self) -> str:
        """Write the address in its one form, cut at building level: no unit, floor, room and no unknown words."""
        parts = [self.town, self.community, self.road, f"{self.number}号" if self.number else "", self.compound]
        return "".join([*parts, f"{self.building}栋" if self.building else ""])


@dataclass
class Gazetteer:
    """Known names above the gate number: towns and communities by their bare name, roads and compounds as written."""

    towns: dict[str, str] = field(default_factory=dict)
    communities: dict[str, str] = field(default_factory=dict)
    roads: frozenset[str] = frozenset()
    compounds: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        towns: Iterable[str] = (),
        communities: Iterable[str] = (),
        roads: Iterable[str] = (),
        compounds: Iterable[str] = (),
    ) -> Gazetteer:
        """Make a gazetteer from official names (宁海街道, 东关社区居民委员会); bare names find them again."""
        return cls(
            {bare_name(name, TOWN_ENDINGS): name for name in towns},
            {bare_name(name, COMMUNITY_ENDINGS): name for name in communities},
            frozenset(filter(None, roads)),
            frozenset(filter(None, compounds)),
        )


def bare_name(name: str, endings: tuple[str, ...]) -> str:
    """Cut the kind of unit off a name: 宁海街道 -> 宁海."""
    for ending in endings:
        if name.endswith(ending) and len(name) > len(ending) + 1:
            return name.removesuffix(ending)
    return name


class Names:
    """Names to find at the start of a text, the longest that fits first."""

    def __init__(self, names: Iterable[str]) -> None:
        """Sort the names by their first letter and length."""
        self._by_letter: dict[str, list[str]] = {}
        for name in sorted(set(filter(None, names)), key=lambda name: (-len(name), name)):
            self._by_letter.setdefault(name[0], []).append(name)

    def starting(self, text: str) -> Iterator[str]:
        """Yield the names a text starts with, longest first."""
        return (name for name in self._by_letter.get(text[:1], ()) if text.startswith(name))


class AddressParser:
    """Parses normalised addresses with the names of one city."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        """Prepare the names."""
        self._official_towns = gazetteer.towns
        self._official_communities = gazetteer.communities
        self._towns = Names(gazetteer.towns)
        self._communities = Names(gazetteer.communities)
        self._roads = Names(gazetteer.roads)
        self._compounds = Names(gazetteer.compounds)

    def __call__(self, text: str) -> ParsedAddress:
        """Take a normalised address apart. Never fails: what it does not understand stays in `rest`."""
        found: dict[str, str] = {}
        rest = self._take_unit(text, found, "town", self._towns, self._official_towns, TOWN_ENDINGS)
        rest = self._take_unit(
            rest, found, "community", self._communities, self._official_communities, COMMUNITY_ENDINGS
        )
        rest = _take(NUMBER, self._take_road(rest, found), found)
        rest = self._take_compound(rest, found)
        if "road" not in found and "compound" in found:
            rest = _take(NUMBER, self._take_road(rest, found), found) if self._opens_road(rest) else rest
        for pattern in (BUILDING, UNIT, FLOOR, ROOM):
            rest = _take(pattern, rest, found)
        rest = _take_loose_building(rest, found)
        return ParsedAddress(**found, relative=RELATIVE.search(rest) is not None, rest=rest)

    def _take_unit(
        self,
        text: str,
        found: dict[str, str],
        part: str,
        names: Names,
        official: dict[str, str],
        endings: tuple[str, ...],
    ) -> str:
        """Take a town or community from the start: with its ending, or bare when a known road or compound follows."""
        for name in names.starting(text):
            tail = text.removeprefix(name)
            ending = next((item for item in endings if tail.startswith(item)), None)
            if ending is None and not self._stands_alone(text, tail):
                continue
            found[part] = official[name]
            return tail.removeprefix(ending or "")
        return text

    def _stands_alone(self, text: str, tail: str) -> bool:
        """Tell whether what follows a bare name begins an address of its own (宁海正阳路..., but not 宁海大街...)."""
        known_road = next(self._roads.starting(text), None)
        return known_road is None and (self._opens_road(tail) or next(self._compounds.starting(tail), None) is not None)

    def _opens_road(self, text: str) -> bool:
        return next(self._roads.starting(text), None) is not None

    def _take_road(self, text: str, found: dict[str, str]) -> str:
        known = next(self._roads.starting(text), None)
        if known is None and next(self._compounds.starting(text), None):
            return text
        match = ROAD.match(text)
        road = known or (match["road"] if match else None)
        if road is None:
            return text
        found["road"] = road
        return text.removeprefix(road)

    def _take_compound(self, text: str, found: dict[str, str]) -> str:
        match = COMPOUND.match(text)
        compound = next(self._compounds.starting(text), None)
        if compound is None and match and not RELATIVE.search(match["compound"]):
            compound = match["compound"]
        if compound is None:
            return text
        found["compound"] = compound
        return text.removeprefix(compound)


def _take(pattern: re.Pattern[str], text: str, found: dict[str, str]) -> str:
    match = pattern.match(text)
    if not match:
        return text
    found.update({name: value for name, value in match.groupdict().items() if value})
    return text[match.end() :]


def _take_loose_building(text: str, found: dict[str, str]) -> str:
    """Behind a gate number or a compound another number is a building: 正阳路12号3号, 幸福小区3; a long one a room."""
    if "building" in found or "floor" in found or not ("number" in found or "compound" in found):
        return text
    text = _take(SECOND_NUMBER, text, found)
    if "building" not in found and "compound" in found and re.fullmatch(r"\d{1,4}", text):
        found["building" if len(text) < 3 else "room"], text = text, ""
    for pattern in (UNIT, FLOOR, ROOM) if "building" in found else ():
        text = _take(pattern, text, found)
    return text
