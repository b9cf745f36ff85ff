"""One version of the address register, indexed so that an address finds its few candidates by number and name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ingest_gis.address.letters import VARIANTS
from ingest_gis.address.names import NameIndex
from ingest_gis.address.normalise import Region
from ingest_gis.address.parse import AddressParser, Gazetteer, ParsedAddress, bare_community
from ingest_gis.address.similarity import bare, compound_similarity, road_similarity, village_similarity

MOST_CANDIDATES = 200
NO_NUMBER = ""


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """An address as the twin keeps it: normalised text and the components its delivery stated.

    alias: what kind of other text this is (old_name, spoken ...); "" for the standard one.
    """

    address_id: int
    building_id: int | None
    normalised: str
    components: Mapping[str, str]
    alias: str = ""


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """One text of a standard address: its row, the building it belongs to (None if unknown), and its components."""

    address_id: int
    building_id: int | None
    parsed: ParsedAddress
    alias: str = ""

    @property
    def place(self) -> tuple[str, int]:
        """What it points at: the building where one is known, else the address itself."""
        return ("building", self.building_id) if self.building_id is not None else ("address", self.address_id)


class AddressRegister:
    """Entries by (road, number), (village, number), (compound, building) and compound; names by likeness."""

    def __init__(
        self, rows: Sequence[RegisterRow], region: Region, towns: Iterable[str], communities: Iterable[str]
    ) -> None:
        """Parse and index the rows. towns, communities: official names of the administrative units."""
        self.region = region
        communities = list(communities)
        stated = [row.components for row in rows]
        roads = {item.get("road", "") for item in stated}
        compounds = {item.get("compound", "") for item in stated}
        self.parse = AddressParser(Gazetteer.of(towns, communities, roads, compounds))
        self._official = {bare_community(name): name for name in communities}
        self._by_road: dict[tuple[str, str], list[int]] = {}
        self._by_village: dict[tuple[str, str], list[int]] = {}
        self._by_compound: dict[tuple[str, str], list[int]] = {}
        self._towns_of_village: dict[str, set[str]] = {}
        self.entries = [
            RegisterEntry(row.address_id, row.building_id, self._components(row), row.alias) for row in rows
        ]
        for at, entry in enumerate(self.entries):
            self._file(at, entry.parsed)
        self.roads = NameIndex((road for road, _ in self._by_road), road_similarity)
        self.compounds = NameIndex((name for name, _ in self._by_compound), compound_similarity)
        self.villages = NameIndex((bare_community(name) for name, _ in self._by_village), village_similarity)
        self.gates_of_compound: dict[str, set[tuple[str, str]]] = {}
        for entry in self.entries:
            if entry.parsed.compound:
                name = bare(entry.parsed.compound)
                self.gates_of_compound.setdefault(name, set()).add((entry.parsed.road, entry.parsed.number))

    def _components(self, row: RegisterRow) -> ParsedAddress:
        """Read an entry's components from its text; what its delivery stated in columns of its own goes first."""
        # Letters again: the row may have been normalised before the table knew one of them.
        parsed = self.parse(row.normalised.translate(VARIANTS))
        said = row.components
        if row.alias or not said:
            return parsed
        return replace(
            parsed,
            road=said.get("road") or parsed.road,
            number=said.get("number") or parsed.number,
            compound=said.get("compound") or parsed.compound,
            building=said.get("building") or parsed.building,
        )

    def _file(self, at: int, parsed: ParsedAddress) -> None:
        if parsed.road:
            self._by_road.setdefault((parsed.road, parsed.number), []).append(at)
        elif parsed.community:
            self._by_village.setdefault((parsed.community, parsed.number), []).append(at)
            self._towns_of_village.setdefault(bare_community(parsed.community), set()).add(parsed.town)
        if parsed.compound:
            self._by_compound.setdefault((parsed.compound, parsed.building), []).append(at)
            if parsed.building:
                self._by_compound.setdefault((parsed.compound, NO_NUMBER), []).append(at)
            if parsed.number:
                self._by_compound.setdefault((parsed.compound, f"{parsed.number}号"), []).append(at)

    def named(self, given: ParsedAddress) -> list[int]:
        """List the entries of exactly the road or village and the number that an address states."""
        if given.road:
            return self._by_road.get((given.road, given.number), [])[:MOST_CANDIDATES]
        if given.community and given.number:
            return self._by_village.get((given.community, given.number), [])[:MOST_CANDIDATES]
        return []

    def candidates(self, given: ParsedAddress) -> list[int]:
        """List the entries that the numbers and names of an address lead to, names like those given with them."""
        found = dict.fromkeys(self.named(given))
        for road, _ in self.roads.like(given.road) if given.road else ():
            found |= dict.fromkeys(self._by_road.get((road, given.number), ())[:MOST_CANDIDATES])
        if given.community and not given.road:
            for village, _ in self.villages.like(bare_community(given.community)):
                key = (self._official.get(village, village), given.number)
                found |= dict.fromkeys(self._by_village.get(key, ())[:MOST_CANDIDATES])
        for name, _ in self.compounds.like(given.compound) if given.compound else ():
            keys = {f"{given.number}号"} if given.number else set()
            keys.add(given.building)
            for number in keys:
                found |= dict.fromkeys(self._by_compound.get((name, number), ())[:MOST_CANDIDATES])
        return list(found)

    def has_village(self, given: ParsedAddress) -> bool:
        """Tell whether there is a village of exactly the name stated, in the town stated where one is."""
        towns = self._towns_of_village.get(bare_community(given.community)) if given.community else None
        return towns is not None and (not given.town or not towns.isdisjoint((given.town, "")))

    def neighbours(self, given: ParsedAddress, most: int = 5) -> list[int]:
        """List entries of the road whose number is nearest: what a person might have meant."""
        near = {name for name, _ in self.roads.like(given.road)[:1]} if given.road else set()
        numbers = [
            (abs(_value(number) - _value(given.number)), number, at[0])
            for road in near
            for number, at in self._numbers_of_road().get(road, ())
        ]
        return [at for _, _, at in sorted(numbers)[:most]]

    def _numbers_of_road(self) -> dict[str, list[tuple[str, list[int]]]]:
        """Group the gates by road, when somebody asks for the first time."""
        if not hasattr(self, "_road_numbers"):
            self._road_numbers: dict[str, list[tuple[str, list[int]]]] = {}
            for (road, number), at in self._by_road.items():
                self._road_numbers.setdefault(road, []).append((number, at))
        return self._road_numbers

    def as_village(self, given: ParsedAddress) -> ParsedAddress:
        """Take a compound that no register entry has, and that is like one village's name, for the village."""
        if given.road or given.community or not given.compound or given.compound in self.compounds.names:
            return given
        like = self.villages.like(bare_community(given.compound))
        if len(like) == 1 or (like and like[0][1] > like[1][1]):
            return replace(given, community=given.compound, compound="")
        return given


def _value(number: str) -> int:
    digits = "".join(letter for letter in number.split("-")[0] if letter.isdigit())
    return int(digits) if digits else 0
