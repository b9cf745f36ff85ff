"""Of several things one edit away, the likelier slip comes first, and what lies where the asker looks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from benchmarks.people_slips import PEOPLE, Slips, next_keys
from twin.queries.search import Hit, as_one_name, meant_cost, place_cost
from twin.queries.typing_slips import ANOTHER_SIGN, NEXT_KEYS, slips_cost

WORDS = st.text(st.sampled_from("大河街路0123456789号"), min_size=2, max_size=12)
DEGREES = st.floats(121.4, 121.8)
VIEW = (121.55, 37.35, 121.60, 37.40)


def cost(typed: str, meant: str, read: str | None = None, pinyin: str | None = None) -> float:
    found = meant_cost((typed, typed, read), (meant, meant, None, pinyin))
    assert found is not None
    return found


def test_the_likelier_slip_costs_less() -> None:
    typed = "大河大街421号"
    houses = {
        "left out": "大河大街4213号", "swapped": "大河大街241号", "next key": "大河大街521号",
        "next key too": "大河大街42号", "another key": "大河大街921号",
    }  # fmt: skip
    costs = [cost(typed, house) for house in houses.values()]
    assert costs == sorted(costs)
    assert len(set(costs)) == len(costs)
    assert cost("大河街4421号", "大河街421号") < cost("大河街4821号", "大河街421号")  # pressed twice
    assert cost("大何街", "大河街", "dahejie", "dahejie") < cost("大贺河街", "大河街")
    assert cost("陈庄", "程庄", "chenzhuang", "chengzhuang") < cost("陈庄", "李庄", "chenzhuang", "lizhuang")


@given(WORDS, WORDS)
def test_edits_are_counted_rightly_and_one_never_costs_more_than_any_other_sign(typed: str, meant: str) -> None:
    edits, nats = slips_cost(typed, meant)
    assert edits == OSA.distance(typed, meant)
    assert (nats == 0) == (typed == meant)
    assert nats <= edits * ANOTHER_SIGN


def test_keys_touch_each_other_as_the_benchmark_draws_them() -> None:
    for key in "0123456789qwertyuiopasdfghjklzxcvbnm":
        assert set(next_keys(key)) == {other for one, other in NEXT_KEYS if one == key}, key


def test_the_chances_of_all_that_a_text_may_be_spoilt_to_add_up() -> None:
    slips = Slips({"he": ["河", "何", "荷"], "jie": ["街", "杰"], "da": ["大"]}, PEOPLE)
    kinds = {**PEOPLE["character"], **PEOPLE["key"]}
    spoilt = {text for at in range(4) for slip in kinds for text in slips.outcomes("大河街4", at, slip)}
    assert 0.7 < sum(slips.chance(text, "大河街4") for text in spoilt) <= 1.0001  # not every slip can happen everywhere


@given(DEGREES, st.floats(37.2, 37.6))
def test_a_place_costs_nothing_in_view_and_never_more_than_one_sign_for_another(lon: float, lat: float) -> None:
    assert place_cost(None, lon, lat) == 0
    assert place_cost(VIEW, 121.58, 37.38) == 0
    assert 0 <= place_cost(VIEW, lon, lat) < ANOTHER_SIGN


def test_things_of_one_name_answer_as_one() -> None:
    hits = [(3.0, Hit("building", code, "东方花园4号楼", 121.5, 37.3, 0.0)) for code in ("A", "B", "A", "C")]
    weighed = as_one_name(hits)
    assert [hit.code for _, hit in weighed] == ["A", "B", "C"]
    assert weighed[0][0] < 3.0 < weighed[1][0] < weighed[2][0]
