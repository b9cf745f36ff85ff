"""Commands of the group sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

app = typer.Typer(no_args_is_help=True)

STEPS = {
    "textures": "纹理 textures",
    "photos": "航片 photos",
    "deliveries": "部门数据 deliveries",
    "truth": "真值 truth",
}


@app.callback()
def group() -> None:
    """A synthetic district with known truth."""


@app.command()
def make(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New or empty folder to write to.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.", min=0)] = 1,
    scale: Annotated[str, typer.Option(help="tiny | small | town | district")] = "small",
    workers: Annotated[int | None, typer.Option(help="Processes (default: one a core, two at most).", min=1)] = None,
) -> None:
    """Write a sample district: drone photos, control points, outlines, deliveries and the truth.

    tiny: 11 photos of 800x600, 8 buildings (for tests). small: 35 photos of 2000x1500 and 5 bad ones, about 75
    buildings, one to three minutes. town: 430 photos, about 1,500 buildings, about half an hour. district: as town
    with three times the blocks (about 1,360 photos, 5,000 buildings), hours of rendering.

    Example: twin sample make /tmp/quarter --seed 1 --scale small
    """
    from photogrammetry.sample.make import make_sample

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("剩余/left"))
    with Progress(*columns, TimeRemainingColumn()) as bar:
        task = bar.add_task("示例 sample", total=None)

        def show(done: float, total: float, text: str) -> None:
            bar.update(task, completed=done, total=total, description=STEPS.get(text, text))

        written = make_sample(folder, seed, scale, workers=workers, progress=show)
    typer.echo(f"示例已生成 / the sample is ready: {written.parent}")
