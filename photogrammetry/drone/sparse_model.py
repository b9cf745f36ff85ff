"""The sparse model: photos with poses, tie points, and where each photo saw them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photogrammetry.cameras import Array, Shot, read_shots, write_shots

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class SparseModel:
    """Photos, tie points and observations, in one frame (arbitrary until georeferenced, then ENU metres).

    shots: every accepted photo, registered or not. lens: (N,) which photos share a camera. points: (P, 3).
    shot_of, point_of: (M,) photo and point of each observation; seen: (M, 2) pixels.
    """

    shots: tuple[Shot, ...]
    lens: Indices
    points: Array
    shot_of: Indices
    point_of: Indices
    seen: Array

    @property
    def registered(self) -> Indices:
        """Indices of the registered photos."""
        return np.flatnonzero([shot.registered for shot in self.shots])

    def residuals_px(self) -> Array:
        """Give seen minus projected, (M, 2) pixels; NaN behind a camera."""
        wrong = np.full_like(self.seen, np.nan)
        for index in self.registered:
            mine = self.shot_of == index
            projected, _ = self.shots[index].project(self.points[self.point_of[mine]])
            wrong[mine] = self.seen[mine] - projected
        return wrong

    def reprojection_px(self) -> float:
        """Give the mean distance between seen and projected points, pixels of the full photos."""
        return float(np.nanmean(np.linalg.norm(self.residuals_px(), axis=1)))

    def views_per_point(self) -> Indices:
        """Count the photos that saw each point, (P,)."""
        return np.bincount(self.point_of, minlength=len(self.points)).astype(np.int64)

    def keep(self, observations: NDArray[np.bool_], min_views: int = 2) -> SparseModel:
        """Keep only some observations (M,) and the points that min_views photos still see."""
        views = np.bincount(self.point_of[observations], minlength=len(self.points))
        points = views >= min_views
        chosen = observations & points[self.point_of]
        renumbered = np.cumsum(points) - 1
        return replace(
            self,
            points=self.points[points],
            shot_of=self.shot_of[chosen],
            point_of=renumbered[self.point_of[chosen]].astype(np.int64),
            seen=self.seen[chosen],
        )

    def transformed(self, scale: float, rotation: Array, shift: Array) -> SparseModel:
        """Move the whole model: x -> scale * rotation @ x + shift."""

        def move(points: Array) -> Array:
            return np.asarray(scale * points @ rotation.T + shift)

        shots = tuple(
            shot.moved(shot.pose[0] @ rotation.T, move(shot.pose[1][None])[0]) if shot.registered else shot
            for shot in self.shots
        )
        return replace(self, shots=shots, points=move(self.points))

    def save(self, folder: Path) -> None:
        """Write cameras.json and tie_points.npz."""
        write_shots(folder / "cameras.json", self.shots)
        np.savez(
            folder / "tie_points.npz",
            lens=self.lens,
            points=self.points,
            shot_of=self.shot_of,
            point_of=self.point_of,
            seen=self.seen,
        )

    @classmethod
    def load(cls, folder: Path) -> SparseModel:
        """Read what save wrote."""
        with np.load(folder / "tie_points.npz") as content:
            return cls(tuple(read_shots(folder / "cameras.json")), **{name: content[name] for name in content.files})
