"""Find the same points in photos taken near each other, and keep the matches that agree with one camera motion.

Pairs come from the positions. A few large features are matched first: a pair that does not overlap costs little.
Where they agree on a rough plane-to-plane map, the rest is searched near the place it predicts. Writes
matches.npz.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from photogrammetry.drone.colmap import load_colmap
from photogrammetry.drone.features import Features, read_features
from photogrammetry.photo import Photo, read_photos
from photogrammetry.photo_set import plane_metres
from photogrammetry.workers import Tools
from twin.errors import NoUsablePhotos

VERSION = 1
Matches = NDArray[np.uint32]
SIFT_UNIT = 512.0


@dataclass(frozen=True)
class MatchSettings:
    """neighbours: nearest photos each photo is matched with; ratio: best to second best distance at most."""

    neighbours: int = 16
    ratio: float = 0.8
    max_distance: float = 0.7
    coarse_features: int = 2500
    coarse_matches: int = 8
    full_search_matches: int = 20
    search_share: float = 0.12
    min_inliers: int = 15
    max_error_px: float = 4.0
    max_trials: int = 3000
    seed: int = 1


@dataclass(frozen=True)
class PairTask:
    """All pairs of one photo with later ones."""

    features: Path
    first: int
    others: tuple[int, ...]
    cameras: tuple[tuple[int, int, float], ...]
    settings: MatchSettings


@dataclass(frozen=True)
class PairGeometry:
    """What two photos share: inlier matches (M, 2) uint32 and the two-view geometry COLMAP reads.

    config: COLMAP's kind of geometry. matrices: E, F, H stacked (3, 3, 3); NaN where not estimated.
    """

    first: int
    second: int
    config: int
    matrices: NDArray[np.float64]
    matches: Matches


def run(inputs: Mapping[str, Path], output_dir: Path, settings: MatchSettings, tools: Tools) -> None:
    """Match every photo with its neighbours. Raises NoUsablePhotos when no two photos share anything."""
    photos = read_photos(inputs["check"])
    tasks = plan_pairs(photos, inputs["features"], settings)
    found = [pair for pairs in tools.map(match_photo, tasks, "pairs", task_mb=500) for pair in pairs]
    if not found:
        raise NoUsablePhotos(
            "no two photos show the same ground",
            do="Give photos of one flight that overlap by half or more; check that their positions are right",
        )
    np.savez(
        output_dir / "matches.npz",
        pairs=np.array([(pair.first, pair.second) for pair in found], dtype=np.int32),
        config=np.array([pair.config for pair in found], dtype=np.int32),
        matrices=np.stack([pair.matrices for pair in found]),
        counts=np.array([len(pair.matches) for pair in found], dtype=np.int64),
        matches=np.concatenate([pair.matches for pair in found]),
    )


def read_matches(folder: Path) -> list[PairGeometry]:
    """Read what the matching stage wrote, in its order."""
    with np.load(folder / "matches.npz") as content:
        ends = np.cumsum(content["counts"])
        matches, table = (
            np.split(content["matches"], ends[:-1]),
            zip(content["pairs"], content["config"], content["matrices"], strict=True),
        )
        return [
            PairGeometry(int(pair[0]), int(pair[1]), int(config), matrices, part)
            for (pair, config, matrices), part in zip(table, matches, strict=True)
        ]


def plan_pairs(photos: list[Photo], features: Path, settings: MatchSettings) -> list[PairTask]:
    """Pair each photo with its nearest ones (plan view); every pair once, under its lower index."""
    metres = plane_metres(photos)
    count = min(settings.neighbours + 1, len(photos))
    nearest = np.asarray(cKDTree(metres).query(metres, k=count)[1]).reshape(len(photos), count)
    pairs = {(min(i, int(j)), max(i, int(j))) for i, row in enumerate(nearest) for j in row if int(j) != i}
    cameras = tuple((photo.width, photo.height, usual_focal_px(photo)) for photo in photos)
    return [
        PairTask(features, first, tuple(sorted(b for a, b in pairs if a == first)), cameras, settings)
        for first in sorted({a for a, _ in pairs})
    ]


def usual_focal_px(photo: Photo) -> float:
    """Give the focal length a photo tells, or that of a usual wide lens, in pixels."""
    return photo.focal_px or 0.75 * float(np.hypot(photo.width, photo.height))


def match_photo(task: PairTask) -> list[PairGeometry]:
    """Match one photo with its neighbours; pairs without enough in common are left out."""
    mine = read_features(task.features, task.first)
    found = []
    for other in task.others:
        theirs = read_features(task.features, other)
        matches = match_pair(mine, theirs, task.cameras[other], task.settings)
        if len(matches) < task.settings.min_inliers:
            continue
        pair = _verify(task, other, mine, theirs, matches)
        if pair is not None:
            found.append(pair)
    return found


def match_pair(one: Features, other: Features, other_size: tuple[int, int, float], settings: MatchSettings) -> Matches:
    """Match two photos: coarse first, then near the place the coarse matches predict. Returns (M, 2) indices."""
    few = settings.coarse_features
    coarse = mutual_matches(one.descriptors[:few], other.descriptors[:few], settings)
    if len(coarse) < settings.coarse_matches:
        return coarse[:0]
    reach = settings.search_share * max(other_size[:2])
    cv2.setRNGSeed(settings.seed)
    plane, inlier = cv2.findHomography(one.xy[coarse[:, 0]], other.xy[coarse[:, 1]], cv2.RANSAC, reach / 3)
    if plane is None or int(np.sum(inlier)) < settings.coarse_matches:
        if len(coarse) < settings.full_search_matches:
            return coarse[:0]
        return mutual_matches(one.descriptors, other.descriptors, settings)
    ahead = np.column_stack([one.xy, np.ones(len(one.xy))]) @ plane.T
    with np.errstate(divide="ignore", invalid="ignore"):
        predicted = np.where(ahead[:, 2:] > 0, ahead[:, :2] / ahead[:, 2:], np.nan)
    return _matches_near(one, other, predicted, reach, settings)


def mutual_matches(one: NDArray[np.uint8], other: NDArray[np.uint8], settings: MatchSettings) -> Matches:
    """Match descriptors (N, 128) with (M, 128): mutual best, by ratio and distance. Returns (K, 2) indices."""
    if len(one) < 2 or len(other) < 2:
        return np.zeros((0, 2), dtype=np.uint32)
    # Products of 8-bit integers sum up exactly in float32, so the order of summation cannot change the result.
    likeness = one.astype(np.float32) @ other.astype(np.float32).T
    good, best = _passes_ratio(likeness, settings)
    rows = np.flatnonzero(good)
    rows = rows[likeness[:, best[rows]].argmax(axis=0) == rows]
    return np.column_stack([rows, best[rows]]).astype(np.uint32)


def _passes_ratio(likeness: NDArray[np.float32], settings: MatchSettings) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Per row: does the best column pass distance and ratio, and which is it."""
    rows = np.arange(len(likeness))
    best = likeness.argmax(axis=1)
    first = likeness[rows, best].copy()
    likeness[rows, best] = -1.0
    second = likeness.max(axis=1)
    likeness[rows, best] = first
    near, next_near = (np.arccos(np.clip(value / SIFT_UNIT**2, -1.0, 1.0)) for value in (first, second))
    return (near <= settings.max_distance) & (near <= settings.ratio * next_near), best


def _matches_near(
    one: Features, other: Features, predicted: NDArray[np.float64], reach: float, settings: MatchSettings
) -> Matches:
    """Match features with those whose cell touches the predicted one's cell (cells of side reach)."""
    mine, theirs = np.floor(predicted / reach), np.floor(other.xy / reach).astype(np.int64)
    inside = np.isfinite(mine).all(axis=1) & (mine >= -1).all(axis=1) & (mine <= theirs.max(axis=0) + 1).all(axis=1)
    mine = np.where(inside[:, None], mine, -9).astype(np.int64)
    found, likeness_of = [], []
    left, right = one.descriptors.astype(np.float32), other.descriptors.astype(np.float32)
    for cell in np.unique(mine[inside], axis=0):
        rows = np.flatnonzero((mine == cell).all(axis=1))
        cols = np.flatnonzero((np.abs(theirs - cell) <= 1).all(axis=1))
        if len(cols) < 2:
            continue
        likeness = left[rows] @ right[cols].T
        good, best = _passes_ratio(likeness, settings)
        found.append(np.column_stack([rows[good], cols[best[good]]]))
        likeness_of.append(likeness[good, best[good]])
    if not found:
        return np.zeros((0, 2), dtype=np.uint32)
    matches, likeness_all = np.concatenate(found), np.concatenate(likeness_of)
    # Each feature of the other photo belongs to the one that resembles it most.
    order = np.lexsort((matches[:, 0], -likeness_all, matches[:, 1]))
    first_of = np.unique(matches[order, 1], return_index=True)[1]
    chosen = matches[order[first_of]]
    return chosen[np.argsort(chosen[:, 0], kind="stable")].astype(np.uint32)


def _verify(task: PairTask, other: int, mine: Features, theirs: Features, matches: Matches) -> PairGeometry | None:
    pycolmap = load_colmap()

    options: Any = pycolmap.TwoViewGeometryOptions()
    options.min_num_inliers = task.settings.min_inliers
    options.ransac.max_error = task.settings.max_error_px * max(1.0, max(task.cameras[other][:2]) / 4000)
    options.ransac.max_num_trials = task.settings.max_trials
    options.ransac.random_seed = task.settings.seed
    geometry = pycolmap.estimate_two_view_geometry(
        nominal_camera(*task.cameras[task.first]),
        mine.xy.astype(np.float64),
        nominal_camera(*task.cameras[other]),
        theirs.xy.astype(np.float64),
        matches,
        options,
    )
    inliers = np.asarray(geometry.inlier_matches, dtype=np.uint32)
    if len(inliers) < task.settings.min_inliers:
        return None
    nothing = np.full((3, 3), np.nan)
    matrices = [nothing if m is None else np.asarray(m) for m in (geometry.E, geometry.F, geometry.H)]
    return PairGeometry(task.first, other, int(geometry.config), np.stack(matrices), inliers)


def nominal_camera(width: int, height: int, focal_px: float) -> Any:
    """Make the pycolmap camera a photo's EXIF suggests: OPENCV without distortion, principal point in the middle."""
    pycolmap = load_colmap()

    params = [focal_px, focal_px, width / 2, height / 2, 0.0, 0.0, 0.0, 0.0]
    return pycolmap.Camera(model="OPENCV", width=width, height=height, params=params)
