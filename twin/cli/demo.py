"""`twin demo`: make the sample district, process it, take in its deliveries, serve it."""

from __future__ import annotations

import json
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from twin.cli.serve import Host, Port, Workers, check_port, ready_database, serve_all
from twin.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True)

SURVEY = "sample"


class Scale(StrEnum):
    """How large a sample is made."""

    tiny = "tiny"
    small = "small"
    town = "town"
    district = "district"


@app.command(epilog="Example: twin demo --seed 1 --scale small --port 8000")
def demo(
    seed: Annotated[int, typer.Option(help="Another seed gives another quarter.")] = 1,
    scale: Annotated[Scale, typer.Option(help="small: 40 photos; town: 430; district: 1,360.")] = Scale.small,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    build_only: Annotated[bool, typer.Option("--build-only", help="Build, do not serve.")] = False,
) -> None:
    """Build the sample district (photos, 3D, records, links) unless it is there, and serve it.

    生成并展示示范街区。
    """
    settings = read_settings()
    if not build_only:
        check_port(host, port)
    _say("1/6", "database", "数据库")
    started = ready_database(settings)
    build(settings, seed, scale.value)
    if not build_only:
        serve_all(settings, host, port, workers, started_before=started)


def build(settings: Settings, seed: int, scale: str) -> None:
    """Build the sample district step by step; steps already done are not done again.

    A killed build resumes: the sample is whole or made anew, survey stages have manifests, deliveries are upserts.
    """
    marker = settings.data_dir / "demo.json"
    wanted = {"seed": seed, "scale": scale}
    if _is_built(settings, marker, wanted):
        return
    started = time.monotonic()
    sample = settings.data_dir / "sample" / f"{scale}-{seed}"
    _say("2/6", "sample district: photos and deliveries", "示范街区：照片与部门数据")
    _make_sample(sample, seed, scale)
    _say("3/6", "deliveries into the twin", "部门数据入库")
    _ingest(settings, sample)
    _say("4/6", "photos to 3D", "照片建模")
    _survey(settings, sample)
    _say("5/6", "records to places", "记录挂接")
    _link(settings)
    _say("6/6", "accuracy against the sample's truth", "精度报告")
    _report(settings, sample)
    marker.write_text(json.dumps(wanted), encoding="utf-8")
    typer.echo(f"Built in 用时 {(time.monotonic() - started) / 60:.1f} min")


def _say(step: str, english: str, chinese: str) -> None:
    typer.secho(f"[{step}] {chinese} {english}", bold=True)


def _is_built(settings: Settings, marker: Path, wanted: dict[str, object]) -> bool:
    """Say whether the marker speaks of the same sample and the database still holds its survey."""
    if not marker.exists() or json.loads(marker.read_text(encoding="utf-8")) != wanted:
        return False
    from twin.cluster.server import connect

    with connect(settings, "app") as connection:
        row = connection.execute("SELECT count(*) FROM twin.survey WHERE name = %s", (SURVEY,)).fetchone()
    return bool(row and row[0])


def _make_sample(sample: Path, seed: int, scale: str) -> None:
    if (sample / "sample.json").exists():
        return
    from twin.cli.sample import make

    make(sample, seed=seed, scale=scale)


def _ingest(settings: Settings, sample: Path) -> None:
    from twin.cli.ingest import take

    # Places first: buildings, addresses and assets are put into their unit and grid as they arrive.
    files = sorted((sample / "deliveries").iterdir(), key=lambda path: (not path.name.startswith("08"), path.name))
    take([path for path in files if path.suffix in (".shp", ".gpkg", ".csv", ".xlsx")])


def _survey(settings: Settings, sample: Path) -> None:
    from twin.cli import survey

    if not (settings.surveys_dir / SURVEY / "survey.json").exists():
        survey.add(sample / "photos", name=SURVEY, gcp=sample / "gcp.csv", footprints=sample / "footprints.gpkg")
    survey.run(SURVEY)


def _link(settings: Settings) -> None:
    from twin.cli import link

    link.run()


def _report(settings: Settings, sample: Path) -> None:
    from twin.cli import survey

    survey.report(SURVEY, truth=sample / "truth")
