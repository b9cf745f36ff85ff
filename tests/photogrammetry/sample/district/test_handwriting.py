"""Addresses as people write them: what each means is known, and what means nothing has no place in the register."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from photogrammetry.sample.district.codes import credit_codes, id_numbers
from photogrammetry.sample.district.handwriting import (
    NO_SUCH_PLACE,
    NO_TOWN,
    RELATIVE,
    SLIP,
    WAYS,
    WRONG_NUMBER,
    Handwriting,
    Written,
)  # fmt: skip
from photogrammetry.sample.district.houses import COMPOUND, VILLAGE, Houses, build_houses, short_addresses, town_names
from photogrammetry.sample.district.land import Land, lay_out_land
from photogrammetry.sample.district.words import choose, join, pick
from photogrammetry.sample.identifiers import credit_check, id_check, organisation_check
from photogrammetry.sample.randomness import stream


@pytest.fixture(scope="module")
def land() -> Land:
    return lay_out_land(5, 3000, 60)


@pytest.fixture(scope="module")
def houses(land: Land) -> Houses:
    return build_houses(land, 3000)


@pytest.fixture(scope="module")
def meant(houses: Houses) -> np.ndarray:
    return stream(5, "houses").integers(0, len(houses), 20_000)


@pytest.fixture(scope="module")
def written(land: Land, houses: Houses, meant: np.ndarray) -> Written:
    return Handwriting(land, houses).write(stream(5, "hand"), meant)


def test_every_way_of_writing_is_there(written: Written) -> None:
    counted = Counter(written.way.tolist())
    assert set(counted) == set(range(len(WAYS)))
    assert min(counted.values()) > 100


def test_what_has_no_place_in_the_register_means_no_house(written: Written, meant: np.ndarray) -> None:
    nowhere = np.isin(written.way, (WRONG_NUMBER, NO_SUCH_PLACE, RELATIVE))
    assert (written.house[nowhere] == -1).all()
    assert (written.house[~nowhere] == meant[~nowhere]).all()


def test_a_wrong_number_is_no_number_of_that_street_or_village(
    land: Land, houses: Houses, written: Written, meant: np.ndarray
) -> None:
    names = join(
        town_names(land, houses), choose(houses.kind == VILLAGE, pick(land.short, houses.village), houses.road)
    ).to_pylist()
    highest: dict[str, int] = {}
    for name, number in zip(names, houses.number.tolist(), strict=True):
        highest[name] = max(highest.get(name, 0), number)
    plain = 0
    for row in np.flatnonzero((written.way == WRONG_NUMBER) & (houses.kind[meant] != COMPOUND)):
        digits = re.search(r"(\d+) ?[号#號]", written.address[int(row)].as_py())
        if digits and digits[1].isascii():
            plain += 1
            assert int(digits[1]) > highest[names[meant[row]]]
    assert plain > 50


def test_a_town_is_left_out_only_where_the_street_or_village_is_the_only_one_of_its_name(
    land: Land, houses: Houses, written: Written, meant: np.ndarray
) -> None:
    towns: dict[str, set[int]] = {}
    names = choose(houses.kind == VILLAGE, pick(land.short, houses.village), houses.road).to_pylist()
    for name, village in zip(names, houses.village.tolist(), strict=True):
        towns.setdefault(name, set()).add(int(land.town[village]))
    rows = np.flatnonzero(written.way == NO_TOWN)
    assert len(rows) > 100
    assert all(len(towns[names[meant[row]]]) == 1 for row in rows)
    official = [name for _, name in land.towns]
    assert not any(town in written.address[int(row)].as_py() for row in rows for town in official)


def test_a_slip_changes_no_number(land: Land, houses: Houses, written: Written, meant: np.ndarray) -> None:
    full = short_addresses(land, houses).to_pylist()
    changed = 0
    for row in np.flatnonzero(written.way == SLIP):
        address = written.address[int(row)].as_py()
        changed += not any(part in address for part in (full[meant[row]].split("号")[0].rstrip("0123456789"),))
        number = str(houses.number[meant[row]])
        digits = re.sub(r"[０-９]", lambda match: chr(ord(match[0]) - 0xFEE0), address)
        assert number in digits or re.search("[一二三四五六七八九十百零]", address)
    assert changed > 100


def test_many_codes_at_once_are_valid_and_all_different() -> None:
    codes = credit_codes(np.arange(5000), pick(["91", "92", "12"], np.arange(5000) % 3)).to_pylist()
    assert len(set(codes)) == 5000
    assert all(code[16] == organisation_check(code[8:16]) and code[17] == credit_check(code[:17]) for code in codes)
    numbers = id_numbers(np.arange(5000)).to_pylist()
    assert len(set(numbers)) == 5000
    assert all(number[17] == id_check(number[:17]) and number.startswith("370699") for number in numbers)
