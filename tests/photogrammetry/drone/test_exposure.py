"""Gains that make photos agree, against gains that were put in."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from photogrammetry.drone.exposure import photo_gains


def scene(gains, *, places=400, seen=0.6, seed=1, wrong=0.0):
    """Places of random brightness, each seen by a share of the photos, brightness divided by the photo's gain."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(60, 150, (1, places, 3))
    samples = truth / np.asarray(gains)[:, None, :]
    samples = samples * rng.normal(1, 0.01, samples.shape)
    moved = rng.random(samples.shape[:2]) < wrong
    samples[moved] = rng.uniform(20, 240, (int(moved.sum()), 3))
    samples[rng.random(samples.shape[:2]) > seen] = np.nan
    return samples


@settings(deadline=None, max_examples=40)
@given(logs=st.lists(st.tuples(*[st.floats(-0.3, 0.3)] * 3), min_size=2, max_size=7), seed=st.integers(0, 99))
def test_gains_that_were_put_in_come_out(logs, seed):
    logs = np.array(logs) - np.mean(logs, axis=0)
    found = photo_gains(scene(np.exp(logs), seed=seed), hold=0.0)
    assert np.abs(np.log(found) - logs).max() < 0.03
    assert np.allclose(np.log(found).mean(axis=0), 0, atol=1e-9)


def test_what_moved_or_is_hidden_does_not_count():
    gains = np.exp(np.array([[0.2, 0.1, 0.0], [-0.2, 0.0, 0.1], [0.0, -0.1, -0.1]]))
    found = photo_gains(scene(gains, wrong=0.15), hold=0.0)
    assert np.abs(np.log(found / gains)).max() < 0.04


def test_photos_that_share_too_little_keep_their_brightness():
    samples = np.full((2, 100, 3), np.nan)
    samples[0, :50], samples[1, 50:] = 50.0, 200.0
    assert np.allclose(photo_gains(samples), 1)
    assert photo_gains(np.empty((0, 10, 3))).shape == (0, 3)


def test_no_gain_leaves_the_limits_and_the_pull_is_towards_one():
    samples = scene([[8.0] * 3, [0.125] * 3])
    assert np.allclose(sorted(photo_gains(samples)[:, 0]), [0.5, 2.0])
    mild = scene(np.exp([[0.2] * 3, [-0.2] * 3]))
    held, free = photo_gains(mild, hold=0.5), photo_gains(mild, hold=0.0)
    assert (np.abs(np.log(held)) < np.abs(np.log(free))).all()
