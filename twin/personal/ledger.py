"""The erasure ledger: who was erased, as keyed hashes only, in a file outside the database and its backups.

TWIN_DATA_DIR/erasures/ledger.jsonl. After an older backup is restored, and whenever rows are delivered, it says of whom
nothing may come back. Without the index key of the key file it says nothing to anybody.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twin.personal.keyring import Keyring
from twin.personal.masks import MEANT
from twin.personal.values import cells_of, mac_of, macs_of

ID_NUMBER = re.compile(r"(?<![0-9A-Za-z])[0-9]{17}[0-9Xx](?![0-9A-Za-z])")
PHONE = re.compile(r"(?<![0-9])(?:\+?86)?(1[3-9][0-9]{9}|0[0-9]{9,11})(?![0-9])")
BETWEEN_DIGITS = re.compile(r"(?<=[0-9])[-\s](?=[0-9])")


@dataclass(frozen=True)
class Erasure:
    """One person, as keyed hashes: id numbers, deliverers' keys, codes of the twin, (phone, name) pairs."""

    at: str
    ids: frozenset[bytes] = frozenset()
    keys: frozenset[bytes] = frozenset()
    codes: frozenset[bytes] = frozenset()
    people: frozenset[tuple[bytes, bytes]] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Tell whether it can find nobody."""
        return not (self.ids or self.keys or self.codes or self.people)


@dataclass
class Known:
    """What is known of a person while erasing: values in clear, in memory only."""

    ids: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    household_numbers: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    key_macs: set[bytes] = field(default_factory=set)

    def learn(self, document: Mapping[str, Any]) -> None:
        """Take what a document of this person says."""
        flat = {**{k: v for k, v in document.items() if k != "attributes"}, **(document.get("attributes") or {})}
        for name, value in flat.items():
            place = {"id_number": self.ids, "phone": self.phones, "name": self.names,
                     "household_number": self.household_numbers}.get(MEANT.get(name, ""))  # fmt: skip
            if place is not None and value not in (None, ""):
                place.add(str(value))

    def texts(self) -> list[str]:
        """List values that are this person's alone wherever they stand; the longest first."""
        return sorted({*self.ids, *self.phones, *self.household_numbers}, key=len, reverse=True)

    def erasure(self, keys: Keyring) -> Erasure:
        """Give the keyed hashes of all that is known, under every index key there has been."""

        def macs(name: str, values: Iterable[str]) -> frozenset[bytes]:
            return frozenset().union(*(macs_of(keys, name, value) for value in values))

        people = frozenset(
            (phone, name)
            for ring in keys.rings()
            for given in self.phones
            if (phone := mac_of(ring, "phone", given)) is not None
            for called in self.names
            if (name := mac_of(ring, "name", called)) is not None
        )
        return Erasure(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            ids=macs("id_number", self.ids),
            keys=macs("key", self.household_numbers) | self.key_macs,
            codes=macs("code", self.codes),
            people=people,
        )


class Erased:
    """Everybody in the ledger: finds them in documents and rows."""

    def __init__(self, erasures: Iterable[Erasure]) -> None:
        """Put the hashes of all entries together."""
        self.entries = list(erasures)
        self.ids = frozenset().union(*(entry.ids for entry in self.entries))
        self.keys = frozenset().union(*(entry.keys for entry in self.entries))
        self.codes = frozenset().union(*(entry.codes for entry in self.entries))
        self._names: dict[bytes, set[bytes]] = {}
        for entry in self.entries:
            for phone, name in entry.people:
                self._names.setdefault(phone, set()).add(name)

    def __bool__(self) -> bool:
        """Tell whether there is anybody."""
        return bool(self.entries)

    def mentions(self, keys: Keyring, document: Any) -> bool:
        """Tell whether a document speaks of somebody: by id number, by household number, by phone and name together."""
        cells = [unicodedata.normalize("NFKC", cell) for cell in cells_of(document)]
        text = BETWEEN_DIGITS.sub("", "|".join(cells))
        if self.ids and any(macs_of(keys, "id_number", number) & self.ids for number in ID_NUMBER.findall(text)):
            return True
        if self.keys and any(macs_of(keys, "key", cell) & self.keys for cell in cells):
            return True
        for phone in PHONE.findall(text) if self._names else ():
            names = set[bytes]().union(*(self._names.get(mac, ()) for mac in macs_of(keys, "phone", phone)))
            if names and any(macs_of(keys, "name", cell) & names for cell in cells):
                return True
        return False


def ledger_path(data_dir: Path) -> Path:
    """Say where the ledger lies."""
    return data_dir / "erasures" / "ledger.jsonl"


def append(path: Path, erasure: Erasure) -> None:
    """Add an entry; it is on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    line = {
        "at": erasure.at,
        **{name: sorted(mac.hex() for mac in getattr(erasure, name)) for name in ("ids", "keys", "codes")},
        "people": sorted([phone.hex(), name.hex()] for phone, name in erasure.people),
    }
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="ascii") as handle:
        handle.write(json.dumps(line) + "\n")
        handle.flush()
        os.fsync(handle.fileno())


def read_ledger(path: Path) -> Erased:
    """Read the ledger; empty where there is none."""
    if not path.exists():
        return Erased([])
    return Erased(_entry(line) for line in path.read_text(encoding="ascii").splitlines() if line.strip())


def _entry(line: str) -> Erasure:
    raw = json.loads(line)
    sets = {name: frozenset(bytes.fromhex(mac) for mac in raw[name]) for name in ("ids", "keys", "codes")}
    people = frozenset((bytes.fromhex(phone), bytes.fromhex(name)) for phone, name in raw["people"])
    return Erasure(at=str(raw["at"]), people=people, **sets)
