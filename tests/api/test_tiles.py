"""Vector tiles: small, thinned evenly, kept in memory, and new at once where something has changed, only there."""

from __future__ import annotations

import asyncio
import gzip
import math
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.app import create_app
from api.kept_tiles import KeptTile, KeptTiles
from tests.api.conftest import LIMITS, City
from tests.api.test_layers import tile_of
from tests.databases import Database, fresh_database
from twin.crs import LonLat
from twin.queries.map_tiles import STRAIGHT_FROM_ZOOM, TileAsked, vector_tile
from twin.queries.tile_grid import tile_box
from twin.settings import Settings

SRID = 4550
HERE, NEAR, FAR = LonLat(121.60, 37.38), LonLat(121.6001, 37.38), LonLat(121.70, 37.45)
ADD = """
INSERT INTO twin.asset (class_id, code, geom, geom_m)
SELECT (SELECT class_id FROM twin.class WHERE code = %(class)s), 'T' || lpad((%(start)s + i)::text, 15, '0'), g,
       ST_Transform(g, 4550)
FROM generate_series(0, %(count)s - 1) i,
     LATERAL (SELECT ST_SetSRID(ST_MakePoint(%(lon)s + (i %% 100) * 1e-5, %(lat)s + (i / 100) * 1e-5), 4490) AS g) p
"""


@pytest.fixture(scope="module")
def own(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database that these tests may change."""
    with fresh_database(settings, tmp_path_factory.mktemp("tiles") / "var") as database:
        add(database, HERE, 3)
        add(database, FAR, 2)
        yield database


@pytest.fixture
def at(own: Database) -> Iterator[TestClient]:
    with TestClient(create_app(own.settings, limits=LIMITS), raise_server_exceptions=False) as running:
        wait_for(lambda: running.app.state.services.tiles._trusted_until > 0)  # type: ignore[attr-defined]
        yield running


def add(database: Database, place: LonLat, count: int, *, code: str = "0118") -> None:
    start = database.fetch("SELECT count(*) FROM twin.asset")[0][0]
    values = {"class": code, "start": start, "count": count, "lon": place.lon, "lat": place.lat}
    database.fetch(ADD, values, role="ingest")


def wait_for(true: Any) -> None:
    """Ask until it is so: what the database tells arrives a moment after the commit."""
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until, "it never came"


def address(place: LonLat, z: int, collection: str = "assets") -> str:
    x, y, _, _ = tile_of(place, z)
    return f"/collections/{collection}/tiles/WebMercatorQuad/{z}/{y}/{x}"


def is_kept(client: TestClient, place: LonLat, z: int, collection: str = "assets") -> bool:
    x, y, _, _ = tile_of(place, z)
    services = client.app.state.services  # type: ignore[attr-defined]
    return services.tiles.find(TileAsked(collection, z, x, y)) is not None


@pytest.mark.parametrize("z", [4, 8, 10, 12, 13, 16])
def test_an_edit_renews_its_own_tiles_and_leaves_the_others(own: Database, at: TestClient, z: int) -> None:
    before, far_before = at.get(address(HERE, z)), at.get(address(FAR, z))
    assert is_kept(at, HERE, z)
    add(own, NEAR, 1)
    wait_for(lambda: at.get(address(HERE, z)).content != before.content)
    if z >= 12:  # farther out both lie in one tile
        assert is_kept(at, FAR, z)
        assert at.get(address(FAR, z)).headers["etag"] == far_before.headers["etag"]


def test_a_name_and_a_class_word_show_at_once(own: Database, at: TestClient) -> None:
    for change in (
        "UPDATE twin.asset SET name_zh = '新名字灯' WHERE asset_id = 1",
        "UPDATE twin.class SET name_zh = '路灯杆' WHERE code = '0118'",
    ):
        before = at.get(address(HERE, 16)).content
        own.fetch(change)
        wait_for(lambda before=before: at.get(address(HERE, 16)).content != before)
    assert "路灯杆".encode() in at.get(address(HERE, 16)).content


def test_what_is_told_while_a_tile_is_made_is_not_missed() -> None:
    tiles, asked = KeptTiles(SRID), TileAsked("assets", 16, *tile_of(HERE, 16)[:2])
    tiles._trusted_until = time.monotonic() + 1000
    begun = tiles.begin()
    tiles.changed("building *")
    tiles.keep(asked, KeptTile('"a"', 1, 1, b"x"), begun)
    assert tiles.find(asked) is not None
    squares = tiles_squares(asked)
    begun = tiles.begin()
    tiles.changed(f"asset {squares.col_min}:{squares.row_min}")
    tiles.keep(asked, KeptTile('"b"', 1, 1, b"old"), begun)
    assert tiles.find(asked) is None
    tiles.keep(asked, KeptTile('"c"', 1, 1, b"new"), tiles.begin())
    assert tiles.find(asked) is not None
    tiles.changed("asset 1:1,2:2")
    assert tiles.find(asked) is not None
    tiles._trusted_until = 0.0  # the database cannot be heard
    assert tiles.find(asked) is None


def tiles_squares(asked: TileAsked) -> Any:
    from twin.queries.tile_grid import tile_squares

    return tile_squares(asked.z, asked.x, asked.y, SRID)


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    tiles = KeptTiles(SRID, most_bytes=5000)
    tiles._trusted_until = time.monotonic() + 1000
    asked = [TileAsked("assets", 18, 219600 + i, 101600) for i in range(10)]
    for one in asked:
        tiles.keep(one, KeptTile('"a"', 1, 1, packed=b"x" * 500), tiles.begin())
    assert [tiles.find(one) is not None for one in asked] == [False] * 7 + [True] * 3


def test_one_tag_for_each_form(own: Database, at: TestClient) -> None:
    packed = at.get(address(HERE, 16), headers={"accept-encoding": "gzip"})
    plain = at.get(address(HERE, 16), headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]
    assert not packed.headers["etag"].startswith("W/")
    for tag in (packed.headers["etag"], plain.headers["etag"]):
        assert at.get(address(HERE, 16), headers={"if-none-match": tag}).status_code == 304


@pytest.mark.parametrize("form", ["gzip", "identity"])
def test_an_answer_from_memory_carries_what_the_routes_answer_carries(own: Database, at: TestClient, form: str) -> None:
    ways: dict[str, dict[str, str]] = {"made": {}, "from memory": {}, "again": {}, "by the route": {"cookie": "a=b"}}
    said = []
    for way in ways.values():
        answer = at.get(address(HERE, 16), headers={"accept-encoding": form} | way)
        assert answer.status_code == 200
        own_words = {"x-request-id", "server-timing"}
        said.append(({name: value for name, value in answer.headers.items() if name not in own_words}, answer.content))
    assert said == [said[0]] * len(ways)
    assert {"etag", "cache-control", "vary", "content-length", "content-security-policy"} <= set(said[0][0])


def test_each_form_is_made_of_the_other_when_it_is_asked_for(own: Database, at: TestClient) -> None:
    for first, then in (("gzip", "identity"), ("identity", "gzip")):
        at.app.state.services.tiles.clear()  # type: ignore[attr-defined]
        made, other = (at.get(address(HERE, 15), headers={"accept-encoding": form}) for form in (first, then))
        assert made.content == other.content
        assert is_kept(at, HERE, 15)
        again = at.get(address(HERE, 15), headers={"accept-encoding": first})
        assert (again.content, again.headers["etag"]) == (made.content, made.headers["etag"])


@given(st.integers(STRAIGHT_FROM_ZOOM, 24), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_latitudes_lie_evenly_in_a_tile_that_is_drawn_in_degrees(z: int, x: float, y: float, down: float) -> None:
    column, row = int(x * (2**z - 1)), int(y * (2**z - 1))
    _, south, _, north = tile_box(z, column, row, 0.0)
    lat = math.radians(north + down * (south - north))
    step = ((1 - math.asinh(math.tan(lat)) / math.pi) / 2 * 2**z - row) * 4096
    assert step == pytest.approx(down * 4096, abs=0.4)


def test_a_table_nobody_has_statistics_of_has_tiles_too(own: Database, at: TestClient) -> None:
    """The server has not looked at this database's tables yet, and knows nothing of what lies where."""
    assert not own.fetch("SELECT FROM pg_stats WHERE (schemaname, tablename) = ('twin', 'building')", role="admin")
    assert at.get(address(HERE, 14, "buildings")).status_code == 200
    box = {"bbox": "121.5,37.3,121.5001,37.3001", "count": "estimated", "limit": 1}
    assert at.get("/collections/buildings/items", params=box).status_code == 200


def test_a_full_tile_is_thinned_evenly_and_says_so(own: Database, at: TestClient) -> None:
    place = LonLat(121.62, 37.28)
    add(own, place, 30_000, code="0119")
    answer = at.get(address(place, 13))
    shown, found = (int(part) for part in answer.headers["twin-features"].split("/"))
    assert answer.headers["twin-capped"] == "true"
    assert found == 30_000
    assert 0 < shown <= 10_000
    assert len(gzip.compress(answer.content, 5)) <= 302_000
    x, y, _, _ = tile_of(place, 13)

    async def thinned(limit: int) -> tuple[int, int]:
        async with await psycopg.AsyncConnection.connect(own.dsn("app")) as connection:
            tile = await vector_tile(connection.cursor(binary=True), TileAsked("assets", 13, x, y, limit=limit), SRID)
            return tile.shown, tile.found

    assert asyncio.run(thinned(3)) == (3, 30_000)


@pytest.mark.parametrize("z", [0, 9, 11, 12])
def test_counts_over_all_tiles_are_the_number_of_assets(own: Database, z: int) -> None:
    """Every thing is counted once, whether its square has been counted before or not."""
    assert counted(own, z) == own.fetch("SELECT count(*) FROM twin.asset WHERE valid_to IS NULL")[0][0]
    own.fetch("SELECT twin.area_catch_up()")
    own.fetch(
        "UPDATE twin.asset SET valid_to = now() WHERE asset_id = %s",
        own.fetch("SELECT min(asset_id) FROM twin.asset WHERE valid_to IS NULL")[0],
    )
    assert counted(own, z) == own.fetch("SELECT count(*) FROM twin.asset WHERE valid_to IS NULL")[0][0]
    lamps = (
        "SELECT count(*) FROM twin.asset JOIN twin.class c USING (class_id) WHERE valid_to IS NULL AND c.code = '0118'"
    )
    assert counted(own, z, ("0118",)) == own.fetch(lamps)[0][0]


def counted(database: Database, z: int, classes: tuple[str, ...] = ()) -> int:
    from twin.queries.map_tiles import tile_statement

    x0, y0, _, _ = tile_of(LonLat(121.59, 37.46), z)
    x1, y1, _, _ = tile_of(LonLat(121.71, 37.27), z)
    total = 0
    for x in range(x0, x1 + 1):
        for y in range(y0, y1 + 1):
            text, values = tile_statement(TileAsked("assets", z, x, y, classes), SRID)
            head = text[: text.rindex("SELECT (SELECT ST_AsMVT")]
            total += database.fetch(head + "SELECT coalesce(sum(count), 0)::bigint FROM inside", values)[0][0]
    return total


def test_every_public_collection_has_tiles(client: TestClient, city: City) -> None:
    for collection in ("assets", "assets-0118", "buildings", "grids", "places"):
        for z in (8, 14):
            assert client.get(address(city.facts.at(0, 0), z, collection)).content, (collection, z)
    assert client.get(address(HERE, 14, "entities")).status_code == 404
    assert client.get("/collections/assets/tiles/WebMercatorQuad/3/9/1").status_code == 422


def test_what_the_public_may_no_longer_read_is_not_answered_from_memory(own: Database, at: TestClient) -> None:
    change = "UPDATE access.right SET allowed = %s WHERE (role, action, collection) = ('public', 'read', 'assets')"
    assert at.get(address(HERE, 17)).status_code == 200
    assert is_kept(at, HERE, 17)
    own.fetch(change, [False])
    wait_for(lambda: at.get(address(HERE, 17)).status_code in (401, 403, 404))
    own.fetch(change, [True])
    wait_for(lambda: at.get(address(HERE, 17)).status_code == 200)
