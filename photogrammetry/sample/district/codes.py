"""Identifiers with check characters, many at once: credit codes (GB 32100) and id numbers (GB 11643)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from photogrammetry.sample.district.words import Text, join, pick, text
from photogrammetry.sample.identifiers import CREDIT_ALPHABET, SYNTHETIC_ID_AREA

BODIES = 31**6
BIRTHDAYS, SERIALS = 21_000, 998
CREDIT_WEIGHTS = np.array([pow(3, place, 31) for place in range(17)])
BODY_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2])
ID_WEIGHTS = np.array([pow(2, 17 - place, 11) for place in range(17)])
# The value of each letter: in a credit code its place in the alphabet, in an organisation code A = 10.
CREDIT_VALUES = np.zeros(128, np.int64)
CREDIT_VALUES[[ord(letter) for letter in CREDIT_ALPHABET]] = np.arange(31)
BODY_VALUES = np.array([code - 55 if code >= 65 else code - 48 for code in range(128)])


def letters(words: Text) -> NDArray[np.int64]:
    """Give ASCII texts of one length as (N, length) int64 of their letters' codes."""
    joined = "".join(words.to_pylist()).encode("ascii")
    return np.frombuffer(joined, np.uint8).reshape(len(words), -1).astype(np.int64)


def credit_codes(numbers: NDArray[np.int64], kinds: Text) -> Text:
    """Make valid credit codes, a different one for each number below 31**6.

    kinds: (N,) registration authority and type, e.g. 91 enterprise, 92 sole trader.
    """
    spread = (numbers.astype(np.int64) * 413_158_511 + 7_654_321) % BODIES  # the factor is prime: a bijection
    digits = np.stack([spread // 31**place % 31 for place in range(6)], axis=1)
    alphabet = np.frombuffer(CREDIT_ALPHABET.encode(), np.uint8)
    bodies = join("MA", text([bytes(row).decode() for row in alphabet[digits]]))
    rest = 11 - (BODY_VALUES[letters(bodies)] * BODY_WEIGHTS).sum(axis=1) % 11
    body_check = pick([str(value) for value in range(10)] + ["X", "0"], rest)
    first = join(kinds, "370612", bodies, body_check)
    return join(first, credit_checks(first))


def credit_checks(first: Text) -> Text:
    """Give the 18th characters for texts of the first 17. Source: GB 32100-2015."""
    total = (CREDIT_VALUES[letters(first)] * CREDIT_WEIGHTS).sum(axis=1)
    return pick(list(CREDIT_ALPHABET), (31 - total % 31) % 31)


def id_numbers(numbers: NDArray[np.int64]) -> Text:
    """Make id numbers of an area that does not exist, a different one for each number below 20 million."""
    spread = (numbers.astype(np.int64) * 7_368_787 + 1_234_567) % (BIRTHDAYS * SERIALS)
    born = np.datetime64("1945-01-01") + (spread // SERIALS)
    day = text(np.char.replace(born.astype(str), "-", ""))
    first = join(SYNTHETIC_ID_AREA, day, text(np.char.zfill((spread % SERIALS + 1).astype(str), 3)))
    total = ((letters(first) - 48) * ID_WEIGHTS).sum(axis=1)
    return join(first, pick(list("10X98765432"), total % 11))


def with_wrong_check(code: str, alphabet: str) -> str:
    """Change the last character of a code into the next of its alphabet, which makes the check wrong."""
    at = (alphabet.index(code[-1]) + 1) % len(alphabet)
    return code[:-1] + alphabet[at]


def as_array(words: Text) -> NDArray[np.str_]:
    """Give texts as a NumPy array of strings."""
    return np.asarray(words.to_pylist() if isinstance(words, pa.Array) else words)
