"""Control points seen through the photos: where their marks meet, and which marks or coordinates cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from photogrammetry.cameras import Array, Shot
from photogrammetry.drone.control_file import GroundPoint, Mark
from photogrammetry.drone.similarity import Similarity, fit_similarity_robust
from photogrammetry.drone.sparse_model import SparseModel
from photogrammetry.drone.triangulate import triangulate
from twin.errors import BadControlPoints

LEAST_SIDE_SHARE = 0.02
LEAST_MISFIT_M = 0.3
MISFIT_SIGMAS = 6.0


@dataclass(frozen=True)
class SeenPoint:
    """A surveyed point and its marks that agree.

    given: (3,) its coordinates in ENU metres. marks: those that agree, shots: their indices. met_at: (3,) where
    their rays meet in the model's frame. dropped: marks that do not agree, with how far off they are in pixels.
    """

    point: GroundPoint
    given: Array
    marks: tuple[Mark, ...]
    shots: tuple[int, ...]
    met_at: Array
    dropped: tuple[tuple[Mark, float], ...] = field(default=())

    @property
    def pixels(self) -> Array:
        """Marks as (N, 2) pixels."""
        return np.array([(mark.col, mark.row) for mark in self.marks], dtype=np.float64).reshape(-1, 2)


def see_points(model: SparseModel, points: Sequence[GroundPoint], given: Array, max_off_px: float) -> list[SeenPoint]:
    """Find where each point's marks meet in the model; marks that disagree by more than max_off_px are dropped.

    given: (N, 3) ENU metres of the points. Points with fewer than two marks that agree are left out.
    """
    by_file = {shot.file: index for index, shot in enumerate(model.shots) if shot.registered}
    by_name = {file.rsplit("/", 1)[-1]: index for file, index in by_file.items()}
    seen = []
    for point, place in zip(points, given, strict=True):
        located = [(mark, by_file.get(mark.file, by_name.get(mark.file))) for mark in point.marks]
        usable = [(mark, index) for mark, index in located if index is not None]
        found = _agreeing(model.shots, usable, max_off_px)
        if found is not None:
            marks, shots, met_at, dropped = found
            seen.append(SeenPoint(point, place, marks, shots, met_at, dropped))
    return seen


_Agreeing = tuple[tuple[Mark, ...], tuple[int, ...], Array, tuple[tuple[Mark, float], ...]]


def _agreeing(shots: Sequence[Shot], usable: list[tuple[Mark, int]], limit_px: float) -> _Agreeing | None:
    """Drop the mark whose absence helps most until the rest agree; None when fewer than two are left."""
    kept = list(usable)
    while len(kept) >= 2:
        met_at, worst = _meet(shots, kept)
        if worst <= limit_px:
            dropped = tuple((mark, _off_px(shots[i], mark, met_at)) for mark, i in usable if (mark, i) not in kept)
            return tuple(mark for mark, _ in kept), tuple(i for _, i in kept), met_at, dropped
        without = [_meet(shots, kept[:i] + kept[i + 1 :])[1] if len(kept) > 2 else np.inf for i in range(len(kept))]
        del kept[int(np.argmin(without))]
    return None


def _meet(shots: Sequence[Shot], marks: list[tuple[Mark, int]]) -> tuple[Array, float]:
    pixels = np.array([(mark.col, mark.row) for mark, _ in marks])
    met_at, residuals = triangulate([shots[index] for _, index in marks], pixels)
    off = np.linalg.norm(residuals, axis=1)
    return met_at, float(off.max()) if np.isfinite(off).all() else float("inf")


def _off_px(shot: Shot, mark: Mark, met_at: Array) -> float:
    projected, _ = shot.project(met_at[None])
    return float(np.linalg.norm(projected[0] - (mark.col, mark.row)))


def require_agreeing_marks(
    points: Sequence[GroundPoint], seen: Sequence[SeenPoint], known: set[str], where: str
) -> None:
    """Refuse a file whose marks mostly contradict the photos or each other.

    known: file names of the registered photos. Raises BadControlPoints.
    """
    marks = [mark for point in points for mark in point.marks]
    in_photos = [mark for mark in marks if mark.file in known or mark.file.rsplit("/", 1)[-1] in known]
    if not in_photos:
        raise BadControlPoints(
            "none of its marks is in a photo of this survey",
            where=where,
            do="Write the photos' file names as they are, for example "
            + (sorted(known)[0] if known else "DJI_0001.JPG"),
        )
    agreeing = sum(len(point.marks) for point in seen)
    if agreeing < len(in_photos) / 2:
        raise BadControlPoints(
            f"{len(in_photos) - agreeing} of {len(in_photos)} marks disagree with what the photos show",
            where=where,
            do="Check that pixels were measured in these photos and not in smaller or rotated copies of them, "
            "col to the right and row down from the upper left corner",
        )


@dataclass(frozen=True)
class ControlFit:
    """How control points move the model: the similarity, the points it rests on, the ones that do not fit (metres)."""

    similarity: Similarity
    used: tuple[SeenPoint, ...]
    misfits: tuple[tuple[SeenPoint, float], ...]


def fit_to_control(seen: Sequence[SeenPoint]) -> ControlFit | None:
    """Fit the model to control points by similarity; None when fewer than three spread points agree.

    A point that lies far from where the others put it is left out and named.
    """
    if len(seen) < 3 or not _spread([point.given for point in seen]):
        return None
    met = np.stack([point.met_at for point in seen])
    given = np.stack([point.given for point in seen])
    fit = fit_similarity_robust(met, given, least_error=LEAST_MISFIT_M)
    off = np.linalg.norm(fit.apply(met) - given, axis=1)
    limit = max(LEAST_MISFIT_M, MISFIT_SIGMAS * 1.4826 * float(np.median(off)))
    used = tuple(point for point, error in zip(seen, off, strict=True) if error <= limit)
    misfits = tuple((point, float(error)) for point, error in zip(seen, off, strict=True) if error > limit)
    if len(used) < 3 or not _spread([point.given for point in used]):
        return None
    return ControlFit(fit, used, misfits)


def _spread(points: Sequence[Array]) -> bool:
    """Tell whether points span an area: on one line they cannot level a model."""
    centred = np.stack(points) - np.mean(points, axis=0)
    singular = np.linalg.svd(centred, compute_uv=False)
    return bool(singular[1] > LEAST_SIDE_SHARE * singular[0])


def measure_points(model: SparseModel, seen: Sequence[SeenPoint]) -> list[tuple[SeenPoint, Array, float]]:
    """Measure points in the adjusted model: each with measured minus given (3,) ENU metres and mark RMS (px)."""
    measured = []
    for point in seen:
        met_at, residuals = triangulate([model.shots[index] for index in point.shots], point.pixels)
        rms = float(np.sqrt((residuals**2).sum(axis=1).mean()))
        measured.append((replace(point, met_at=met_at), met_at - point.given, rms))
    return measured
