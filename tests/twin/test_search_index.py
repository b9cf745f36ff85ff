"""What is put into the city can be found by word, by code and by pinyin initials, and is forgotten when it ends."""

from __future__ import annotations

from contextlib import suppress

import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.databases import SYSTEM, Database
from twin.session import transaction

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


ADD_LAMP = f"""
INSERT INTO twin.asset (class_id, code, name_zh, geom, geom_m)
SELECT class_id, %s, %s, {PLACE}, ST_Transform({PLACE}, 4550) FROM twin.class WHERE name_zh = '路灯'
"""
LAMPS = "SELECT label_zh, code FROM twin.search_entry WHERE kind = 'asset' ORDER BY code"


def test_an_asset_has_an_entry_while_it_has_a_name(database: Database) -> None:
    database.fetch(ADD_LAMP, ("37061201180001", None))
    assert database.fetch(LAMPS) == []
    database.fetch("UPDATE twin.asset SET name_zh = '正阳路高杆灯'")
    assert database.fetch(LAMPS) == [("正阳路高杆灯", "37061201180001")]
    database.fetch("UPDATE twin.asset SET name_zh = '路灯3', state = '破损'")
    assert database.fetch(LAMPS) == [("路灯3", "37061201180001")]
    database.fetch("UPDATE twin.asset SET valid_to = now()")
    assert database.fetch(LAMPS) == []


def test_a_load_leaves_its_entries_for_afterwards(database: Database) -> None:
    with database.connect("ingest") as connection:
        with transaction(connection, SYSTEM) as cursor:
            cursor.execute("SET LOCAL twin.search_later = 'on'")
            for number in range(5):
                cursor.execute(ADD_LAMP.encode(), (f"3706120118{number}", f"灯{number}"))
            cursor.execute(ADD_LAMP.encode(), ("3706120118X", None))
            cursor.execute("UPDATE twin.asset SET name_zh = '高杆灯' WHERE code = '37061201180'")
            cursor.execute("DELETE FROM twin.asset WHERE code = '37061201181'")
            cursor.execute("UPDATE twin.asset SET state = '破损'")
        assert database.fetch(LAMPS) == []
        with transaction(connection, SYSTEM) as cursor:
            taken = [cursor.execute("SELECT twin.search_catch_up(3)").fetchall()[0][0] for _ in range(4)]
    assert taken == [3, 3, 1, 0]  # five new, one renamed, one gone; a state is nothing to search by
    assert database.fetch(LAMPS) == [
        ("高杆灯", "37061201180"), ("灯2", "37061201182"), ("灯3", "37061201183"), ("灯4", "37061201184"),
    ]  # fmt: skip


def test_a_load_that_fails_leaves_nothing_to_do(database: Database) -> None:
    with database.connect("ingest") as connection:
        with suppress(psycopg.errors.UniqueViolation), transaction(connection, SYSTEM) as cursor:
            cursor.execute("SET LOCAL twin.search_later = 'on'")
            for _ in range(2):
                cursor.execute(ADD_LAMP.encode(), ("37061201180001", "灯"))
            pytest.fail("the same code was taken twice")
        assert database.fetch("SELECT * FROM twin.search_pending") == []


ADD_MANY = """
INSERT INTO twin.asset (class_id, code, name_zh, geom, geom_m)
SELECT 18, %s || n, CASE WHEN n %% 300 = 0 THEN %s || n END, p, ST_Transform(p, 4550)
FROM generate_series(1, 1500) n, LATERAL (SELECT {PLACE} AS p) at
""".replace("{PLACE}", PLACE)


def test_large_loads_side_by_side_are_noted_by_the_keys_they_were_given(database: Database) -> None:
    with database.connect("ingest") as one, database.connect("ingest") as other, database.connect("ingest") as third:
        for connection, name in ((one, "A"), (other, "B"), (third, "C"), (one, "D")):
            connection.execute("SET LOCAL twin.search_later = 'on'")
            connection.execute(ADD_MANY.encode(), (name, name))
        third.rollback()
        one.execute("UPDATE twin.asset SET name_zh = 'later' WHERE code = 'A300'")
        one.execute("DELETE FROM twin.asset WHERE code = 'A600'")
        one.commit()
        other.commit()
        while (one.execute("SELECT twin.search_catch_up(700)").fetchone() or (0,))[0]:
            one.commit()
    assert database.fetch("SELECT * FROM twin.search_pending") == []
    named = {f"{name}{n}" for name in "ABD" for n in range(300, 1501, 300)} - {"A300", "A600"}
    assert {label for label, _ in database.fetch(LAMPS)} == named | {"later"}


EDITS = st.tuples(
    st.sampled_from(["wrong", "missing", "extra", "swapped"]), st.integers(0, 11), st.sampled_from("龘3a")
)


def damaged(text: str, kind: str, at: int, sign: str) -> str:
    """Spoil one character of a text."""
    at %= len(text)
    if kind == "wrong":
        return text[:at] + sign + text[at + 1 :]
    if kind == "missing":
        return text[:at] + text[at + 1 :]
    if kind == "extra":
        return text[:at] + sign + text[at:]
    return text[:at] + text[at : at + 2][::-1] + text[at + 2 :]


@given(text=st.text(alphabet="牟平正阳路街号楼12a", min_size=3, max_size=12), edit=EDITS)
@hypothesis_settings(max_examples=80, deadline=None)
def test_two_texts_that_differ_by_one_character_share_a_number(
    module_database: Database, text: str, edit: tuple[str, int, str]
) -> None:
    query = "SELECT twin.search_near(%s) && twin.search_near(%s)"
    assert module_database.fetch(query, (text, damaged(text, *edit))) == [(True,)]


def test_the_core_of_a_name_is_what_tells_it_from_others(city: Database) -> None:
    query = (
        "SELECT twin.search_core(twin.search_plain(t)) FROM unnest(%s::text[]) WITH ORDINALITY AS x (t, n) ORDER BY n"
    )
    asked = ["牟平区宁海街道正阳路12号", "正阳路12号", "牟平区", "牟平区恒达商贸有限公司", "宁海街道海产公司", ""]
    asked += ["烟台市牟平区恒达商贸", "牟平大街12号", "烟台路3号", "牟平一中"]
    cores = [row[0] for row in city.fetch(query, (asked,))]
    assert cores == [
        "正阳路12号",
        "正阳路12号",
        "牟平区",
        "恒达商贸",
        "海产",
        "",
        "恒达商贸",
        "牟平大街12号",
        "烟台路3号",
        "一中",
    ]


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
