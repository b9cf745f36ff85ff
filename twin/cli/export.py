"""Commands `twin export buildings|assets|table`: the city given away as files."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import orjson
import typer

from twin.actions.export_city import WRITE_AUDIT, Exported, Format, export_assets, export_buildings, find_format
from twin.actions.export_table import PERSONAL, TableAsked, base_collection, write_collection
from twin.actions.table_files import SUFFIX, TABLE_FORMATS
from twin.cluster import server
from twin.errors import BadInput
from twin.queries.features import Area
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


@app.command(epilog="Example: twin export table assets-0118 lamps.parquet --bbox 121.59,37.38,121.61,37.39")
def table(
    collection: Annotated[str, typer.Argument(help="As in /collections: assets, assets-0118, buildings, places ...")],
    file: Into,
    form: Annotated[str | None, typer.Option("--format", help=f"{', '.join(TABLE_FORMATS)}; default: by name.")] = None,
    bbox: Annotated[str | None, typer.Option(help="west,south,east,north in degrees.")] = None,
    condition: Annotated[str | None, typer.Option("--filter", help="CQL2 text: \"state = '破损'\".")] = None,
    crs: Annotated[str | None, typer.Option(help="EPSG:4550 and others the standards serve; default: degrees.")] = None,
) -> None:
    """Write a collection, or part of it, as the standards tell it.

    导出图层。
    """
    found = form or next((name for name, suffix in SUFFIX.items() if file.name.lower().endswith(suffix)), "")
    if found not in TABLE_FORMATS:
        raise BadInput("不会写这种格式 (this format is not written)", do=f"--format {'|'.join(TABLE_FORMATS)}")
    if base_collection(collection).rights in PERSONAL:
        raise BadInput(
            "涉及个人的图层须经审批导出 (files that speak of people need a second person's approval)",
            where=collection,
            do="POST /exports",
        )
    settings, actor = read_settings(), _actor(collection)
    asked = TableAsked(collection, found, _box(bbox), condition, crs)
    read = server.dsn(settings, "app")
    count = write_collection(file, asked, actor, Area(), read, settings.city.working_srid, lambda done: None)
    with server.connect(settings, "app") as connection, transaction(connection, actor) as cursor:
        detail = {"file": file.name, "format": found, "count": count}
        cursor.execute(WRITE_AUDIT, {"subject": collection, "detail": orjson.dumps(detail).decode()})
    typer.echo(f"{file.name}: 导出 {count} (written)")


def _box(text: str | None) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput("范围应为 west,south,east,north (four numbers)", where="--bbox") from None
    return west, south, east, north


def _actor(what: str) -> Actor:
    return Actor(f"{getpass.getuser()} (twin export)", role="system", purpose=f"export {what}")


def _audited(what: str, file: Path, form: Format, done: Exported) -> dict[str, str]:
    detail = {"file": file.name, "format": form, "count": done.count, "crs": done.crs[:200]}
    return {"subject": what, "detail": orjson.dumps(detail).decode()}


def _say(file: Path, done: Exported) -> None:
    typer.echo(f"{file.name}: 导出 {done.count} (written), 坐标系 {done.crs}")
    if done.left_out:
        typer.echo(f"没有三维模型的 {done.left_out} 个未导出 (left out, without a solid)")


@app.command(epilog="Example: twin export trace found-on-the-net.csv")
def trace(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV or GeoJSON file, whole or a part of it.")],
) -> None:
    """Say which export of records a file is a copy of: who had it made, and when. Exit status 1 when it is none.

    追查导出文件的来源。
    """
    from twin.actions.watermark import whose_copy
    from twin.personal.keyring import keys_of

    with server.connect(read_settings(), "app") as connection:
        exports = connection.execute(
            "SELECT export_id::text, asked_by, to_char(asked_at, 'YYYY-MM-DD HH24:MI') FROM twin.export "
            "WHERE collection IN ('records', 'entities')"
        ).fetchall()
        found = whose_copy(keys_of(connection), exports, file)
    for likeness, export_id, who, at in found:
        typer.echo(f"{likeness:.0%} {export_id} {who} {at}")
    if not found:
        typer.echo("不是本系统导出的记录 no export of records of this twin")
        raise typer.Exit(1)
