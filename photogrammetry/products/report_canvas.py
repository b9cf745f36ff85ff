"""Drawing for reports: without a screen, Chinese beside English where a font is there, the same bytes always."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from photogrammetry.drone.grid import Grid

INK, SOFT, LINE, PAPER = "#15242e", "#4d5f6c", "#dbe2e7", "#ffffff"
ACCENT, CARE, BAD = "#0b5e63", "#c77700", "#a8231c"
CHINESE = "Noto Sans CJK SC"
FONT_FILES = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
)
DOTS_PER_INCH = 140
WIDTH_IN = 10.0


class Words:
    """Chooses the words of a picture: both languages, or English alone where no Chinese font is there."""

    def __init__(self, chinese: bool) -> None:
        """Keep whether Chinese can be drawn."""
        self._chinese = chinese

    def __call__(self, zh: str, en: str) -> str:
        """Join a label's two languages."""
        return f"{zh} {en}" if self._chinese else en


@contextmanager
def plain_style(font_files: tuple[str, ...] = FONT_FILES) -> Iterator[Words]:
    """Set the style of the report's pictures while drawing; gives the words for their labels."""
    chinese = _know_chinese(font_files)
    style: dict[Any, Any] = {
        "font.family": ["DejaVu Sans", CHINESE] if chinese else ["DejaVu Sans"],
        "font.size": 9.5,
        "axes.edgecolor": SOFT,
        "axes.labelcolor": INK,
        "axes.linewidth": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10.5,
        "axes.titlelocation": "left",
        "xtick.color": SOFT,
        "ytick.color": SOFT,
        "text.color": INK,
        "grid.color": LINE,
        "grid.linewidth": 0.6,
        "figure.facecolor": PAPER,
        "axes.facecolor": PAPER,
        "legend.frameon": False,
    }
    # From the defaults, not from what this person has set; the backend is not used here.
    plain: dict[Any, Any] = {key: value for key, value in mpl.rcParamsDefault.items() if key != "backend"}
    with mpl.rc_context({**plain, **style}):
        yield Words(chinese)


def _know_chinese(font_files: tuple[str, ...]) -> bool:
    path = next((name for name in font_files if Path(name).exists()), None)
    if path is None:
        return False
    # Only this file: which other fonts a machine has must not change the picture.
    if not any(entry.fname == path and entry.name == CHINESE for entry in font_manager.fontManager.ttflist):
        font_manager.fontManager.addfont(path)
    return any(entry.fname == path and entry.name == CHINESE for entry in font_manager.fontManager.ttflist)


def new_figure(height_in: float, *, width_in: float = WIDTH_IN) -> Figure:
    """Make an empty figure, inches."""
    figure = Figure(figsize=(width_in, height_in), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG without the name of the program or a time."""
    figure.savefig(path, metadata={"Software": None})


def new_map(grid: Grid) -> tuple[Figure, Axes]:
    """Make a figure with one map: axes in metres from the grid's south-west corner, scale bar and north arrow."""
    width, height = grid.cols * grid.cell_m, grid.rows * grid.cell_m
    figure = new_figure(float(np.clip((WIDTH_IN - 1.2) * height / width, 3.0, 11.0)))
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    _scale_bar(axes, width)
    return figure, axes


def lay(axes: Axes, picture: Any, grid: Grid, **how: Any) -> Any:
    """Put an array that covers grid onto a map's axes."""
    extent = (0.0, grid.cols * grid.cell_m, 0.0, grid.rows * grid.cell_m)
    return axes.imshow(picture, extent=extent, interpolation="nearest", **how)


def _scale_bar(axes: Axes, width_m: float) -> None:
    length = _round_length(width_m / 5)
    words = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    below = axes.get_xaxis_transform()
    axes.plot([0, length], [-0.025, -0.025], color=INK, linewidth=2.4, transform=below, clip_on=False)
    axes.text(length + width_m * 0.012, -0.025, words, transform=below, va="center", fontsize=9)
    axes.annotate(
        "N", xy=(0.99, -0.008), xytext=(0.99, -0.06), xycoords="axes fraction", ha="center", va="center", fontsize=9,
        arrowprops={"arrowstyle": "-|>", "color": INK, "shrinkA": 0, "shrinkB": 0}, annotation_clip=False,
    )  # fmt: skip


def _round_length(metres: float) -> float:
    tens = 10.0 ** np.floor(np.log10(max(metres, 1e-3)))
    return float(next(step * tens for step in (5.0, 2.0, 1.0) if step * tens <= metres))
