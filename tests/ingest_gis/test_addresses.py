"""Addresses typed by hand: one way of writing, components, and the entry of the register they mean."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.address_book import AddressBook, make_address_book
from benchmarks.linking import Quality, judge
from benchmarks.written_addresses import Written, write_addresses
from ingest_gis.address.compare import GATED
from ingest_gis.address.match import AddressMatch, AddressMatcher
from ingest_gis.address.normalise import Normaliser, read_numeral
from ingest_gis.address.parse import AddressParser, Gazetteer, ParsedAddress
from ingest_gis.address.register import RegisterRow
from ingest_gis.address.similarity import road_similarity
from tests.ingest_gis.dirty_addresses import (
    COMMUNITIES,
    REGION,
    TOWNS,
    Place,
    make_register,
    matcher_of,
    write_by_hand,
    write_unknown,
)

normalise = Normaliser(REGION)
parse = AddressParser(Gazetteer.of(TOWNS, COMMUNITIES, ["正阳路", "宁海大街", "北关大街"], ["幸福小区", "街角商场"]))
LETTERS = (
    "牟平区宁海街道正阳路幸福小区东关社区一二三十〇零百第号楼栋幢座单元室层户院之附组队村北侧东门甲#"
    "№＃－-～0１２３456（）() ,，、NO.市省山东烟台里巷弄A甲"
)


@given(st.text(LETTERS, max_size=24) | st.text(max_size=24))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("山东省烟台市牟平区宁海街道正阳路１２号３＃楼二单元三〇二", "宁海街道正阳路12号3栋2单元302室"),
        ("正阳路No.12", "正阳路12号"),
        ("正阳路12号之3", "正阳路12-3号"),
        ("正陽路十二號三號樓", "正阳路12号3栋"),
        ("幸福小区3-2-501", "幸福小区3栋2单元501室"),
        ("福源小区七#104", "福源小区7号104室"),
        ("正阳路 12 301室", "正阳路12号301室"),
        ("三里路八号", "三里路8号"),
        ("北关大街一巷3号", "北关大街一巷3号"),
        ("牟平大街8号", "牟平大街8号"),
        ("山东烟台牟平正阳路2号", "正阳路2号"),
        ("正阳路12号（临街）", "正阳路12号"),
        ("杜家村第三村民小组十二号", "杜家村3组12号"),
        ("正阳路十二号附三", "正阳路12-3号"),
        ("正阳路12甲#5幢", "正阳路12甲号5栋"),
        ("正阳路101医院3号楼", "正阳路101医院3栋"),
        ("正阳路 1 2 号", "正阳路12号"),
        ("⻄关⻓街⼀号", "西关长街1号"),
        ("和平家園三號樓", "和平家园3栋"),
    ],
)
def test_one_way_of_writing(written: str, normalised: str) -> None:
    assert normalise(written) == normalised


@pytest.mark.parametrize(
    ("numeral", "number"),
    [("二十三", 23), ("一百零五", 105), ("三〇二", 302), ("十", 10), ("一百二十", 120), ("两百", 200)],
)
def test_chinese_numerals(numeral: str, number: int) -> None:
    assert read_numeral(numeral) == number


def test_components() -> None:
    parsed = parse(normalise("牟平区宁海街道办事处东关社区正阳路12-3号幸福小区3号楼2单元501"))
    assert parsed.components() == {
        "town": "宁海街道",
        "community": "东关社区居民委员会",
        "road": "正阳路",
        "number": "12-3",
        "compound": "幸福小区",
        "building": "3",
        "unit": "2",
    }
    assert parsed.room == "501"
    assert parsed.to_building() == "宁海街道东关社区居民委员会正阳路12-3号幸福小区3栋"


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("杜家村3组12号", {"community": "杜家村村民委员会", "group": "3", "number": "12"}),
        ("宁海街道宁海街道正阳路8号", {"town": "宁海街道", "road": "正阳路", "number": "8"}),
        ("咛海街道正阳路8号", {"town": "宁海街道", "road": "正阳路", "number": "8"}),
        ("宁诲街道正阳路8号", {"town": "宁海街道", "road": "正阳路", "number": "8"}),
        ("正阳路8号幸福小圆3栋", {"road": "正阳路", "number": "8", "compound": "幸福小圆", "building": "3"}),
        ("无此村4号", {"number": "4", "compound": "无此村"}),
        ("正阳路路北12号", {"road": "正阳路", "number": "12"}),
        ("正阳路甲12号", {"road": "正阳路", "number": "12甲"}),
        ("街角商场东门", {"compound": "街角商场"}),
        ("正阳路12弄", {"road": "正阳路"}),
    ],
)
def test_rural_sided_and_lettered_addresses(written: str, parts: dict[str, str]) -> None:
    assert parse(normalise(written)).components() == parts


@given(st.text(LETTERS, max_size=24))
def test_no_digit_is_lost_by_parsing(text: str) -> None:
    normal = normalise(text)
    parsed = parse(normal)
    kept = "".join(getattr(parsed, item.name) for item in fields(ParsedAddress) if item.name != "relative")
    assert Counter(letter for letter in kept if letter.isdigit()) == Counter(c for c in normal if c.isdigit())


@given(st.text(LETTERS, max_size=24) | st.text(max_size=24))
def test_parsing_never_fails(text: str) -> None:
    parsed = parse(normalise(text))
    assert parsed.to_building() == parse(normalise(text)).to_building()


def test_a_town_written_bare_is_not_taken_from_a_road_of_that_name() -> None:
    assert parse(normalise("宁海大街8号")).components() == {"road": "宁海大街", "number": "8"}
    assert parse(normalise("宁海正阳路8号")).components() == {"town": "宁海街道", "road": "正阳路", "number": "8"}


def test_room_behind_a_compound_is_no_building() -> None:
    parsed = parse(normalise("宁海大街4号街角商场204"))
    assert (parsed.compound, parsed.building, parsed.room) == ("街角商场", "", "204")


def test_a_relative_place_is_told() -> None:
    assert parse(normalise("正阳路与宁海大街交叉口东北50米")).relative


@pytest.mark.parametrize("pair", [("东关大街", "西关大街"), ("三里路", "五里路"), ("新华路", "新华路一巷")])
def test_roads_that_differ_in_a_direction_or_numeral_are_other_roads(pair: tuple[str, str]) -> None:
    assert road_similarity(*pair) <= 0.6


@pytest.mark.parametrize("typed", ["长达太街", "常达大街", "长答大街"])
def test_a_slip_in_a_road_leaves_it_the_road_it_was(typed: str) -> None:
    assert road_similarity(typed, "长达大街") >= 0.9
    assert road_similarity(typed, "长达新街") <= 0.6


@pytest.fixture(scope="module")
def register() -> tuple[list[Place], AddressMatcher]:
    places = make_register(seed=41)
    return places, matcher_of(places)


def test_matching_addresses_never_used_for_tuning(register: tuple[list[Place], AddressMatcher]) -> None:
    places, matcher = register
    draw = random.Random(42)  # noqa: S311
    truth = [draw.choice(places) for _ in range(1500)]
    known = matcher.match([write_by_hand(place, draw) for place in truth])
    unknown = matcher.match([write_unknown(places, draw) for _ in range(400)])
    accepted = [match for match in (*known, *unknown) if match.decision == "accept"]
    right = sum(m.decision == "accept" and m.entry is not None and m.entry.address_id == place.address_id
                for m, place in zip(known, truth, strict=True))  # fmt: skip
    assert right / len(accepted) >= 0.99
    assert right / len(truth) >= 0.97


@given(st.integers(0, 10**6))
def test_no_link_across_a_differing_gate_or_building_number(
    register: tuple[list[Place], AddressMatcher], seed: int
) -> None:
    places, matcher = register
    draw = random.Random(seed)  # noqa: S311
    place = draw.choice(places)
    match = matcher.match([write_by_hand(place, draw)])[0]
    if match.decision == "accept" and match.entry is not None:
        assert match.entry.parsed.number == place.number
        assert match.entry.parsed.building in (place.building, "")


@pytest.fixture(scope="module")
def judged() -> tuple[AddressBook, AddressMatcher]:
    """The half of the address book whose names and some of whose ways of writing were never used for tuning."""
    book = make_address_book("judge", 3, 3000)
    rows = [
        RegisterRow(place.address_id, place.place, normalise(place.standard()), place.components())
        for place in book.places
    ]
    return book, AddressMatcher(rows, REGION, book.towns, book.communities)


def judge_matches(written: list[Written], matches: list[AddressMatch]) -> Quality:
    accepted = {
        at: (match.entry.building_id or 0, {part: getattr(match.entry.parsed, part) for part in GATED})
        for at, match in enumerate(matches)
        if match.decision == "accept" and match.entry is not None
    }
    return judge(written, accepted)


def test_the_half_never_tuned_on(judged: tuple[AddressBook, AddressMatcher]) -> None:
    book, matcher = judged
    written = write_addresses(book, 4, 1500)
    quality = judge_matches(written, matcher.match([item.text for item in written]))
    assert quality.precision >= 0.99
    assert quality.recall >= 0.97
    assert quality.across == 0
    assert quality.identifiable > 1000


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_no_number_is_ever_passed_over_however_written(judged: tuple[AddressBook, AddressMatcher], seed: int) -> None:
    book, matcher = judged
    written = write_addresses(book, seed, 6, unknown=0.6)
    assert judge_matches(written, matcher.match([item.text for item in written])).across == 0


def test_two_places_as_likely_wait_for_a_person(register: tuple[list[Place], AddressMatcher]) -> None:
    places, matcher = register
    several = next(p for p in places if p.building == "2")
    match = matcher.match([f"{several.road}{several.number}号"])[0]
    assert match.decision == "review"
    assert match.margin == 0
    assert match.rivals


@pytest.mark.parametrize(
    ("written", "decision"),
    [
        ("观水镇六甲村296号", "review"),  # 六甲 has no 296; that it sounds like 刘家 does not move the house there
        ("六甲村296号", "review"),
        ("观水镇王加村8号", "accept"),  # no such village: a slip for 王家
        ("高陵镇六甲村17号", "accept"),  # none in that town
        ("观水镇六甲村5号", "accept"),
    ],
)
def test_a_village_that_exists_is_no_slip_for_another(written: str, decision: str) -> None:
    texts = ["观水镇六甲村5号", "观水镇刘家村296号", "高陵镇刘家村17号", "观水镇王家村8号"]
    rows = [RegisterRow(at, at, normalise(text), {}) for at, text in enumerate(texts, 1)]
    matcher = AddressMatcher(rows, REGION, ["观水镇", "高陵镇"], ["六甲村", "刘家村", "王家村"])
    assert matcher.match([written])[0].decision == decision


def test_an_empty_register_matches_nothing() -> None:
    assert AddressMatcher([], REGION, [], []).match(["正阳路12号", ""])[0].decision == "none"
