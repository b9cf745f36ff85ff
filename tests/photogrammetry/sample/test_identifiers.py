"""Codes and positions follow the published rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photogrammetry.sample.identifiers import (
    CREDIT_ALPHABET,
    SYNTHETIC_ID_AREA,
    credit_check,
    credit_code,
    id_check,
    id_number,
    organisation_check,
    to_gcj02,
)
from photogrammetry.sample.randomness import lattice, octave, stream

seeds = st.integers(0, 2**32 - 1)


def test_the_standards_own_examples_pass():
    assert credit_check("91350100M000100Y4") == "3"  # GB 32100-2015, annex
    assert organisation_check("D2143569") == "X"  # GB 11714
    assert id_check("11010519491231002") == "X"  # GB 11643-1999


@given(seeds)
def test_credit_codes_are_valid_and_one_wrong_character_shows(seed: int):
    code = credit_code(stream(seed, "test"))
    assert len(code) == 18
    assert set(code) <= set(CREDIT_ALPHABET)
    assert credit_check(code[:17]) == code[17]
    at = seed % 17
    other = CREDIT_ALPHABET[(CREDIT_ALPHABET.index(code[at]) + 1) % 31]
    assert credit_check(code[:at] + other + code[at + 1 : 17]) != code[17]


@given(seeds)
def test_id_numbers_are_valid_and_nobodys(seed: int):
    number = id_number(stream(seed, "test"))
    assert number.startswith(SYNTHETIC_ID_AREA)
    assert id_check(number[:17]) == number[17]
    assert np.datetime64(f"{number[6:10]}-{number[10:12]}-{number[12:14]}") < np.datetime64("2026-01-01")


def test_gcj02_moves_the_quarter_as_measured():
    lon, lat = to_gcj02(np.array([121.6]), np.array([37.387]))
    east = (lon[0] - 121.6) * 111_320 * np.cos(np.radians(37.387))
    north = (lat[0] - 37.387) * 111_000
    assert east == pytest.approx(422, abs=2)
    assert north == pytest.approx(70, abs=2)


@given(st.floats(121.2, 121.95), st.floats(37.0, 37.55))
def test_gcj02_is_undone_by_a_fixed_point(lon: float, lat: float):
    target = np.array(to_gcj02(np.array([lon]), np.array([lat]))).ravel()
    guess = target.copy()
    for _ in range(4):
        guess += target - np.array(to_gcj02(guess[:1], guess[1:])).ravel()
    assert np.abs(guess - [lon, lat]).max() < 1e-9


def test_gcj02_leaves_other_countries_alone():
    lon, lat = to_gcj02(np.array([24.94, 121.6]), np.array([60.17, 37.4]))
    assert lon[0] == 24.94
    assert lat[0] == 60.17
    assert lon[1] != 121.6


@given(seeds, st.integers(-10_000, 10_000), st.integers(-10_000, 10_000), st.sampled_from([1, 2, 4, 8, 24, 64]))
def test_texture_windows_meet_without_a_seam(seed: int, col: int, row: int, cell: int):
    whole = octave(seed, cell, col, row, 40, 40)
    part = octave(seed, cell, col + 16, row + 16, 24, 24)
    np.testing.assert_allclose(whole[16:, 16:], part, atol=1e-5)
    assert np.abs(lattice(seed, col, row, 8, 8)).max() <= 1.0
