"""Depth of one photo from one neighbour: turn both along their baseline, match rows, turn back.

The pair is rectified here and not by cv2.stereoRectify, which may choose a vertical pair and, for oblique or
forward pairs, ask for pictures of any size: both are refused here by what the geometry says.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from photogrammetry.cameras import Array, Camera, Shot

Grey = NDArray[np.uint8]
Depth = NDArray[np.float32]
LEAST_BASE_ANGLE_COSINE = 0.8
LARGEST_SHARE = 6.0
LEAST_POINTS = 8
FRACTION = 16.0


@dataclass(frozen=True)
class StereoSettings:
    """Semi-global matching. max_disparities: a pair that needs more is left out."""

    block: int = 5
    max_disparities: int = 384
    uniqueness: int = 5
    speckle_px: int = 60
    depth_margin: float = 0.15


@dataclass(frozen=True)
class RectifiedPair:
    """A pair turned so that a point lies in the same row of both, the photo left and its neighbour right.

    from_photo, from_other: (3, 3) maps from pixel index to rectified pixel index. size: (width, height).
    least_disparity: taken off the neighbour's columns. base_focal: baseline times focal length (m * px).
    depth_row: (3,) depth along the photo's axis = depth * depth_row @ (col, row, 1) of the rectified pixel index.
    """

    from_photo: Array
    from_other: Array
    size: tuple[int, int]
    least_disparity: int
    disparities: int
    base_focal: float
    depth_row: Array


def scaled_camera(camera: Camera, long_side_px: int) -> Camera:
    """Give the pinhole camera of the same photo reduced to a long side; never enlarged."""
    scale = min(1.0, long_side_px / max(camera.width, camera.height))
    width, height = max(1, round(camera.width * scale)), max(1, round(camera.height * scale))
    across, down = width / camera.width, height / camera.height
    fx, fy, cx, cy = camera.params[:4]
    return Camera("PINHOLE", width, height, (fx * across, fy * down, cx * across, cy * down))


def _index_matrix(camera: Camera) -> Array:
    matrix = camera.matrix
    matrix[:2, 2] -= 0.5
    return matrix


def rectify(photo: Shot, other: Shot, points: Array, settings: StereoSettings) -> RectifiedPair | None:
    """Plan the rectification of a pair; None when the pair is not fit for it.

    photo, other: registered pinhole photos. points: (N, 3) ENU points around: those both see bound the depth. A
    pair with too many disparities is matched at half the size: a long baseline is precise enough for that.
    """
    rotation, centre = photo.pose
    base = other.pose[1] - centre
    axis = rotation[2] + other.pose[0][2]
    length = float(np.linalg.norm(base))
    if length < 1e-6 or abs(float(base @ axis)) > LEAST_BASE_ANGLE_COSINE * length * float(np.linalg.norm(axis)):
        return None
    x = base / length
    z = axis - (axis @ x) * x
    z /= np.linalg.norm(z)
    depths = (points[_inside(photo, points) & _inside(other, points)] - centre) @ z
    depths = depths[depths > 0]
    if len(depths) < LEAST_POINTS:
        return None
    bounds = _depth_bounds(depths, settings.depth_margin)
    turned = np.stack([x, np.cross(z, x), z])
    for focal in (photo.camera.focal_px, photo.camera.focal_px / 2):
        least, most = int(np.floor(focal * length / bounds[1])), int(np.ceil(focal * length / bounds[0]))
        disparities = -(-(most - least + 1) // 16) * 16
        if disparities <= settings.max_disparities:
            return _plan(photo, other, turned, focal, focal * length, least, disparities)
    return None


def _inside(shot: Shot, points: Array) -> NDArray[np.bool_]:
    pixels, _ = shot.project(points)
    with np.errstate(invalid="ignore"):
        return np.asarray(((pixels >= 0) & (pixels < [shot.camera.width, shot.camera.height])).all(axis=1))


def _plan(
    photo: Shot, other: Shot, turned: Array, focal: float, base_focal: float, least: int, disparities: int
) -> RectifiedPair | None:
    plane = np.diag([focal, focal, 1.0])
    rotation = photo.pose[0]
    to_photo = plane @ turned @ rotation.T @ np.linalg.inv(_index_matrix(photo.camera))
    to_other = plane @ turned @ other.pose[0].T @ np.linalg.inv(_index_matrix(other.camera))
    box = _common_box(photo.camera, to_photo, other.camera, to_other, least, least + disparities)
    if box is None:
        return None
    # The matcher leaves out as many columns at the left as there are disparities.
    col, row, width, height = box[0] - disparities, box[1], box[2] + disparities, box[3]
    if width * height > LARGEST_SHARE * photo.camera.width * photo.camera.height:
        return None
    shift = np.array([[1.0, 0.0, -col], [0.0, 1.0, -row], [0.0, 0.0, 1.0]])
    other_shift = shift.copy()
    other_shift[0, 2] += least
    depth_row = (rotation @ turned.T)[2] @ np.linalg.inv(shift @ plane)
    return RectifiedPair(
        shift @ to_photo, other_shift @ to_other, (width, height), least, disparities, base_focal, depth_row
    )


def _depth_bounds(depths: Array, margin: float) -> tuple[float, float]:
    near, far = np.percentile(depths, [0.2, 99.8])
    room = margin * (far - near) + 0.02 * far
    return max(float(near - room), 0.2 * float(near)), float(far + room)


def _common_box(
    photo: Camera, to_photo: Array, other: Camera, to_other: Array, least: int, most: int
) -> tuple[int, int, int, int] | None:
    """Bound what both see in the rectified plane: (col, row, width, height); None when nothing or at the horizon."""
    mine, theirs = _corners(photo, to_photo), _corners(other, to_other)
    if mine is None or theirs is None:
        return None
    low = np.maximum(mine.min(axis=0), theirs.min(axis=0) + np.array([least, 0]))
    high = np.minimum(mine.max(axis=0), theirs.max(axis=0) + np.array([most, 0]))
    width, height = (int(v) for v in np.ceil(high - low))
    if width < 64 or height < 64:
        return None
    return int(np.floor(low[0])), int(np.floor(low[1])), width, height


def _corners(camera: Camera, matrix: Array) -> Array | None:
    w, h = camera.width - 1, camera.height - 1
    turned = np.array([[0, 0, 1], [w, 0, 1], [w, h, 1], [0, h, 1]], dtype=np.float64) @ matrix.T
    if (turned[:, 2] <= 0.2 * turned[:, 2].max()).any():
        return None
    return np.asarray(turned[:, :2] / turned[:, 2:])


def pair_depth(
    photo_grey: Grey, other_grey: Grey, photo: Camera, pair: RectifiedPair, settings: StereoSettings
) -> Depth:
    """Compute the depth (m, along the photo's axis) of each pixel of the photo; NaN where unknown.

    photo_grey, other_grey: (H, W) uint8 at the cameras' sizes. photo: the photo's camera.
    """
    left = cv2.warpPerspective(photo_grey, pair.from_photo, pair.size, flags=cv2.INTER_LINEAR)
    right = cv2.warpPerspective(other_grey, pair.from_other, pair.size, flags=cv2.INTER_LINEAR)
    area = settings.block**2
    matcher = cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=pair.disparities,
        blockSize=settings.block,
        P1=8 * area,
        P2=32 * area,
        disp12MaxDiff=1,
        preFilterCap=31,
        uniquenessRatio=settings.uniqueness,
        speckleWindowSize=settings.speckle_px,
        speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )
    found = matcher.compute(left, right)
    known = cv2.warpPerspective(np.full(photo_grey.shape, 255, np.uint8), pair.from_photo, pair.size) > 254
    disparity = np.where((found > 0) & known, found.astype(np.float32) / FRACTION, np.float32(np.nan))
    return _back_to_photo(disparity, photo, pair)


def _back_to_photo(disparity: Depth, photo: Camera, pair: RectifiedPair) -> Depth:
    cols, rows = np.meshgrid(np.arange(photo.width, dtype=np.float32), np.arange(photo.height, dtype=np.float32))
    m = pair.from_photo.astype(np.float32)
    w = m[2, 0] * cols + m[2, 1] * rows + m[2, 2]
    col = (m[0, 0] * cols + m[0, 1] * rows + m[0, 2]) / w
    row = (m[1, 0] * cols + m[1, 1] * rows + m[1, 2]) / w
    nothing = float("nan")
    exact = cv2.remap(disparity, col, row, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=nothing)
    smooth = cv2.remap(disparity, col, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=nothing)
    # Between two surfaces the interpolated disparity belongs to neither.
    with np.errstate(invalid="ignore"):
        chosen = np.where(np.abs(smooth - exact) < 1.0, smooth, exact) + np.float32(pair.least_disparity)
        a = pair.depth_row
        slant = np.float32(a[0]) * col + np.float32(a[1]) * row + np.float32(a[2])
        return np.asarray(np.float32(pair.base_focal) / chosen * slant, dtype=np.float32)
