"""Similarities and meeting rays, against the motions and points they were made from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from photogrammetry.cameras import Camera, Shot
from photogrammetry.drone.similarity import fit_similarity, fit_similarity_robust
from photogrammetry.drone.triangulate import triangulate

angles = st.tuples(*[st.floats(-3, 3)] * 3)
shifts = st.tuples(*[st.floats(-500, 500)] * 3)


@settings(deadline=None, max_examples=60)
@given(scale=st.floats(0.01, 100), turn=angles, shift=shifts, seed=st.integers(0, 99))
def test_a_similarity_that_was_put_in_comes_out(scale, turn, shift, seed):
    rotation = Rotation.from_rotvec(turn).as_matrix()
    source = np.random.default_rng(seed).normal(0, 50, (12, 3))
    target = scale * source @ rotation.T + shift
    fit = fit_similarity(source, target)
    assert fit.scale == pytest.approx(scale, rel=1e-9)
    assert np.allclose(fit.rotation, rotation, atol=1e-8)
    assert np.allclose(fit.apply(source), target, atol=1e-6)
    assert np.linalg.det(fit.rotation) == pytest.approx(1), "never a mirror image"


@settings(deadline=None, max_examples=15)
@given(turn=angles, seed=st.integers(0, 99))
def test_false_pairs_up_to_two_fifths_do_not_count(turn, seed):
    rng = np.random.default_rng(seed)
    rotation = Rotation.from_rotvec(turn).as_matrix()
    source = rng.normal(0, 50, (20, 3))
    target = 2.0 * source @ rotation.T + rng.normal(0, 0.01, (20, 3))
    target[:8] += rng.uniform(20, 200, (8, 3)) * rng.choice([-1, 1], (8, 3))
    fit = fit_similarity_robust(source, target, least_error=0.1)
    assert fit.inliers.tolist() == [False] * 8 + [True] * 12
    assert fit.scale == pytest.approx(2.0, rel=1e-3)


def shots_around(rng, count, bend):
    camera = Camera("OPENCV", 4000, 3000, (3000, 3000, 2000, 1500, *bend))
    down = np.diag([1.0, -1.0, -1.0])
    return [
        Shot(f"{k}.jpg", camera).moved(
            Rotation.from_rotvec(rng.normal(0, 0.1, 3)).as_matrix() @ down, rng.uniform([-40, -40, 60], [40, 40, 140])
        )
        for k in range(count)
    ]


@settings(deadline=None, max_examples=60)
@given(count=st.integers(2, 8), seed=st.integers(0, 999), k1=st.floats(-0.1, 0.1))
def test_rays_meet_in_the_point_they_come_from(count, seed, k1):
    rng = np.random.default_rng(seed)
    shots = shots_around(rng, count, (k1, 0.01, 1e-3, -1e-3))
    point = rng.uniform(-15, 15, 3)
    pixels = np.concatenate([shot.project(point[None])[0] for shot in shots])
    met, residuals = triangulate(shots, pixels)
    assert np.allclose(met, point, atol=1e-5)
    assert np.abs(residuals).max() < 1e-5


def test_marks_that_disagree_leave_residuals_and_parallel_rays_none():
    shots = shots_around(np.random.default_rng(1), 4, (0.0,) * 4)
    pixels = np.concatenate([shot.project(np.zeros((1, 3)))[0] for shot in shots])
    pixels[0] += [12, 0]
    _, residuals = triangulate(shots, pixels)
    assert 2 < np.abs(residuals).max() < 12
    met, _ = triangulate([shots[0], shots[0]], pixels[[0, 0]])
    assert np.isnan(met).all()
