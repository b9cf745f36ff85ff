"""From the model's own frame to the city's: recorded positions first, then control points, then one adjustment.

Positions in EXIF level and scale the model; their sigma is measured from how well they fit. Control points, when
given, decide; check points stay out of every computation and say afterwards how good it is. Writes frame.json,
cameras.json, tie_points.npz, points.ply and accuracy.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from photogrammetry.cameras import Array
from photogrammetry.drone.accuracy import Adjustment, accuracy_report
from photogrammetry.drone.adjustment import Priors, adjust
from photogrammetry.drone.control_file import ControlFile, read_control_file
from photogrammetry.drone.control_marks import (
    ControlFit,
    SeenPoint,
    fit_to_control,
    require_agreeing_marks,
    see_points,
)
from photogrammetry.drone.control_place import check_control_place
from photogrammetry.drone.recorded_positions import PositionFit, fit_to_positions
from photogrammetry.drone.sparse_model import SparseModel
from photogrammetry.durable_files import write_json
from photogrammetry.frame import LocalFrame
from photogrammetry.photo import Photo, read_photos
from photogrammetry.photo_place import middle_of
from photogrammetry.point_file import write_points
from photogrammetry.workers import Tools
from twin.crs import read_crs, transformer
from twin.errors import BadControlPoints

VERSION = 2
LOSS_SIGMAS = 2.0
# What the lens model leaves out is common to a photo's tie points: a thousand of them do not weigh as a thousand
# independent ones. Counted as such they hold a bent model against positions and control (see docs/accuracy.md).
TIES_ALIKE = 4.0


@dataclass(frozen=True)
class GeoreferenceSettings:
    """crs, vertical_datum: of the survey. Sigmas: marks in pixels, control points in metres, lens centres in pixels.

    max_mark_off_px: a mark farther from where the others meet is not used. max_shift_m: control points may lie so
    far (plan view) from where the recorded positions put them.
    """

    crs: str = "EPSG:4550"
    vertical_datum: str = "EPSG:5737"
    mark_sigma_px: float = 0.5
    control_sigma_h_m: float = 0.02
    control_sigma_v_m: float = 0.03
    centre_sigma_px: float = 20.0
    max_mark_off_px: float = 6.0
    max_shift_m: float = 25.0
    max_tie_off_px: float = 3.0


def run(inputs: Mapping[str, Path], output_dir: Path, settings: GeoreferenceSettings, tools: Tools) -> None:
    """Georeference the reconstructed model. Raises BadControlPoints when the control file cannot be right."""
    photos = read_photos(inputs["check"])
    model = SparseModel.load(inputs["reconstruct"])
    frame = provisional_frame(photos, settings)
    tools.step(0, 3, "positions")
    positions = fit_to_positions(model, photos, frame)
    model = positions.model
    control = _read_control(inputs.get("gcp"), photos, settings)
    seen: list[SeenPoint] = []
    fit: ControlFit | None = None
    if control is not None:
        seen = _see_control(model, control, frame, settings, inputs["gcp"].name)
        model, fit, seen = _fit_control(model, seen, positions, settings, inputs["gcp"].name)
    tools.step(1, 3, "adjustment")
    adjustment = adjust_model(model, positions, [p for p in seen if p.point.role == "control"], fit, settings)
    tools.step(2, 3, "residuals")
    adjustment = replace(adjustment, seen=tuple(seen), fit=fit, control=control)
    adjustment, frame = _lower_to_ground(adjustment, frame)
    report, shots = accuracy_report(adjustment, frame)
    frame.save(output_dir / "frame.json")
    replace(adjustment.model, shots=tuple(shots)).save(output_dir)
    write_json(output_dir / "accuracy.json", report)
    write_points(output_dir / "points.ply", adjustment.model.points, views=adjustment.model.views_per_point())
    tools.step(3, 3, "residuals")


def provisional_frame(photos: Sequence[Photo], settings: GeoreferenceSettings) -> LocalFrame:
    """Put the frame's origin in the middle of the photos, at height 0."""
    lon, lat = middle_of(photos)
    return LocalFrame(lon, lat, 0.0, settings.crs, settings.vertical_datum)


def _read_control(path: Path | None, photos: Sequence[Photo], settings: GeoreferenceSettings) -> ControlFile | None:
    if path is None:
        return None
    control = read_control_file(path, settings.crs)
    check_control_place(control, middle_of(photos), settings.vertical_datum, path.name)
    return control


def _see_control(
    model: SparseModel, control: ControlFile, frame: LocalFrame, settings: GeoreferenceSettings, where: str
) -> list[SeenPoint]:
    table = np.array([(point.east, point.north, point.height_m) for point in control.points])
    if not read_crs(control.crs).equals(read_crs(frame.crs)):
        east, north = transformer(control.crs, frame.crs).transform(table[:, 0], table[:, 1])
        table = np.column_stack([east, north, table[:, 2]])
    scale = max(max(shot.camera.width, shot.camera.height) for shot in model.shots) / 2000
    seen = see_points(model, control.points, frame.crs_to_enu(table), settings.max_mark_off_px * max(1.0, scale))
    known = {shot.file.rsplit("/", 1)[-1] for shot in model.shots if shot.registered}
    require_agreeing_marks(control.points, seen, known, where)
    return seen


def _fit_control(
    model: SparseModel, seen: list[SeenPoint], positions: PositionFit, settings: GeoreferenceSettings, where: str
) -> tuple[SparseModel, ControlFit | None, list[SeenPoint]]:
    """Move the model onto the control points; refuse coordinates the recorded positions contradict."""
    control = [point for point in seen if point.point.role == "control"]
    if not control:
        return model, None, seen
    shift = np.median([point.given - point.met_at for point in control], axis=0)
    limit = max(settings.max_shift_m, 6 * positions.sigma_h_m)
    if float(np.hypot(shift[0], shift[1])) > limit:
        raise BadControlPoints(
            f"its points lie {np.hypot(shift[0], shift[1]):.0f} m (east {shift[0]:.0f}, north {shift[1]:.0f}) from "
            "where the photos show them",
            where=where,
            do="Check the datum of the coordinates (Beijing 1954, Xian 1980 and GCJ-02 differ from CGCS2000 by this "
            "much) and that the marks belong to these points",
        )
    fit = fit_to_control(control)
    if fit is None:
        return model.transformed(1.0, np.eye(3), shift), None, _moved(seen, 1.0, np.eye(3), shift)
    move = fit.similarity
    moved = model.transformed(move.scale, move.rotation, move.shift)
    bad = {point.point.name for point, _ in fit.misfits}
    kept = [point for point in seen if point.point.name not in bad]
    return moved, fit, _moved(kept, move.scale, move.rotation, move.shift)


def _moved(seen: list[SeenPoint], scale: float, rotation: Array, shift: Array) -> list[SeenPoint]:
    return [replace(point, met_at=scale * rotation @ point.met_at + shift) for point in seen]


def adjust_model(
    model: SparseModel,
    positions: PositionFit,
    control: Sequence[SeenPoint],
    fit: ControlFit | None,
    settings: GeoreferenceSettings,
) -> Adjustment:
    """Adjust twice: with all tie points, then without those that turned out false."""
    ties = len(model.points)
    sigma_px = tie_sigma_px(model)
    joined = _with_control(model, control)
    offset_m = np.zeros(3)
    for converged in (1e-4, 1e-6):
        is_mark = joined.point_of >= len(joined.points) - len(control)
        priors = Priors(
            position=positions.recorded,
            position_sigma=positions.sigma_m,
            offset_sigma=np.full(3, 1000.0 if control else 0.0),
            control=np.arange(len(joined.points) - len(control), len(joined.points)),
            control_at=np.array([point.given for point in control]).reshape(-1, 3),
            control_sigma=np.tile(
                [settings.control_sigma_h_m, settings.control_sigma_h_m, settings.control_sigma_v_m], (len(control), 1)
            ),
            seen_sigma=np.where(is_mark, settings.mark_sigma_px, TIES_ALIKE * sigma_px),
            centre_sigma=settings.centre_sigma_px,
        )
        loss = np.where(is_mark, LOSS_SIGMAS, LOSS_SIGMAS / TIES_ALIKE)
        adjusted = adjust(joined, priors, loss_sigmas=loss, converged=converged)
        offset_m = -adjusted.offset_m
        joined = adjusted.model
        off = np.linalg.norm(joined.residuals_px(), axis=1)
        limit = min(settings.max_tie_off_px, max(1.0, 5 * float(np.median(off))))
        joined = joined.keep((off <= limit) | is_mark)
    adjusted_ties = _without_control(joined, len(control))
    return Adjustment(adjusted_ties, positions, tuple(control), offset_m if control else None, sigma_px, ties)


def tie_sigma_px(model: SparseModel) -> float:
    """Measure how well tie points are seen: robust standard deviation per axis, pixels."""
    residuals = np.abs(model.residuals_px())
    return float(np.clip(1.4826 * np.nanmedian(residuals), 0.1, 2.0))


def _with_control(model: SparseModel, control: Sequence[SeenPoint]) -> SparseModel:
    """Append control points and their marks to the tie points."""
    if not control:
        return model
    count = len(model.points)
    return replace(
        model,
        points=np.concatenate([model.points, [point.met_at for point in control]]),
        shot_of=np.concatenate([model.shot_of, *[np.array(point.shots, dtype=np.int64) for point in control]]),
        point_of=np.concatenate(
            [model.point_of, *[np.full(len(point.shots), count + i) for i, point in enumerate(control)]]
        ),
        seen=np.concatenate([model.seen, *[point.pixels for point in control]]),
    )


def _without_control(model: SparseModel, count: int) -> SparseModel:
    ties = len(model.points) - count
    mine = model.point_of < ties
    return replace(
        model,
        points=model.points[:ties],
        shot_of=model.shot_of[mine],
        point_of=model.point_of[mine],
        seen=model.seen[mine],
    )


def _lower_to_ground(adjustment: Adjustment, frame: LocalFrame) -> tuple[Adjustment, LocalFrame]:
    """Put the frame's origin at the ground (whole metres), so that float32 and flat views are good there."""
    ground_h_m = float(np.round(np.percentile(adjustment.model.points[:, 2], 25)))
    lowered = LocalFrame(frame.origin_lon, frame.origin_lat, ground_h_m, frame.crs, frame.vertical_datum)
    return adjustment.shifted(np.array([0.0, 0.0, -ground_h_m])), lowered
