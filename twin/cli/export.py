"""Commands `twin export buildings|assets`: the city given away as files."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import orjson
import typer

from twin.actions.export_city import WRITE_AUDIT, Exported, Format, export_assets, export_buildings, find_format
from twin.cluster import server
from twin.session import Actor, transaction
from twin.settings import read_settings

app = typer.Typer(no_args_is_help=True)
Into = Annotated[Path, typer.Argument(metavar="FILE", help="File to write; an older one is replaced.")]
FormatOption = Annotated[str | None, typer.Option("--format", help="cityjson, gpkg or geojson; default: by the name.")]
CrsOption = Annotated[str | None, typer.Option(help="System to write: EPSG:4550, a PROJ string; source: as it came.")]


@app.command(epilog="Example: twin export buildings quarter.city.json --crs source")
def buildings(
    file: Into,
    form: FormatOption = None,
    crs: CrsOption = None,
    batch: Annotated[int | None, typer.Option(help="Only what this delivery brought.")] = None,
) -> None:
    """Write the buildings with heights; as CityJSON 2.0 with their solids.

    导出建筑。
    """
    found, settings = find_format(file, form), read_settings()
    actor = _actor("buildings")
    with server.connect(settings, "app") as connection, transaction(connection, actor) as cursor:
        done = export_buildings(connection, settings.city, file, found, crs, batch)
        cursor.execute(WRITE_AUDIT, _audited("buildings", file, found, done))
    _say(file, done)


@app.command(epilog="Example: twin export assets lamps.gpkg --class 0118")
def assets(
    file: Into,
    form: FormatOption = None,
    crs: CrsOption = None,
    classes: Annotated[list[str] | None, typer.Option("--class", help="Only this class (repeat for more).")] = None,
) -> None:
    """Write the assets with class, state and attributes.

    导出部件。
    """
    found, settings = find_format(file, form), read_settings()
    actor = _actor("assets")
    with server.connect(settings, "app") as connection, transaction(connection, actor) as cursor:
        done = export_assets(connection, settings.city, file, found, crs, classes)
        cursor.execute(WRITE_AUDIT, _audited("assets", file, found, done))
    _say(file, done)


def _actor(what: str) -> Actor:
    return Actor(f"{getpass.getuser()} (twin export)", role="system", purpose=f"export {what}")


def _audited(what: str, file: Path, form: Format, done: Exported) -> dict[str, str]:
    detail = {"file": file.name, "format": form, "count": done.count, "crs": done.crs[:200]}
    return {"subject": what, "detail": orjson.dumps(detail).decode()}


def _say(file: Path, done: Exported) -> None:
    typer.echo(f"{file.name}: 导出 {done.count} (written), 坐标系 {done.crs}")
    if done.left_out:
        typer.echo(f"没有三维模型的 {done.left_out} 个未导出 (left out, without a solid)")
