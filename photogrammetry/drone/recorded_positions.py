"""Level and scale a model by the positions the photos recorded, and measure how good those are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from photogrammetry.cameras import Array
from photogrammetry.drone.similarity import fit_similarity_robust
from photogrammetry.drone.sparse_model import SparseModel
from photogrammetry.frame import LocalFrame
from photogrammetry.photo import Photo

LEAST_SIGMA_H_M = 0.03
LEAST_SIGMA_V_M = 0.05
USUAL_SIGMA_H_M = 2.0
USUAL_SIGMA_V_M = 4.0
LEAST_AGREEMENT_M = 3.0
ENOUGH_FOR_SIGMA = 8


@dataclass(frozen=True)
class PositionFit:
    """A model moved onto the recorded positions.

    recorded: (N, 3) ENU metres of every photo; sigma_m: (N, 3), inf where unknown or contradicted. outliers: (N,)
    photos whose position the others contradict. on_one_line: the photos cannot level the model by themselves.
    """

    model: SparseModel
    recorded: Array
    sigma_m: Array
    sigma_h_m: float
    sigma_v_m: float
    outliers: NDArray[np.bool_]
    on_one_line: bool

    def shifted(self, shift: Array) -> PositionFit:
        """Move the recorded positions."""
        return replace(self, recorded=self.recorded + shift)


def fit_to_positions(model: SparseModel, photos: Sequence[Photo], frame: LocalFrame) -> PositionFit:
    """Move a model onto its photos' recorded positions, by robust similarity.

    photos: as model.shots, each with lon and lat; altitude may be missing and is then not relied on. frame: where
    to. Returns the moved model and the positions with the sigma their misfit shows.
    """
    altitudes = np.array([np.nan if photo.altitude_m is None else photo.altitude_m for photo in photos])
    known_up = np.isfinite(altitudes)
    altitudes = np.where(known_up, altitudes, np.median(altitudes[known_up]) if known_up.any() else 100.0)
    lonlat = np.array([(photo.lon, photo.lat) for photo in photos], dtype=np.float64)
    recorded = frame.lonlath_to_enu(np.column_stack([lonlat, altitudes]))
    registered = model.registered
    centres = np.stack([model.shots[index].pose[1] for index in registered])
    source, target, on_one_line = _pairs(model, centres, recorded[registered])
    fit = fit_similarity_robust(source, target, least_error=LEAST_AGREEMENT_M)
    off = fit.apply(centres) - recorded[registered]
    fits = fit.inliers[: len(registered)]
    sigma_h_m, sigma_v_m = _sigmas(off[fits & known_up[registered]])
    sigma = np.full(recorded.shape, np.inf)
    sigma[registered[fits]] = [sigma_h_m, sigma_h_m, sigma_v_m]
    sigma[~known_up, 2] = np.inf
    outliers = np.zeros(len(photos), dtype=bool)
    outliers[registered[~fits]] = True
    moved = model.transformed(fit.scale, fit.rotation, fit.shift)
    return PositionFit(moved, recorded, sigma, sigma_h_m, sigma_v_m, outliers, on_one_line)


def _sigmas(off: Array) -> tuple[float, float]:
    if len(off) < ENOUGH_FOR_SIGMA:
        return USUAL_SIGMA_H_M, USUAL_SIGMA_V_M
    horizontal = 1.4826 * float(np.median(np.abs(off[:, :2])))
    vertical = 1.4826 * float(np.median(np.abs(off[:, 2])))
    return max(LEAST_SIGMA_H_M, horizontal), max(LEAST_SIGMA_V_M, vertical)


def _pairs(model: SparseModel, centres: Array, recorded: Array) -> tuple[Array, Array, bool]:
    """Pair centres with recorded positions; a flight along one line is levelled by assuming photos look down."""
    spread = np.linalg.svd(recorded - recorded.mean(axis=0), compute_uv=False) / np.sqrt(len(recorded))
    if spread[1] > LEAST_AGREEMENT_M:
        return centres, recorded, False
    size, true_size = (float(np.linalg.norm(cloud - cloud.mean(axis=0))) for cloud in (centres, recorded))
    scale = size / max(true_size, 1e-9)
    looks = np.stack([model.shots[index].pose[0][2] for index in model.registered])
    reach = float(spread[0]) * 2
    below = recorded - np.array([0.0, 0.0, reach])
    return np.concatenate([centres, centres + looks * reach * scale]), np.concatenate([recorded, below]), True
