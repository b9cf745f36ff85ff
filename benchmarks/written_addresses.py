"""How people write addresses, with what is true: every way of going wrong that clerks are known for.

Some ways are kept out of tuning (JUDGE_ONLY): they appear in the half that is judged and nowhere else.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.address_book import AddressBook, Place, spot, village_name

DIGITS = "〇一二三四五六七八九"
UPPER = "零壹贰叁肆伍陆柒捌玖"
SAME_SOUND = dict(
    zip(
        "阳海关府城商化水埠嵛顺达源丰园江湖丽林正通宁政新工滨沁金昆永兴华建民和平泰祥瑞德昌广景崇振胜解红光凤龙鱼佳福仁义礼清明秀长春秋青松朝山泉溪庆乐堂桥塔港湾茂荣远辉坤霞翠",
        "洋孩官福成尚划睡步愉舜答元风圆将糊利琳政同拧正心公宾芯进坤勇星花健明合坪太详锐得厂光井从镇圣姐宏广奉隆愚加富人意里青名修常纯丘清送潮删全西请勒唐乔踏岗弯冒容原挥昆下脆",
        strict=True,
    )
)
LOOKALIKE = dict(
    zip(
        "阳海关府城商水丰江丽林正新工金永民和平泰昌广朝山泉清明长未",
        "阴梅天俯域啇木半汪雨材止斩土全水氏知乎秦冒厂潮仙泵情朋张末",
        strict=True,
    )
)
TRADITIONAL = str.maketrans("号楼单区东门广场乡镇庄园丽学华阳龙宁满兴业电车长桥岛湾国际陆义乐远辉庆实验",
                            "號樓單區東門廣場鄉鎮莊園麗學華陽龍寧滿興業電車長橋島灣國際陸義樂遠輝慶實驗")  # fmt: skip
RADICALS = str.maketrans("门车长马黄青西见食龙", "⻔⻋⻓⻢⻩⻘⻄⻅⻝⻰")
# Ways of writing that tuning never sees.
JUDGE_ONLY = frozenset(
    {"radicals", "town twice", "swapped letters", "side of the road", "floor and door", "blanks in numbers",
     "lookalike letter", "team for group", "lower case", "brackets", "old district name"}
)  # fmt: skip


@dataclass(frozen=True)
class Written:
    """One text and what is true of it. place: the building meant; None where the register does not have it.

    identifiable: the text says enough to tell the place; where it does not, accepting any is wrong.
    """

    text: str
    kind: str
    place: int | None
    identifiable: bool
    meant: Place


def write_addresses(book: AddressBook, seed: int, count: int, unknown: float = 0.2) -> list[Written]:
    """Draw addresses and write them as people do; a share of them are in no register."""
    draw = random.Random(f"{book.half} written {seed}")  # noqa: S311 - a repeatable draw
    clerk = Clerk(book, draw)
    written: list[Written] = []
    while len(written) < count:
        item = clerk.unknown() if draw.random() < unknown else clerk.known()
        if item is not None:
            written.append(item)
    return written


class Clerk:
    """Writes addresses of one book."""

    def __init__(self, book: AddressBook, draw: random.Random) -> None:
        """Know the register, to tell what exists and what identifies."""
        self.book, self.draw = book, draw
        self.spots = book.index()
        self.roads = {place.road for place in book.places}
        self.by_gate: dict[tuple[str, str, str], set[int]] = {}
        self.by_compound: dict[tuple[str, str], set[int]] = {}
        for place in book.places:
            self.by_gate.setdefault((place.road or place.community, place.group, place.number), set()).add(place.place)
            if place.compound:
                self.by_compound.setdefault((place.compound, place.building), set()).add(place.place)
        self.ways: list[tuple[str, Callable[[str, Place], str | None]]] = [
            ("same sound", self._same_sound), ("traditional", lambda text, _: text.translate(TRADITIONAL)),
            ("wide", lambda text, _: _wide(text)), ("punctuation", self._punctuate), ("remark", self._remark),
            ("radicals", lambda text, _: text.translate(RADICALS)), ("town twice", lambda text, at: at.town + text),
            ("swapped letters", self._swapped), ("side of the road", self._side), ("floor and door", self._floor),
            ("blanks in numbers", lambda text, _: re.sub(r"(?<=\d)(?=\d)", " ", text)),
            ("lookalike letter", self._lookalike),
            ("lower case", lambda text, _: text.lower() if text.lower() != text else None),
            ("brackets", lambda text, at: f"（{at.town}）{text}"),
            ("old district name", lambda text, _: "牟平县" + text),
            ("plain", lambda text, _: text),
        ]  # fmt: skip

    # ---- what is meant
    def known(self) -> Written | None:
        """Write an address of the register."""
        meant = self.draw.choice(self.book.places)
        says_town = self.draw.random() < 0.5
        says_compound = bool(meant.compound) and self.draw.random() < 0.75
        says_building = bool(meant.building) and self.draw.random() < 0.97
        says_gate = not (says_compound and self.draw.random() < 0.2)
        told = replace(
            meant,
            compound=meant.compound if says_compound else "",
            building=meant.building if says_building else "",
            number=meant.number if says_gate else "",
            road=meant.road if says_gate or self.draw.random() < 0.3 else "",
        )
        return self._write(meant, told, says_town, self._identifies(meant, told, says_town), meant.place)

    def unknown(self) -> Written | None:
        """Write an address as like one of the register as possible that is not in it."""
        meant = self.draw.choice(self.book.places)
        kind = self.draw.random()
        if kind < 0.6:
            other = replace(meant, number=str(self.draw.randint(1, 720)))
        elif kind < 0.8 and meant.building:
            other = replace(meant, building=str(self.draw.randint(1, 40)))
        elif kind < 0.9 and meant.group:
            other = replace(meant, group=str(self.draw.randint(5, 12)))
        elif meant.road and meant.road in self.book.twice:
            other = replace(meant, town=self.draw.choice(self.book.towns))
        else:
            other = replace(meant, road=self._another_road(meant.road)) if meant.road else meant
        if self._exists(other):
            return None
        return self._write(other, other, True, True, None)

    def _exists(self, place: Place) -> bool:
        """Tell whether some address of the register could be meant by this one, whatever is left out."""
        gate = self.by_gate.get((place.road or place.community, place.group, place.number))
        if gate and not place.building:
            return True
        return bool(
            spot(place) in self.spots
            or (self.by_compound.get((place.compound, place.building), set()) and place.compound)
            or any(p.building in ("", place.building) for p in self._at_gate(place))
        )

    def _at_gate(self, place: Place) -> list[Place]:
        ids = self.by_gate.get((place.road or place.community, place.group, place.number), set())
        return [p for p in self.book.places if p.place in ids] if ids else []

    def _another_road(self, road: str) -> str:
        letter = self.draw.choice("甫岱崂峄沂洙泗汶潍淄")
        return letter + road[1:] if self.draw.random() < 0.5 else road[0] + letter + road[2:]

    def _identifies(self, meant: Place, told: Place, says_town: bool) -> bool:
        """Judge from the register alone whether what is told fits one building only."""
        if told.number:
            ids = self.by_gate[meant.road or meant.community, meant.group, meant.number]
        else:
            ids = set().union(*(v for (name, _), v in self.by_compound.items() if name == told.compound))
        fitting = [p for p in self._places(ids) if self._fits(p, told, says_town)]
        return len({p.place for p in fitting}) == 1

    def _places(self, ids: set[int]) -> list[Place]:
        if not hasattr(self, "_of_place"):
            self._of_place: dict[int, list[Place]] = {}
            for place in self.book.places:
                self._of_place.setdefault(place.place, []).append(place)
        return [place for number in ids for place in self._of_place[number]]

    def _fits(self, place: Place, told: Place, says_town: bool) -> bool:
        return not (
            (says_town and place.town != told.town)
            or (told.building and place.building != told.building)
            or (told.compound and place.compound != told.compound)
            or (told.road and place.road != told.road)
            or (told.room and place.room not in ("", told.room))
        )

    # ---- how it is written
    def _write(
        self, meant: Place, told: Place, says_town: bool, identifiable: bool, place: int | None
    ) -> Written | None:
        draw = self.draw
        judged = self.book.half == "judge"
        ways = [way for way in self.ways if judged or way[0] not in JUDGE_ONLY]
        kind, change = draw.choice(ways) if draw.random() < 0.5 else self.ways[-1]
        prefix = draw.choice(["", "", "", "牟平区", "山东省烟台市牟平区", "烟台市牟平区", "烟台牟平", "山东烟台牟平区"])
        text = self._body(told, judged)
        changed = change(text, told)
        if changed is None:
            return None
        town = draw.choice([told.town, told.town, _short_town(told.town)]) if says_town else ""
        if kind in ("town twice", "brackets", "old district name"):
            prefix = town = ""
            identifiable = identifiable if says_town or kind == "old district name" else self._identifies(
                meant, told, kind != "old district name") if place is not None else identifiable  # fmt: skip
        return Written(prefix + town + changed, kind, place, identifiable, meant)

    def _body(self, told: Place, judged: bool) -> str:
        draw = self.draw
        if told.community and not told.road:
            return self._village(told, judged)
        road = told.road
        if road.endswith("大街") and draw.random() < 0.15:
            road = road.removesuffix("大街") + "街"
            road = told.road if road in self.roads else road
        gate = self._gate(told.number) if told.number else ""
        house = self._house(told.building) if told.building else ""
        room = told.room or (str(draw.randint(1, 6) * 100 + draw.randint(1, 4)) if draw.random() < 0.3 else "")
        inside = self._inside(room, bool(house)) if room else ""
        if gate and not house and not told.compound and gate[-1].isdigit() and (inside or draw.random() < 0.3):
            gate += "号"
        if gate and gate[-1].isdigit() and (house or told.compound):
            gate += "号"
        return road + gate + told.compound + house + inside

    def _village(self, told: Place, judged: bool) -> str:
        draw = self.draw
        name = village_name(told.community)
        if draw.random() < 0.2:
            name = told.community
        group = told.group and draw.choice([told.group, _by_places(told.group)]) + draw.choice(
            ["组", "组", "小组", "村民组"] + (["队"] if judged else []))  # fmt: skip
        return f"{name}{group}{self._number(told.number)}{draw.choice(['号', '号', '#'])}"

    def _number(self, number: str) -> str:
        draw = self.draw
        plain = (
            number if not number.isdigit() else draw.choice([number, number, number, _wide(number), _by_places(number)])
        )
        if number.isdigit() and 10 < int(number) < 100 and draw.random() < 0.1:
            plain = _with_units(int(number))
        return plain

    def _gate(self, number: str) -> str:
        draw = self.draw
        if "-" in number:
            first, second = number.split("-")
            ways = ["{0}-{1}号", "{0}号之{1}", "{0}号附{1}号", "{0}-{1}", "{0}之{1}号", "{0}附{1}号"]
            return draw.choice(ways).format(first, second)
        ways = ["{0}号", "{0}号", "{0}号", "{0}#", "{0}号院"]
        if number.isdigit():
            ways += ["No.{1}", "{1}"]
        return draw.choice(ways).format(self._number(number), number)

    def _house(self, building: str) -> str:
        draw = self.draw
        if not building.isdigit():
            return draw.choice([f"{building}座", f"{building}栋", f"{building}号楼"])
        written = draw.choice([building, building, _wide(building), _by_places(building)])
        return written + draw.choice(["号楼", "号楼", "栋", "幢", "#楼", "座"])

    def _inside(self, room: str, house: bool) -> str:
        draw = self.draw
        unit = draw.choice(["", "2单元", "二单元", "1单元"]) if house else ""
        return unit + draw.choice([f"{room}室", f"{room}", f"{_by_places(room)}室"] if house else [f"{room}室"])

    # ---- ways of going wrong
    def _same_sound(self, text: str, told: Place) -> str | None:
        return self._one_letter(text, told, SAME_SOUND)

    def _lookalike(self, text: str, told: Place) -> str | None:
        return self._one_letter(text, told, LOOKALIKE)

    def _one_letter(self, text: str, told: Place, table: dict[str, str]) -> str | None:
        places = [at for at, letter in enumerate(told.road[:-1]) if letter in table]
        if not places or not told.road or not text.startswith(told.road):
            return None
        at = self.draw.choice(places)
        road = told.road[:at] + table[text[at]] + told.road[at + 1 :]
        return None if road in self.roads else road + text[len(told.road) :]

    def _swapped(self, text: str, told: Place) -> str | None:
        name = re.match(r"[^路街巷号\d]{3,}(?=路|街)", told.road)
        if not name or not text.startswith(told.road) or re.search("[东西南北中]", name[0]):
            return None
        road = name[0][1] + name[0][0] + told.road[2:]
        return None if road in self.roads or road == told.road else road + text[len(told.road) :]

    def _punctuate(self, text: str, told: Place) -> str:
        mark = self.draw.choice([" ", "，", "、", "/", "·"])
        return text.replace(told.road, told.road + mark, 1) if told.road else text + mark

    def _remark(self, text: str, _: Place) -> str:
        return text + self.draw.choice(["（临街）", "(门市)", "（原址）", "。", "（旁门）"])

    def _side(self, text: str, told: Place) -> str | None:
        return (
            text.replace(told.road, told.road + self.draw.choice(["路北", "路南侧", "东侧"]), 1) if told.road else None
        )

    def _floor(self, text: str, told: Place) -> str | None:
        return (
            None
            if told.room or re.search(r"室$|\d$", text)
            else text + self.draw.choice(["三楼东户", "2层西户", "一楼"])
        )


def _short_town(town: str) -> str:
    if town.endswith("街道"):
        return town.removesuffix("街道") + ("街道办事处" if len(town) % 2 else "街办")
    return town


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isdigit() else c for c in text)


def _by_places(number: str) -> str:
    return "".join(DIGITS[int(c)] if c.isdigit() else c for c in unicodedata.normalize("NFKC", number))


def _with_units(number: int) -> str:
    tens, ones = divmod(number, 10)
    return ("" if tens == 1 else DIGITS[tens]) + "十" + (DIGITS[ones] if ones else "")
