"""Points of several photos become one cloud: cubes and lonely points, against doing it point by point."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from photogrammetry.drone.fuse import POINT, merge_in_cubes, without_lonely

CUBE_M = 0.5


def scattered(seed: int, count: int):
    random = np.random.default_rng(seed)
    points = np.zeros(count, dtype=POINT)
    points["xyz"] = random.uniform(-4, 4, (count, 3))
    points["colour"] = random.integers(0, 255, (count, 3))
    points["normal"] = random.integers(-127, 127, (count, 3))
    points["views"] = random.integers(3, 12, count)
    points["weight"] = random.uniform(0.5, 4, count)
    return points


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 300))
def test_points_of_one_cube_become_their_mean_by_weight(seed, count):
    points = scattered(seed, count)
    cubes = {}
    for point in points:
        cubes.setdefault(tuple(np.floor(point["xyz"].astype(float) / CUBE_M)), []).append(point)
    merged = merge_in_cubes(points, CUBE_M)
    assert len(merged) == len(cubes)
    # In the order of height, then north, then east: whoever fuses gets the same bytes.
    for found, (_, group) in zip(merged, sorted(cubes.items(), key=lambda cube: cube[0][::-1]), strict=True):
        inside = np.array(group, dtype=POINT)
        weight = inside["weight"].astype(float)
        np.testing.assert_allclose(found["xyz"], np.average(inside["xyz"], axis=0, weights=weight), atol=1e-5)
        np.testing.assert_allclose(found["weight"], weight.sum(), rtol=1e-5)
        assert found["views"] == inside["views"].max()


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 300), least=st.integers(1, 8))
def test_a_point_needs_so_many_others_near_it(seed, count, least):
    points = scattered(seed, count)
    xyz = points["xyz"].astype(float)
    apart = np.linalg.norm(xyz[:, None] - xyz[None], axis=2)
    expected = points[(apart <= 1.0).sum(axis=1) - 1 >= least]
    assert np.array_equal(without_lonely(points, 1.0, least), expected)
