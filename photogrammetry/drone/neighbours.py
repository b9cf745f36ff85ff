"""Which photos measure a photo's depth best: they share many tie points, seen from a fair distance apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photogrammetry.drone.sparse_model import SparseModel

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BEST_ANGLE_DEG = 14.0
NARROWER_DEG = 6.0
WIDER_DEG = 12.0
LEAST_ANGLE_DEG = 3.0
WIDEST_ANGLE_DEG = 45.0
LEAST_SHARED = 12
LARGEST_SCALE_RATIO = 1.8


def choose_neighbours(model: SparseModel, count: int) -> list[NDArray[np.int64]]:
    """Choose up to `count` photos for each photo, best first; none for photos that are not registered.

    Weighs shared tie points by the angle at which two photos see them: too narrow says little about depth, too
    wide looks too different. Photos of very different scale or direction are left out.
    """
    from scipy.sparse import csr_matrix  # a quarter of a second to load: not by every worker

    shape = (len(model.shots), len(model.points))
    seen = csr_matrix((np.ones(len(model.seen)), (model.shot_of, model.point_of)), shape=shape)
    shared = (seen @ seen.T).toarray()
    chosen = []
    for index, shot in enumerate(model.shots):
        scores = [
            (_score(model, seen, index, int(other)), int(other))
            for other in np.flatnonzero(shared[index] >= LEAST_SHARED)
            if shot.registered and other != index and model.shots[other].registered
        ]
        ranked = sorted((entry for entry in scores if entry[0] > 0), key=lambda entry: (-entry[0], entry[1]))
        chosen.append(np.array([other for _, other in ranked[:count]], dtype=np.int64))
    return chosen


def _score(model: SparseModel, seen: csr_matrix, first: int, second: int) -> float:
    common = np.intersect1d(seen[first].indices, seen[second].indices, assume_unique=True)
    points = model.points[common]
    rays = [points - model.shots[index].pose[1] for index in (first, second)]
    lengths = [np.linalg.norm(ray, axis=1) for ray in rays]
    cosine = np.clip((rays[0] * rays[1]).sum(axis=1) / (lengths[0] * lengths[1]), -1.0, 1.0)
    angle = np.degrees(np.arccos(cosine))
    sizes = [
        float(np.median(length)) / model.shots[i].camera.focal_px
        for length, i in zip(lengths, (first, second), strict=True)
    ]
    middle = float(np.median(angle))
    if not LEAST_ANGLE_DEG <= middle <= WIDEST_ANGLE_DEG or max(sizes) > LARGEST_SCALE_RATIO * min(sizes):
        return 0.0
    width = np.where(angle < BEST_ANGLE_DEG, NARROWER_DEG, WIDER_DEG)
    return float(np.exp(-(((angle - BEST_ANGLE_DEG) / width) ** 2) / 2).sum())
