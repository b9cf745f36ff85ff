"""Heights of buildings on surfaces whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photogrammetry.buildings.heights import HeightSettings, Measured, Surroundings, measure, signed_distance
from photogrammetry.drone.surface_cells import MEASURED

CELL = 0.2
SIDE = 120
SETTINGS = HeightSettings()


def around(roof, *, ground=20.0, slope=0.0, noise=0.01, half=(5.0, 4.0), seed=1):
    """One house in the middle of open ground; roof: function of metres across (u) and along (v) -> height."""
    rng = np.random.default_rng(seed)
    v, u = (np.mgrid[0:SIDE, 0:SIDE] + 0.5 - SIDE / 2) * CELL
    mask = (np.abs(u) < half[0]) & (np.abs(v) < half[1])
    bare = ground + slope * u
    surface = np.where(mask, roof(u, v), bare) + rng.normal(0, noise, u.shape)
    shape = u.shape
    return Surroundings(
        surface=surface.astype(np.float32), sigma=np.full(shape, 0.05, np.float32),
        valid=np.full(shape, MEASURED, np.uint8), bare=bare.astype(np.float32), plants=np.zeros(shape, bool),
        inside=signed_distance(mask, CELL), other=np.zeros(shape, bool), cell_m=CELL,
    )  # fmt: skip


def sure(found):
    assert isinstance(found, Measured), found
    return found


@settings(deadline=None, max_examples=25)
@given(height=st.floats(3.5, 90), ground=st.floats(-20, 900), noise=st.floats(0, 0.08), seed=st.integers(0, 50))
def test_a_flat_roof_is_as_high_as_it_is(height, ground, noise, seed):
    found = sure(measure(around(lambda u, v: ground + height + 0 * u, ground=ground, noise=noise, seed=seed), SETTINGS))
    assert found.height_m == pytest.approx(height, abs=0.05)
    assert found.ground_h_m == pytest.approx(ground, abs=0.05)
    assert found.eave_h_m == pytest.approx(found.ridge_h_m, abs=0.35)
    assert found.confidence == "high", found.notes
    assert 0 < found.sigma_m < 0.2


@settings(deadline=None, max_examples=25)
@given(eave=st.floats(3.5, 30), rise=st.floats(0.5, 4))
def test_a_pitched_roof_stands_midway_between_eave_and_ridge(eave, rise):
    found = sure(measure(around(lambda u, v: 20 + eave + rise * (1 - np.abs(v) / 4)), SETTINGS))
    assert found.height_m == pytest.approx(eave + rise / 2, abs=0.08 + 0.03 * rise)
    assert found.eave_h_m == pytest.approx(20 + eave + 0.1 * rise, abs=0.1 + 0.08 * rise)
    assert found.ridge_h_m == pytest.approx(20 + eave + 0.95 * rise, abs=0.1 + 0.05 * rise)


def test_ground_on_a_slope_is_the_middle_of_the_ring_and_a_steep_one_is_said():
    found = sure(measure(around(lambda u, v: 30 + 0 * u, slope=0.05), SETTINGS))
    assert found.ground_h_m == pytest.approx(20, abs=0.05)
    assert "ground_uneven" not in found.notes
    steep = sure(measure(around(lambda u, v: 30 + 0 * u, slope=0.2), SETTINGS))
    assert "ground_uneven" in steep.notes
    assert steep.confidence == "low"


def test_what_cannot_be_measured_is_named():
    scene = around(lambda u, v: 30 + 0 * u)
    nothing = np.zeros_like(scene.valid)
    assert measure(_with(scene, valid=nothing), SETTINGS) == "no_surface"
    assert measure(_with(scene, bare=np.full_like(scene.bare, np.nan)), SETTINGS) == "no_ground"
    assert measure(around(lambda u, v: 20.3 + 0 * u), SETTINGS) == "not_standing"


def _with(scene, **changes):
    return Surroundings(**{**vars(scene), **changes})


def test_what_makes_a_height_unsure_is_noted():
    scene = around(lambda u, v: 30 + 0 * u)
    inside = scene.inside > 0
    half = inside & (np.arange(SIDE) < SIDE // 2 + 3)
    thin = np.where(half, 0, scene.valid).astype(np.uint8)
    assert "thin_cover" in sure(measure(_with(scene, valid=thin), SETTINGS)).notes
    assert "vegetation" in sure(measure(_with(scene, plants=half), SETTINGS)).notes
    assert (
        "edge" in sure(measure(_with(scene, valid=np.where(inside, scene.valid, 0).astype(np.uint8)), SETTINGS)).notes
    )
    assert "ground_guessed" in sure(measure(_with(scene, surface=scene.surface + ~inside * 0.9), SETTINGS)).notes
    assert "rough" in sure(measure(around(lambda u, v: 30 + 0 * u, noise=0.6), SETTINGS)).notes
    assert "few_points" in sure(measure(around(lambda u, v: 30 + 0 * u, half=(0.5, 0.5)), SETTINGS)).notes
    assert "low" in sure(measure(around(lambda u, v: 21.8 + 0 * u), SETTINGS)).notes


def test_plants_and_walls_at_the_rim_do_not_count_as_roof():
    scene = around(lambda u, v: 30 + 0 * u)
    tree = (scene.inside > 0) & (np.arange(SIDE) < SIDE // 2 - 12)
    surface = np.where(tree, 38, scene.surface).astype(np.float32)
    rim = (scene.inside > 0) & (scene.inside < 0.4)
    surface = np.where(rim & ~tree, 25, surface).astype(np.float32)
    found = sure(measure(_with(scene, surface=surface, plants=tree), SETTINGS))
    assert found.roof_h_m == pytest.approx(30, abs=0.1)


@settings(deadline=None, max_examples=30)
@given(rows=st.integers(1, 12), cols=st.integers(1, 12), at=st.tuples(st.integers(0, 8), st.integers(0, 8)))
def test_signed_distance_is_that_to_the_nearest_cell_of_the_other_side(rows, cols, at):
    mask = np.zeros((24, 24), dtype=bool)
    mask[at[0] : at[0] + rows, at[1] : at[1] + cols] = True
    found = signed_distance(mask, 0.5)
    r, c = np.indices(mask.shape)
    for row, col in ((at[0], at[1]), (23, 23), (at[0] + rows // 2, at[1] + cols // 2)):
        other = mask != mask[row, col]
        nearest = np.sqrt(((r - row) ** 2 + (c - col) ** 2)[other].min())
        expected = (nearest - 0.5) * 0.5 * (1 if mask[row, col] else -1)
        assert found[row, col] == pytest.approx(expected, abs=1e-5)
