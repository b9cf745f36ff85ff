"""The questions benchmarks.lookup asks: drawn, seeded, around what stands in the configured city."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from benchmarks.damaged_queries import draw_damaged
from twin.cluster.server import connect
from twin.settings import Settings

CLASSES = (
    "SELECT k.code FROM twin.class k JOIN twin.asset a USING (class_id) GROUP BY k.code ORDER BY count(*) DESC, k.code"
)
AREAS = "SELECT code FROM twin.admin_unit WHERE level = 5 AND geom IS NOT NULL ORDER BY md5(code) LIMIT 500"


@dataclass(frozen=True)
class Question:
    """One request: its address, and for POST its body; what it asks, for measuring it in the database."""

    path: str
    asked: dict[str, Any]
    body: dict[str, Any] | None = None


def draw_questions(settings: Settings, count: int, seed: int) -> dict[str, list[Question]]:
    """Draw so many questions of every sort: /lookup, /nearby (any, common, rare class), /search, /summary."""
    with connect(settings, "app") as connection:
        connection.execute("SET statement_timeout = 0")
        places = [
            row
            for table, place in (("twin.building", "ST_PointOnSurface(geom)"), ("twin.asset", "ST_Centroid(geom)"))
            for row in connection.execute(_sample(table, f"ST_X({place}), ST_Y({place})")).fetchall()
        ]
        classes = [row[0] for row in connection.execute(CLASSES.encode()).fetchall()]
        areas = [row[0] for row in connection.execute(AREAS.encode()).fetchall()]
        damaged = draw_damaged(connection, count, seed)
    if not places:
        sys.exit("The database holds no building and no asset: make a sample first (twin demo, benchmarks.fill_city).")
    draw = random.Random(seed)  # noqa: S311 - a repeatable draw
    questions: dict[str, list[Question]] = {
        name: [] for name in ("/lookup", "/nearby any", "/nearby common", "/nearby rare")
    }
    questions |= {"/search": [Question("/search?" + urlencode({"q": one.text}), {"text": one.text}) for one in damaged]}
    questions["/summary"] = []
    for number in range(count):
        lon, lat = draw.choice(places)
        place = {"lon": lon + draw.gauss(0, 5e-5), "lat": lat + draw.gauss(0, 4e-5)}
        questions["/lookup"].append(Question("/lookup?" + urlencode(place), place))
        for name, some in (("any", {}), ("common", {"class": classes[0]}), ("rare", {"class": classes[-1]})):
            questions[f"/nearby {name}"].append(Question("/nearby?" + urlencode(place | some), place | some))
        asked = {"code": areas[number % len(areas)]} if areas and number % 10 else {"polygon": _polygon(draw, lon, lat)}
        if number % 5 == 0:  # they take longer
            questions["/summary"].append(Question("/summary", asked, asked))
    return questions


def _sample(table: str, columns: str) -> bytes:
    return (
        f"SELECT {columns} FROM {table} TABLESAMPLE SYSTEM (100.0 * least(1, 4000 / greatest(1, "
        f"(SELECT reltuples FROM pg_class WHERE oid = '{table}'::regclass)))) REPEATABLE (1) "
        "WHERE valid_to IS NULL LIMIT 4000"
    ).encode()


def _polygon(draw: random.Random, lon: float, lat: float) -> dict[str, Any]:
    """Draw a five-cornered area of about 0.3 to 3 km across."""
    size = draw.uniform(0.0015, 0.015)
    ring = [
        [lon + dx * size, lat + dy * size * 0.8] for dx, dy in ((-1, -1), (1, -0.9), (1.3, 0.2), (0.2, 1.1), (-1, 0.8))
    ]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def peer_questions(
    settings: Settings, count: int, seed: int
) -> tuple[dict[str, list[Question]], dict[str, list[Question]]]:
    """Draw what tipg 1.6 can answer too: one asset by its key, and the assets of a box (at most 100).

    Ours by code through /search, and the 100 nearest to the box's middle through /nearby. Returns ours, theirs.
    """
    with connect(settings, "app") as connection:
        rows = connection.execute(
            _sample("twin.asset", "asset_id, code, ST_X(ST_Centroid(geom)), ST_Y(ST_Centroid(geom))")
        )
        assets = rows.fetchall()
    draw = random.Random(seed)  # noqa: S311 - a repeatable draw
    ours: dict[str, list[Question]] = {"one asset": [], "100 in a box": []}
    theirs: dict[str, list[Question]] = {"one asset": [], "100 in a box": []}
    for _ in range(count):
        key, code, lon, lat = draw.choice(assets)
        ours["one asset"].append(Question(f"/search?q={code}&kind=asset&n=1", {}))
        theirs["one asset"].append(Question(f"/collections/twin.asset/items/{key}?f=geojson", {}))
        box = ",".join(f"{value:.6f}" for value in (lon - 0.002, lat - 0.0015, lon + 0.002, lat + 0.0015))
        ours["100 in a box"].append(Question(f"/nearby?lon={lon}&lat={lat}&n=100", {}))
        theirs["100 in a box"].append(Question(f"/collections/twin.asset/items?bbox={box}&limit=100&f=geojson", {}))
    return ours, theirs
