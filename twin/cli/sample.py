"""Commands of the group sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from twin.errors import BadInput

app = typer.Typer(no_args_is_help=True)

STEPS = {
    "textures": "纹理 textures",
    "photos": "航片 photos",
    "deliveries": "部门数据 deliveries",
    "truth": "真值 truth",
}
QUARTER = "quarter"


class Part(StrEnum):
    """What of the district is written."""

    deliveries = "deliveries"
    photos = "photos"
    all = "all"


@app.callback()
def group() -> None:
    """A synthetic district with known truth."""


@app.command()
def make(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New or empty folder to write to.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.", min=0)] = 1,
    scale: Annotated[str, typer.Option(help="tiny | small | town | district")] = "small",
    workers: Annotated[int | None, typer.Option(help="Processes (default: one a core, two at most).", min=1)] = None,
    part: Annotated[Part | None, typer.Option(help="district: deliveries (default), photos of a quarter, all.")] = None,
    assets: Annotated[str, typer.Option(help="district: how many assets, e.g. 10M.")] = "1M",
    records: Annotated[str, typer.Option(help="district: how many records.")] = "10M",
    entities: Annotated[str, typer.Option(help="district: how many entities.")] = "350k",
    villages: Annotated[int, typer.Option(help="district: how many of the 584 villages.")] = 584,
) -> None:
    """Write a sample district: drone photos, control points, outlines, deliveries and the truth.

    tiny: 11 photos of 640x480, 8 buildings (for tests). small: 35 photos of 2000x1500 and 5 bad ones, about 75
    buildings, one to three minutes. town: 430 photos, about 1,500 buildings, about half an hour. district: the
    deliveries of sixty departments on 584 villages, 1 million assets, 350,000 entities and 10 million records, some
    minutes; its photos are those of one quarter (1,360 photos, 5,000 buildings, hours of rendering), asked for with
    --part photos, or --part all, which puts the quarter into DIR/quarter.

    Example: twin sample make /tmp/quarter --seed 1 --scale small

    Example: twin sample make /tmp/district --scale district --assets 10k --records 50k --entities 5k --villages 60
    """
    if part is not None and scale != "district":
        raise BadInput(
            f"--part is for the district, not for {scale} / --part 只用于 district 规模",
            do="Leave it out, or add --scale district / 请去掉它，或加上 --scale district",
        )
    if scale != "district" or part is Part.photos:
        _make_quarter(folder, seed, scale, workers)
        return
    _make_district(folder, seed, assets, records, entities, villages)
    if part is Part.all:
        _make_quarter(folder / QUARTER, seed, scale, workers)


def _make_quarter(folder: Path, seed: int, scale: str, workers: int | None) -> None:
    from photogrammetry.sample.make import make_sample

    with _bar() as show:
        written = make_sample(folder, seed, scale, workers=workers, progress=show)
    typer.echo(f"示例已生成 / the sample is ready: {written.parent}")


def _make_district(folder: Path, seed: int, assets: str, records: str, entities: str, villages: int) -> None:
    from photogrammetry.sample.district.make_district import make_district
    from photogrammetry.sample.district.size import DistrictSize, read_count

    size = DistrictSize(read_count(assets), read_count(records), read_count(entities), villages)
    with _bar() as show:
        written = make_district(folder, seed, size, show)
    typer.echo(f"示例已生成 / the sample is ready: {written.parent}")


@contextmanager
def _bar() -> Iterator[Callable[[float, float, str], None]]:
    """Show a bar with the time left."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("剩余/left"))
    with Progress(*columns, TimeRemainingColumn()) as bar:
        task = bar.add_task("示例 sample", total=None)

        def show(done: float, total: float, text: str) -> None:
            bar.update(task, completed=done, total=total, description=STEPS.get(text, text))

        yield show
