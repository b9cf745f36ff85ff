"""Bundle adjustment: photos, lenses and points together, held by recorded positions and control points.

Least squares over pixels (tie points and marks, each with its sigma), recorded photo positions (their common
offset is estimated when control points say what is right) and control points' coordinates. Levenberg-Marquardt
on the normal equations reduced to the cameras (Schur complement); every sum runs in a fixed order, so the same
input gives the same bytes. Sources: Triggs et al. 2000; Hartley & Zisserman A6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from photogrammetry.cameras import Array, Camera
from photogrammetry.drone.sparse_model import Indices, SparseModel

LENS = 8
POSE = 6
STEPS = 25
CONVERGED = 1e-6
PART_POINTS = 2000


@dataclass(frozen=True)
class Priors:
    """What holds the model in place, in ENU metres.

    position: (N, 3) recorded photo positions, position_sigma: (N, 3), inf where unknown. offset_sigma: (3,) of
    their common offset; 0: none is estimated. control: indices of model points that are control points,
    control_at and control_sigma: (K, 3). seen_sigma: (M,) pixels. centre_sigma: of principal points, pixels.
    """

    position: Array
    position_sigma: Array
    offset_sigma: Array
    control: Indices
    control_at: Array
    control_sigma: Array
    seen_sigma: Array
    centre_sigma: float


@dataclass(frozen=True)
class Adjusted:
    """The adjusted model, the estimated offset of the recorded positions (3,), and the steps it took."""

    model: SparseModel
    offset_m: Array
    steps: int


def adjust(
    model: SparseModel, priors: Priors, *, loss_sigmas: float | Array = 2.0, converged: float = CONVERGED
) -> Adjusted:
    """Adjust a registered model.

    loss_sigmas: pixels farther off than this many sigmas weigh less (Huber); one for all, or (M,). converged: stop
    when a step lowers the cost by a smaller share. Returns the model where the weighted squares are least.
    """
    offset = np.zeros(3)
    columns = _camera_columns(model)
    parts = _neighbouring_points(model, columns)
    damping = 1e-4
    state = (model, offset)
    cost = _cost(*state, priors, loss_sigmas)
    step = 0
    for step in range(1, STEPS + 1):  # noqa: B007 - the number of steps is reported
        system = _Normal(*state, priors, loss_sigmas, columns, parts)
        improved = False
        for _ in range(8):
            candidate = system.moved(damping)
            candidate_cost = _cost(*candidate, priors, loss_sigmas)
            if np.isfinite(candidate_cost) and candidate_cost < cost:
                improved = True
                break
            damping *= 10
        if not improved:
            break
        gain = (cost - candidate_cost) / cost
        state, cost, damping = candidate, candidate_cost, max(damping / 10, 1e-9)
        if gain < converged:
            break
    return Adjusted(state[0], state[1], step)


def _huber_weights(scaled: Array, limit: float | Array) -> Array:
    size = np.linalg.norm(scaled, axis=1)
    return np.where(size <= limit, 1.0, limit / np.maximum(size, 1e-12))


def _cost(model: SparseModel, offset: Array, priors: Priors, limit: float | Array) -> float:
    size = np.linalg.norm(model.residuals_px() / priors.seen_sigma[:, None], axis=1)
    pixels = float(np.where(size <= limit, size**2, 2 * limit * size - limit**2).sum())
    position, control, held_offset, lens = _prior_residuals(model, offset, priors)
    return pixels + sum(float((part**2).sum()) for part in (position, control, held_offset, lens))


def _centres(model: SparseModel) -> Array:
    return np.stack([model.shots[index].pose[1] for index in model.registered])


def _lenses(model: SparseModel) -> list[Camera]:
    first = [int(np.argmax(model.lens == lens)) for lens in range(int(model.lens.max()) + 1)]
    return [model.shots[index].camera for index in first]


def _prior_residuals(model: SparseModel, offset: Array, priors: Priors) -> tuple[Array, Array, Array, Array]:
    """Residuals in sigmas: recorded positions, control points, common offset, principal points."""
    registered = model.registered
    position = (priors.position[registered] + offset - _centres(model)) / priors.position_sigma[registered]
    control = (priors.control_at - model.points[priors.control]) / priors.control_sigma
    held = np.where(priors.offset_sigma > 0, offset / np.maximum(priors.offset_sigma, 1e-12), 0.0)
    middle = [np.array([c.width / 2, c.height / 2]) - c.params[2:4] for c in _lenses(model)]
    return np.nan_to_num(position), control, held, np.stack(middle) / priors.centre_sigma


@dataclass(frozen=True)
class _Part:
    """Some points, their observations, and where those go in the part's own dense matrices.

    at: camera columns the part touches. rows: (m, 14) of each observation, among `at`. point_of: (m,) in `points`.
    """

    points: Indices
    observations: Indices
    at: Indices
    rows: NDArray[np.int32]
    point_of: Indices


class _Normal:
    """The normal equations at one state, and the step they give for a damping.

    U: cameras against cameras, V: (P, 3, 3) points, W: (M, 14, 3) one block per observation between them; a, b:
    right-hand sides. W is never built whole: points are taken a few thousand at a time, neighbours together, so
    that each part touches few cameras and its products are small dense matrices.
    """

    def __init__(
        self,
        model: SparseModel,
        offset: Array,
        priors: Priors,
        limit: float | Array,
        columns: Indices,
        parts: list[_Part],
    ) -> None:
        self._model, self._offset, self._priors = model, offset, priors
        self._registered = model.registered
        self._poses = POSE * len(self._registered)
        self._size = self._poses + LENS * (int(model.lens.max()) + 1) + 3
        self._columns, self._parts = columns, parts
        pixels = model.residuals_px() / priors.seen_sigma[:, None]
        root = np.sqrt(_huber_weights(pixels, limit))
        weight = (root / priors.seen_sigma)[:, None, None]
        camera_slope, point_slope = _slopes(model)
        self._build(camera_slope * weight, point_slope * weight, pixels * root[:, None])
        self._add_priors()

    def _build(self, camera_slope: Array, point_slope: Array, residual: Array) -> None:
        model, points = self._model, len(self._model.points)
        self._U, self._a = np.zeros((self._size, self._size)), np.zeros(self._size)
        for index in self._registered:
            mine = np.flatnonzero(model.shot_of == index)
            if len(mine):
                rows, at = camera_slope[mine].reshape(-1, POSE + LENS), self._columns[mine[0]]
                self._U[at[:, None], at] += rows.T @ rows
                self._a[at] += rows.T @ residual[mine].ravel()
        self._W = camera_slope.transpose(0, 2, 1) @ point_slope
        products = (point_slope.transpose(0, 2, 1) @ point_slope).reshape(-1, 9)
        sums = [np.bincount(model.point_of, products[:, i], minlength=points) for i in range(9)]
        self._V: Array = np.stack(sums, axis=1).reshape(-1, 3, 3).astype(np.float64, copy=False)
        pulls = (point_slope * residual[:, :, None]).sum(axis=1)
        pulled = [np.bincount(model.point_of, pulls[:, i], minlength=points) for i in range(3)]
        self._b: Array = np.stack(pulled, axis=1).astype(np.float64, copy=False)

    def _between(self, part: _Part) -> Array:
        """Give W of a part of the points, dense: camera columns part.at against 3 * points."""
        width = 3 * len(part.points)
        flat = part.rows[:, :, None].astype(np.int64) * width + (3 * part.point_of[:, None, None] + np.arange(3))
        values = self._W[part.observations].ravel()
        dense = np.bincount(flat.ravel(), values, minlength=len(part.at) * width)
        return dense.reshape(len(part.at), width).astype(np.float64, copy=False)

    def _add_priors(self) -> None:
        priors, model = self._priors, self._model
        position, control, held, lens = _prior_residuals(model, self._offset, priors)
        known = np.where(np.isfinite(priors.position_sigma[self._registered]), 1.0, 0.0)
        weight = known / priors.position_sigma[self._registered]
        at = POSE * np.arange(len(self._registered))[:, None] + np.arange(3, 6)
        offset_at = self._size - 3 + np.arange(3)
        free = priors.offset_sigma > 0
        # residual = recorded + offset - centre: slope -1 to the centre, +1 to the offset.
        self._U[at, at] += weight**2
        self._a[at] += weight * position
        for axis in range(3):
            if free[axis]:
                self._U[at[:, axis], offset_at[axis]] -= weight[:, axis] ** 2
                self._U[offset_at[axis], at[:, axis]] -= weight[:, axis] ** 2
                self._U[offset_at[axis], offset_at[axis]] += (weight[:, axis] ** 2).sum()
                self._U[offset_at[axis], offset_at[axis]] += 1 / priors.offset_sigma[axis] ** 2
                self._a[offset_at[axis]] -= (weight[:, axis] * position[:, axis]).sum()
                self._a[offset_at[axis]] -= held[axis] / priors.offset_sigma[axis]
            else:
                self._U[offset_at[axis], offset_at[axis]] += 1.0
        for number in range(len(lens)):
            centre_at = self._poses + LENS * number + np.array([2, 3])
            self._U[centre_at, centre_at] += 1 / priors.centre_sigma**2
            self._a[centre_at] += lens[number] / priors.centre_sigma
        diagonal = np.arange(3)
        self._V[priors.control[:, None], diagonal, diagonal] += 1 / priors.control_sigma**2
        self._b[priors.control] += control / priors.control_sigma

    def moved(self, damping: float) -> tuple[SparseModel, Array]:
        """Give the model and offset one damped step on; NaN offset when the equations cannot be solved."""
        diagonal = np.arange(3)
        V = self._V.copy()
        V[:, diagonal, diagonal] += damping * np.maximum(V[:, diagonal, diagonal], 1e-9)
        inverse = np.linalg.inv(V)
        S, right = self._U.copy(), self._a.copy()
        S[np.diag_indices_from(S)] += damping * np.maximum(np.diag(self._U), 1e-9)
        for part in self._parts:
            at, W = part.at, self._between(part)
            blocks = W.reshape(len(at), -1, 3).transpose(1, 0, 2)
            carried = (blocks @ inverse[part.points]).transpose(1, 0, 2).reshape(len(at), -1)
            S[at[:, None], at] -= carried @ W.T
            right[at] -= carried @ self._b[part.points].ravel()
        scale = 1 / np.sqrt(np.maximum(np.diag(S), 1e-12))
        try:
            factor = scipy.linalg.cho_factor(S * scale * scale[:, None], lower=True)
        except scipy.linalg.LinAlgError:
            return self._model, np.full(3, np.nan)
        cameras = scale * scipy.linalg.cho_solve(factor, scale * right)
        points = self._b.copy()
        for part in self._parts:
            points[part.points] -= (self._between(part).T @ cameras[part.at]).reshape(-1, 3)
        return self._apply(cameras, (inverse @ points[:, :, None])[:, :, 0])

    def _apply(self, cameras: Array, points: Array) -> tuple[SparseModel, Array]:
        model = self._model
        lens_steps = cameras[self._poses : -3].reshape(-1, LENS)
        lenses = [
            replace(camera, params=tuple(float(p + d) for p, d in zip(camera.params, step, strict=True)))
            for camera, step in zip(_lenses(model), lens_steps, strict=True)
        ]
        shots = [replace(shot, camera=lenses[int(model.lens[i])]) for i, shot in enumerate(model.shots)]
        for number, index in enumerate(self._registered):
            step = cameras[POSE * number : POSE * (number + 1)]
            rotation, centre = shots[index].pose
            shots[index] = shots[index].moved(rotation_of(step[:3]) @ rotation, centre + step[3:])
        moved = replace(model, shots=tuple(shots), points=model.points + points)
        return moved, self._offset + np.where(self._priors.offset_sigma > 0, cameras[-3:], 0.0)


def _camera_columns(model: SparseModel) -> Indices:
    """Give the columns of the camera unknowns of each observation, (M, 14): 6 of the pose, 8 of the lens."""
    registered = model.registered
    number = np.full(len(model.shots), -1)
    number[registered] = np.arange(len(registered))
    pose = POSE * number[model.shot_of][:, None] + np.arange(POSE)
    lens = POSE * len(registered) + LENS * model.lens[model.shot_of][:, None] + np.arange(LENS)
    return np.concatenate([pose, lens], axis=1)


def _neighbouring_points(model: SparseModel, columns: Indices) -> list[_Part]:
    """Cut the points into parts that few photos see: ordered by the first photo that sees each."""
    first = np.full(len(model.points), len(model.shots))
    np.minimum.at(first, model.point_of, model.shot_of)
    rank = np.empty(len(model.points), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(model.points))
    by_rank = np.argsort(rank[model.point_of], kind="stable")
    starts = np.searchsorted(rank[model.point_of][by_rank], np.arange(0, len(model.points), PART_POINTS))
    order = np.argsort(rank, kind="stable")
    parts = []
    for number, observations in enumerate(np.split(by_rank, starts[1:])):
        points = order[number * PART_POINTS : (number + 1) * PART_POINTS]
        at, rows = np.unique(columns[observations], return_inverse=True)
        local = rank[model.point_of[observations]] - number * PART_POINTS
        parts.append(_Part(points, observations, at, rows.reshape(-1, POSE + LENS).astype(np.int32), local))
    return parts


def rotation_of(vector: Array) -> Array:
    """Give the (3, 3) rotation about a vector by its length in radians. Source: Rodrigues."""
    angle = float(np.linalg.norm(vector))
    cross = np.cross(np.eye(3), vector)
    if angle < 1e-12:
        return np.asarray(np.eye(3) + cross)
    axis = cross / angle
    return np.asarray(np.eye(3) + np.sin(angle) * axis + (1 - np.cos(angle)) * axis @ axis)


def _slopes(model: SparseModel) -> tuple[Array, Array]:
    """Derivatives of the projected pixels: to pose and lens (M, 2, 14), and to the point (M, 2, 3).

    Pose: rotation vector in the camera frame, then centre. Lens: fx, fy, cx, cy, k1, k2, p1, p2.
    """
    camera_slope = np.zeros((len(model.seen), 2, POSE + LENS))
    point_slope = np.zeros((len(model.seen), 2, 3))
    for index in model.registered:
        mine = np.flatnonzero(model.shot_of == index)
        shot = model.shots[index]
        rotation, centre = shot.pose
        local = (model.points[model.point_of[mine]] - centre) @ rotation.T
        plane = local[:, :2] / local[:, 2:]
        focal = np.array(shot.camera.params[:2])
        bent = shot.camera.distortion_slope(plane) * focal[:, None]
        ideal = np.zeros((len(mine), 2, 3))
        ideal[:, 0, 0] = ideal[:, 1, 1] = 1 / local[:, 2]
        ideal[:, :, 2] = -plane / local[:, 2:]
        to_local = bent @ ideal
        camera_slope[mine, :, :3] = np.cross(local[:, None, :], to_local)
        point_slope[mine] = to_local @ rotation
        camera_slope[mine, :, 3:6] = -point_slope[mine]
        camera_slope[mine, :, 6:] = _lens_slope(shot.camera, plane)
    return camera_slope, point_slope


def _lens_slope(camera: Camera, plane: Array) -> Array:
    u, v = plane[:, 0], plane[:, 1]
    r2 = u * u + v * v
    fx, fy = camera.params[:2]
    bent = camera.distort(plane)
    slope: NDArray[np.float64] = np.zeros((len(plane), 2, LENS))
    slope[:, 0, 0], slope[:, 1, 1] = bent[:, 0], bent[:, 1]
    slope[:, 0, 2] = slope[:, 1, 3] = 1.0
    slope[:, 0, 4], slope[:, 1, 4] = fx * u * r2, fy * v * r2
    slope[:, 0, 5], slope[:, 1, 5] = fx * u * r2**2, fy * v * r2**2
    slope[:, 0, 6], slope[:, 1, 6] = fx * 2 * u * v, fy * (r2 + 2 * v * v)
    slope[:, 0, 7], slope[:, 1, 7] = fx * (r2 + 2 * u * u), fy * 2 * u * v
    return slope
