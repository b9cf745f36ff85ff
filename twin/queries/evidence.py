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


# A delivered row says itself which row of which batch it is.
_DELIVERED = """(
      SELECT json_strip_nulls(json_build_object(
               'kind', 'delivery', 'file', evid_batch.file, 'row_no', {row}.row_no, 'batch', evid_batch.batch_id,
               'department', evid_dep.name_zh, 'method', evid_batch.method, 'sigma_m', evid_batch.sigma_m,
               'known_at', {row}.known_at))
      FROM twin.batch evid_batch LEFT JOIN twin.department evid_dep ON evid_dep.department_id = evid_batch.department_id
      WHERE evid_batch.batch_id = {row}.batch_id AND {row}.row_no IS NOT NULL)"""


def evidence_of(key: str, *, delivered: bool = False) -> str:
    """Give the scalar subquery for the evidence row a column names, such as a.evidence_id.

    delivered: without one, the row's own batch_id, row_no and known_at say where it came from.
    """
    evidence = _EVIDENCE.replace("{key}", key)
    if not delivered:
        return evidence
    return f"coalesce({evidence}, {_DELIVERED.replace('{row}', key.split('.')[0])})"
