"""Where an address as given and one of the register differ, character by character; and what of it may be shown."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

# What stands behind the building is nobody's business who only looks for the building.
UNIT_OR_ROOM = r"(?:\d+单元|\d+层|[A-Z]?\d+(?:-\d+)?室|[东西中]户|\d{3,4}(?=$|\D)(?!号|栋|幢|座))"
BEHIND_BUILDING = re.compile(rf"(?<=[栋幢座号楼]){UNIT_OR_ROOM}.*$|(?:\d+单元|\d+层|[A-Z]?\d+(?:-\d+)?室|[东西中]户).*$")


def cut_at_building(text: str | None) -> str | None:
    """Leave unit, floor and room off an address; None when nothing is left."""
    return BEHIND_BUILDING.sub("", text).strip() or None if text else None


def compare_texts(given: str, known: str) -> dict[str, list[dict[str, str | bool]]]:
    """Mark where two texts differ.

    given: as somebody wrote it. known: as the register has it. Returns both as runs of characters, each with whether
    the other text has it too (`same`).
    """
    runs: dict[str, list[dict[str, str | bool]]] = {"given": [], "known": []}
    for kind, a0, a1, b0, b1 in SequenceMatcher(None, given, known, autojunk=False).get_opcodes():
        for side, text in (("given", given[a0:a1]), ("known", known[b0:b1])):
            if text:
                runs[side].append({"text": text, "same": kind == "equal"})
    return runs
