"""Ways to write one place are asked for together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.queries.search_text import LONGEST, MOST_FORMS, search_forms


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("政府大街 12 号", "政府大街12号"),
        ("政府大街１２号", "政府大街12号"),
        ("政府大街十二号", "政府大街12号"),
        ("政府大街一百零五号", "政府大街105号"),
        ("政府大街二〇五号", "政府大街205号"),
        ("阳光花园3栋", "阳光花园3幢"),
        ("阳光花园3幢", "阳光花园3号楼"),
        ("阳光花园3#", "阳光花园3号楼"),
        ("阳光花园三号楼", "阳光花园3幢"),
        ("A座", "a幢"),
        ("两千零一号", "2001号"),
    ],
)
def test_other_ways_to_write_it(text: str, form: str) -> None:
    assert form in search_forms(text).forms


def test_the_name_of_a_road_keeps_its_numeral() -> None:
    """三 in 三山路 is a name, not a number; only numerals before 号, 幢 ... are."""
    assert search_forms("三山路三号").forms[0] == "三山路三号"
    assert "三山路3号" in search_forms("三山路三号").forms
    assert not any(form.startswith("3山") for form in search_forms("三山路三号").forms)


@pytest.mark.parametrize(
    ("text", "code", "initials"),
    [
        ("3706120118000001", "3706120118000001", None),
        ("DZ0001", "dz0001", "dz0001"),
        ("zfdj", "zfdj", "zfdj"),
        ("z", None, None),
        ("政府", None, None),
        ("zf dj", "zfdj", "zfdj"),
        ("a%b", None, None),
    ],
)
def test_codes_and_initials_are_known_by_their_letters(text: str, code: str | None, initials: str | None) -> None:
    forms = search_forms(text)
    assert (forms.code, forms.initials) == (code, initials)


WRITING = st.text(alphabet="一二三十百千零〇两号幢栋座楼#0123456789aA １２", max_size=40)


@given(text=WRITING)
def test_a_form_is_read_as_itself(text: str) -> None:
    for form in search_forms(text).forms[:1]:
        assert search_forms(form).forms[0] == form


@given(text=st.text(max_size=200) | WRITING)
def test_any_text_can_be_read(text: str) -> None:
    forms = search_forms(text)
    assert len(forms.forms) <= MOST_FORMS
    assert len(set(forms.forms)) == len(forms.forms)
    assert bool(forms.forms) == bool(text.strip())
    assert all(len(form) <= LONGEST * 3 for form in forms.forms)
