"""Find the register entry an address means: n-gram candidates, number-aware score, hard number gate, margin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ingest_gis.address.normalise import Normaliser, Region
from ingest_gis.address.parse import AddressParser, Gazetteer, ParsedAddress
from ingest_gis.address.similarity import Comparison, bare, compare, in_words

CANDIDATES = 40
ACCEPT_SCORE, ACCEPT_MARGIN = 0.88, 0.04
CORROBORATED_SCORE, CORROBORATED_PARTS = 0.8, 3
REVIEW_SCORE = 0.6
CHUNK = 256
Decision = Literal["accept", "review", "none"]


@dataclass(frozen=True)
class RegisterEntry:
    """One standard address: its row, the building it belongs to (None if unknown), and its components."""

    address_id: int
    building_id: int | None
    parsed: ParsedAddress

    @property
    def place(self) -> tuple[str, int]:
        """What it points at: the building where one is known, else the address itself."""
        return ("building", self.building_id) if self.building_id is not None else ("address", self.address_id)


@dataclass(frozen=True)
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
    rivals: tuple[tuple[RegisterEntry, float], ...] = field(default=())


@dataclass(frozen=True)
class RegisterRow:
    """An address as the twin keeps it: normalised text and the components its delivery stated."""

    address_id: int
    building_id: int | None
    normalised: str
    components: dict[str, str]


class AddressMatcher:
    """Matches addresses typed by hand against one version of the address register."""

    def __init__(
        self, rows: Sequence[RegisterRow], region: Region, towns: Sequence[str], communities: Sequence[str]
    ) -> None:
        """Build the candidate index.

        rows: the register. towns, communities: official names of the administrative units.
        """
        stated = [row.components for row in rows]
        self.normalise = Normaliser(region)
        self.parse = AddressParser(
            Gazetteer.of(
                towns,
                communities,
                (item.get("road", "") for item in stated),
                (item.get("compound", "") for item in stated),
            )
        )
        self.entries = [RegisterEntry(row.address_id, row.building_id, self._components(row)) for row in rows]
        self._vocabulary: dict[str, int] = {}
        self._index = self._build_index()
        self._places_of_compound: dict[str, set[tuple[str, int]]] = {}
        self._gates_of_compound: dict[str, set[tuple[str, str]]] = {}
        for entry in self.entries:
            if entry.parsed.compound:
                name = bare(entry.parsed.compound)
                self._places_of_compound.setdefault(name, set()).add(entry.place)
                self._gates_of_compound.setdefault(name, set()).add((entry.parsed.road, entry.parsed.number))

    def _components(self, row: RegisterRow) -> ParsedAddress:
        """Read an entry's components from its text; what its delivery stated in columns of its own goes first."""
        parsed = self.parse(row.normalised)
        said = row.components
        return replace(
            parsed,
            road=said.get("road") or parsed.road,
            number=said.get("number") or parsed.number,
            compound=said.get("compound") or parsed.compound,
            building=said.get("building") or parsed.building,
        )

    def match(self, texts: Sequence[str]) -> list[AddressMatch]:
        """Match addresses as written by hand; one answer each, in order."""
        answers: list[AddressMatch] = []
        for start in range(0, len(texts), CHUNK):
            given = [self.parse(self.normalise(text)) for text in texts[start : start + CHUNK]]
            answers += [self._decide(*pair) for pair in zip(given, self._candidates(given), strict=True)]
        return answers

    # ---- candidates: character 1-2-grams of the names, whole tokens for the numbers, TF-IDF
    def _build_index(self) -> sparse.csr_matrix:
        counts = [Counter(_features(entry.parsed)) for entry in self.entries]
        for features in counts:
            for feature in features:
                self._vocabulary.setdefault(feature, len(self._vocabulary))
        matrix = self._matrix(counts)
        documents = np.asarray((matrix > 0).sum(axis=0)).ravel()
        self._idf: NDArray[np.float64] = np.log((1 + len(counts)) / (1 + documents)) + 1.0
        return sparse.csr_matrix(_unit_rows(sparse.csr_matrix(matrix @ sparse.diags(self._idf))).T)

    def _matrix(self, counts: Sequence[Counter[str]]) -> sparse.csr_matrix:
        rows, columns, values = [], [], []
        for row, features in enumerate(counts):
            for feature, count in features.items():
                column = self._vocabulary.get(feature)
                if column is not None:
                    rows.append(row)
                    columns.append(column)
                    values.append(float(count))
        return sparse.csr_matrix((values, (rows, columns)), shape=(len(counts), max(1, len(self._vocabulary))))

    def _candidates(self, given: Sequence[ParsedAddress]) -> Iterator[NDArray[np.int64]]:
        queries = self._matrix([Counter(_features(parsed)) for parsed in given])
        if not self.entries:
            yield from (np.zeros(0, np.int64) for _ in given)
            return
        likeness = sparse.csr_matrix(_unit_rows(sparse.csr_matrix(queries @ sparse.diags(self._idf))) @ self._index)
        for row in range(len(given)):
            span = slice(likeness.indptr[row], likeness.indptr[row + 1])
            found, values = likeness.indices[span], likeness.data[span]
            if len(found) > CANDIDATES:
                found = found[np.argpartition(-values, CANDIDATES)[:CANDIDATES]]
            yield found.astype(np.int64)

    # ---- decision
    def _decide(self, given: ParsedAddress, candidates: NDArray[np.int64]) -> AddressMatch:
        scored = []
        for index in candidates:
            comparison = compare(given, self.entries[index].parsed)
            if comparison is not None and comparison.score >= REVIEW_SCORE * 0.8:
                scored.append((self.entries[index], comparison))
        if not scored:
            return AddressMatch("none")
        scored.sort(key=lambda pair: (-pair[1].score, not pair[1].exact, pair[0].address_id))
        best, comparison = scored[0]
        others = _best_elsewhere(best, scored)
        margin = comparison.score - others[0][1].score if others else 1.0
        rivals = tuple((entry, other.score) for entry, other in others[:5])
        zh, en = in_words(comparison)
        rival_exact = bool(others) and others[0][1].exact
        if self._is_sure(given, comparison, margin, rival_exact):
            return AddressMatch("accept", best, comparison.score, margin, zh, en, rivals)
        says_which = {"number", "building", "compound"} & {*comparison.agreeing, *comparison.fuzzy}
        if given.relative or not says_which or comparison.score < REVIEW_SCORE:
            return AddressMatch("none", rivals=rivals)
        why_zh, why_en = self._doubt(comparison, margin)
        return AddressMatch("review", best, comparison.score, margin, f"{zh}; {why_zh}", f"{en}; {why_en}", rivals)

    def _is_sure(self, given: ParsedAddress, comparison: Comparison, margin: float, rival_exact: bool) -> bool:
        if not comparison.identifies or "building" in comparison.silent or "town" in comparison.clashing:
            return False
        if set(comparison.agreeing) | set(comparison.fuzzy) == {"compound"} and not self._only_building_of(given):
            return False
        if comparison.exact:
            return margin > 0 or not rival_exact
        if margin < ACCEPT_MARGIN:
            return False
        return comparison.score >= ACCEPT_SCORE or self._is_corroborated(given, comparison)

    def _is_corroborated(self, given: ParsedAddress, comparison: Comparison) -> bool:
        """A road written wrongly is forgiven when all else agrees and the compound stands at one gate only."""
        if len(comparison.agreeing) < CORROBORATED_PARTS or comparison.score < CORROBORATED_SCORE:
            return False
        return "compound" in comparison.agreeing and len(self._gates_of_compound.get(bare(given.compound), ())) == 1

    def _only_building_of(self, given: ParsedAddress) -> bool:
        return len(self._places_of_compound.get(bare(given.compound), ())) == 1

    def _doubt(self, comparison: Comparison, margin: float) -> tuple[str, str]:
        if not comparison.identifies:
            return "不足以确定到一栋楼", "not enough to tell the building"
        if "building" in comparison.silent:
            return "登记中该门牌没有这栋楼", "the register knows no such building at this number"
        if margin < ACCEPT_MARGIN:
            return "另有同样相近的地址", "another address is as similar"
        return "相近但不确定", "similar but not certain"


def _features(parsed: ParsedAddress) -> list[str]:
    features = []
    for name in (bare(parsed.road), bare(parsed.compound), parsed.community[:2] if not parsed.road else ""):
        features += list(name)
        features += [name[at : at + 2] for at in range(len(name) - 1)]
    return features + [f"{kind}={value}" for kind, value in (("n", parsed.number), ("b", parsed.building)) if value]


def _unit_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1.0 / np.maximum(lengths, 1e-12)) @ matrix)


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
