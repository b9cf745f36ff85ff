"""What an answer may show beyond what is public; twin.actions.access decides it from the asker's role."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sight:
    """Rights of one reader, as flags the queries bind.

    persons: names of persons, masked (row policies still choose whose). actors: who changed or confirmed a value.
    rooms: addresses down to the room; else they are cut at the building.
    """

    persons: bool = False
    actors: bool = False
    rooms: bool = False

    def values(self) -> dict[str, bool]:
        """Give the bound values of the flags."""
        return {"see_persons": self.persons, "see_actors": self.actors}


PUBLIC_SIGHT = Sight()
