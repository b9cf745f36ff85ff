"""How big a district to write: so many assets, entities, records and villages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from twin.errors import BadInput

COUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([kKmM]?)")
TIMES = {"": 1, "k": 1_000, "m": 1_000_000}
ALL_VILLAGES = 584
HOUSES_AN_ENTITY = 200_000 / 350_000
MOST_ASSETS, MOST_RECORDS, MOST_ENTITIES = 20_000_000, 100_000_000, 2_000_000


@dataclass(frozen=True)
class DistrictSize:
    """How many of each. villages: communities and villages laid out, of the 584 in the register."""

    assets: int = 1_000_000
    records: int = 10_000_000
    entities: int = 350_000
    villages: int = ALL_VILLAGES

    def __post_init__(self) -> None:
        """Refuse numbers that no district has.

        Raises BadInput when one is too small or too large.
        """
        limits = {
            "assets": (1_000, MOST_ASSETS), "records": (1_000, MOST_RECORDS), "entities": (300, MOST_ENTITIES),
            "villages": (13, ALL_VILLAGES),
        }  # fmt: skip
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise BadInput(
                    f"--{name} lies between {least:,} and {most:,} / --{name} 应在 {least:,} 到 {most:,} 之间",
                    do=f"Give another number, e.g. --{name} {least} / 请改用这个范围内的数",
                )

    @property
    def buildings(self) -> int:
        """Houses wanted; the room in the villages may allow fewer."""
        return max(200, round(self.entities * HOUSES_AN_ENTITY))


def read_count(text: str) -> int:
    """Read a count as people write it: 350k, 10M, 1200000.

    Raises BadInput when it is none.
    """
    found = COUNT.fullmatch(text.strip())
    if found is None:
        raise BadInput(
            f"{text!r} is not a count / 不是数量", do="Write 350k, 10M or 1200000 / 请写 350k、10M 或 1200000"
        )
    return round(float(found[1]) * TIMES[found[2].lower()])
