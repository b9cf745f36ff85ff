"""What departments have delivered: batches with their counts, why rows were set aside, files refused as a whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.rows import dict_row

from twin.personal.documents import open_raw
from twin.personal.keyring import keys_of
from twin.queries.sight import Sight
from twin.settings import SHIPPED_DATA
from twin.yaml_text import read_yaml

# How many rows are mended is counted from the batches of mended rows: whoever may not see the rows may see how many.
_BATCH = """
SELECT b.batch_id AS batch, b.file, b.layer, b.target, b.mapping ->> 'name' AS mapping, b.state,
       CASE WHEN d.code IS NOT NULL THEN json_build_object('code', d.code, 'name_zh', d.name_zh, 'name_en', d.name_en)
       END AS department,
       b.read, b.inserted, b.changed, b.unchanged, b.rejected, b.ended, b.mends_batch_id AS mends,
       least(b.rejected, (SELECT coalesce(sum(m.read - m.rejected), 0) FROM twin.batch m
                          WHERE m.mends_batch_id = b.batch_id AND m.state <> 'rolled_back'))::bigint AS mended,
       b.source_crs AS crs, b.source_datum AS datum, b.encoding,
       b.started_at, b.finished_at
FROM twin.batch b LEFT JOIN twin.department d USING (department_id)
"""
BATCHES = f"""{_BATCH}
WHERE (%(department)s::text IS NULL OR d.code = %(department)s) AND b.batch_id < %(before)s
  AND (%(reach_all)s OR b.department_id = %(reach_department)s)
ORDER BY b.batch_id DESC LIMIT %(n)s
"""
BATCH = f"{_BATCH} WHERE b.batch_id = %(batch)s"
REASONS = """
SELECT reason_code AS code, count(*) AS count, (array_agg(row_no ORDER BY row_no))[1:20] AS rows
FROM private.quarantine WHERE batch_id = %(batch)s GROUP BY reason_code ORDER BY 2 DESC, 1
"""
LINKED = """
SELECT count(*) FILTER (WHERE accepted) AS accepted, count(*) FILTER (WHERE review AND NOT accepted) AS review,
       count(*) FILTER (WHERE NOT accepted AND NOT review) AS unlinked
FROM (SELECT EXISTS (SELECT FROM twin.link l WHERE l.record_id = r.record_id AND l.state = 'accepted') AS accepted,
             EXISTS (SELECT FROM twin.link l WHERE l.record_id = r.record_id AND l.state = 'review') AS review
      FROM twin.record r WHERE r.batch_id = ANY (%(batches)s) AND r.valid_to IS NULL
      UNION ALL
      SELECT EXISTS (SELECT FROM twin.link l WHERE l.entity_id = e.entity_id AND l.state = 'accepted'),
             EXISTS (SELECT FROM twin.link l WHERE l.entity_id = e.entity_id AND l.state = 'review')
      FROM twin.entity e WHERE e.batch_id = ANY (%(batches)s) AND e.valid_to IS NULL) x
"""
# What an earlier batch of the same file has brought and these have found unchanged still says the earlier one's number.
SAME_FILES = """
SELECT b.batch_id FROM twin.batch b
WHERE b.state <> 'rolled_back' AND (b.file_sha256, b.target) IN (
  SELECT file_sha256, target FROM twin.batch WHERE batch_id = ANY (%(batches)s)) ORDER BY 1
"""
REJECTED = """
SELECT row_no, reason_code AS code, detail, sealed, mended_batch_id AS mended_in FROM private.quarantine
WHERE batch_id = %(batch)s AND row_no > %(after)s AND (%(code)s::text IS NULL OR reason_code = %(code)s)
  AND (NOT %(waiting)s OR mended_batch_id IS NULL)
ORDER BY row_no LIMIT %(n)s
"""
REFUSED = """
SELECT r.file, r.layer, d.code AS department, d.name_zh AS department_zh, r.reason_code AS reason, r.message,
       r.given_by, r.times, r.first_at, r.last_at,
       EXISTS (SELECT FROM twin.batch b WHERE b.file_sha256 = r.file_sha256 AND b.layer IS NOT DISTINCT FROM r.layer
                 AND b.started_at > r.last_at) AS taken_since
FROM twin.refused_delivery r LEFT JOIN twin.department d USING (department_id)
WHERE %(reach_all)s OR r.department_id = %(reach_department)s
ORDER BY r.last_at DESC LIMIT %(n)s
"""
DEPARTMENTS = "SELECT code, name_zh, name_en FROM twin.department ORDER BY name_zh, code"
EVERY_ROW = 10_000
EVERYTHING: Mapping[str, Any] = {"reach_all": True, "reach_department": None, "reach_grids": []}
# The reason stands before the row's own columns, so that it is seen without scrolling.
ROW_COLUMN, REASON_COLUMN, FIX_COLUMN = "拒收行号", "拒收原因", "怎么改"
GEOMETRY_COLUMN = "_wkt"


@lru_cache(maxsize=1)
def rule_texts() -> dict[str, dict[str, str]]:
    """Give every rule of deliveries by its code: severity, sentence and fix in both languages."""
    path = SHIPPED_DATA / "rules" / "deliveries.yaml"
    texts: dict[str, dict[str, str]] = read_yaml(path.read_text(encoding="utf-8"))
    return texts


@lru_cache(maxsize=1)
def mapping_titles() -> list[dict[str, Any]]:
    """List the shipped mappings: name, title, what the rows become, whose, and the columns they are known by."""
    found = []
    for path in sorted((SHIPPED_DATA / "mappings").glob("*.yaml")):
        raw = read_yaml(path.read_text(encoding="utf-8"))
        department = raw.get("department") or {}
        columns = [names[0] for names in raw.get("match", ())]
        found.append(
            {
                "name": path.stem,
                "title_zh": raw["title"]["zh"],
                "title_en": raw["title"]["en"],
                "target": raw["target"],
                "department": department.get("code"),
                "department_zh": department.get("name_zh"),
                "columns": columns,
            }
        )
    return found


def columns_of(rows: list[dict[str, Any]], mapping: str | None) -> list[str]:
    """List the columns of rows set aside in the order in which their mapping speaks of them, key first."""
    order = _columns_known(mapping)
    there = dict.fromkeys(name for row in rows for name in row["raw"] if not name.startswith("_"))
    return sorted(there, key=lambda name: order.index(name) if name in order else len(order))


@lru_cache(maxsize=64)
def _columns_known(mapping: str | None) -> tuple[str, ...]:
    path = SHIPPED_DATA / "mappings" / f"{mapping}.yaml"
    if mapping is None or not path.exists():
        return ()
    raw = read_yaml(path.read_text(encoding="utf-8"))
    position = raw.get("position") or {}
    fields = [field["from"] for part in ("fields", "public", "private") for field in (raw.get(part) or {}).values()]
    named = [*fields, position.get("x", ()), position.get("y", ())]
    return tuple(name for names in named for name in ([names] if isinstance(names, str) else names))


def choices(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Say what can be chosen for a delivery: departments, mappings, datums."""
    with connection.cursor(row_factory=dict_row) as cursor:
        departments = cursor.execute(DEPARTMENTS).fetchall()
    return {"departments": departments, "mappings": mapping_titles(), "datums": ["auto", "cgcs2000", "gcj02", "bd09"]}


def batches(
    connection: psycopg.Connection[Any],
    *,
    department: str | None = None,
    before: int | None = None,
    n: int = 50,
    reach: Mapping[str, Any] = EVERYTHING,
) -> list[dict[str, Any]]:
    """List batches, newest first. before: only those older than this one. reach: whose (access.Reach.values)."""
    values = {"department": department, "before": before or 2**63 - 1, "n": n, **reach}
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(BATCHES, values).fetchall()


def one_batch(connection: psycopg.Connection[Any], batch: int) -> dict[str, Any] | None:
    """Give a batch with why rows were set aside (as far as the reader may see them) and where its rows are linked."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(BATCH, {"batch": batch}).fetchone()
        if found is None:
            return None
        reasons = cursor.execute(REASONS, {"batch": batch}).fetchall()
        linked = cursor.execute(LINKED, {"batches": [batch]}).fetchone()
    found["reasons"] = [{**reason, **_said(reason["code"])} for reason in reasons]
    found["linked"] = linked
    return found


def rejected(
    connection: psycopg.Connection[Any],
    batch: int,
    *,
    after: int = 0,
    code: str | None = None,
    n: int = 50,
    waiting: bool = False,
) -> list[dict[str, Any]]:
    """List rows set aside, as delivered, with the reason; mended_in: the batch that has taken the row mended.

    Row policies say whose rows a reader sees. waiting: leave out the mended ones.
    """
    values = {"batch": batch, "after": after, "code": code, "n": n, "waiting": waiting}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(REJECTED, values).fetchall()
    if not rows:
        return []
    keys, found = keys_of(connection), []
    for row in rows:
        raw = open_raw(keys, batch, row["row_no"], row.pop("sealed"))
        found.append({**row, "raw": raw, **_said(row["code"])})
    return found


def rejected_csv(connection: psycopg.Connection[Any], batch: int, language: str) -> Iterator[bytes]:
    """Write the rows still set aside as CSV (UTF-8 with a mark, as Excel wants it): mend it and hand it in again.

    A geometry that was delivered stands in the last column, as WKT. Cells that a spreadsheet would
    take for a formula, or long numbers that it would ruin, begin with a tab: the twin leaves it off again.
    """
    yield b"\xef\xbb\xbf"
    mapping = (one_batch(connection, batch) or {}).get("mapping")
    after, columns = 0, list[str]()
    while rows := rejected(connection, batch, after=after, n=EVERY_ROW, waiting=True):
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\r\n")
        if not columns:
            columns = columns_of(rows, mapping)
            columns += [GEOMETRY_COLUMN] if any(row["raw"].get(GEOMETRY_COLUMN) for row in rows) else []
            writer.writerow([ROW_COLUMN, REASON_COLUMN, FIX_COLUMN, *columns])
        for row in rows:
            said = ": ".join(filter(None, (row[language], row["detail"])))
            cells = [_harmless(row["raw"].get(name)) for name in columns]
            writer.writerow([row["row_no"], said, row[f"fix_{language}"], *cells])
        yield buffer.getvalue().encode()
        after = rows[-1]["row_no"]


def refused(
    connection: psycopg.Connection[Any], sight: Sight, n: int = 50, reach: Mapping[str, Any] = EVERYTHING
) -> list[dict[str, Any]]:
    """List files refused as a whole, newest first, with the reason and whether the same was taken since."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(REFUSED, {"n": n, **reach}).fetchall()
    return [row if sight.actors else {**row, "given_by": None} for row in rows]


def of_same_files(connection: psycopg.Connection[Any], given: list[int]) -> list[int]:
    """List batches and all others that came from the same files: between them they have brought the files' rows."""
    return [row[0] for row in connection.execute(SAME_FILES, {"batches": given}).fetchall()]


def outcome(connection: psycopg.Connection[Any], given: list[int]) -> Mapping[str, int]:
    """Count the records and entities of batches by where linking has brought them."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(LINKED, {"batches": given}).fetchone() or {}


def _said(code: str) -> dict[str, str]:
    texts = rule_texts().get(code, {})
    return {name: texts.get(name, code) for name in ("zh", "en", "fix_zh", "fix_en")}


def _harmless(cell: Any) -> str:
    text = "" if cell is None else str(cell)
    long_number = len(text) > 11 and text.isdigit()
    formula = text[:1] in "=@+-" and not text[1:].replace(".", "", 1).isdigit() if text else False
    return f"\t{text}" if long_number or formula else text
