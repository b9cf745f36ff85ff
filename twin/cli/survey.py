"""`twin survey`: photos become surfaces, maps, buildings and 3D Tiles."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from twin.errors import BadInput, NotFound
from twin.session import Actor, transaction
from twin.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The survey's name.")]
OPERATOR = Actor(name="operator", role="ingest", purpose="survey")


@app.command(epilog="Example: twin survey add photos/ --name spring-2026 --gcp gcp.csv --footprints cadastre.gpkg")
def add(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with the photos.")],
    name: Annotated[str, typer.Option(help="Letters, digits, points, lines: it becomes part of addresses.")],
    kind: Annotated[str, typer.Option(help="drone or satellite.")] = "drone",
    gcp: Annotated[Path | None, typer.Option(help="Control points with pixel marks (gcp.csv or gcp_list.txt).")] = None,
    footprints: Annotated[
        Path | None, typer.Option(help="Building outlines with columns code, name; else they are found.")
    ] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of the products; default: the city's.")] = None,
    vertical_datum: Annotated[str | None, typer.Option(help="What heights mean; default: the city's.")] = None,
) -> None:
    """Register a survey, check its photos and say what is wrong with each.

    登记一次航测并检查照片。
    """
    from photogrammetry.survey import Survey, create_survey, now

    if kind != "drone":
        raise BadInput(f"surveys of kind {kind!r} cannot be processed yet", do="Only --kind drone is built so far")
    settings = read_settings()
    survey = Survey(
        name=name,
        kind=kind,
        photos_dir=str(folder.resolve()),
        gcp_file=str(gcp.resolve()) if gcp else None,
        footprints_file=str(footprints.resolve()) if footprints else None,
        crs=f"EPSG:{settings.city.working_srid}" if crs is None else crs,
        vertical_datum=settings.city.vertical_datum if vertical_datum is None else vertical_datum,
        created_at=now(),
        utc_offset_h=float(settings.city.utc_offset_h),
    )
    workspace = create_survey(settings.surveys_dir, survey)
    _process(workspace, until="check")
    _show_check(workspace)


@app.command(epilog="Example: twin survey run spring-2026 --quality standard")
def run(
    name: Name,
    quality: Annotated[str, typer.Option(help="fast, standard or high.")] = "standard",
    until: Annotated[str | None, typer.Option(help="Stop after this stage.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="A Dask scheduler, tcp://host:8786.")] = None,
    queue: Annotated[bool, typer.Option("--queue", help="Leave it to `twin worker`.")] = False,
) -> None:
    """Process a survey and publish it; stages already done are not done again.

    处理并发布航测成果；中断后可继续。
    """
    settings = read_settings()
    if queue:
        typer.echo(_enqueue(settings, name, quality, scheduler))
        return
    _process(settings.surveys_dir / name, quality=quality, until=until, scheduler=scheduler)
    if until is None or until == "report":
        typer.echo(publish_survey(settings, name))


@app.command(epilog="Example: twin survey report spring-2026")
def report(
    name: Name,
    truth: Annotated[Path | None, typer.Option(help="truth/ of a sample; found by itself beside its photos.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print report.json.")] = False,
) -> None:
    """Write report.html and report.json, and print the figures that matter; a sample is compared with its truth.

    精度报告。
    """
    from photogrammetry.survey import read_survey
    from photogrammetry.survey_report import truth_beside, write_report

    settings = read_settings()
    workspace = settings.surveys_dir / name
    truth = truth or truth_beside(Path(read_survey(workspace).photos_dir))
    content = write_report(workspace, truth)
    if truth is not None:
        publish_survey(settings, name)
    if as_json:
        typer.echo(json.dumps(content, ensure_ascii=False, indent=1))
        return
    _show_report(content)
    typer.echo(f"报告 report: {workspace / 'report' / 'report.html'}")


@app.command("list", epilog="Example: twin survey list")
def list_all() -> None:
    """List the surveys of this data directory.

    航测列表。
    """
    from photogrammetry.survey import list_surveys

    table = Table("名称 name", "类型 kind", "坐标系 CRS", "高程基准 heights", "登记 added", "成果 products")
    settings = read_settings()
    for survey in list_surveys(settings.surveys_dir):
        done = (settings.surveys_dir / survey.name / "products").exists()
        table.add_row(
            survey.name,
            survey.kind,
            survey.crs,
            survey.vertical_datum,
            survey.created_at,
            "有 yes" if done else "无 no",
        )
    Console().print(table)


@app.command(epilog="Example: twin survey show spring-2026")
def show(name: Name) -> None:
    """Show what a survey was given, its photos and how far it is.

    航测详情。
    """
    from photogrammetry.stages import is_finished
    from photogrammetry.survey import plan_stages, read_survey

    workspace = read_settings().surveys_dir / name
    survey = read_survey(workspace)
    for key, value in vars(survey).items():
        typer.echo(f"{key}: {value}")
    done = [stage.name for stage in plan_stages(survey) if is_finished(workspace / "stages" / stage.name)]
    typer.echo(f"stages: {', '.join(done) or '-'}")
    if "check" in done:
        _show_check(workspace)


@app.command(epilog="Example: twin survey remove spring-2026 --yes")
def remove(name: Name, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Take a survey out of the twin and delete its stages and products; the photos stay.

    删除航测成果（原始照片保留）。
    """
    from photogrammetry.run_lock import only_one_run
    from photogrammetry.survey import read_survey
    from twin.actions.publish_survey import withdraw_survey
    from twin.cluster.server import connect

    settings = read_settings()
    workspace = settings.surveys_dir / name
    read_survey(workspace)
    if not yes:
        typer.confirm(f"删除 delete {name}?", abort=True)
    with only_one_run(workspace), connect(settings, "ingest") as connection:
        with transaction(connection, OPERATOR) as cursor:
            withdraw_survey(cursor, name)
        shutil.rmtree(workspace)
    typer.echo(f"已删除 removed: {name}")


def publish_survey(settings: Settings, name: str) -> str:
    """Write a processed survey into the twin and say what was done."""
    from photogrammetry.publish import publish
    from twin.cli.serve import ready_database
    from twin.cluster.server import connect

    ready_database(settings)
    with connect(settings, "ingest") as connection:
        done = publish(settings.surveys_dir / name, settings, connection, OPERATOR)
    if done.unchanged:
        return f"已发布，无变化 published before, nothing changed: {name}"
    return (
        f"已发布 published: {name} (照片 photos {done.photos}, 成果 products {done.products}, "
        f"建筑 buildings {done.buildings}, 结束 ended {done.buildings_ended})"
    )


def _process(workspace: Path, **options: Any) -> None:
    from photogrammetry.stages import DAMAGED
    from photogrammetry.survey import run_survey
    from twin.cli.survey_progress import SurveyProgress

    if not (workspace / "survey.json").exists():
        raise NotFound(
            "there is no survey of this name", where=workspace.name, do="`twin survey list` shows those there are"
        )
    with SurveyProgress() as progress:
        results = run_survey(workspace, progress=progress, **options)
    for result in results:
        if (result.rebuilt_because or "").startswith(DAMAGED):
            typer.echo(f"  已修复 repaired: {result.name} ({result.rebuilt_because})")


def _enqueue(settings: Settings, name: str, quality: str, scheduler: str | None) -> str:
    from photogrammetry.survey import read_survey
    from twin.cli.serve import ready_database
    from twin.cluster.server import connect
    from twin.jobs.queue import enqueue

    read_survey(settings.surveys_dir / name)
    ready_database(settings)
    with connect(settings, "ingest") as connection, connection.transaction():
        job = enqueue(connection, "survey.run", name, {"quality": quality, "scheduler": scheduler}, OPERATOR)
    return f"已排队 queued: {job}  (GET /jobs/{job})"


def _show_check(workspace: Path) -> None:
    photos = json.loads((workspace / "stages" / "check" / "photos.json").read_text(encoding="utf-8"))
    rejected = [photo for photo in photos if not photo["accepted"]]
    typer.echo(
        f"照片 photos: {len(photos)}，可用 accepted {len(photos) - len(rejected)}，拒绝 rejected {len(rejected)}"
    )
    for photo in rejected:
        typer.echo(f"  {photo['file']}: {photo['reason_zh']} / {photo['reason_en']}")


def _show_report(content: dict[str, Any]) -> None:
    table = Table("指标 figure", "值 value")
    photos = content["photos"]
    table.add_row("照片 photos", f"{photos['registered']} / {photos['accepted']} / {photos['given']}")
    for key in ("reprojection_px", "gsd_m", "points", "density_per_m2", "coverage"):
        table.add_row(key, f"{content[key]}")
    for group in ("gps_rms_m", "checkpoints", "truth"):
        for key, value in (content.get(group) or {}).items():
            if not isinstance(value, dict | list):
                table.add_row(f"{group}.{key}", f"{value}")
    buildings = content["buildings"]
    table.add_row("建筑 buildings", f"{buildings['found']} / {buildings['expected']}")
    Console().print(table)
    for reason, count in Counter(item["reason"] for item in photos["rejected"]).items():
        typer.echo(f"  拒绝 rejected: {reason} × {count}")
