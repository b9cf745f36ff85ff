"""Where an address as given and one of the register differ, character by character; and what of it may be shown."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

# What stands behind the building is nobody's business who only looks for the building.
UNIT_OR_ROOM = r"(?:\d+单元|\d+层|[A-Z]?\d+(?:-\d+)?室|[东西中]户|\d{3,4}(?=$|\D)(?!号|栋|幢|座))"
BEHIND_BUILDING = re.compile(
    rf"(?<=[栋幢座号楼]){UNIT_OR_ROOM}.*$|(?:\d+单元|\d+层|[A-Z]?\d+(?:-\d+)?室|[东西中]户).*$"
)

WORDS = {"equal": "same", "replace": "differs"}
LETTER_OR_NUMBER = re.compile(r"\d+|\D", re.DOTALL)


def cut_at_building(text: str | None) -> str | None:
    """Leave unit, floor and room off an address; None when nothing is left."""
    return BEHIND_BUILDING.sub("", text).strip() or None if text else None


def compare_texts(given: str, known: str) -> dict[str, list[dict[str, str]]]:
    """Mark where two texts differ, letter by letter; a number differs as a whole (103 and 105 have nothing in common).

    given: as somebody wrote it. known: as the register has it. Returns both as runs of characters, each
    with what it `is`: same in both, differs from what the other has there, or more (the other has nothing there).
    """
    runs: dict[str, list[dict[str, str]]] = {"given": [], "known": []}
    left, right = LETTER_OR_NUMBER.findall(given), LETTER_OR_NUMBER.findall(known)
    for kind, a0, a1, b0, b1 in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        for side, letters in (("given", left[a0:a1]), ("known", right[b0:b1])):
            if letters:
                runs[side].append({"text": "".join(letters), "is": WORDS.get(kind, "more")})
    return runs
