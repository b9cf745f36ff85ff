"""How alike two names are: by letters, by sound, by their kind; and when a numeral or direction makes them others."""

from __future__ import annotations

import re
from functools import lru_cache

from pypinyin import Style, lazy_pinyin, pinyin
from rapidfuzz.distance import OSA

from ingest_gis.address.normalise import CHINESE_DIGITS, CHINESE_UNITS
from ingest_gis.address.parse import COMPOUND_ENDINGS

# A name that differs in one of these means another place, however alike it looks: 东关/西关, 一期/二期.
NUMERALS = frozenset("0123456789") | frozenset(CHINESE_DIGITS) | frozenset(CHINESE_UNITS)
DIRECTIONS = frozenset("东西南北中前后上下左右内外新老大小甲乙丙丁ABCDEFGH")
MARKS = NUMERALS | DIRECTIONS
PLAIN_DIGITS = {ord(letter): str(value) for letter, value in CHINESE_DIGITS.items()}
KINDS = re.compile(rf"(?:大街|大道|街|路|道|胡同|巷|{COMPOUND_ENDINGS})$")
ROAD_KIND = re.compile(r"(?:大街|大道|街|路|道|胡同|巷)$")
LANE = re.compile(r"(?P<base>.+?(?:大街|大道|街|路|道))(?P<lane>.{1,3}巷)$")
# 大 as it is misread and mistyped: 长达太街 is no street of another kind.
LIKE_BIG = re.compile(r"[太犬夭丈](?=[街道]$)")
SHORT_FORMS = {"大街": "街", "大道": "道"}
SAME_BARE, SAME_SOUND, NEAR_SOUND, SWAPPED, CONTAINED, ANOTHER_KIND = 0.95, 0.93, 0.9, 0.9, 0.85, 0.6
# Sounds that speakers of the region's Mandarin write for one another.
NEAR_SOUNDS = ((re.compile("^(z|c|s)h"), r"\1"), (re.compile("^[nlr]"), "l"), (re.compile("([aei]n)g$"), r"\1"),
               (re.compile("^f"), "h"))  # fmt: skip


@lru_cache(maxsize=65536)
def bare(name: str) -> str:
    """Cut the kind off a name: 北关大街 -> 北关, 幸福小区 -> 幸福; a name that is all kind stays."""
    short = KINDS.sub("", name)
    return short if len(short) >= 2 else name


@lru_cache(maxsize=65536)
def sound(name: str) -> tuple[str, ...]:
    """Give the usual readings of a name's letters without tones: what a typist meant to type."""
    return tuple(lazy_pinyin(name))


@lru_cache(maxsize=65536)
def sounds_alike(a: str, b: str) -> bool:
    """Tell whether two names can be read the same, letter by letter, with any reading of each: 常达 and 长达."""
    return len(a) == len(b) and all(x == y or _readings(x) & _readings(y) for x, y in zip(a, b, strict=True))


@lru_cache(maxsize=8192)
def _readings(letter: str) -> frozenset[str]:
    return frozenset(pinyin(letter, style=Style.NORMAL, heteronym=True)[0])


@lru_cache(maxsize=65536)
def near_sound(name: str) -> tuple[str, ...]:
    """Give the readings with sounds joined that are often taken for one another (zh/z, n/l, ang/an)."""
    return tuple(_plain_syllable(syllable) for syllable in sound(name))


@lru_cache(maxsize=4096)
def _plain_syllable(syllable: str) -> str:
    for pattern, put in NEAR_SOUNDS:
        syllable = pattern.sub(put, syllable)
    return syllable


@lru_cache(maxsize=65536)
def _marks(name: str) -> tuple[list[str], list[str]]:
    plain = name.translate(PLAIN_DIGITS)
    return sorted(letter for letter in plain if letter in NUMERALS), sorted(set(name) & DIRECTIONS)


@lru_cache(maxsize=262144)
def road_similarity(a: str, b: str) -> float:
    """Compare two road names. Returns 0..1.

    北关街 is taken for 北关大街, but a road, a lane and a branch (支路) of one name are different roads.
    """
    if a == b:
        return 1.0
    if LIKE_BIG.sub("大", a) == LIKE_BIG.sub("大", b):
        return SAME_SOUND
    lanes = [LANE.match(name) for name in (a, b)]
    if lanes[0] and lanes[1]:
        if lanes[0]["lane"].translate(PLAIN_DIGITS) != lanes[1]["lane"].translate(PLAIN_DIGITS):
            return 0.0
        return min(0.98, road_similarity(lanes[0]["base"], lanes[1]["base"]))
    kinds = [SHORT_FORMS.get(match[0], match[0]) if (match := ROAD_KIND.search(name)) else "" for name in (a, b)]
    bare_a, bare_b = ROAD_KIND.sub("", a), ROAD_KIND.sub("", b)
    alike = _bare_similarity(bare_a, bare_b, contained=ANOTHER_KIND)
    return min(alike, ANOTHER_KIND) if all(kinds) and kinds[0] != kinds[1] else alike


@lru_cache(maxsize=262144)
def compound_similarity(a: str, b: str) -> float:
    """Compare two names of compounds. Returns 0..1; 幸福 and 牟平幸福小区 are alike."""
    if a == b:
        return 1.0
    alike = _bare_similarity(bare(a), bare(b), contained=CONTAINED)
    # 和顺花圆 has no kind that could be cut off, 和顺花园 has.
    return max(alike, SAME_SOUND) if alike and sounds_alike(a, b) else alike


@lru_cache(maxsize=65536)
def village_similarity(a: str, b: str) -> float:
    """Compare two names of villages without their kind (张家, 王家). Returns 0..1; no part of a name stands for it."""
    return 1.0 if a == b else _bare_similarity(a, b, contained=ANOTHER_KIND)


def _bare_similarity(a: str, b: str, contained: float) -> float:
    """Compare names without their kind; 0 when they differ in a numeral or a direction word."""
    if a.translate(PLAIN_DIGITS) == b.translate(PLAIN_DIGITS):
        return SAME_BARE
    if sounds_alike(a, b):
        # A typist's choice of letter, 心海 for 新海; but not one numeral or direction for another.
        pairs = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
        return 0.0 if any(x in MARKS and y in MARKS for x, y in pairs) else SAME_SOUND
    if _marks(a) != _marks(b):
        return 0.0
    if sound(a) == sound(b):
        return SAME_SOUND
    if near_sound(a) == near_sound(b):
        return NEAR_SOUND
    if sorted(a) == sorted(b) and OSA.distance(a, b) == 1:
        return SWAPPED
    shorter, longer = sorted((a, b), key=len)
    if len(shorter) >= 2 and shorter in longer:
        return contained
    return float(OSA.normalized_similarity(a, b))
