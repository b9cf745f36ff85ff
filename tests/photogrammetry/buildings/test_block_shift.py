"""One shift for all outlines, against a shift that was put in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.features import rasterize
from shapely import affinity
from shapely.geometry import box

from photogrammetry.buildings.block_shift import estimate_shift
from photogrammetry.drone.grid import Grid

GRID = Grid("EPSG:4550", 376_000.0, 4_140_300.0, 0.25, 320, 400)
HOUSES = [
    box(376_015, 4_140_240, 376_031, 4_140_250), box(376_040, 4_140_245, 376_048, 4_140_262),
    box(376_060, 4_140_236, 376_082, 4_140_244), box(376_020, 4_140_268, 376_044, 4_140_279),
]  # fmt: skip
KNOWN = np.ones(GRID.shape, dtype=bool)


def tall(outlines):
    return rasterize(outlines, out_shape=GRID.shape, transform=GRID.transform, dtype="uint8").astype(bool)


def moved(east, north):
    return [affinity.translate(house, east, north) for house in HOUSES]


@settings(deadline=None, max_examples=30)
@given(east=st.floats(-3.5, 3.5), north=st.floats(-3.5, 3.5), seed=st.integers(0, 99))
def test_a_shift_that_was_put_in_comes_out(east, north, seed):
    seen = tall(moved(east, north)) ^ (np.random.default_rng(seed).random(GRID.shape) < 0.03)
    found = estimate_shift(HOUSES, seen, KNOWN, GRID)
    assert found.east_m == pytest.approx(east, abs=GRID.cell_m)
    assert found.north_m == pytest.approx(north, abs=GRID.cell_m)
    assert found.after >= found.before
    if np.hypot(east, north) > 0.8:
        assert found.used
        assert found.after > found.before
    if np.hypot(east, north) < 0.05:
        assert not found.used


def test_a_tree_beside_a_house_does_not_pull():
    trees = [box(376_031, 4_140_240, 376_034, 4_140_246), box(376_048, 4_140_246, 376_051, 4_140_250)]
    found = estimate_shift(HOUSES, tall([*HOUSES, *trees]), KNOWN, GRID)
    assert not found.used


@pytest.mark.parametrize("case", ["no outlines", "nothing tall", "outlines elsewhere", "too far", "unknown"])
def test_no_shift_is_used_without_a_clear_gain(case):
    outlines, seen, known = HOUSES, tall(HOUSES), KNOWN
    if case == "no outlines":
        outlines = []
    elif case == "nothing tall":
        seen = np.zeros(GRID.shape, dtype=bool)
    elif case == "outlines elsewhere":
        outlines = moved(5000, 0)
    elif case == "too far":
        seen = tall(moved(4.6, 0))
    else:
        known = np.zeros(GRID.shape, dtype=bool)
    assert not estimate_shift(outlines, seen, known, GRID).used
