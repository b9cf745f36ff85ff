"""How an address as given compares with one of the register, part by part; differing numbers make them two."""

from __future__ import annotations

from dataclasses import dataclass

from ingest_gis.address.parse import ParsedAddress, bare_community
from ingest_gis.address.similarity import compound_similarity, road_similarity, village_similarity
from twin.queries.link_review import PART_WORDS

WEIGHTS = {"road": 0.35, "community": 0.35, "group": 0.15, "number": 0.25, "compound": 0.2, "building": 0.2}
TOWN_CONFLICT, COMMUNITY_CONFLICT, GROUP_UNSAID = 0.8, 0.95, 0.85
# What a part is worth when the address states it and the register entry does not.
SILENT = {"road": 0.4, "community": 0.4, "group": 0.4, "number": 0.3, "compound": 0.5, "building": 0.0}
# Parts that must be the same wherever both sides say them. Nothing outweighs a difference.
GATED = ("number", "building", "group", "unit", "room")


@dataclass(frozen=True, slots=True)
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
    """Refuse a candidate whose house, building, group, unit or room number differs from the one given."""
    return not differing_numbers(given, entry)


def differing_numbers(given: ParsedAddress, entry: ParsedAddress) -> tuple[str, ...]:
    """Name the numbers that both sides say and that differ."""
    return tuple(
        part
        for part in GATED
        if (stated := getattr(given, part)) and (known := getattr(entry, part)) and stated != known
    )


def compare(given: ParsedAddress, entry: ParsedAddress) -> Comparison | None:
    """Compare an address as given with a register entry; None when the number gate forbids it."""
    return None if differing_numbers(given, entry) else weigh(given, entry)


def weigh(given: ParsedAddress, entry: ParsedAddress) -> Comparison:
    """Weigh all parts, whatever their numbers: for reasons and for people; only `compare` decides."""
    total = weight_sum = 0.0
    agreeing: list[str] = []
    fuzzy: list[str] = []
    silent: list[str] = []
    for part, weight in WEIGHTS.items():
        stated, known = getattr(given, part), getattr(entry, part)
        if not stated or (part == "community" and given.road):
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
    score *= TOWN_CONFLICT if "town" in clashing else 1.0
    score *= COMMUNITY_CONFLICT if given.road and "community" in clashing else 1.0
    unsaid = bool(entry.group and not given.group)
    score *= GROUP_UNSAID if unsaid else 1.0
    return Comparison(
        score=score,
        exact=not (fuzzy or silent or clashing or unsaid),
        agreeing=tuple(agreeing),
        fuzzy=tuple(fuzzy),
        silent=tuple(silent),
        clashing=clashing,
        identifies=_identifies(given, {*agreeing, *fuzzy}),
    )


def verdicts(given: ParsedAddress, entry: ParsedAddress) -> dict[str, str]:
    """Say for each part that is given: same, near, differs, or silent where the register does not say it."""
    said = {}
    for part in PART_WORDS:
        stated, known = getattr(given, part), getattr(entry, part)
        if stated:
            alike = _similarity(part, stated, known) if known else 0.0
            said[part] = "silent" if not known else "same" if alike == 1.0 else "near" if alike >= 0.5 else "differs"
    return said


def _similarity(part: str, stated: str, known: str) -> float:
    if part == "road":
        return road_similarity(stated, known)
    if part == "compound":
        return compound_similarity(stated, known)
    if part == "community" and stated != known:
        return village_similarity(bare_community(stated), bare_community(known))
    return float(stated == known)


def _clash(given: ParsedAddress, entry: ParsedAddress, part: str) -> bool:
    stated, known = getattr(given, part), getattr(entry, part)
    return bool(stated and known and stated != known and (part == "town" or _similarity(part, stated, known) < 0.9))


def _identifies(given: ParsedAddress, met: set[str]) -> bool:
    """A gate number on a named road, compound or village, or a building in a named compound, points at one place.

    A compound alone does where it has one place only, which the margin tells.
    """
    if given.relative:
        return False
    gate = "number" in met and bool({"road", "compound", "community"} & met)
    return (
        gate or ("building" in met and bool({"compound", "road"} & met)) or met in ({"compound"}, {"compound", "road"})
    )


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
