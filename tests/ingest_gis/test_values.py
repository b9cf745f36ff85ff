"""A cell read again says what it said the first time, and what read_value says of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gis.identifiers import plain_code
from ingest_gis.mappings import Field
from ingest_gis.values import ValueProblem, ValueReader, read_value

CELLS = st.lists(
    st.none()
    | st.sampled_from(["", "无", " 12 ", "12", "１２", "3.70612E+15", "2026-01-31", "2026年1月31日", "x", "'a b"])
)


def said(read: object, cell: str | None) -> object:
    try:
        return read(cell)  # type: ignore[operator]
    except ValueProblem as problem:
        return ("problem", problem.code)


@pytest.mark.parametrize("kind", ["text", "code", "number", "date"])
@given(cells=CELLS)
def test_cells_are_read_alike_once_or_often(kind: str, cells: list[str | None]) -> None:
    field = Field("x", ("x",), type=kind, required=True)
    reader = ValueReader(field, 8)
    for cell in cells * 2:
        assert said(reader.read, cell) == said(lambda text: read_value(field, text, 8), cell)


@given(st.text(st.characters(max_codepoint=127)))
def test_a_code_in_plain_letters_is_written_as_the_same_in_full_width(text: str) -> None:
    wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)
    assert plain_code(text) == plain_code(wide)
