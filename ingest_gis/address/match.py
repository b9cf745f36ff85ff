"""Find the register entry an address means: candidates by n-grams and numbers, score, hard number gate, margin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ingest_gis.address.compare import Comparison, compare, differing_numbers, in_words, verdicts, weigh
from ingest_gis.address.normalise import Normaliser, Region
from ingest_gis.address.parse import ParsedAddress
from ingest_gis.address.register import AddressRegister, RegisterEntry, RegisterRow
from ingest_gis.address.similarity import bare

ACCEPT_SCORE, ACCEPT_MARGIN = 0.88, 0.04
CORROBORATED_SCORE, CORROBORATED_PARTS = 0.8, 3
REVIEW_SCORE = 0.6
RIVALS = 5
REMEMBERED = 400_000
Decision = Literal["accept", "review", "none"]
Rival = tuple[RegisterEntry, float]


@dataclass(frozen=True, slots=True)
class AddressMatch:
    """What the matcher thinks of one address.

    score 0..1; margin: distance to the best candidate at another place (1.0 if there is none). decision: accept,
    review or none. rivals: other candidates worth showing or weighing against a position, best first.
    """

    decision: Decision
    entry: RegisterEntry | None = None
    score: float = 0.0
    margin: float = 0.0
    reason_zh: str = "登记中没有相近的地址"
    reason_en: str = "no similar address in the register"
    rivals: tuple[Rival, ...] = field(default=())
    given: ParsedAddress = field(default_factory=ParsedAddress)

    def weighed(self) -> dict[str, Any]:
        """Give a reviewer's view: the parts given down to the building, and the candidates with their differences."""
        if self.entry is None:
            return {}
        return {
            "given": self.given.components(),
            "candidates": [
                {
                    "address_id": entry.address_id,
                    "building_id": entry.building_id,
                    "score": round(score, 4),
                    "parts": verdicts(self.given, entry.parsed),
                }
                for entry, score in ((self.entry, self.score), *self.rivals)
            ],
        }


class AddressMatcher:
    """Matches addresses typed by hand against one version of the address register."""

    def __init__(
        self, rows: Sequence[RegisterRow], region: Region, towns: Sequence[str], communities: Sequence[str]
    ) -> None:
        """Index the register.

        rows: the register, aliases with it. towns, communities: official names of the administrative units.
        """
        self.normalise = Normaliser(region)
        self.register = AddressRegister(rows, region, towns, communities)
        self.parse = self.register.parse
        self._known: dict[ParsedAddress, AddressMatch] = {}

    @property
    def entries(self) -> list[RegisterEntry]:
        """The register's texts."""
        return self.register.entries

    def match(self, texts: Sequence[str]) -> list[AddressMatch]:
        """Match addresses as written by hand; one answer each, in order. What is written alike is weighed once."""
        return [self._match(self.read(text)) for text in texts]

    def read(self, text: str) -> ParsedAddress:
        """Normalise and parse one address."""
        return self.register.as_village(self.parse(self.normalise(text)))

    def _match(self, given: ParsedAddress) -> AddressMatch:
        known = self._known.get(given)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[given] = self._decide(given)
        return known

    def _decide(self, given: ParsedAddress) -> AddressMatch:
        # Where the road and number stated are there to the letter, names that are only alike are no rivals.
        scored = self._score(given, self.register.named(given))
        if not any(comparison.exact for _, comparison in scored):
            scored = self._score(given, self.register.candidates(given))
        if not scored:
            return self._unknown(given)
        best, comparison = scored[0]
        others = _best_elsewhere(best, scored)
        margin = comparison.score - others[0][1].score if others else 1.0
        rivals = tuple((entry, other.score) for entry, other in others[:RIVALS])
        zh, en = in_words(comparison)
        if best.alias:
            zh, en = f"{zh} (别名)", f"{en} (by an alias)"
        rival_exact = bool(others) and others[0][1].exact
        if self._is_sure(given, comparison, margin, rival_exact):
            return AddressMatch("accept", best, comparison.score, margin, zh, en, rivals, given)
        says_which = {"number", "building", "compound"} & {*comparison.agreeing, *comparison.fuzzy}
        if given.relative or not says_which or comparison.score < REVIEW_SCORE:
            return AddressMatch("none", rivals=rivals, given=given)
        why_zh, why_en = self._doubt(given, comparison, margin)
        return AddressMatch(
            "review", best, comparison.score, margin, f"{zh}; {why_zh}", f"{en}; {why_en}", rivals, given
        )

    def _score(self, given: ParsedAddress, candidates: Sequence[int]) -> list[tuple[RegisterEntry, Comparison]]:
        """Compare with candidates, best first; those the number gate forbids and those too unlike are left out."""
        scored = []
        for index in candidates:
            comparison = compare(given, self.entries[index].parsed)
            if comparison is not None and comparison.score >= REVIEW_SCORE * 0.8:
                scored.append((self.entries[index], comparison))
        scored.sort(key=lambda pair: (-pair[1].score, not pair[1].exact, pair[0].alias != "", pair[0].address_id))
        return scored

    def _unknown(self, given: ParsedAddress) -> AddressMatch:
        """Say why nothing fits: the road is known and the number is not, or nothing is."""
        if given.number and given.road in self.register.roads.names:
            return AddressMatch(
                "none", given=given, reason_zh="登记中这条路没有这个门牌号",
                reason_en="the road has no such number in the register",
            )  # fmt: skip
        return AddressMatch("none", given=given)

    def _is_sure(self, given: ParsedAddress, comparison: Comparison, margin: float, rival_exact: bool) -> bool:
        if given.unread_number:
            return False
        if not comparison.identifies or "building" in comparison.silent or "town" in comparison.clashing:
            return False
        if not {"number", "building"} & {*comparison.agreeing, *comparison.fuzzy} and margin < ACCEPT_MARGIN:
            return False
        if comparison.exact:
            return margin > 0 or not rival_exact
        if "road" in comparison.fuzzy and given.road in self.register.roads.names:
            return False  # the road as written exists: it is hardly a slip for another one
        if "community" in comparison.fuzzy and self.register.has_village(given):
            return False  # nor is a village that exists
        if margin < ACCEPT_MARGIN:
            return False
        return comparison.score >= ACCEPT_SCORE or self._is_corroborated(given, comparison)

    def _is_corroborated(self, given: ParsedAddress, comparison: Comparison) -> bool:
        """A road written wrongly is forgiven when all else agrees and the compound stands at one gate only."""
        if len(comparison.agreeing) < CORROBORATED_PARTS or comparison.score < CORROBORATED_SCORE:
            return False
        gates = self.register.gates_of_compound.get(bare(given.compound), ())
        return "compound" in comparison.agreeing and len(gates) == 1

    def _doubt(self, given: ParsedAddress, comparison: Comparison, margin: float) -> tuple[str, str]:
        if given.unread_number:
            return "地址中有一个读不懂的数字", "the address has a number that could not be read"
        if not comparison.identifies:
            return "不足以确定到一栋楼", "not enough to tell the building"
        if "building" in comparison.silent:
            return "登记中该门牌没有这栋楼", "the register knows no such building at this number"
        if margin < ACCEPT_MARGIN:
            return "另有同样相近的地址", "another address is as similar"
        return "相近但不确定", "similar but not certain"

    def explain(self, text: str) -> dict[str, Any]:
        """Tell a person how an address is read and what the register has near it, differing numbers included."""
        given = self.read(text)
        answer = replace(self._match(given))
        near = [self.entries[at] for at in self.register.neighbours(given)]
        return {
            "normalised": self.normalise(text),
            "parts": given.components(),
            "decision": answer.decision,
            "score": answer.score,
            "margin": answer.margin,
            "reason_zh": answer.reason_zh,
            "reason_en": answer.reason_en,
            "candidates": answer.weighed().get("candidates", []),
            "neighbours": [
                {
                    "address_id": entry.address_id,
                    "text": entry.parsed.to_building(),
                    "score": round(weigh(given, entry.parsed).score, 4),
                    "differs": list(differing_numbers(given, entry.parsed)),
                }
                for entry in near
            ],
        }


def _best_elsewhere(
    best: RegisterEntry, scored: Sequence[tuple[RegisterEntry, Comparison]]
) -> list[tuple[RegisterEntry, Comparison]]:
    """List the best candidate of every other place; several addresses of one building are no rivals."""
    seen, others = {best.place}, []
    for entry, comparison in scored[1:]:
        if entry.place not in seen:
            seen.add(entry.place)
            others.append((entry, comparison))
    return others
