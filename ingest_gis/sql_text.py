"""The statements of this package: .sql files a database administrator can paste into psql, in named sections."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "sql"
SECTION = re.compile(r"^-- :(\w+)[^\n]*\n", re.MULTILINE)


@lru_cache(maxsize=64)
def statements(name: str) -> dict[str, bytes]:
    """Read the sections of sql/<name>.sql: `-- :section  what it does`, then one statement.

    A statement may have %(name)s for bound values.
    """
    parts = SECTION.split((FOLDER / f"{name}.sql").read_text(encoding="utf-8"))
    return {section: text.strip().encode() for section, text in zip(parts[1::2], parts[2::2], strict=True)}


@lru_cache(maxsize=64)
def statement(name: str) -> bytes:
    """Read the whole of sql/<name>.sql as one text."""
    return (FOLDER / f"{name}.sql").read_bytes()
