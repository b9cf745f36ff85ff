"""How alike two names or two addresses are, and when numbers forbid that they are the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from pypinyin import lazy_pinyin
from rapidfuzz.distance import Levenshtein

from ingest_gis.address.normalise import CHINESE_DIGITS, CHINESE_UNITS
from ingest_gis.address.parse import COMPOUND_ENDINGS, ParsedAddress

# A name that differs in one of these means another place, however alike it looks: 东关/西关, 一期/二期.
NUMERALS = frozenset("0123456789") | frozenset(CHINESE_DIGITS) | frozenset(CHINESE_UNITS)
DIRECTIONS = frozenset("东西南北中前后上下左右内外新老大小甲乙丙丁ABCDEFGH")
KINDS = re.compile(rf"(?:大街|大道|街|路|道|胡同|巷|{COMPOUND_ENDINGS})$")
ROAD_KIND = re.compile(r"(?:大街|大道|街|路|道|胡同|巷)$")
SHORT_FORMS = {"大街": "街", "大道": "道"}
SAME_BARE, SAME_SOUND, CONTAINED, ANOTHER_KIND = 0.95, 0.93, 0.85, 0.6
WEIGHTS = {"road": 0.35, "number": 0.25, "compound": 0.2, "building": 0.2}
TOWN_CONFLICT, COMMUNITY_CONFLICT = 0.8, 0.95
# What a part is worth when the address states it and the register entry does not.
SILENT = {"road": 0.4, "number": 0.3, "compound": 0.5, "building": 0.0}
PART_WORDS = {
    "road": ("路名", "road"),
    "number": ("门牌号", "gate number"),
    "compound": ("小区(院落)", "compound"),
    "building": ("楼栋", "building"),
    "town": ("街道(镇)", "town"),
    "community": ("社区(村)", "community"),
}


@lru_cache(maxsize=65536)
def bare(name: str) -> str:
    """Cut the kind off a name: 北关大街 -> 北关, 幸福小区 -> 幸福; a name that is all kind stays."""
    short = KINDS.sub("", name)
    return short if len(short) >= 2 else name


@lru_cache(maxsize=65536)
def sound(name: str) -> tuple[str, ...]:
    """Give the usual readings of a name's letters without tones: what a typist meant to type."""
    return tuple(lazy_pinyin(name))


def _marks(name: str) -> tuple[list[str], list[str]]:
    return sorted(set(name) & NUMERALS), sorted(set(name) & DIRECTIONS)


@lru_cache(maxsize=262144)
def road_similarity(a: str, b: str) -> float:
    """Compare two road names. Returns 0..1.

    北关街 is taken for 北关大街, but a road, a lane and a branch (支路) of one name are different roads.
    """
    if a == b:
        return 1.0
    kinds = [SHORT_FORMS.get(match[0], match[0]) if (match := ROAD_KIND.search(name)) else "" for name in (a, b)]
    bare_a, bare_b = ROAD_KIND.sub("", a), ROAD_KIND.sub("", b)
    alike = _bare_similarity(bare_a, bare_b, contained=ANOTHER_KIND)
    return min(alike, ANOTHER_KIND) if all(kinds) and kinds[0] != kinds[1] else alike


@lru_cache(maxsize=262144)
def compound_similarity(a: str, b: str) -> float:
    """Compare two names of compounds. Returns 0..1; 幸福 and 牟平幸福小区 are alike."""
    return 1.0 if a == b else _bare_similarity(bare(a), bare(b), contained=CONTAINED)


def _bare_similarity(a: str, b: str, contained: float) -> float:
    """Compare names without their kind; 0 when they differ in a numeral or a direction word."""
    if _marks(a) != _marks(b):
        return 0.0
    if a == b:
        return SAME_BARE
    if sound(a) == sound(b):
        return SAME_SOUND
    shorter, longer = sorted((a, b), key=len)
    if len(shorter) >= 2 and shorter in longer:
        return contained
    return float(Levenshtein.normalized_similarity(a, b))


def _similarity(part: str, stated: str, known: str) -> float:
    if part == "road":
        return road_similarity(stated, known)
    if part == "compound":
        return compound_similarity(stated, known)
    return float(stated == known)


@dataclass(frozen=True)
class Comparison:
    """How an address as given compares with a register entry.

    score: 0..1. exact: every part stated agrees to the letter. agreeing, fuzzy, silent, clashing: names of parts.
    identifies: the parts that agree are enough to point at one building.
    """

    score: float
    exact: bool
    agreeing: tuple[str, ...]
    fuzzy: tuple[str, ...]
    silent: tuple[str, ...]
    clashing: tuple[str, ...]
    identifies: bool


def passes_number_gate(given: ParsedAddress, entry: ParsedAddress) -> bool:
    """Refuse a candidate whose gate number or building differs from the one given. Nothing outweighs this."""
    if given.number and entry.number and given.number != entry.number:
        return False
    return not (given.building and entry.building and given.building != entry.building)


def compare(given: ParsedAddress, entry: ParsedAddress) -> Comparison | None:
    """Compare an address as given with a register entry; None when the number gate forbids it."""
    if not passes_number_gate(given, entry):
        return None
    total = weight_sum = 0.0
    agreeing: list[str] = []
    fuzzy: list[str] = []
    silent: list[str] = []
    for part, weight in WEIGHTS.items():
        stated, known = getattr(given, part), getattr(entry, part)
        if not stated:
            continue
        weight_sum += weight
        if not known:
            total += weight * SILENT[part]
            silent.append(part)
            continue
        alike = _similarity(part, stated, known)
        total += weight * alike
        (agreeing if alike == 1.0 else fuzzy).append(part)
    clashing = tuple(part for part in ("town", "community") if _clash(given, entry, part))
    score = total / weight_sum if weight_sum else 0.0
    score *= (TOWN_CONFLICT if "town" in clashing else 1.0) * (COMMUNITY_CONFLICT if "community" in clashing else 1.0)
    return Comparison(
        score=score,
        exact=not fuzzy and not silent and not clashing,
        agreeing=tuple(agreeing),
        fuzzy=tuple(fuzzy),
        silent=tuple(silent),
        clashing=clashing,
        identifies=_identifies(given, set(agreeing) | set(fuzzy)),
    )


def _clash(given: ParsedAddress, entry: ParsedAddress, part: str) -> bool:
    stated, known = getattr(given, part), getattr(entry, part)
    return bool(stated and known and stated != known)


def _identifies(given: ParsedAddress, met: set[str]) -> bool:
    """A gate number on a named road, compound or village, or a building in a named compound, points at one place."""
    if given.relative:
        return False
    gate = "number" in met and (bool({"road", "compound"} & met) or bool(given.community and not given.road))
    return gate or ("building" in met and bool({"compound", "road"} & met)) or met == {"compound"}


def in_words(comparison: Comparison) -> tuple[str, str]:
    """Say what agrees and what does not, in Chinese and English."""
    groups = (
        (comparison.agreeing, "一致", "agree"),
        (comparison.fuzzy, "相近", "nearly agree"),
        (comparison.silent, "登记中没有", "not in the register"),
        (comparison.clashing, "不一致", "differ"),
    )
    zh = "; ".join("、".join(PART_WORDS[part][0] for part in parts) + word for parts, word, _ in groups if parts)
    en = "; ".join(", ".join(PART_WORDS[part][1] for part in parts) + f" {word}" for parts, _, word in groups if parts)
    return zh or "没有可比的内容", en or "nothing to compare"
