"""Find names like a name: by its bare form, its sound, its n-grams with one letter left out, its beginning and end.

Only these candidates are compared letter by letter, so the cost does not grow with the number of names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ingest_gis.address.similarity import bare, sound

LIKE = 0.5
MOST = 12
WIDEST_KEY = 60


class NameIndex:
    """The names of one kind (roads, compounds, villages) in a register."""

    def __init__(self, names: Iterable[str], similarity: Callable[[str, str], float]) -> None:
        """Index names; similarity tells how like two of them are, 0..1."""
        self.names = frozenset(filter(None, names))
        self._similarity = similarity
        self._keys: dict[object, list[str]] = {}
        for name in sorted(self.names):
            for key in set(_keys(name, stored=True)):
                self._keys.setdefault(key, []).append(name)
        self._found: dict[str, tuple[tuple[str, float], ...]] = {}

    def like(self, name: str) -> tuple[tuple[str, float], ...]:
        """List the names like this one with their similarity, best first; a name that is known has 1.0."""
        known = self._found.get(name)
        if known is None:
            if len(self._found) > 200_000:
                self._found.clear()
            known = self._found[name] = self._search(name)
        return known

    def _search(self, name: str) -> tuple[tuple[str, float], ...]:
        if not name:
            return ()
        near: set[str] = {name} & self.names
        for key in _keys(name, stored=False):
            found = self._keys.get(key, ())
            near.update(found if len(found) <= WIDEST_KEY else found[:WIDEST_KEY])
        scored = [(other, self._similarity(name, other)) for other in near]
        scored = [pair for pair in scored if pair[1] >= LIKE]
        return tuple(sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:MOST])


def _keys(name: str, *, stored: bool) -> Iterator[object]:
    """Give the keys under which names that differ in one letter, in their kind, or by a part left out meet."""
    plain = bare(name)
    yield plain
    yield ("sound", sound(plain))
    size = len(plain)
    for at in range(size):
        yield ("gap", at, plain[:at], plain[at + 1 :])
    yield from (("less", plain[:at] + plain[at + 1 :]) for at in range(size) if size >= 3)
    yield ("less", plain)
    yield ("letters", "".join(sorted(plain)))
    if stored:
        yield from (("part", part) for part in _parts(plain))
    else:
        yield ("part", plain)
        yield from _parts(plain)


def _parts(plain: str) -> Iterator[str]:
    """Give the beginnings and ends of a name, of two letters and more."""
    for size in range(2, len(plain)):
        yield plain[:size]
        yield plain[-size:]
