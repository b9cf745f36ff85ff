"""Of several things one edit away, the likelier slip comes first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from twin.queries.search import edits_between, likeness

WORDS = st.text(st.sampled_from("大河街路0123456789号"), min_size=2, max_size=12)


def written(text: str) -> tuple[str, str, None, None]:
    return (text, text, None, None)


def test_two_digits_swapped_come_before_a_wrong_one_and_one_left_out_before_one_too_many() -> None:
    asked = ("大河大街421号", "大河大街421号", None)
    houses = ("大河大街241号", "大河大街4213号", "大河大街429号", "大河大街42号")
    swapped, left_out, wrong, extra = (likeness(asked, written(house)) for house in houses)
    assert swapped > left_out > wrong > 0
    assert left_out > extra > 0


@given(WORDS, WORDS)
def test_an_edit_never_weighs_more_than_one_and_more_edits_never_less(typed: str, meant: str) -> None:
    edits = OSA.distance(typed, meant)
    assert edits - 0.2 <= edits_between(typed, meant) <= edits
    assert (edits_between(typed, meant) == 0) == (typed == meant)
