"""Departments' own words for the 108 classes: found, asked for, explained, ended; other departments are not touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ingest_gis.classes import read_classes
from tests.databases import SYSTEM, Database
from tests.ingest_gis.delivered_rows import asset_rows, take, write_csv
from twin.cli.classes import app
from twin.errors import BadInput, NotFound
from twin.migrations.upgrade import upgrade
from twin.queries.class_words import plain_word

runner = CliRunner()


@pytest.fixture
def say(database: Database, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TWIN_DATA_DIR", str(database.settings.data_dir))
    monkeypatch.setenv("TWIN_DATABASE_URL", str(database.settings.database_url))

    def run(*arguments: str) -> str:
        result = runner.invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def written_as(word: str, count: int = 4, first: int = 1) -> list[dict[str, str]]:
    rows = asset_rows(count, first=first)
    for row in rows:
        row["小类代码"] = word
        row["标识码"] = "3706120101" + row["标识码"][10:]
    return rows


def found(database: Database, word: str, department: str | None = None) -> tuple[str | None, str] | None:
    with database.connect("ingest") as connection:
        row = connection.execute("SELECT department_id FROM twin.department WHERE code = %s", (department,)).fetchone()
        guess = read_classes(connection, row[0] if row else None).find(word, {})
    return None if guess is None else (guess.city_class.code if guess.city_class else None, guess.by)


def test_an_unknown_word_is_explained_and_its_rows_are_taken(database: Database, tmp_path: Path, say: Any) -> None:
    path = write_csv(tmp_path / "valves.csv", [*written_as("闸阀室"), *written_as("0101", first=20)])
    first = take(database, path)[0]
    assert (first.counts.inserted, dict(first.reasons)) == (4, {"class_unknown": 4})
    waiting = json.loads(say("unmapped", "--json"))
    assert [(row["word"], row["rows"], row["department"]) for row in waiting] == [("闸阀室", 4, "urban")]
    say("map", "闸 阀室", "0101", "--department", "urban", "--by", "张工", "--note", "供水的叫法")
    assert json.loads(say("unmapped", "--json")) == []
    second = take(database, path)[0]
    assert (second.counts.inserted, second.counts.unchanged, second.counts.rejected) == (4, 4, 0)


def test_another_departments_word_stays_unknown(database: Database, tmp_path: Path, say: Any) -> None:
    take(database, write_csv(tmp_path / "a.csv", written_as("0101")))
    database.fetch("INSERT INTO twin.department (code, name_zh) VALUES ('water', '水务局')")
    say("map", "闸阀室", "0101", "--department", "water")
    assert found(database, "闸阀室", "water") == ("0101", "word")
    assert found(database, "闸阀室", "urban") is None


def test_what_is_none_of_the_classes_is_set_aside_as_such(database: Database, tmp_path: Path, say: Any) -> None:
    say("map", "门卫室", "none")
    report = take(database, write_csv(tmp_path / "a.csv", written_as("门卫室")))[0]
    assert dict(report.reasons) == {"class_not_managed": 4}
    assert json.loads(say("unmapped", "--json")) == []


def test_a_keyword_in_the_text_is_a_guess_that_is_told(database: Database, tmp_path: Path) -> None:
    report = take(database, write_csv(tmp_path / "a.csv", written_as("DN300给水井(铸铁)")))[0]
    assert report.counts.inserted == 4
    assert report.notes["class_guessed"] == 4


def test_a_new_meaning_ends_the_old_one_and_the_version_counts_both(database: Database, say: Any) -> None:
    version = "SELECT twin.class_words_version()"
    before = database.fetch(version)[0][0]
    say("map", "水鹤", "0113", "--by", "甲")
    say("map", "水鹤", "0113", "--by", "乙")
    assert database.fetch(version)[0][0] == before + 1, "the same said twice is one meaning"
    say("map", "水鹤", "0132", "--by", "乙")
    assert database.fetch(version)[0][0] == before + 3
    told = [row for row in json.loads(say("words", "--ended", "--json")) if row["written"] == "水鹤"]
    assert [(row["class_code"], row["decided_by"], row["valid_to"] is None) for row in told] == [
        ("0113", "甲", False),
        ("0132", "乙", True),
    ]
    say("end", "水鹤")
    assert found(database, "水鹤") is None


def test_what_a_person_said_of_a_shipped_word_outlives_an_upgrade(database: Database, say: Any) -> None:
    assert found(database, "红绿灯") == ("0210", "word")
    say("map", "红绿灯", "0214")
    say("end", "果皮箱")
    upgrade(database.settings)
    assert found(database, "红绿灯") == ("0214", "word")
    assert found(database, "果皮箱") == ("0305", "keyword"), "the keyword still stands"


def test_a_suggestion_is_not_taken_for_an_answer(database: Database, tmp_path: Path, say: Any) -> None:
    assert found(database, "阀门井") is None, "shipped with confidence 0.55"
    take(database, write_csv(tmp_path / "a.csv", written_as("阀门井")))
    suggestions = json.loads(say("unmapped", "--json"))[0]["suggestions"]
    assert suggestions[0] == {"code": "0101", "name_zh": "上水井盖", "likeness": 1.0}


def test_a_table_goes_in_whole_or_not_at_all(database: Database, tmp_path: Path, say: Any) -> None:
    table = tmp_path / "words.csv"
    table.write_text("written,class_code,kind\n水鹤,0113,\n接合器,0113,keyword\n杂物,none,\n", encoding="utf-8-sig")
    say("import", str(table))
    assert found(database, "消防接合器") == ("0113", "keyword")
    assert found(database, "杂物") == (None, "word")
    table.write_text("written,class_code\n新词,0113\n别的词,9999\n", encoding="utf-8")
    with pytest.raises(NotFound, match=r"words\.csv 第 3 行"):
        runner.invoke(app, ["import", str(table)], catch_exceptions=False)
    assert found(database, "新词") is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("map", " ", "0113"), "空"),
        (("map", "井", "0113", "--kind", "keyword"), "两个字"),
        (("map", "水鹤", "0113", "--kind", "other"), "osm_tag"),
        (("map", "水鹤", "0113", "--confidence", "1.5"), "0 和 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    database: Database, say: Any, arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        say(*arguments)


def test_words_and_meanings_are_read_by_people(database: Database, say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert "污水井盖" in say("list", "井盖")
    assert "果壳箱" in say("words")
    with database.connect("app") as connection, connection.transaction():
        connection.execute("SELECT count(*) FROM twin.class_word")
    assert SYSTEM.name not in say("unmapped")


@given(st.text(max_size=30))
def test_the_plain_form_of_a_plain_form_is_itself(text: str) -> None:
    assert plain_word(plain_word(text)) == plain_word(text)
