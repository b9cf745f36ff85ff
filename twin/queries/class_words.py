"""What departments' words mean among the 108 classes: the table of meanings, and the words nobody has explained."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row, dict_row
from rapidfuzz import fuzz, process

WordKind = Literal["word", "keyword", "code", "osm_tag"]
WORD_KINDS: tuple[WordKind, ...] = ("word", "keyword", "code", "osm_tag")
SURE_ENOUGH = 0.6  # a meaning less sure than this is only a suggestion for the person who decides
MARKS = re.compile(r"[\s()/、,·]+")

MEANINGS = """
SELECT w.class_word_id, d.code AS department, w.kind, w.written, c.code AS class_code, c.name_zh AS class_zh,
       w.confidence, w.decided_by, w.note, w.valid_from, w.valid_to
FROM twin.class_word w
  LEFT JOIN twin.department d ON d.department_id = w.department_id
  LEFT JOIN twin.class c ON c.class_id = w.class_id
WHERE (%(ended)s OR w.valid_to IS NULL)
  AND (%(department)s::text IS NULL OR d.code IS NULL OR d.code = %(department)s)
ORDER BY d.code NULLS FIRST, c.class_id NULLS LAST, w.kind DESC, w.written, w.valid_from
"""
UNMAPPED = """
SELECT u.word, u.rows, d.code AS department, d.name_zh AS department_zh, u.file, u.batch_id, u.first_at, u.last_at
FROM twin.unmapped_class u LEFT JOIN twin.department d ON d.department_id = u.department_id
WHERE u.settled_at IS NULL AND (%(department)s::text IS NULL OR d.code = %(department)s)
ORDER BY u.rows DESC, u.word
"""
NAMES = """
SELECT c.code, c.name_zh AS written FROM twin.class c
UNION SELECT c.code, k.name_zh FROM twin.class c JOIN twin.class_code k USING (class_id) WHERE k.kind = 'component'
UNION SELECT c.code, w.written FROM twin.class c JOIN twin.class_word w ON w.class_id = c.class_id
WHERE w.valid_to IS NULL AND w.kind IN ('word', 'keyword') AND w.department_id IS NULL
"""
CLASS_NAMES = "SELECT code, name_zh FROM twin.class"


@dataclass(frozen=True)
class Meaning:
    """One row of the table. department: its code, None for all. class_code: None when it is none of the 108."""

    class_word_id: int
    department: str | None
    kind: WordKind
    written: str
    class_code: str | None
    class_zh: str | None
    confidence: float
    decided_by: str
    note: str | None
    valid_from: Any
    valid_to: Any


def plain_word(text: str) -> str:
    """Write a word in the one form it is compared in: half-width, lower case, without blanks and marks."""
    return MARKS.sub("", unicodedata.normalize("NFKC", text)).lower()


def list_meanings(
    connection: psycopg.Connection[Any], department: str | None = None, *, ended: bool = False
) -> list[Meaning]:
    """List what words mean: for everybody, and for one department when its code is given. ended: old ones as well."""
    with connection.cursor(row_factory=class_row(Meaning)) as cursor:
        return cursor.execute(MEANINGS, {"department": department, "ended": ended}).fetchall()


def list_unmapped(connection: psycopg.Connection[Any], department: str | None = None) -> list[dict[str, Any]]:
    """List the words without a meaning, most rows first, each with up to three classes it may mean.

    Each suggestion has the class's code, its name and a likeness from 0 to 1.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        words = cursor.execute(UNMAPPED, {"department": department}).fetchall()
        if not words:
            return []
        names = {row["code"]: row["name_zh"] for row in cursor.execute(CLASS_NAMES).fetchall()}
        known = [(row["code"], plain_word(row["written"])) for row in cursor.execute(NAMES).fetchall()]
    for word in words:
        best: dict[str, float] = {}
        found = process.extract(plain_word(word["word"]), [name for _, name in known], scorer=fuzz.ratio, limit=12)
        for _, likeness, place in found:
            code = known[place][0]
            best[code] = max(best.get(code, 0.0), round(likeness / 100, 2))
        likely = sorted(best.items(), key=lambda item: -item[1])[:3]
        word["suggestions"] = [
            {"code": code, "name_zh": names[code], "likeness": likeness} for code, likeness in likely if likeness > 0.3
        ]
    return words
