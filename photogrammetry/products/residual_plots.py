"""The plots of what is left over: at the tie points, at the recorded positions, at control and check points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from photogrammetry.cameras import Shot
from photogrammetry.drone.sparse_model import SparseModel
from photogrammetry.products.report_canvas import ACCENT, CARE, INK, SOFT, Words, new_figure, save

ACROSS = 16
LEAST_PER_FIELD = 12


def draw_reprojection(model: SparseModel, target: Path, words: Words) -> None:
    """Draw the RMS of each photo, and the mean residual over the picture of the lens with most photos."""
    figure = new_figure(3.9)
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    values = np.array([shot.reprojection_px or np.nan for shot in model.shots if shot.registered])
    left.bar(np.arange(1, len(values) + 1), values, color=ACCENT, width=0.8)
    if np.isfinite(values).any():
        left.axhline(float(np.nanmedian(values)), color=CARE, linewidth=1.2)
    left.set_title(words("每张照片的重投影误差", "reprojection, RMS of each photo"))
    left.set_xlabel(words("照片", "photo"))
    left.set_ylabel(words("像素", "px"))
    left.set_xlim(0, len(values) + 1)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    _picture_field(right, model, words)
    save(figure, target)


def _picture_field(axes: Axes, model: SparseModel, words: Words) -> None:
    """Arrows of the mean residual in fields of the picture: what the lens model leaves over."""
    lenses = [model.shots[i].camera for i in model.registered]
    camera = max(dict.fromkeys(lenses), key=lenses.count)
    mine = np.isin(model.shot_of, [i for i in model.registered if model.shots[i].camera == camera])
    seen, off = model.seen[mine], model.residuals_px()[mine]
    side = camera.width / ACROSS
    down = max(1, round(camera.height / side))
    place = np.stack([(seen[:, 0] // side).clip(0, ACROSS - 1), (seen[:, 1] // side).clip(0, down - 1)])
    field = (place[1] * ACROSS + place[0]).astype(np.int64)
    good = np.isfinite(off).all(axis=1)
    count = np.bincount(field[good], minlength=ACROSS * down)
    total = np.stack([np.bincount(field[good], off[good, k], ACROSS * down) for k in (0, 1)], axis=1)
    mean = np.asarray(total, dtype=np.float64) / np.maximum(count, 1)[:, None]
    enough = count >= LEAST_PER_FIELD
    col, row = np.meshgrid((np.arange(ACROSS) + 0.5) * side, (np.arange(down) + 0.5) * side)
    axes.set_xlim(0, camera.width)
    axes.set_ylim(camera.height, 0)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    if enough.any():
        unit = _nice(float(np.percentile(np.hypot(*mean[enough].T), 90)))
        arrows = axes.quiver(
            col.ravel()[enough], row.ravel()[enough], mean[enough, 0], mean[enough, 1], angles="xy", color=ACCENT,
            scale_units="xy", scale=unit / side, width=0.004,
        )  # fmt: skip
        axes.quiverkey(arrows, 0.86, -0.06, unit, f"{unit:g} px", labelpos="E", coordinates="axes", color=INK)
    axes.set_title(words("像面上的平均残差", "mean residual over the picture"))


def draw_gps(shots: Sequence[Shot], feet: NDArray[np.float64], target: Path, words: Words) -> None:
    """Draw adjusted minus recorded position of each photo: plan view as arrows, heights as bars.

    shots: registered photos with a recorded position. feet: (N, 3) their easting, northing, height, metres.
    """
    off = np.array([shot.gps_residual_m for shot in shots], dtype=np.float64).reshape(-1, 3)
    figure = new_figure(4.2)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    where = feet[:, :2] - feet[:, :2].min(axis=0)
    span = float(max(where.max(), 10.0))
    unit = _nice(float(np.percentile(np.hypot(off[:, 0], off[:, 1]), 90)))
    left.scatter(*where.T, s=8, color=SOFT)
    arrows = left.quiver(
        *where.T, off[:, 0], off[:, 1], angles="xy", scale_units="xy", scale=unit / (span / 10), color=ACCENT,
        width=0.005,
    )  # fmt: skip
    left.quiverkey(arrows, 0.86, 1.04, unit, f"{unit:g} m", labelpos="E", coordinates="axes", color=INK)
    left.set_aspect("equal")
    left.margins(0.12)
    left.set_xlabel(words("东", "east (m)"))
    left.set_ylabel(words("北", "north (m)"))
    left.set_title(words("平面", "plan"))
    right.bar(np.arange(1, len(off) + 1), off[:, 2], color=np.where(off[:, 2] >= 0, ACCENT, CARE), width=0.8)
    right.axhline(0, color=SOFT, linewidth=0.8)
    right.set_title(words("高程", "height, adjusted - recorded"))
    right.set_xlabel(words("照片", "photo"))
    right.set_ylabel("m")
    right.set_xlim(0, len(off) + 1)
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    save(figure, target)


def draw_control(
    control: Mapping[str, Any] | None,
    checkpoints: Mapping[str, Any] | None,
    limits_m: tuple[float, float],
    target: Path,
    words: Words,
) -> None:
    """Draw the residuals of control and check points with the limits of acceptance (plan, height; metres)."""
    figure = new_figure(4.2)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    names: list[str] = []
    reach = limits_m[0]
    groups = (
        (control, SOFT, "s", words("控制点", "control")),
        (checkpoints, ACCENT, "o", words("检查点", "check")),
    )
    for table, colour, marker, label in groups:
        if not table:
            continue
        off = np.array([point["residual_m"] for point in table["points"]], dtype=np.float64)
        left.scatter(off[:, 0], off[:, 1], s=26, color=colour, marker=marker, label=label, zorder=3)
        right.bar(np.arange(len(names), len(names) + len(off)), off[:, 2], color=colour, width=0.7)
        names += [str(point["name"]) for point in table["points"]]
        reach = max(reach, float(np.abs(off[:, :2]).max()))
    left.add_patch(Circle((0, 0), limits_m[0], fill=False, color=CARE, linewidth=1.1, linestyle="--"))
    left.axhline(0, color=SOFT, linewidth=0.5)
    left.axvline(0, color=SOFT, linewidth=0.5)
    left.set_aspect("equal")
    left.set(xlim=(-1.15 * reach, 1.15 * reach), ylim=(-1.15 * reach, 1.15 * reach))
    left.set(xlabel=words("东", "east (m)"), ylabel=words("北", "north (m)"), title=words("平面", "plan"))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8.5)
    right.axhline(0, color=SOFT, linewidth=0.8)
    for limit in (-limits_m[1], limits_m[1]):
        right.axhline(limit, color=CARE, linewidth=1.1, linestyle="--")
    every = max(1, len(names) // 30 + 1) if len(names) > 30 else 1
    right.set_xticks(range(0, len(names), every), names[::every], rotation=90 if len(names) > 12 else 0)
    right.set(ylabel="m", title=words("高程", "height"))
    save(figure, target)


def _nice(value: float) -> float:
    """Round a positive number down to 1, 2 or 5 times a power of ten."""
    tens = 10.0 ** np.floor(np.log10(max(value, 1e-4)))
    return float(next(round(step * tens, 6) for step in (5.0, 2.0, 1.0) if step * tens <= max(value, 1e-4) * 1.0001))
