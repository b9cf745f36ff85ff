"""Fit one set of points onto another by scale, rotation and shift, in spite of false pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photogrammetry.cameras import Array

TRIALS = 400
INLIER_SIGMAS = 3.0


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation @ x + shift; inliers: (N,) which pairs it was fitted to."""

    scale: float
    rotation: Array
    shift: Array
    inliers: NDArray[np.bool_]

    def apply(self, points: Array) -> Array:
        """Move (N, 3) points."""
        return np.asarray(self.scale * points @ self.rotation.T + self.shift)


def fit_similarity(source: Array, target: Array) -> Similarity:
    """Fit by least squares. source, target: (N, 3), N >= 3. Source: Umeyama 1991."""
    mean_source, mean_target = source.mean(axis=0), target.mean(axis=0)
    a, b = source - mean_source, target - mean_target
    left, singular, right = np.linalg.svd(b.T @ a)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = left @ flip @ right
    scale = float((singular * np.diag(flip)).sum() / max((a**2).sum(), 1e-12))
    shift = mean_target - scale * rotation @ mean_source
    return Similarity(scale, rotation, shift, np.ones(len(source), dtype=bool))


def fit_similarity_robust(source: Array, target: Array, *, least_error: float, seed: int = 1) -> Similarity:
    """Fit to the pairs that agree, up to nearly half of them being false (least median of squares).

    source, target: (N, 3), N >= 3. least_error: pairs nearer than this always count as agreeing (target's unit).
    Source: Rousseeuw 1984.
    """
    chooser = np.random.default_rng(seed)
    best, best_median = fit_similarity(source, target), np.inf
    for trial in range(TRIALS):
        chosen = np.arange(len(source)) if trial == 0 else chooser.choice(len(source), 3, replace=False)
        candidate = fit_similarity(source[chosen], target[chosen])
        median = float(np.median(_misfit(candidate, source, target)))
        if candidate.scale > 0 and median < best_median:
            best, best_median = candidate, median
    limit = max(INLIER_SIGMAS * 1.4826 * best_median, least_error)
    for _ in range(5):
        inliers = _misfit(best, source, target) <= limit
        if inliers.sum() < 3:
            break
        fitted = fit_similarity(source[inliers], target[inliers])
        best = Similarity(fitted.scale, fitted.rotation, fitted.shift, inliers)
    return best


def _misfit(fit: Similarity, source: Array, target: Array) -> Array:
    return np.asarray(np.linalg.norm(fit.apply(source) - target, axis=1))
