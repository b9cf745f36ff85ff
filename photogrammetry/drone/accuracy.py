"""How good the georeferencing is: pixels, recorded positions, control and check points, and what to beware of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from photogrammetry.cameras import Array, Shot
from photogrammetry.drone.control_file import ControlFile
from photogrammetry.drone.control_marks import ControlFit, SeenPoint, measure_points
from photogrammetry.drone.recorded_positions import PositionFit
from photogrammetry.drone.sparse_model import SparseModel
from photogrammetry.frame import LocalFrame

CAUTIONS = {
    "mark_dropped": (
        "{name} 在 {file} 中的刺点偏离 {off} 像素，未使用",
        "the mark of {name} in {file} is {off} px off; not used",
    ),
    "point_misfit": (
        "控制点 {name} 的坐标与其他点相差 {off} 米，未使用",
        "the coordinates of {name} disagree with the other points by {off} m; not used",
    ),
    "point_unseen": ("控制点 {name} 没有两个一致的刺点，未使用", "{name} has no two marks that agree; not used"),
    "row_refused": ("控制点文件第 {number} 行无法读取：{reason}", "row {number} of the control file: {reason}"),
    "few_control": (
        "可用控制点不足三个或在一条直线上，只用于平移",
        "fewer than three spread control points: they only shift the model",
    ),
    "height_from_exif": (
        "没有控制点：高程取自照片 EXIF，可能整体偏差数米",
        "no control points: heights rest on EXIF altitudes and may be off by metres as a whole",
    ),
    "one_line": (
        "照片沿一条直线拍摄，横向倾斜不可靠",
        "the photos lie on one line: the tilt across it is not reliable",
    ),
    "position_outlier": (
        "{file} 的记录位置与其他照片不符，未使用",
        "the recorded position of {file} contradicts the others",
    ),
    "not_registered": ("{file} 未能与其他照片匹配", "{file} could not be placed against the other photos"),
}


@dataclass(frozen=True)
class Caution:
    """Something to beware of, in both languages."""

    code: str
    zh: str
    en: str


def caution(code: str, **words: Any) -> Caution:
    """Word a warning."""
    zh, en = CAUTIONS[code]
    return Caution(code, zh.format(**words), en.format(**words))


@dataclass(frozen=True)
class Adjustment:
    """An adjusted model with all it rests on; offset_m: recorded minus true positions, None without control."""

    model: SparseModel
    positions: PositionFit
    used: tuple[SeenPoint, ...]
    offset_m: Array | None
    tie_sigma_px: float
    ties_before: int
    seen: tuple[SeenPoint, ...] = ()
    fit: ControlFit | None = None
    control: ControlFile | None = None

    def shifted(self, shift: Array) -> Adjustment:
        """Move everything; shift: (3,) ENU metres."""

        def move(points: Sequence[SeenPoint]) -> tuple[SeenPoint, ...]:
            return tuple(replace(p, given=p.given + shift, met_at=p.met_at + shift) for p in points)

        return replace(
            self,
            model=self.model.transformed(1.0, np.eye(3), shift),
            positions=self.positions.shifted(shift),
            used=move(self.used),
            seen=move(self.seen),
        )


def accuracy_report(adjustment: Adjustment, frame: LocalFrame) -> tuple[dict[str, Any], list[Shot]]:
    """Give accuracy.json and the photos with their residuals."""
    model = adjustment.model
    residuals = model.residuals_px()
    shots = _with_residuals(adjustment, residuals)
    gps = np.array([shot.gps_residual_m for shot in shots if shot.gps_residual_m is not None])
    rms = np.sqrt((gps**2).mean(axis=0))
    gsd_m = ground_sample_distance_m(model)
    names = {point.point.name for point in adjustment.used}
    checks = [point for point in adjustment.seen if point.point.role == "check"]
    sigma = {"h": round(adjustment.positions.sigma_h_m, 3), "v": round(adjustment.positions.sigma_v_m, 3)}
    return {
        "registered": len(model.registered),
        "reprojection_px": round(float(np.linalg.norm(residuals, axis=1).mean()), 4),
        "reprojection_rms_px": round(float(np.sqrt((residuals**2).sum(axis=1).mean())), 4),
        "tie_points": len(model.points),
        "tie_points_dropped": adjustment.ties_before - len(model.points),
        "observations": len(model.seen),
        "mean_track": round(len(model.seen) / max(len(model.points), 1), 3),
        "gsd_m": round(gsd_m, 5),
        "gps_rms_m": {axis: round(float(value), 3) for axis, value in zip("enu", rms, strict=True)},
        "gps_sigma_m": sigma,
        "gps_offset_m": None if adjustment.offset_m is None else _enu(adjustment.offset_m),
        "height_from": "control" if adjustment.used else "exif",
        "control": _residual_table(model, [p for p in adjustment.seen if p.point.name in names], gsd_m),
        "checkpoints": _residual_table(model, checks, gsd_m),
        "lens": [list(camera.params) for camera in dict.fromkeys(shot.camera for shot in shots if shot.registered)],
        "crs": frame.crs,
        "vertical_datum": frame.vertical_datum,
        "warnings": [vars(caution) for caution in _cautions(adjustment)],
    }, shots


def ground_sample_distance_m(model: SparseModel) -> float:
    """Give the median size of a pixel on the tie points, metres."""
    sizes = []
    for index in model.registered:
        mine = model.point_of[model.shot_of == index]
        if len(mine):
            _, depth = model.shots[index].project(model.points[mine])
            sizes.append(float(np.median(depth)) / model.shots[index].camera.focal_px)
    return float(np.median(sizes))


def _enu(values: Array) -> dict[str, float]:
    return {axis: round(float(value), 3) for axis, value in zip("enu", values, strict=True)}


def _with_residuals(adjustment: Adjustment, residuals: Array) -> list[Shot]:
    model, positions = adjustment.model, adjustment.positions
    offset = np.zeros(3) if adjustment.offset_m is None else adjustment.offset_m
    shots = []
    for index, shot in enumerate(model.shots):
        if shot.registered:
            mine = residuals[model.shot_of == index]
            rms = float(np.sqrt((mine**2).sum(axis=1).mean())) if len(mine) else None
            gps = shot.pose[1] - (positions.recorded[index] - offset)
            shot = replace(
                shot, reprojection_px=None if rms is None else round(rms, 4), gps_residual_m=np.round(gps, 4)
            )
        shots.append(shot)
    return shots


def _residual_table(model: SparseModel, points: Sequence[SeenPoint], gsd_m: float) -> dict[str, Any] | None:
    if not points:
        return None
    measured = measure_points(model, points)
    off = np.array([residual for _, residual, _ in measured])
    horizontal = float(np.sqrt((off[:, :2] ** 2).sum(axis=1).mean()))
    vertical = float(np.sqrt((off[:, 2] ** 2).mean()))
    return {
        "count": len(measured),
        "rmse_h_m": round(horizontal, 4),
        "rmse_v_m": round(vertical, 4),
        "rmse_h_gsd": round(horizontal / gsd_m, 3),
        "rmse_v_gsd": round(vertical / gsd_m, 3),
        "points": [
            {"name": p.point.name, "residual_m": np.round(r, 4).tolist(), "marks": len(p.marks), "rms_px": round(px, 3)}
            for p, r, px in measured
        ],
    }


def _cautions(adjustment: Adjustment) -> list[Caution]:
    found = []
    for point in adjustment.seen:
        for mark, off in point.dropped:
            found.append(caution("mark_dropped", name=point.point.name, file=mark.file, off=f"{off:.0f}"))
    if adjustment.fit is not None:
        found += [caution("point_misfit", name=p.point.name, off=f"{off:.2f}") for p, off in adjustment.fit.misfits]
    if adjustment.control is not None:
        known = {point.point.name for point in adjustment.seen}
        known |= {p.point.name for p, _ in adjustment.fit.misfits} if adjustment.fit else set()
        found += [caution("point_unseen", name=p.name) for p in adjustment.control.points if p.name not in known]
        found += [caution("row_refused", number=number, reason=why) for number, why in adjustment.control.rejected]
        if adjustment.fit is None and adjustment.used:
            found.append(caution("few_control"))
    if not adjustment.used:
        found.append(caution("height_from_exif"))
    if adjustment.positions.on_one_line:
        found.append(caution("one_line"))
    files = [shot.file for shot in adjustment.model.shots]
    found += [caution("position_outlier", file=files[i]) for i in np.flatnonzero(adjustment.positions.outliers)]
    found += [caution("not_registered", file=shot.file) for shot in adjustment.model.shots if not shot.registered]
    return found
