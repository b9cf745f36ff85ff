"""Registered outlines and points against what a survey sees: shifted blocks, terraces cut otherwise, rows of lamps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest_gis.match_outlines import Shift, estimate_shift, match_outlines, matched_share
from ingest_gis.match_points import assign_points

SHIFT = (3.0, 2.0)


def suburb(seed: int, count: int = 144) -> NDArray[np.object_]:
    """Detached houses of 8 to 12 metres on plots of 20."""
    draw = np.random.default_rng(seed)
    side = int(np.sqrt(count))
    west, south = (axis.ravel() * 20.0 for axis in np.meshgrid(np.arange(side), np.arange(side)))
    size = draw.uniform(8, 12, (count, 2))
    return np.asarray(shapely.box(west, south, west + size[:, 0], south + size[:, 1]), dtype=object)


def centre(seed: int, blocks: int = 30) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Closed rows of houses, and what the surface shows of them: neighbours of one height grown together."""
    draw = np.random.default_rng(seed)
    houses, roofs = [], []
    for block in range(blocks):
        walls = np.cumsum(np.concatenate([[0.0], draw.uniform(6, 14, 10)]))
        south = block * 40.0
        houses += [shapely.box(a, south, b, south + 12) for a, b in itertools.pairwise(walls)]
        joints = sorted({0.0, *draw.choice(walls[1:-1], 5, replace=False), walls[-1]})
        roofs += [shapely.box(a, south, b, south + 12) for a, b in itertools.pairwise(joints)]
        lone = shapely.box(walls[-1] + 15, south, walls[-1] + 25 + block % 3, south + 9)
        houses.append(lone)
        roofs.append(lone)
    return np.array(houses, dtype=object), np.array(roofs, dtype=object)


def moved(outlines: NDArray[np.object_], seed: int = 0, noise_m: float = 0.15) -> NDArray[np.object_]:
    """What a survey sees of outlines: shifted, each a little off."""
    draw = np.random.default_rng(seed)
    off = np.array(SHIFT) + draw.normal(0, noise_m, (len(outlines), 2))
    return np.array([shapely.transform(one, lambda xy, o=o: xy + o) for one, o in zip(outlines, off, strict=True)])


def mean_iou(given_: NDArray[np.object_], seen: NDArray[np.object_], shift: Shift | None) -> float:
    return float(np.mean([group.iou for group in match_outlines(given_, seen, shift) if group.given]))


def test_a_suburb_is_matched_one_to_one_once_its_shift_is_known() -> None:
    houses = suburb(1)
    seen = moved(houses)
    shift = estimate_shift(houses, seen)
    assert (shift.east_m, shift.north_m) == pytest.approx(SHIFT, abs=0.1)
    groups = match_outlines(houses, seen, shift)
    assert {group.relation for group in groups} == {"1:1"}
    assert all(group.given == group.seen for group in groups)
    assert mean_iou(houses, seen, shift) > 0.9
    assert mean_iou(houses, seen, None) < 0.5


def test_a_dense_centre_is_matched_group_by_group() -> None:
    houses, roofs = centre(2)
    seen = moved(roofs, noise_m=0.05)
    shift = estimate_shift(houses, seen)
    assert (shift.east_m, shift.north_m) == pytest.approx(SHIFT, abs=0.15)
    groups = match_outlines(houses, seen, shift)
    assert matched_share(groups, len(houses)) >= 0.99
    assert {"1:1", "n:1"} <= {group.relation for group in groups} <= {"1:1", "n:1", "1:n", "n:m"}
    assert np.mean([group.iou for group in groups]) > 0.9


def test_the_demolished_and_the_new_stand_alone() -> None:
    houses = suburb(3)
    seen = moved(np.append(houses[3:], [shapely.box(1000, 1000, 1012, 1010)]))
    groups = match_outlines(houses, seen, estimate_shift(houses, seen))
    assert [group.given for group in groups if group.relation == "1:0"] == [(0,), (1,), (2,)]
    assert [group.seen for group in groups if group.relation == "0:1"] == [(len(seen) - 1,)]


def test_one_house_split_in_two_by_the_survey() -> None:
    house = np.array([shapely.box(0, 0, 20, 10)], dtype=object)
    parts = np.array([shapely.box(0, 0, 9.8, 10), shapely.box(10.2, 0, 20, 10)], dtype=object)
    [group] = match_outlines(house, parts)
    assert (group.relation, group.seen) == ("1:n", (0, 1))
    assert group.iou == pytest.approx(0.98)


@given(st.integers(0, 10**6), st.integers(0, 12), st.integers(0, 12))
def test_every_outline_is_in_one_group(seed: int, registered: int, shown: int) -> None:
    draw = np.random.default_rng(seed)

    def boxes(count: int) -> NDArray[np.object_]:
        corner, size = draw.uniform(0, 40, (count, 2)), draw.uniform(1, 15, (count, 2))
        return np.array([shapely.box(*c, *(c + s)) for c, s in zip(corner, size, strict=True)], dtype=object)

    groups = match_outlines(boxes(registered), boxes(shown))
    assert sorted(at for group in groups for at in group.given) == list(range(registered))
    assert sorted(at for group in groups for at in group.seen) == list(range(shown))
    assert all(0 <= group.iou <= 1 for group in groups)


def test_nothing_against_nothing() -> None:
    none = np.zeros(0, dtype=object)
    assert match_outlines(none, none) == []
    assert estimate_shift(none, suburb(1)) == Shift(0.0, 0.0, 0)


def test_a_row_of_lamps_is_assigned_where_the_nearest_would_be_taken_twice() -> None:
    lamps = np.array([(0.0, 0.0), (4.0, 0.0), (8.0, 0.0)])
    seen = np.array([(3.0, 0.0), (7.0, 0.0), (11.0, 0.0)])
    pairs = assign_points(lamps, seen, 5.0)
    assert [(pair.given, pair.seen) for pair in pairs] == [(0, 0), (1, 1), (2, 2)]
    assert assign_points(lamps, np.zeros((0, 2)), 5.0) == []


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 30))
def test_no_point_is_taken_twice_none_beyond_the_gate_and_as_many_as_can_be(seed: int, many: int, others: int) -> None:
    draw = np.random.default_rng(seed)
    a, b = draw.uniform(0, 30, (many, 2)), draw.uniform(0, 30, (others, 2))
    pairs = assign_points(a, b, 4.0)
    assert len({pair.given for pair in pairs}) == len({pair.seen for pair in pairs}) == len(pairs)
    assert all(pair.distance_m <= 4.0 for pair in pairs)
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    within = np.hypot(*(a[:, None] - b[None]).transpose(2, 0, 1)) <= 4.0
    most = maximum_bipartite_matching(csr_array(within), perm_type="column")
    assert len(pairs) == (most >= 0).sum()
