"""Persons and enterprises by name and attributes: a known public benchmark, small tables, nothing left behind."""

from __future__ import annotations

import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pytest

from ingest_gis.match_people import Field, LinkageModel, match_tables

FEBRL = Path(__file__).resolve().parents[3] / "shared" / "data" / "febrl"
FEBRL_MODEL = LinkageModel(
    fields=(
        Field("given_name", "name"), Field("surname", "name"), Field("date_of_birth", "code"),
        Field("soc_sec_id", "code"), Field("street_number", "exact"), Field("address_1", "text"),
        Field("suburb", "text"), Field("postcode", "code"),
    ),
    blocking=(
        ("soc_sec_id",), ("given_name", "surname"), ("date_of_birth",), ("postcode", "surname"),
        ("postcode", "given_name"), ("street_number", "address_1"),
    ),
    training=(("soc_sec_id",), ("date_of_birth",)),
    certain=(("soc_sec_id",), ("given_name", "surname", "date_of_birth")),
    certain_recall=0.9,
    threshold=0.9,
)  # fmt: skip


def read_febrl(name: str) -> pa.Table:
    table = csv.read_csv(FEBRL / name, convert_options=csv.ConvertOptions(strings_can_be_null=True))
    columns = {}
    for raw in table.column_names:
        texts = [str(value).strip() or None if value is not None else None for value in table[raw].to_pylist()]
        columns["unique_id" if raw.strip() == "rec_id" else raw.strip()] = pa.array(texts, pa.string())
    return pa.table(columns)


@pytest.mark.skipif(not FEBRL.exists(), reason="the shared FEBRL data is not beside this checkout")
def test_febrl_4() -> None:
    pairs = match_tables(read_febrl("dataset4a.csv"), read_febrl("dataset4b.csv"), FEBRL_MODEL)
    right = sum(pair.left.split("-")[1] == pair.right.split("-")[1] for pair in pairs)
    assert right / len(pairs) >= 0.99
    assert right / 5000 >= 0.99


FIRMS = LinkageModel(
    fields=(Field("name", "name"), Field("phone", "code"), Field("grid", "exact")),
    blocking=(("name",), ("phone",), ("grid",)), training=(("phone",), ("name",)), certain=(("name", "phone"),),
)  # fmt: skip


def firms(*rows: tuple[str, str | None, str | None]) -> pa.Table:
    names = ("name", "phone", "grid")
    columns = {name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(names)}
    return pa.table({"unique_id": pa.array([str(at) for at in range(len(rows))]), **columns})


def test_a_small_table_is_matched_with_general_weights_and_twins_stay_unsure() -> None:
    left = firms(("烟台金海商贸有限公司", "13800000001", "1"), ("李记面馆", None, "2"), ("无此单位", None, None))
    right = firms(("烟台金海商贸公司", "13800000001", "1"), ("李记面馆", None, "2"), ("李记面馆", None, "2"))
    pairs = {pair.left: pair for pair in match_tables(left, right, FIRMS)}
    assert (pairs["0"].right, pairs["0"].sure) == ("0", True)
    assert not pairs["1"].sure
    assert "2" not in pairs


def test_nothing_of_a_row_is_logged_or_left_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with caplog.at_level(logging.DEBUG):
        match_tables(firms(("秘密姓名", "13900000009", "1")), firms(("秘密姓名", "13900000009", "1")), FIRMS)
    assert list(tmp_path.iterdir()) == []
    said = caplog.text + "".join(capfd.readouterr())
    assert "秘密姓名" not in said
    assert "13900000009" not in said


def test_no_row_matches_nothing() -> None:
    assert match_tables(firms(), firms(("某公司", None, None)), FIRMS) == []
