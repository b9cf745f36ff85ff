"""Take a normalised address apart: town, community, group, road, gate number, compound, building, unit, floor, room."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields

from ingest_gis.address.sound import syllables

TOWN_ENDINGS = ("街道办事处", "街道办", "街办", "办事处", "街道", "镇政府", "镇", "乡")
COMMUNITY_ENDINGS = ("社区居民委员会", "社区居委会", "居民委员会", "居委会", "社区", "村民委员会", "村委会", "村")
COMPOUND_ENDINGS = (
    "小区|新区|花园|家园|公园|花苑|苑|园|新城|城|府|湾|庄|里|居|公寓|大厦|广场|中心|商场|市场|商城|超市|酒店|宾馆|院|大院|厂|公司|局|所|"
    "学校|小学|中学|幼儿园|医院|卫生院|银行|楼|阁|村|屯|家属院|宿舍|基地|产业园|工业园|驿站|名邸|华庭|半岛"
)
ROAD = re.compile(
    r"(?P<road>[^\d\-号栋]{1,10}?(?:大街|大道|路|街(?!道)|胡同|道(?!办))(?:[^\d\-号栋]{1,3}?巷|\d+巷)?|[^\d\-号栋]{1,8}?巷)"
)
GROUP = re.compile(r"(?P<group>\d+)组")
NUMBER = re.compile(r"(?P<number>\d+[A-Z甲乙丙丁]?(?:-\d+)?)号|(?P<before>[甲乙丙丁])(?P<after>\d+)号")
NUMBER_ONLY = re.compile(r"(?P<number>\d+[A-Z甲乙丙丁]?(?:-\d+)?)号")
BUILDING = re.compile(r"(?P<building>\d+|[A-Z]|[甲乙丙丁])栋")
SECOND_NUMBER = re.compile(r"(?P<building>\d+)号(?=$|\d+单元|\d+层|\d+室|[^\d])")
UNIT = re.compile(r"(?P<unit>\d+)单元")
FLOOR = re.compile(r"(?P<floor>\d+)层")
ROOM = re.compile(r"(?P<room>[A-Z]?\d+(?:-\d+)?)室")
TOWN_LIKE = re.compile(rf"(?P<name>[^\d路街号]{{2,4}}?)(?:{'|'.join(TOWN_ENDINGS)})")
UNREAD = re.compile(r"\d|^[A-Z甲乙丙丁]")
# Where along the road a house stands says nothing its number does not: 正阳路路北12号.
SIDE = re.compile(r"(?:路|街)?[东西南北](?:侧|边|面)?(?=[\d甲乙丙丁])")
# Near something, not at it.
RELATIVE = re.compile(
    r"交叉口|交汇处|交叉|路口|对面|对过|附近|旁边|旁|隔壁|斜对|往?[东西南北]{1,2}(?:约|方向)?\d+米|向[东西南北]|以[东西南北]|[东西南北](?:侧|邻|面)"
)
# A gate of the place is the place: 商厦东门.
GATE = re.compile(r"(?:[东西南北正大]{1,2}门|门口|门前|大门口|院内|内)$")
COMPOUND = re.compile(
    rf"(?P<compound>[^\d\-]{{1,16}}?(?:{COMPOUND_ENDINGS})(?:[一二三四五六七八九]期|[东西南北中][区院]|[A-H]区)?)"
    r"(?=$|[\dA-Z甲乙丙丁]|[东西南北正大]{1,2}门|门口)"
)

# Between the gate and the building number stands the compound, however its name is spelt: 建庄大街17号和顺花圆6栋.
BEFORE_BUILDING = re.compile(r"[^\d\-号]{3,8}(?=\d{1,3}栋)")
VILLAGE = re.compile(r"[村屯疃]$")


@dataclass(frozen=True, slots=True)
class ParsedAddress:
    """The components of one address; "" where it does not say. relative: it only says near what, not where.

    rest: letters that no component took.
    """

    town: str = ""
    community: str = ""
    group: str = ""
    road: str = ""
    number: str = ""
    compound: str = ""
    building: str = ""
    unit: str = ""
    floor: str = ""
    room: str = ""
    relative: bool = False
    rest: str = ""

    @property
    def unread_number(self) -> bool:
        """Whether a number, or a letter that belongs to one, was left that no component took."""
        return UNREAD.search(self.rest) is not None

    def components(self) -> dict[str, str]:
        """Give the named components that are there, without unit-inside parts that are private (floor, room)."""
        public = ("town", "community", "group", "road", "number", "compound", "building", "unit")
        return {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if item.name in public and getattr(self, item.name)
        }

    def to_building(self) -> str:
        """Write the address in its one form, cut at building level: no unit, floor, room and no unknown words."""
        village = [self.town, self.community, f"{self.group}组" if self.group else ""]
        parts = [*village, self.road, f"{self.number}号" if self.number else "", self.compound]
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
            {bare_community(name): name for name in communities},
            frozenset(filter(None, roads)),
            frozenset(filter(None, compounds)),
        )


def bare_name(name: str, endings: tuple[str, ...]) -> str:
    """Cut the kind of unit off a name: 宁海街道 -> 宁海."""
    for ending in endings:
        if name.endswith(ending) and len(name) > len(ending) + 1:
            return name.removesuffix(ending)
    return name


def bare_community(name: str) -> str:
    """Cut all of its kind off a community's name: 张家村村民委员会 and 张家村 -> 张家."""
    short = bare_name(name, COMMUNITY_ENDINGS)
    while short != name:
        name, short = short, bare_name(short, COMMUNITY_ENDINGS)
    return name


class Names:
    """Names to find at the start of a text, the longest that fits first."""

    def __init__(self, names: Iterable[str]) -> None:
        """Keep the names and the lengths they have."""
        self._names = frozenset(filter(None, names))
        self._lengths = sorted({len(name) for name in self._names}, reverse=True)

    def starting(self, text: str) -> Iterator[str]:
        """Yield the names a text starts with, longest first."""
        size = len(text)
        return (text[:length] for length in self._lengths if length <= size and text[:length] in self._names)


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
        if "community" in found:
            rest = _take(GROUP, rest, found)
        rest = self._take_gate(self._take_road(rest, found), found)
        rest = self._take_compound(rest, found)
        if "road" not in found and "compound" in found:
            rest = self._take_gate(self._take_road(rest, found), found) if self._opens_road(rest) else rest
            rest = rest if "group" in found else _take(GROUP, rest, found)
        for pattern in (BUILDING, UNIT, FLOOR, ROOM):
            rest = _take(pattern, rest, found)
        rest = _take_loose_building(rest, found)
        return ParsedAddress(**found, relative=RELATIVE.search(rest) is not None, rest=GATE.sub("", rest))

    def _take_gate(self, text: str, found: dict[str, str]) -> str:
        """Take the gate number, behind a word for the side of the road; 甲12号 and 12甲号 are the same."""
        if "road" in found and (side := SIDE.match(text)):
            text = text[side.end() :]
        match = NUMBER.match(text)
        if not match:
            return text
        found["number"] = match["number"] or f"{match['after']}{match['before']}"
        return text[match.end() :]

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
            at_number = part == "community" and tail[:1].isdigit() and not ROAD.match(text)
            if ending is None and not (at_number or self._stands_alone(text, tail)):
                continue
            found[part] = official[name]
            rest = tail.removeprefix(ending or "")
            again = next((item for item in (name + (ending or ""), official[name]) if rest.startswith(item)), "")
            return rest.removeprefix(again)  # a form that prints the town, and a clerk who writes it too
        return self._take_town_with_slip(text, found) if part == "town" else text

    def _take_town_with_slip(self, text: str, found: dict[str, str]) -> str:
        """Take a town written with letters that sound like its own, 笼泉镇 for 龙泉镇: only with its ending.

        Or with one other letter, 永道镇 for 水道镇, where a road, village or compound of the register follows.
        """
        match = TOWN_LIKE.match(text)
        if match is None:
            return text
        tail, heard = text[match.end() :], syllables(match["name"])
        same = [official for bare, official in self._official_towns.items() if syllables(bare) == heard]
        if not same and any(
            next(known.starting(tail), None) for known in (self._roads, self._communities, self._compounds)
        ):
            same = [official for bare, official in self._official_towns.items() if _one_letter_off(bare, match["name"])]
        if len(same) != 1:
            return text
        found["town"] = same[0]
        return tail

    def _is_known(self, text: str) -> bool:
        """Tell whether a road, village or compound of the register stands at the start."""
        return any(next(names.starting(text), None) for names in (self._roads, self._communities, self._compounds))

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
        if compound is None and "number" in found:
            between = BEFORE_BUILDING.match(text)
            compound = between[0] if between and not RELATIVE.search(between[0]) else None
        if compound is None:
            return text
        found["compound"] = compound
        return text.removeprefix(compound)


def _one_letter_off(a: str, b: str) -> bool:
    return len(a) == len(b) and sum(x != y for x, y in zip(a, b, strict=True)) == 1


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
    if "number" not in found and "road" not in found and VILLAGE.search(found.get("compound", "")):
        return _take(NUMBER_ONLY, text, found)  # a village's houses have numbers: 丁家庄村4号
    text = _take(SECOND_NUMBER, text, found)
    if "building" not in found and "compound" in found and re.fullmatch(r"\d{1,4}", text):
        found["building" if len(text) < 3 else "room"], text = text, ""
    for pattern in (UNIT, FLOOR, ROOM) if "building" in found else ():
        text = _take(pattern, text, found)
    return text
