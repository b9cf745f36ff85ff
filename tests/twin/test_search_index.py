"""What is put into the city can be found by word, by code and by pinyin initials, and is forgotten when it ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.databases import Database

PLACE = "ST_SetSRID(ST_Point(121.6, 37.387), 4490)"
FIND = """
SELECT label_zh FROM twin.search_entry WHERE kind = 'address' AND tokens @@ twin.search_query(%s) ORDER BY 1
"""
ADD_ADDRESS = """
INSERT INTO twin.address (code, text_zh, normalised, components) SELECT 'A' || n, text, text, '{}'
FROM unnest(%s::text[]) WITH ORDINALITY AS t (text, n)
"""
ADDRESSES = ["牟平区正阳路12号", "牟平区正阳路２号３幢", "牟平区北关大街312号", "养马岛街道 A3 座"]


@pytest.fixture(scope="module")
def city(module_database: Database) -> Database:
    module_database.fetch(ADD_ADDRESS, (ADDRESSES,))
    return module_database


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("正阳", [ADDRESSES[0], ADDRESSES[1]]),
        ("正阳路12号", [ADDRESSES[0]]),
        ("2号3幢", [ADDRESSES[1]]),
        ("街", [ADDRESSES[3], ADDRESSES[2]]),
        ("a3座", [ADDRESSES[3]]),
        ("路正", []),
        ("", []),
        ("'); --", []),
    ],
)
def test_two_characters_are_enough(city: Database, asked: str, found: list[str]) -> None:
    assert sorted(row[0] for row in city.fetch(FIND, (asked,), role="app")) == sorted(found)


def test_pinyin_initials_and_digits_are_kept(city: Database) -> None:
    query = "SELECT label_zh FROM twin.search_entry WHERE kind = 'address' AND pinyin_initials LIKE 'mpqzyl12%%'"
    assert city.fetch(query, role="app") == [(ADDRESSES[0],)]


def test_the_districts_divisions_are_searchable(city: Database) -> None:
    query = "SELECT label_zh, pinyin_initials FROM twin.search_entry WHERE kind = 'admin_unit' AND code = '370612001'"
    assert city.fetch(query, role="app") == [("宁海街道", "nhjd")]


def test_an_asset_without_a_name_is_found_by_its_class_and_leaves_when_it_ends(city: Database) -> None:
    add = f"INSERT INTO twin.asset (class_id, code, geom, geom_m) SELECT class_id, '37061201180001', {PLACE}, "
    city.fetch(add + f"ST_Transform({PLACE}, 4550) FROM twin.class WHERE name_zh = '路灯'")
    found = "SELECT label_zh, code FROM twin.search_entry WHERE kind = 'asset' AND tokens @@ twin.search_query('路灯')"
    assert city.fetch(found) == [("路灯", "37061201180001")]
    city.fetch("UPDATE twin.asset SET name_zh = '正阳路高杆灯'")
    assert city.fetch(found) == []
    city.fetch("UPDATE twin.asset SET name_zh = '路灯3', state = '破损'")
    assert city.fetch(found) == [("路灯3", "37061201180001")]
    city.fetch("UPDATE twin.asset SET valid_to = now()")
    assert city.fetch(found) == []


def test_persons_and_households_are_not_searchable(city: Database) -> None:
    city.fetch("INSERT INTO twin.entity (type_code, code) VALUES ('E02', 'H1')")
    city.fetch("INSERT INTO twin.entity (type_code, code, public_name_zh) VALUES ('E05', 'C1', '海滨超市')")
    rows = city.fetch("SELECT label_zh FROM twin.search_entry WHERE kind = 'entity'")
    assert rows == [("海滨超市",)]
    city.fetch("DELETE FROM twin.entity")
    assert city.fetch("SELECT label_zh FROM twin.search_entry WHERE kind = 'entity'") == []


@given(text=st.text(alphabet="牟平正阳路街号楼12aB３（）-'\"\\&|! 　𠮷", max_size=12))
@hypothesis_settings(max_examples=60, deadline=None)
def test_a_text_is_found_by_itself_and_no_text_breaks_the_query(module_database: Database, text: str) -> None:
    query = "SELECT twin.search_tokens(%(t)s) @@ twin.search_query(%(t)s), cardinality(twin.search_units(%(t)s))"
    (found, units) = module_database.fetch(query, {"t": text})[0]
    assert found == (units > 0)
