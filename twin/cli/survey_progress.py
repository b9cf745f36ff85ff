"""Progress of a survey's stages on a terminal, or one line a stage where there is none."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

STAGE_NAMES = {
    "check": "照片检查 check",
    "features": "特征提取 features",
    "matching": "特征匹配 matching",
    "reconstruct": "空三重建 reconstruct",
    "georeference": "地理定位 georeference",
    "undistort": "畸变校正 undistort",
    "depth": "密集匹配 depth",
    "fuse": "点云融合 fuse",
    "surface": "表面模型 surface",
    "orthophoto": "真正射 orthophoto",
    "buildings": "建筑 buildings",
    "mesh": "三维网格 mesh",
    "tiles3d": "3D Tiles tiles3d",
    "report": "报告 report",
}


class SurveyProgress:
    """A photogrammetry.workers.Progress: a bar with time left for each stage."""

    def __init__(self) -> None:
        self.console = Console()
        columns = (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn(), TextColumn("剩余 left"))
        self._bar = Progress(*columns, TimeRemainingColumn(), console=self.console, transient=True)
        self._task: TaskID | None = None

    def __enter__(self) -> SurveyProgress:
        """Show the bar, where there is a terminal to show it on."""
        if self.console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Take the bar away."""
        self._bar.stop()

    def stage_started(self, stage: str, number: int, count: int) -> None:
        """Show a bar for this stage."""
        self._task = self._bar.add_task(f"{number}/{count} {STAGE_NAMES.get(stage, stage)}", total=None)

    def step(self, stage: str, done: int, total: int, what: str) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.update(self._task, completed=done, total=total)

    def stage_finished(self, stage: str, seconds: float, resumed: bool) -> None:
        """Leave one line that says how long the stage took, or that it was there already."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        took = "已有 was there" if resumed else f"{seconds:.1f} s"
        self.console.print(f"  {STAGE_NAMES.get(stage, stage):<24} {took}", highlight=False)
