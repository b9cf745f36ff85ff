"""`twin lookup`, `twin nearby`, `twin search`: the same answers as the API, as text for people or JSON for programs."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, TypeVar

import orjson
import psycopg
import typer
from rich.console import Console
from rich.table import Table

from twin.actions.access import ROLES, Reading, reading, sight_of
from twin.cluster.server import dsn, unavailable
from twin.crs import LonLat
from twin.errors import BadInput
from twin.personal.keyring import remember_keys
from twin.queries.city_bounds import check_place, city_bounds
from twin.queries.nearby import NearbyAsked, nearest_assets
from twin.queries.place_asked import PlaceAsked, place_asked
from twin.queries.search import KINDS, SearchAsked, search
from twin.session import Actor
from twin.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True)
Answer = TypeVar("Answer")

Lon = Annotated[float, typer.Argument(help="Longitude, degrees 经度")]
Lat = Annotated[float, typer.Argument(help="Latitude, degrees 纬度")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's answer as JSON.")]
Role = Annotated[str, typer.Option(help=f"Ask in a role of the city: {', '.join(sorted(ROLES))}.")]
AsOf = Annotated[datetime | None, typer.Option(help="What was so, and known, at this time (the city's own clock).")]


@app.command(epilog="Example: twin lookup 121.6 37.387 --radius 50")
def lookup(
    lon: Lon,
    lat: Lat,
    height: Annotated[float | None, typer.Option(help="Height of the point, metres; default: the surface.")] = None,
    radius: Annotated[float, typer.Option(help="How far around to look, metres.", min=0, max=500)] = 30.0,
    as_of: AsOf = None,
    role: Role = "public",
    as_json: AsJson = False,
) -> None:
    """Show everything known at a place.

    查询一个地点的全部信息。
    """
    # Whatever reads rasters takes as long to load as most commands take in all.
    from twin.queries.imagery import OpenSurveys
    from twin.queries.lookup import LookupAsked, look_up

    settings = read_settings()

    async def ask(asking: Reading) -> bytes:
        place = await _place(settings, asking, lon, lat)
        asked = LookupAsked(place, height, radius, _moment(settings, as_of))
        return await look_up(asking.cursor, asked, asking.sight, OpenSurveys(settings.data_dir), role)

    answer = answer_of(settings, role, ask)
    if as_json:
        typer.echo(answer.decode())
    else:
        _show_lookup(orjson.loads(answer), _city_clock(settings))


@app.command(epilog="Example: twin nearby 121.6 37.387 --class 0118 -n 5")
def nearby(
    lon: Lon,
    lat: Lat,
    n: Annotated[int, typer.Option("-n", help="How many.", min=1, max=200)] = 20,
    classes: Annotated[str, typer.Option("--class", help="Class codes, comma separated.")] = "",
    radius: Annotated[float | None, typer.Option(help="Not further than, metres.", min=0)] = None,
    as_of: AsOf = None,
    role: Role = "public",
    as_json: AsJson = False,
) -> None:
    """Show the nearest assets.

    查询附近部件。
    """
    settings = read_settings()
    codes = [code.strip() for code in classes.split(",") if code.strip()]
    at = _moment(settings, as_of)

    async def ask(asking: Reading) -> str:
        place = await _place(settings, asking, lon, lat)
        return await nearest_assets(asking.cursor, NearbyAsked(place, n, codes, radius, at), asking.sight)

    items = answer_of(settings, role, ask)
    if as_json:
        query = {"lon": lon, "lat": lat, "n": n, "class": codes, "radius_m": radius, "as_of": at}
        typer.echo(orjson.dumps({"query": query, "items": orjson.Fragment(items)}))
    else:
        Console().print(_asset_table(orjson.loads(items)))


@app.command("search", epilog="Example: twin search 政府大街101号 --kind address")
def find(
    text: Annotated[str, typer.Argument(help="Name, address, code or pinyin initials 关键词")],
    kind: Annotated[str, typer.Option(help=f"Comma separated: {', '.join(KINDS)}.")] = "",
    n: Annotated[int, typer.Option("-n", help="How many.", min=1, max=100)] = 20,
    role: Role = "public",
    as_json: AsJson = False,
) -> None:
    """Find places, buildings, assets and institutions.

    按名称、地址、编码或拼音首字母搜索。
    """
    settings = read_settings()
    kinds = [part.strip() for part in kind.split(",") if part.strip()]
    if any(part not in KINDS for part in kinds):
        raise BadInput("this kind is not searched", where="--kind", do=f"Use {', '.join(KINDS)}")
    asked, srid = SearchAsked(text, kinds, None, n), settings.city.working_srid
    items = answer_of(settings, role, lambda asking: search(asking.cursor, asked, srid))
    if as_json:
        query = {"q": text, "kind": kinds, "bbox": None, "view": None, "n": n}
        typer.echo(orjson.dumps({"query": query, "items": orjson.Fragment(items)}))
        return
    table = Table("kind 类别", "name 名称", "code 编码", "lon", "lat", "score")
    for item in orjson.loads(items):
        table.add_row(*_texts(item, "kind", "label_zh", "code", "lon", "lat", "score"))
    Console().print(table)


def answer_of(settings: Settings, role: str, ask: Callable[[Reading], Awaitable[Answer]]) -> Answer:
    """Run one question in its own transaction, as the person at this machine in a role of the city."""
    actor = Actor(name=getpass.getuser(), role=role, purpose="command line")
    sight_of(actor)

    async def run() -> Answer:
        try:
            connection = await psycopg.AsyncConnection.connect(dsn(settings, "app"))
            remember_keys(connection, settings.keys_path)
        except psycopg.OperationalError as error:
            raise unavailable(settings, error) from error
        async with connection, reading(connection, actor) as asking:
            return await ask(asking)

    return asyncio.run(run())


async def _place(settings: Settings, asking: Reading, lon: float, lat: float) -> PlaceAsked:
    city = settings.city
    place = LonLat(lon, lat)
    check_place(place, await city_bounds(asking.cursor, LonLat(city.centre_lon, city.centre_lat)), city.name_zh)
    return place_asked(place, city.working_srid)


def _moment(settings: Settings, as_of: datetime | None) -> datetime | None:
    if as_of is None or as_of.tzinfo is not None:
        return as_of
    return as_of.replace(tzinfo=_city_clock(settings))


def _city_clock(settings: Settings) -> timezone:
    return timezone(timedelta(hours=settings.city.utc_offset_h))


def _texts(item: dict[str, Any], *keys: str) -> list[str]:
    return ["" if item.get(key) is None else str(item[key]) for key in keys]


def _asset_table(assets: list[dict[str, Any]]) -> Table:
    table = Table("m", "°", "class 类别", "name 名称", "code 编码", "state 状态")
    for asset in assets:
        table.add_row(*_texts(asset, "distance_m", "bearing_deg", "class_zh", "name_zh", "code", "state"))
    return table


def _show_lookup(answer: dict[str, Any], clock: timezone) -> None:
    table = Table(show_header=False)
    for name, text in _facts(answer):
        table.add_row(name, text)
    console = Console()
    console.print(table)
    if answer["assets"]:
        console.print(_asset_table(answer["assets"]))
    for part in answer["records"]:
        records = Table("record 记录", "time 时间", "state 状态", "link 关联", title=part["department"]["name_zh"])
        for item in part["items"]:
            link = item["link"]
            how = f"{link['to']['kind']} {link['to']['code']} ({link['method']} {link['score']}, {link['state']})"
            recorded = item["recorded_at"]
            when = f"{datetime.fromisoformat(recorded).astimezone(clock):%Y-%m-%d %H:%M}" if recorded else ""
            records.add_row(item["title_zh"], when, item["state"] or "", how)
        console.print(records)


def _facts(answer: dict[str, Any]) -> list[tuple[str, str]]:
    place, terrain, building = answer["place"], answer["terrain"], answer["building"]
    facts = [("place 地点", " / ".join(unit["name_zh"] for unit in place["admin"]) or "-")]
    if place["grid"]:
        facts.append(("grid 网格", place["grid"]["code"]))
    if place["address"]:
        facts.append(("address 地址", f"{place['address']['text_zh']} ({place['address']['distance_m']} m)"))
    if terrain:
        heights = f"{terrain['ground_h_m']} / {terrain['surface_h_m']} m, {terrain['vertical_datum']}"
        facts.append(("ground / surface 地面/表面", f"{heights}, ±{terrain['sigma_m']} m, {terrain['survey']}"))
    if building:
        sigma = f" ±{building['height_sigma_m']}" if building["height_sigma_m"] is not None else ""
        text = f"{building['name_zh'] or ''} {building['code']}"
        facts.append(("building 建筑", f"{text}, {building['height_m']}{sigma} m ({building['height_confidence']})"))
    photos = answer["imagery"]["photos"]
    facts.append(("entities 法人与人口", str(answer["entities"]["count"])))
    for item in answer["entities"]["items"][:10]:
        facts.append(("", f"{item['type_zh']} {item['name']}"))
    facts.append(("photos 航片", f"{len(photos)} see it 可见, {answer['imagery']['hidden']} hidden 被遮挡"))
    for photo in photos[:5]:
        pixel = photo["pixel"]
        facts.append(("", f"{photo['survey']}/{photo['file']} col {pixel['col']} row {pixel['row']}"))
    facts += [("event 事件", f"{event['title_zh']} ({event['state']})") for event in answer["events"][:10]]
    facts += [("sensor 传感", f"{s['name_zh']} {s['latest_value']} {s['unit'] or ''}") for s in answer["sensors"][:10]]
    return facts
