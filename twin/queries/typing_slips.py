"""What a slip of the hand, the ear or the input method costs: the less, the likelier it is.

Costs are nats: minus the logarithm of how often a slip of that kind happens times the chance of this very outcome. One
character left out, or two swapped, can happen in one way only; a digit is slipped to a neighbouring key three times in
four, but to any other sign of thousands hardly ever. The shares are rounded from what is known of typing: most slips
are one edit, on keyboards mostly to the next key, left out, swapped or doubled; four in five wrong Chinese characters
sound like the right one (Liu et al. 2011: 83 % of 621 errors on the web), because they are typed by their sound.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

from rapidfuzz.distance import OSA

# Shares of the slips of one key, and of one Chinese character.
_KEY = {"left out": 0.25, "swapped": 0.2, "doubled": 0.1, "next": 0.3, "next too": 0.1, "another": 0.05}
_SIGN = {"left out": 0.15, "swapped": 0.1, "doubled": 0.05}
SAME_SOUND, NEAR_SOUND, ANOTHER_SIGN = 3.0, 4.8, 10.0
ANOTHER_KEY, STRAY_KEY = -math.log(_KEY["another"] / 9), 6.5
# Keyboards: each row stands half a key to the right of the one above. Keypads: of a computer, of a telephone.
_KEYBOARD = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_KEYPADS = (("789", "456", "123", "0  "), ("123", "456", "789", " 0 "))
# Sounds that many people do not tell apart; finals have no l, so that every l is an initial.
_BLURRED = ((re.compile("([zcs])h"), r"\1"), (re.compile("ng"), "n"), (re.compile("l"), "n"))


def _next_keys() -> frozenset[tuple[str, str]]:
    near: set[tuple[str, str]] = set()
    for above, row in enumerate(_KEYBOARD):
        near |= set(pairwise(row))
        if above + 1 < len(_KEYBOARD):
            below = _KEYBOARD[above + 1]
            near |= {(key, other) for at, key in enumerate(row) for other in below[max(0, at - 1) : at + 1]}
    for pad in _KEYPADS:
        for row in pad:
            near |= set(pairwise(row))
        for above_row, below in pairwise(pad):
            near |= set(zip(above_row, below, strict=False))
    pairs = {pair for pair in near if " " not in pair and pair[0] != pair[1]}
    return frozenset(pairs | {(b, a) for a, b in pairs})


NEXT_KEYS = _next_keys()
_HOW_MANY_NEXT = Counter(key for key, _ in NEXT_KEYS)


def blurred(pinyin: str) -> str:
    """Write a reading without the differences that many do not hear: zh/z, ch/c, sh/s, ng/n, l/n."""
    for pattern, put in _BLURRED:
        pinyin = pattern.sub(put, pinyin)
    return pinyin


def slips_cost(typed: str, meant: str) -> tuple[int, float]:
    """Give the edits from what is meant to what was typed, and what they cost (nats; 0 when they are the same).

    Edits are restricted ones: wrong, missing, extra, two neighbours swapped. More than one cost ANOTHER_SIGN each.
    """
    edits = int(OSA.distance(typed, meant))
    return edits, _one_slip(typed, meant) if edits == 1 else edits * ANOTHER_SIGN


def _one_slip(typed: str, meant: str) -> float:
    at = next((i for i, (a, b) in enumerate(zip(typed, meant, strict=False)) if a != b), min(len(typed), len(meant)))
    sign = meant[at] if at < len(meant) else typed[at]
    shares = _KEY if sign.isascii() else _SIGN
    if len(typed) < len(meant):
        run = len(meant[:at]) - len(meant[:at].rstrip(sign)) + 1
        return -math.log(shares["left out"] * run)
    if len(typed) > len(meant):
        return _one_too_many(typed, at)
    if typed[at + 1 :] != meant[at + 1 :]:
        return -math.log(shares["swapped"])
    if (meant[at], typed[at]) in NEXT_KEYS:
        return -math.log(_KEY["next"] / _HOW_MANY_NEXT[meant[at]])
    return ANOTHER_KEY if typed[at].isascii() and meant[at].isascii() else ANOTHER_SIGN


def _one_too_many(typed: str, at: int) -> float:
    extra, beside = typed[at], typed[max(0, at - 1) : at] + typed[at + 1 : at + 2]
    if extra in beside:
        return -math.log((_KEY if extra.isascii() else _SIGN)["doubled"])
    touched = [sign for sign in beside if (sign, extra) in NEXT_KEYS]
    if touched:
        return -math.log(sum(_KEY["next too"] / (2 * _HOW_MANY_NEXT[sign]) for sign in touched))
    return STRAY_KEY if extra.isascii() else ANOTHER_SIGN
