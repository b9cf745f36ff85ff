"""One way of writing for addresses typed by hand: the same place gives the same text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from ingest_gis.address.letters import RADICALS, VARIANTS
from ingest_gis.address.sound import syllables

_DIGITS = ("〇零", "一壹", "二贰两", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
CHINESE_DIGITS = {letter: value for value, letters in enumerate(_DIGITS) for letter in letters}
CHINESE_UNITS = {"十": 10, "拾": 10, "百": 100, "佰": 100}
NUMERAL = "[" + "".join(CHINESE_DIGITS) + "".join(CHINESE_UNITS) + "]"
DASHES = re.compile(r"[‐‑‒–—―−－_~∼～至]+(?=\d)|(?<=\d)[‐‑‒–—―−－_~～]+")
MARKS = r"[\s,，.。;；:：、'\"“”‘’·•*/\\|!！?？<>《》【】\[\]{}]+"
NOISE = re.compile(MARKS)
# Between two numbers a blank or a mark keeps them apart: 正阳路12 301室.
BETWEEN_NUMBERS = re.compile(rf"(?<=[\d〇零一二三四五六七八九十百])(?:{MARKS})(?=[\d〇零一二三四五六七八九十百])")
BRACKETS = re.compile(r"\(([^()]*)\)")
CARRIES_NUMBER = re.compile(rf"(?:\d|{NUMERAL})+(?:号|#|栋|幢|座|单元|室|层|楼|组)")
# Digits that a form has set apart one by one: 1 2 号.
SPACED = re.compile(r"(?<!\d)\d(?:\s\d)+(?!\d)(?!\s\d)")
# Letters that the first pass leaves as they are, so that a second one can be spared.
CLEAN = re.compile(r"(?:[\u4e00-\u81f2\u81f4-\u9fa50-9A-Z#]|(?<!-)-(?!-))*")
WORD_KINDS = "医院|大学|中学|小学|幼儿园|中|厂|团|旅|师|处|所|库|队|部队|连|国道|省道|县道|路|街|里|村|户|高地|工程"


@dataclass(frozen=True)
class Region:
    """What stands above the street in one city: names to strip from the front of an address.

    district: the official name (牟平区). aliases: older names. ancestors: province and prefecture, with and without
    their suffix.
    """

    district: str
    aliases: tuple[str, ...] = ()
    ancestors: tuple[str, ...] = ()

    def prefix(self) -> re.Pattern[str]:
        """Match any run of these names at the start of a text."""
        names = sorted({self.district, *self.aliases, *self.ancestors}, key=len, reverse=True)
        # 牟平 without 区 is left out only when a name of its own follows: 牟平正阳路, not 牟平大街.
        short = self.district.rstrip("区县市")
        bare = (
            rf"|{re.escape(short)}(?!大街|大道|街|路|道|胡同|巷|区|县|市|镇|乡)(?=\D{{2,}})" if len(short) > 1 else ""
        )
        return re.compile("^(?:" + "|".join(map(re.escape, names)) + bare + ")+")


def _number(match: re.Match[str]) -> str:
    return str(read_numeral(match.group(0)))


Step = tuple[frozenset[str], re.Pattern[str], str | Callable[[re.Match[str]], str]]


def _step(letters: str, pattern: str, put: str | Callable[[re.Match[str]], str]) -> Step:
    """Make one step. letters: it can only change a text that has one of them."""
    return frozenset(letters), re.compile(pattern), put


_NUMERALS = "".join(CHINESE_DIGITS) + "".join(CHINESE_UNITS)
_PLAIN_DIGITS = "0123456789"
# Applied in this order until nothing changes any more.
STEPS: tuple[Step, ...] = (
    _step("N", r"NO\.?(?=\d)", "#"),
    _step("第", rf"第(?=(?:\d|{NUMERAL})+(?:号|栋|幢|座|单元|室|层|楼|#|组|村民组|村民小组|小组))", ""),
    _step(
        _NUMERALS,
        rf"{NUMERAL}+(?=号|栋|幢|座|单元|室|层|楼|户|#|弄|排|组|小组|村民组|村民小组|生产队|队(?=\d|$|{NUMERAL})|附\d|之\d)",
        _number,
    ),
    _step(_NUMERALS, rf"(?<=\d[附之]){NUMERAL}+(?=号|$)|(?<=号[附之]){NUMERAL}+", _number),
    _step(_NUMERALS, rf"(?<=[路街]){NUMERAL}+(?=$| )", _number),
    _step("组队", r"(\d+)(?:村民小组|村民组|小组|生产队|队(?=\d))", r"\1组"),
    _step(" ", r"(?<=[号栋元层室组]) ", ""),
    _step(_NUMERALS, rf"(?<=[号栋元层])(?!{NUMERAL}*[百十])[〇零一二三四五六七八九]{{3,4}}$", _number),
    _step("#", r"(?<![\dA-Z甲乙丙丁])#(\d+)(?!\d*#)", r"\1#"),
    _step("0", r"(?<![\d])0+(?=\d+(?:-\d+)?(?:号|#|栋|幢|座|单元|层|楼))", ""),
    _step("楼栋幢座", r"(\d+|[A-Z]|[甲乙丙丁])(?:号楼座?|#楼|号栋|号幢|号座|栋楼|幢楼?|座(?!落))", r"\1栋"),
    _step("楼", r"(\d+)楼(?=\d+单元)", r"\1栋"),
    _step("#", r"(\d+[A-Z甲乙丙丁]?)#", r"\1号"),
    _step("楼", r"(\d+)楼", r"\1层"),
    _step("号", r"号号+", "号"),
    _step("院", r"号(?:大院|院内|院)", "号"),
    _step("之附", r"(\d+)[之附](?:号)?(\d{1,2})号?", r"\1-\2号"),
    _step("号", r"(?<=号)-?(\d{3,4})$", r"\1室"),
    _step("之附-", r"(\d+)号[之附-](\d{1,2})(?![\d-])(?:号(?!楼))?(?!栋|单元|室)", r"\1-\2号"),
    _step("单", r"(\d+)单(?=\d)", r"\1单元"),
    _step("元", r"(?<=单元)(\d{1,4})(?:号房?|房|户)$", r"\1室"),
    _step("房户", r"(\d{2,4})(?:号房|房|户)$", r"\1室"),
    # 3-2-501 behind a compound or a gate number is building, unit, room; 3-501 is building, room.
    _step("-", r"(?<=[^\d\-路街道巷弄同村庄])(\d{1,3})-(\d{1,2})-(\d{2,4})室?$", r"\1栋\2单元\3室"),
    _step("-", r"(?<=[^\d\-路街道巷弄同村庄])(\d{1,3})-(\d{3,4})室?$", r"\1栋\2室"),
    _step("栋", r"(?<=栋)(\d{1,2})-(\d{2,4})室?$", r"\1单元\2室"),
    _step("栋元层", r"(?<=[栋元层])(\d{3,4})$", r"\1室"),
    # 正阳路12 -> 正阳路12号, but 正阳路101医院 keeps its name.
    _step(
        "路街道巷弄同",
        rf"(?<=[路街道巷弄同])(\d{{1,4}}(?:-\d{{1,3}})?)(?=$|[^\d号\-栋单室层弄])(?!{WORD_KINDS}|[A-Z甲乙丙丁](?:-\d+)?号)",
        r"\1号",
    ),
)


def read_numeral(text: str) -> int:
    """Read a Chinese numeral: by places (三〇二 -> 302) or with units (二十三 -> 23, 一百零五 -> 105)."""
    if not any(letter in CHINESE_UNITS for letter in text):
        return int("".join(str(CHINESE_DIGITS[letter]) for letter in text))
    total, digit = 0, None
    for letter in text:
        if letter in CHINESE_UNITS:
            total += (1 if digit is None else digit) * CHINESE_UNITS[letter]
            digit = None
        else:
            digit = CHINESE_DIGITS[letter] if not digit else digit * 10 + CHINESE_DIGITS[letter]
    return total + (digit or 0)


def _unbracket(text: str) -> str:
    """Keep what stands in brackets only when it carries a number of the address."""
    return BRACKETS.sub(lambda match: match[1] if CARRIES_NUMBER.search(match[1]) else "", text)


def plain_letters(text: str) -> str:
    """Write a text in half-width capitals, common letters, without blanks and punctuation."""
    if CLEAN.fullmatch(text) and text.isascii() is False and text.translate(VARIANTS) == text:
        return text
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    text = unicodedata.normalize("NFKC", text.translate(RADICALS).upper())
    text = SPACED.sub(lambda match: re.sub(r"\s", "", match[0]), text.translate(VARIANTS))
    kept = BETWEEN_NUMBERS.sub("\ue000", _unbracket(text))
    return DASHES.sub("-", NOISE.sub("", kept)).replace("\ue000", " ")


class Normaliser:
    """Writes addresses of one region in the one way; keeps the compiled prefix."""

    def __init__(self, region: Region) -> None:
        """Prepare for a region."""
        self._prefix = region.prefix()
        self._names = tuple({region.district, *region.aliases, *region.ancestors})
        self._normalise = lru_cache(maxsize=65536)(self._rewrite)

    def __call__(self, text: str) -> str:
        """Normalise one address. Applying it twice changes nothing; a text without a single letter gives ""."""
        return self._normalise(text)

    def _rewrite(self, text: str) -> str:
        text = plain_letters(text)
        for _ in range(20):
            before = text
            text = self._without_region(text)
            letters = set(text)
            for needed, pattern, put in STEPS:
                if not needed.isdisjoint(letters):
                    changed = pattern.sub(put, text)
                    if changed is not text:
                        text, letters = changed, set(changed)
            if text != before or not CLEAN.fullmatch(text):
                text = plain_letters(text)
            if text == before:
                break
        return text.strip("-#()")

    def _without_region(self, text: str) -> str:
        """Cut the names above the street off, one of them with a slip too: 烟台市牟坪区, 山冬烟台.

        A name with one other letter is taken for it where that sounds the same or a right name stands beside it; of
        three letters and more the kind (省, 市, 区) must be right.
        """
        rest = self._prefix.sub("", text)
        for name in self._names:
            start, tail = rest[: len(name)], rest[len(name) :]
            slips = [(a, b) for a, b in zip(start, name, strict=False) if a != b]
            if len(slips) != 1 or len(start) < len(name):
                continue
            before, after = rest != text, self._prefix.match(tail) is not None
            if len(name) == 2:
                sure = after
            else:
                same_sound = syllables(slips[0][0]) == syllables(slips[0][1])
                sure = start[-1] == name[-1] and (before or after or same_sound)
            if sure:
                return tail
        return rest
