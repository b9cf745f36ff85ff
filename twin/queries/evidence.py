"""Evidence beside a value, as SQL: where it came from, when, how sure, who confirmed it."""

from __future__ import annotations

_EVIDENCE = """(
      SELECT json_strip_nulls(json_build_object(
               'kind', e.kind, 'file', e.file, 'row_no', e.row_no, 'batch', e.batch_id, 'department', ed.name_zh,
               'survey', es.name, 'photo', ep.file,
               'pixel', CASE WHEN e.pixel_col IS NOT NULL
                             THEN json_build_object('col', e.pixel_col, 'row', e.pixel_row) END,
               'method', e.method, 'sigma_m', e.sigma_m, 'confidence', e.confidence,
               'observed_at', e.observed_at, 'known_at', e.known_at, 'confirmed_at', e.confirmed_at,
               'confirmed_by', CASE WHEN %(see_actors)s THEN e.confirmed_by END))
      FROM twin.evidence e
        LEFT JOIN twin.batch eb ON eb.batch_id = e.batch_id
        LEFT JOIN twin.department ed ON ed.department_id = eb.department_id
        LEFT JOIN twin.survey es ON es.survey_id = e.survey_id
        LEFT JOIN twin.photo ep ON ep.photo_id = e.photo_id
      WHERE e.evidence_id = {key})"""


def evidence_of(key: str) -> str:
    """Give the scalar subquery for the evidence row a column names, such as a.evidence_id."""
    return _EVIDENCE.replace("{key}", key)
