"""Check digits and forms of codes."""

from __future__ import annotations

import datetime as dt

from hypothesis import example, given
from hypothesis import strategies as st

from ingest_gis import identifiers as ids

BODIES = st.text(ids.CREDIT_ALPHABET, min_size=17, max_size=17)
BIRTHS = st.dates(dt.date(1900, 1, 1), dt.date(2020, 12, 31))
ID_BODIES = st.builds(
    lambda area, born, serial: f"{area}{born:%Y%m%d}{serial:03d}",
    st.sampled_from(["370612", "110101", "370699"]), BIRTHS, st.integers(0, 999),
)  # fmt: skip


@given(BODIES, st.integers(0, 17), st.sampled_from(ids.CREDIT_ALPHABET))
def test_credit_code_catches_every_single_wrong_character(body: str, at: int, letter: str) -> None:
    code = body + ids.credit_check_character(body)
    assert ids.is_credit_code(code)
    changed = code[:at] + letter + code[at + 1 :]
    assert ids.is_credit_code(changed) == (changed == code)


@given(ID_BODIES, st.integers(0, 16), st.sampled_from("0123456789"))
def test_id_number_catches_every_single_wrong_digit(body: str, at: int, digit: str) -> None:
    code = body + ids.id_check_character(body)
    assert ids.is_id_number(code)
    changed = code[:at] + digit + code[at + 1 :]
    assert ids.is_id_number(changed) == (changed == code)


def test_id_number_needs_a_birth_date_that_exists() -> None:
    for body in ("37061219990230001", "37061220991301001"):
        assert not ids.is_id_number(body + ids.id_check_character(body))


def test_letters_left_out_of_credit_codes_are_refused() -> None:
    assert not any(ids.is_credit_code(f"9137061200000000{letter}0") for letter in "IOSVZ")


@given(st.integers(10**15, 10**18 - 1))
def test_a_code_ruined_by_excel_is_recognised_and_a_whole_one_is_not(number: int) -> None:
    assert ids.is_ruined_number(f"{float(number):.5E}")
    assert ids.is_ruined_number(f"{float(number):.14E}")
    assert not ids.is_ruined_number(str(number))


def test_component_codes_name_their_class() -> None:
    assert ids.component_class_part("3706120118000001") == "0118"
    assert ids.component_class_part("37061201037000001") == "01037"
    assert ids.component_class_part("370612011800001") is None


@given(st.text(max_size=30))
@example("R¸")
def test_plain_code_is_idempotent(text: str) -> None:
    assert ids.plain_code(ids.plain_code(text)) == ids.plain_code(text)


def test_plain_code_mends_what_typing_does_to_codes() -> None:
    assert ids.plain_code("'３７０６１２ 0118000001\u200b") == "3706120118000001"
    assert ids.plain_code("91370612ma7bm44491") == "91370612MA7BM44491"
