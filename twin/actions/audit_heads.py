"""The chain's head, noted outside the database: whoever cuts off the end of the audit, or swaps it whole, is noticed.

TWIN_DATA_DIR/audit/heads.jsonl, one line a note: time, number of the last entry, its hash. A security officer may copy
it, or print what `twin audit verify` says, and keep that elsewhere.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

EVERY_S = 60.0


@dataclass(frozen=True)
class Head:
    """The last entry at a time."""

    at: str
    audit_id: int
    hash: str


class HeadFile:
    """Notes heads, and reads those noted."""

    def __init__(self, data_dir: Path) -> None:
        """data_dir: TWIN_DATA_DIR."""
        self.path = data_dir / "audit" / "heads.jsonl"
        self._noted_at = -EVERY_S

    def note(self, audit_id: int, digest: bytes) -> Head:
        """Note a head, on the disk when this returns."""
        head = Head(datetime.now(UTC).isoformat(timespec="seconds"), audit_id, digest.hex())
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.path.open("a", encoding="ascii") as handle:
            handle.write(json.dumps(vars(head)) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        self._noted_at = time.monotonic()
        return head

    def note_now_and_then(self, audit_id: int, digest: bytes) -> None:
        """Note a head unless one was noted within the last minute."""
        if time.monotonic() - self._noted_at >= EVERY_S:
            self.note(audit_id, digest)

    def read(self) -> list[Head]:
        """Read all heads noted, in order; a line that was torn by a crash is left out."""
        if not self.path.exists():
            return []
        heads = []
        for line in self.path.read_text(encoding="ascii").splitlines():
            try:
                heads.append(Head(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return heads
