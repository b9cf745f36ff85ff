"""How one character of a text goes wrong: as people and their input methods err, or any sign for any other.

`PEOPLE`: a Chinese character is typed by its sound and chosen from a list, so what is wrong mostly sounds the same (of
wrong characters in Chinese texts on the web 83 % do, 76 % of those in pupils' writing: Liu et al. 2010, 2011) or nearly
(zh/z, ch/c, sh/s, n/l, ang/an, eng/en, ing/in); now and then one is left out, doubled, swapped with its neighbour, or
quite another one (taken for its shape, or at random). A digit or Latin letter is typed by its key: the next key on the
keyboard or keypad, one left out, two swapped, one pressed twice, the next key pressed with it. The shares are rounded;
nobody has counted this city's slips.
`ANYHOW`: as drawn until November 2026: wrong, missing, extra, swapped or a homophone, each as often; a wrong or extra
sign is any of its kind.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
PADS = (("789", "456", "123", "0"), ("123", "456", "789", " 0"))
PEOPLE = {
    "character": {
        "homophone": 0.45, "near homophone": 0.12, "wrong": 0.13, "missing": 0.15, "swapped": 0.10, "doubled": 0.05,
    },
    "key": {
        "next key": 0.30, "missing": 0.25, "swapped": 0.20, "doubled": 0.10, "next key too": 0.10, "wrong": 0.05,
    },
}  # fmt: skip
ANYHOW = {
    "character": dict.fromkeys(("wrong", "missing", "extra", "swapped", "homophone"), 0.2),
    "key": dict.fromkeys(("wrong", "missing", "extra", "swapped"), 0.25),
}
LONGER = {"missing": -1, "extra": 1, "doubled": 1, "next key too": 1}
MERGED = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ng", "n"), ("l", "n"))


def next_keys(sign: str) -> str:
    """List the keys that touch a key on a keyboard, a computer's keypad or a telephone's."""
    found: set[str] = set()
    for rows, shift in ((ROWS, 0.5), *((pad, 0.0) for pad in PADS)):
        spot = {key: (at + shift * y, y) for y, row in enumerate(rows) for at, key in enumerate(row)}
        if sign in spot:
            x0, y0 = spot[sign]
            reach = 1.2 if shift else 1.0
            found |= {key for key, (x, y) in spot.items() if 0 < (x - x0) ** 2 + (y - y0) ** 2 <= reach**2 + 0.01}
    return "".join(sorted(found - {" "}))


def merged(syllable: str) -> str:
    """Write a syllable as those who do not tell its sounds apart hear it."""
    for sound, put in MERGED:
        syllable = syllable.replace(sound, put)
    return syllable


@dataclass
class Slips:
    """Draws slips and says how likely one is.

    alike: syllable -> the city's characters that are read so. shares: PEOPLE or ANYHOW.
    """

    alike: Mapping[str, list[str]]
    shares: Mapping[str, Mapping[str, float]]
    _read_as: dict[str, str] = field(init=False)
    _near: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        """Turn the list of readings round."""
        self._read_as = {sign: syllable for syllable, signs in self.alike.items() for sign in signs}
        self._signs = "".join(self._read_as)
        self._near = {}
        for syllable, signs in self.alike.items():
            self._near.setdefault(merged(syllable), []).extend(signs)

    def spoil(self, text: str, draw: random.Random) -> tuple[str, str]:
        """Spoil one character. Returns the text and the kind of slip; where it cannot happen, the text as it is."""
        if self.shares is ANYHOW:  # the kind of slip first, then where
            shares = self.shares["key" if text.isascii() else "character"]
            slip = draw.choices([*shares], [*shares.values()])[0]
            places = self._places(text, slip)
            if not places:
                return text, slip
            at = draw.choice(places)
        else:
            at = draw.randrange(len(text))
            shares = self.shares["key" if text[at].isascii() else "character"]
            slip = draw.choices([*shares], [*shares.values()])[0]
        outcomes = self.outcomes(text, at, slip)
        return (draw.choice(outcomes) if outcomes else text), slip

    def _places(self, text: str, slip: str) -> list[int]:
        """List where a slip may happen: a homophone only where there is one, the others anywhere."""
        if slip != "homophone":
            return list(range(len(text)))
        return [at for at, sign in enumerate(text) if len(self.alike.get(self._read_as.get(sign, ""), ())) > 1]

    def chance(self, typed: str, meant: str) -> float:
        """Give the chance that a text is spoilt to another."""
        total = 0.0
        longer = len(typed) - len(meant)
        for at, sign in enumerate(meant):
            if typed[: max(0, at - 1)] != meant[: max(0, at - 1)]:
                break
            first = meant if self.shares is ANYHOW else sign
            for slip, share in self.shares["key" if first.isascii() else "character"].items():
                if longer != LONGER.get(slip, 0):
                    continue
                places = self._places(meant, slip) if self.shares is ANYHOW else range(len(meant))
                outcomes = self.outcomes(meant, at, slip) if at in places else []
                if outcomes:
                    total += share / len(places) * outcomes.count(typed) / len(outcomes)
        return total

    def outcomes(self, text: str, at: int, slip: str) -> list[str]:
        """List the texts that a slip at a place can give, each as likely; a text among them twice is likelier."""
        sign, before, after = text[at], text[:at], text[at + 1 :]
        if slip == "missing":
            return [before + after]
        if slip == "swapped":
            return [before + after[:1] + sign + after[1:]] if after and after[0] != sign else []
        if slip == "doubled":
            return [before + sign + sign + after]
        if slip == "next key too":
            return [before + put + after for key in next_keys(sign) for put in (key + sign, sign + key)]
        if slip == "extra":
            return [before + put + sign + after for put in self._any(sign)]
        return [before + put + after for put in self._instead(sign, slip)]

    def _instead(self, sign: str, slip: str) -> Iterator[str]:
        syllable = self._read_as.get(sign, "")
        if slip == "next key":
            return iter(next_keys(sign))
        if slip == "homophone":
            return (other for other in self.alike.get(syllable, ()) if other != sign)
        if slip == "near homophone":
            return (o for o in self._near.get(merged(syllable), ()) if self._read_as[o] != syllable)
        return self._any(sign)

    def _any(self, sign: str) -> Iterator[str]:
        kind = "0123456789" if sign.isdigit() else "abcdefghijklmnopqrstuvwxyz" if sign.isascii() else self._signs
        return (other for other in kind if other != sign)
