"""Which tags of an OpenStreetMap element say what class it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ingest_gis.classes import ClassCatalogue

# Keys that say what a thing is, the more telling first; others say how it is.
TELLING = (
    "highway", "man_made", "emergency", "amenity", "power", "traffic_sign", "barrier", "natural", "leisure", "tourism",
    "shop", "office", "craft", "railway", "public_transport", "waterway", "landuse", "historic", "military", "place",
    "building:part", "entrance", "addr:housenumber", "route", "restriction", "type",
)  # fmt: skip
Tags = Mapping[str, str]


class TagClasses:
    """Finds the word that stands for an element's class: the mapping's and the catalogue's combinations of tags."""

    def __init__(self, classes: ClassCatalogue, local: Iterable[str]) -> None:
        """Sort the known combinations by their first tag. A value of * is any; only a mapping may say so."""
        own = {word for word in local if "=" in word}
        known = own | {word for word in classes.by_tag if "=" in word and "*" not in word}
        self._by_key: dict[str, list[tuple[str, tuple[tuple[str, str], ...]]]] = {}
        for word in known:
            pairs = tuple((key, value) for key, _, value in (tag.partition("=") for tag in word.split("+")))
            self._by_key.setdefault(pairs[0][0], []).append((word, pairs))

    def word(self, cell: str) -> str | None:
        """Give the word for a cell of tags (JSON): the combination with the most tags, else the most telling tag.

        None when there are no tags at all.
        """
        tags = _read(cell)
        fitting = [
            (len(pairs), sum(value != "*" for _, value in pairs), word)
            for key in tags
            for word, pairs in self._by_key.get(key, ())
            if all(name in tags and value in ("*", tags[name]) for name, value in pairs)
        ]
        if fitting:
            return max(fitting)[2]
        key = next((key for key in TELLING if key in tags), next(iter(tags), None))
        return None if key is None else f"{key}={tags[key]}"


def _read(cell: str) -> dict[str, str]:
    try:
        tags = json.loads(cell)
    except ValueError:
        return {}
    return {str(key).lower(): str(value).lower() for key, value in tags.items()} if isinstance(tags, dict) else {}
