"""The codes a delivery has had so far, in bounded memory: 12 bytes a place, tens of millions of codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]
Values = NDArray[np.unsignedinteger[Any]]
TAKEN, SAME_ROW, SAME_KEY = 0, 1, 2
FULLEST = 0.6
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class KeyMap:
    """Numbers to numbers, many at a time (open addressing)."""

    def __init__(self, expected: int = 0, kind: type[np.unsignedinteger[Any]] = np.uint64) -> None:
        """Make room for `expected` keys; it grows by itself. kind: of the values."""
        self._kind = kind
        self._make(1 << max(10, int(expected / FULLEST).bit_length()))

    def __len__(self) -> int:
        """Count the keys."""
        return self._count

    def find(self, keys: Numbers) -> tuple[NDArray[np.bool_], Values]:
        """Look keys up. Returns which of (N,) are there, and their values (0 for the others)."""
        keys = _not_zero(keys)
        found, values = np.zeros(len(keys), dtype=bool), np.zeros(len(keys), dtype=self._kind)
        at, slots = np.arange(len(keys)), self._slots(keys)
        while len(at):
            there = self._keys[slots]
            hit = there == keys[at]
            found[at[hit]] = True
            values[at[hit]] = self._values[slots[hit]]
            going_on = ~hit & (there != 0)
            at, slots = at[going_on], (slots[going_on] + 1) & self._mask
        return found, values

    def add(self, keys: Numbers, values: Values) -> None:
        """Enter keys that are not there yet, each once."""
        if self._count + len(keys) > FULLEST * (self._mask + 1):
            old_keys, old_values = self._keys, self._values
            self._make(2 * (self._mask + 1 + len(keys)))
            full = old_keys != 0
            self.add(old_keys[full], old_values[full])
        keys = _not_zero(keys)
        self._count += len(keys)
        at, slots = np.arange(len(keys)), self._slots(keys)
        while len(at):
            free = self._keys[slots] == 0
            self._keys[slots[free]] = keys[at[free]]  # of several for one slot, the last stays
            stays = free & (self._keys[slots] == keys[at])
            self._values[slots[stays]] = values[at[stays]]
            at, slots = at[~stays], (slots[~stays] + 1) & self._mask

    def _make(self, size: int) -> None:
        size = 1 << (size - 1).bit_length()
        self._mask, self._count = size - 1, 0
        self._keys, self._values = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=self._kind)

    def _slots(self, keys: Numbers) -> NDArray[np.int64]:
        return np.asarray(((keys * _SPREAD) >> np.uint64(20)) & np.uint64(self._mask), dtype=np.int64)


class SeenKeys:
    """Tells which rows repeat a code seen earlier in the file, with the same content or another."""

    def __init__(self, expected: int = 0) -> None:
        """Start with nothing seen."""
        self._seen = KeyMap(expected, np.uint32)
        self._aside: list[Numbers] = []

    def judge(self, keys: Numbers, contents: Values) -> NDArray[np.uint8]:
        """Judge (N,) rows in the order of the file: TAKEN, SAME_ROW or SAME_KEY; those taken are remembered."""
        # Half of it tells two rows of one code apart well enough: both are set aside, whichever reason is given.
        contents = contents.astype(np.uint32)
        found, earlier = self._seen.find(keys)
        verdicts = np.zeros(len(keys), dtype=np.uint8)
        verdicts[found] = np.where(earlier[found] == contents[found], SAME_ROW, SAME_KEY)
        new = np.flatnonzero(~found)
        _, first, which = np.unique(keys[new], return_index=True, return_inverse=True)
        again = first[which] != np.arange(len(new))
        same = contents[new] == contents[new[first[which]]]
        verdicts[new[again]] = np.where(same[again], SAME_ROW, SAME_KEY)
        taken = new[~again]
        self._seen.add(keys[taken], contents[taken])
        return verdicts

    def set_aside(self, keys: Numbers) -> None:
        """Remember codes of rows that were set aside: they have not vanished, but a later row may have them."""
        self._aside.append(keys)

    def missing(self, keys: Numbers) -> NDArray[np.bool_]:
        """Tell which of (N,) codes no row of the delivery has had, those set aside included."""
        aside = np.concatenate(self._aside) if self._aside else np.zeros(0, dtype=np.uint64)
        return ~(self._seen.find(keys)[0] | np.isin(keys, aside))


def _not_zero(keys: Numbers) -> Numbers:
    return np.where(keys == 0, np.uint64(1), keys)
