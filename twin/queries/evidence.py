"""Evidence beside a value, as SQL: where it came from, when, how sure, who confirmed it."""

from __future__ import annotations

# Its aliases are long so that no query's own alias hides behind them.
_EVIDENCE = """(
      SELECT json_strip_nulls(json_build_object(
               'kind', evid.kind, 'file', evid.file, 'row_no', evid.row_no, 'batch', evid.batch_id,
               'department', evid_dep.name_zh,
               'survey', evid_survey.name, 'photo', evid_photo.file,
               'pixel', CASE WHEN evid.pixel_col IS NOT NULL
                             THEN json_build_object('col', evid.pixel_col, 'row', evid.pixel_row) END,
               'method', evid.method, 'sigma_m', evid.sigma_m, 'confidence', evid.confidence,
               'observed_at', evid.observed_at, 'known_at', evid.known_at, 'confirmed_at', evid.confirmed_at,
               'confirmed_by', CASE WHEN %(see_actors)s THEN evid.confirmed_by END))
      FROM twin.evidence evid
        LEFT JOIN twin.batch evid_batch ON evid_batch.batch_id = evid.batch_id
        LEFT JOIN twin.department evid_dep ON evid_dep.department_id = evid_batch.department_id
        LEFT JOIN twin.survey evid_survey ON evid_survey.survey_id = evid.survey_id
        LEFT JOIN twin.photo evid_photo ON evid_photo.photo_id = evid.photo_id
      WHERE evid.evidence_id = {key})"""


def evidence_of(key: str) -> str:
    """Give the scalar subquery for the evidence row a column names, such as a.evidence_id."""
    return _EVIDENCE.replace("{key}", key)
