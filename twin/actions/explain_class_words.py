"""Say what a department's word means among the 108 classes, so that its rows are taken the next time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from twin.errors import BadInput, NotFound
from twin.queries.class_words import SURE_ENOUGH, WORD_KINDS, WordKind, plain_word

DEPARTMENT = "SELECT department_id FROM twin.department WHERE code = %s"
CLASS = "SELECT class_id FROM twin.class WHERE code = %s"
END = """
UPDATE twin.class_word SET valid_to = now()
WHERE department_id IS NOT DISTINCT FROM %(department_id)s AND kind = %(kind)s AND written = %(written)s
  AND valid_to IS NULL
"""
SAME = """
SELECT class_word_id FROM twin.class_word
WHERE department_id IS NOT DISTINCT FROM %(department_id)s AND kind = %(kind)s AND written = %(written)s
  AND class_id IS NOT DISTINCT FROM %(class_id)s AND confidence = %(confidence)s::real AND valid_to IS NULL
"""
BEGIN = """
INSERT INTO twin.class_word (department_id, kind, written, class_id, confidence, decided_by, note)
VALUES (%(department_id)s, %(kind)s, %(written)s, %(class_id)s, %(confidence)s, %(decided_by)s, %(note)s)
RETURNING class_word_id
"""
OPEN_WORDS = """
SELECT unmapped_class_id, word FROM twin.unmapped_class
WHERE settled_at IS NULL AND (%(department_id)s::integer IS NULL OR department_id = %(department_id)s)
"""
SETTLE = "UPDATE twin.unmapped_class SET settled_at = now() WHERE unmapped_class_id = ANY (%s)"
COUNT = """
INSERT INTO twin.unmapped_class AS u (department_id, word, rows, file, batch_id)
SELECT %(department_id)s, n.word, n.rows, %(file)s, %(batch_id)s
FROM unnest(%(words)s::text[], %(counts)s::bigint[]) AS n (word, rows)
ON CONFLICT (department_id, word) DO UPDATE
SET rows = excluded.rows, file = excluded.file, batch_id = excluded.batch_id, last_at = now(), settled_at = NULL
"""


@dataclass(frozen=True)
class Explanation:
    """What a word means. class_code: one of the 108, None for none of them. department: a code, None for all."""

    written: str
    class_code: str | None
    kind: WordKind = "word"
    department: str | None = None
    confidence: float = 0.95
    note: str | None = None


def explain_word(cursor: psycopg.Cursor[Any], said: Explanation, person: str) -> int:
    """Enter what a word means; an earlier meaning of the same word ends. Returns the number of the meaning.

    cursor: database role ingest, inside a transaction with an actor. Saying the same again changes nothing.
    Raises BadInput for an empty word, another kind or confidence; NotFound for an unknown class or department.
    """
    values = _checked(cursor, said)
    same = cursor.execute(SAME, values).fetchone()
    if same is None:
        cursor.execute(END, values)
        same = cursor.execute(BEGIN, {**values, "decided_by": person, "note": said.note}).fetchone()
    _settle(cursor, said, values)
    return int(same[0]) if same else 0


def end_meaning(cursor: psycopg.Cursor[Any], said: Explanation) -> None:
    """End what a word means, so that it goes to the bucket again. Raises NotFound when it has no such meaning."""
    values = _checked(cursor, said)
    if cursor.execute(END, values).rowcount == 0:
        raise NotFound(f"“{said.written[:40]}” 没有这样的含义 (has no such meaning)", do="看 twin classes words")


def remember_unmapped(
    cursor: psycopg.Cursor[Any], words: Mapping[str, int], department_id: int | None, file: str, batch_id: int | None
) -> None:
    """Put words that no class was found for into the bucket, with how many rows they had in this delivery."""
    if words:
        cursor.execute(
            COUNT,
            {
                "department_id": department_id, "file": file, "batch_id": batch_id,
                "words": list(words), "counts": list(words.values()),
            },
        )  # fmt: skip


def _checked(cursor: psycopg.Cursor[Any], said: Explanation) -> dict[str, Any]:
    written = plain_word(said.written) if said.kind in ("word", "keyword") else said.written.strip().lower()
    if not written:
        raise BadInput("词是空的 (the word is empty)")
    if said.kind == "keyword" and len(written) < 2:
        raise BadInput(
            "关键词至少两个字 (a keyword has at least two characters)", where=said.written,
            do="改用整词 (use a whole word instead)",
        )  # fmt: skip
    if said.kind not in WORD_KINDS:
        raise BadInput(f"没有这种类型 {said.kind} (no such kind)", do=f"请用 (use one of) {', '.join(WORD_KINDS)}")
    if not 0 < said.confidence <= 1:
        raise BadInput("把握必须在 0 和 1 之间 (the confidence must lie between 0 and 1)", where=said.written)
    return {
        "written": written,
        "kind": said.kind,
        "confidence": said.confidence,
        "department_id": _number(cursor, DEPARTMENT, said.department, "部门", "department"),
        "class_id": _number(cursor, CLASS, said.class_code, "小类", "class"),
    }


def _number(cursor: psycopg.Cursor[Any], query: str, code: str | None, zh: str, en: str) -> int | None:
    if code is None:
        return None
    row = cursor.execute(query.encode(), (code,)).fetchone()
    if row is None:
        raise NotFound(f"没有{zh} {code[:40]} (there is no such {en})", do="看 twin classes list")
    return int(row[0])


def _settle(cursor: psycopg.Cursor[Any], said: Explanation, values: Mapping[str, Any]) -> None:
    """Take out of the bucket what this meaning explains."""
    if said.kind == "osm_tag" or said.confidence < SURE_ENOUGH:
        return
    written = str(values["written"])
    settled = []
    for number, word in cursor.execute(OPEN_WORDS, values).fetchall():
        plain = plain_word(word)
        if plain == written or word.strip().lower() == written or (said.kind == "keyword" and written in plain):
            settled.append(number)
    cursor.execute(SETTLE, (settled,))
