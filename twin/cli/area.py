"""`twin summary`: what there is in an area, the same answer as POST /summary."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from twin.actions.access import Reading
from twin.cli.ask import AsJson, Role, answer_of
from twin.crs import LonLat
from twin.errors import BadInput
from twin.queries.city_bounds import city_bounds
from twin.settings import Settings, read_settings

app = typer.Typer()
MOST_CLASSES = 20


@app.command(epilog="Example: twin summary 370612001, or: twin summary --polygon area.geojson --json")
def summary(
    code: Annotated[str, typer.Argument(help="Code of a division or unit grid 行政区划或网格代码")] = "",
    polygon: Annotated[Path | None, typer.Option(help="A GeoJSON file with one polygon, degrees.")] = None,
    role: Role = "public",
    as_json: AsJson = False,
) -> None:
    """Count what there is in an area: assets, records, events; people only in whole grids with at least ten.

    统计一个区域内的部件、档案、事件和人口。
    """
    from twin.queries.summaries import named_area, read_polygon, sum_up

    if (polygon is None) == (not code):
        raise BadInput("give either a code or --polygon", do="For example: twin summary 370612001")
    settings = read_settings()
    given = _read(polygon) if polygon is not None else None

    async def ask(asking: Reading) -> bytes:
        city = settings.city
        if given is None:
            return await sum_up(asking.cursor, await named_area(asking.cursor, code, city.working_srid))
        bounds = await city_bounds(asking.cursor, LonLat(city.centre_lon, city.centre_lat))
        return await sum_up(asking.cursor, read_polygon(given, bounds, city.name_zh, city.working_srid))

    answer = answer_of(settings, role, ask)
    if as_json:
        typer.echo(answer.decode())
    else:
        _show(settings, orjson.loads(answer))


def _read(path: Path) -> dict[str, Any]:
    try:
        given = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise BadInput("this is no GeoJSON file", where=path.name, do="Give a file with one polygon") from error
    if isinstance(given, dict) and given.get("type") == "FeatureCollection" and len(given.get("features", ())) == 1:
        given = given["features"][0]
    return given if isinstance(given, dict) else {}


def _show(settings: Settings, answer: dict[str, Any]) -> None:
    console = Console()
    area, people = answer["area"], answer["people"]
    console.print(f"{area['name_zh'] or settings.city.name_zh}, {area['area_km2']:.3f} km2")
    classes = Table(
        "class 小类", "count 数量", "length 长度 m", "area 面积 m2", title=f"assets 部件 {answer['assets']['count']}"
    )
    for row in answer["assets"]["by_class"][:MOST_CLASSES]:
        lengths = (f"{row[name]:,.0f}" if row[name] else "" for name in ("length_m", "area_m2"))
        classes.add_row(f"{row['class_code']} {row['class_zh']}", str(row["count"]), *lengths)
    console.print(classes)
    states = ", ".join(f"{row['state']} {row['count']}" for row in answer["assets"]["by_state"])
    years = ", ".join(f"{row['since']}: {row['count']}" for row in answer["assets"]["by_year"])
    console.print(f"states 状态: {states}\nsince 年份: {years}")
    for row in answer["records"]["by_department"]:
        kinds = ", ".join(f"{kind['kind']} {kind['count']}" for kind in row["kinds"])
        console.print(f"{row['department']['name_zh']}: {row['count']} ({kinds})")
    console.print("events 事件: " + ", ".join(f"{row['state']} {row['count']}" for row in answer["events"]["by_state"]))
    for name, label in (("persons", "persons 人口"), ("households", "households 户")):
        told = people[name]
        number = (
            f"about 约 {told['count']}" if told["count"] is not None else f"not told 不足 {people['at_least']} 不显示"
        )
        console.print(f"{label}: {number} ({told['grids']}/{people['whole_grids']} grids 网格)")
