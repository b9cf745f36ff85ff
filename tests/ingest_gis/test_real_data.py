"""Real open data go in whole: every row taken or set aside with its reason; solids come out again as they went in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest_gis.plan_delivery import DeliveryReport, IngestOptions
from ingest_gis.run_ingest import ingest_files
from tests.databases import Database
from tests.ingest_gis.cities import city_database
from tests.ingest_gis.delivered_rows import take
from twin.actions.export_city import export_buildings
from twin.session import Actor, transaction
from twin.settings import Settings

SHARED = Path(__file__).parents[2] / "../shared/data"
HELSINKI, MODELS = SHARED / "osm_helsinki", SHARED / "cityjson"
pytestmark = [
    pytest.mark.skipif(not HELSINKI.exists() or not MODELS.exists(), reason="../shared/data is not here"),
    pytest.mark.xdist_group("real_data"),
]
# The file, how it has to be given where it does not say it itself, and its faces.
SOLIDS = {
    "delft.json": ({}, "EPSG:28992"),
    "DH_01_subs.city.json": ({"crs": "EPSG:7415"}, "EPSG:28992"),
    "rotterdam_subset.json": ({"crs": "EPSG:28992", "vertical_datum": "EPSG:5709"}, "EPSG:28992"),
    "zurich_subset_lod2.json": ({"vertical_datum": "EPSG:5728"}, "EPSG:2056"),
}


@pytest.fixture(scope="module")
def europe(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A twin of all these cities together, in metres of a system that none of them is in."""
    folder = tmp_path_factory.mktemp("europe") / "var"
    with (
        pytest.MonkeyPatch.context() as patch,
        city_database(settings, folder, working_srid=3035, vertical_datum="EPSG:5730", centre=(10.0, 52.0)) as database,
    ):
        patch.setattr("ingest_gis.anchors.FALLBACK_RADIUS_M", 3e6)
        yield database


@pytest.fixture(scope="module")
def solids(europe: Database) -> dict[str, DeliveryReport]:
    """All city models taken in: what was reported of the buildings of each file."""
    return {
        name: next(item for item in given(europe, MODELS / name, **options) if item.target == "building")
        for name, (options, _) in SOLIDS.items()
    }


def given(database: Database, *paths: Path, **options: object) -> list[DeliveryReport]:
    reports = ingest_files(database.settings, list(paths), IngestOptions(**options))  # type: ignore[arg-type]
    for report in reports:
        assert report.error is None, str(report.error)
        counts = report.counts
        assert counts.read == counts.inserted + counts.changed + counts.unchanged + counts.rejected
        assert counts.rejected == sum(report.reasons.values())
    return reports


def test_helsinki_is_not_in_muping(database: Database) -> None:
    reports = take(database, HELSINKI / "helsinki_assets.gpkg", HELSINKI / "helsinki_buildings.gpkg")
    assert {report.file: (report.counts.read, dict(report.reasons)) for report in reports} == {
        "helsinki_assets.gpkg": (983, {"outside_district": 983}),
        "helsinki_buildings.gpkg": (449, {"outside_district": 449}),
    }


def test_helsinki_goes_in_whole(europe: Database) -> None:
    files = [HELSINKI / name for name in ("helsinki_assets.gpkg", "helsinki_buildings.gpkg", "Helsinki.osm.pbf")]
    reports = {report.layer: report for report in given(europe, *files)}
    assert {layer: report.counts.read for layer, report in reports.items()} == {
        "helsinki_assets": 983, "helsinki_buildings": 449, "osm_points": 8045, "osm_lines": 3818, "osm_routes": 233,
        "osm_buildings": 494, "osm_areas": 601, "osm_relations": 232,
    }  # fmt: skip
    assert reports["helsinki_assets"].counts.rejected == reports["helsinki_buildings"].counts.rejected == 0
    assert set(reports["osm_points"].reasons) == {"class_unknown", "class_missing"}
    by_class = dict(
        europe.fetch(
            "SELECT (b.file, c.code)::text, count(*)::int FROM twin.asset a JOIN twin.class c USING (class_id) "
            "JOIN twin.batch b USING (batch_id) GROUP BY 1"
        )
    )
    assert by_class["(helsinki_assets.gpkg,0118)"] == 586
    assert by_class["(helsinki_assets.gpkg,0114)"] == 397
    # In the extract two of the 586 lamps are also something more special; covers say what flows below them.
    assert by_class["(Helsinki.osm.pbf,0118)"] == 584
    covers = {code: by_class[f"(Helsinki.osm.pbf,{code})"] for code in ("0101", "0103", "0107", "0110", "0111", "0114")}
    assert (covers["0101"], covers["0107"], covers["0110"], covers["0111"]) == (117, 15, 47, 26)
    assert sum(covers.values()) >= 397
    tags = europe.fetch("SELECT attributes -> 'tags' ->> 'highway' FROM twin.asset WHERE code = 'N25291565'")
    assert tags == [("traffic_signals",)]


@pytest.mark.parametrize("name", list(SOLIDS))
def test_solids_come_out_as_they_went_in(
    europe: Database, solids: dict[str, DeliveryReport], tmp_path: Path, name: str
) -> None:
    report, crs = solids[name], SOLIDS[name][1]
    assert report.counts.rejected == 0
    out = tmp_path / "out.city.json"
    with europe.connect("app") as connection, transaction(connection, Actor("test", "system")):
        done = export_buildings(connection, europe.settings.city, out, "cityjson", "source", report.batch)
    assert (done.count, done.left_out, done.crs) == (report.counts.inserted, 0, crs)
    delivered, returned = faces_of(MODELS / name), faces_of(out)
    assert sum(map(len, delivered.values())) >= 70
    assert delivered.keys() == returned.keys()
    for object_id, faces in delivered.items():
        assert [kind for kind, _ in returned[object_id]] == [kind for kind, _ in faces]
        for (_, before), (_, after) in zip(faces, returned[object_id], strict=True):
            assert before.shape == after.shape
            assert np.abs(before - after).max() < 0.001


def test_heights_are_kept_with_their_datum_and_evidence(europe: Database, solids: dict[str, DeliveryReport]) -> None:
    rows = europe.fetch(
        "SELECT b.lod, b.ground_h_m, b.roof_h_m, b.height_m, ST_ZMin(b.solid), ST_ZMax(b.solid), b.vertical_datum, "
        "e.kind, e.method, e.batch_id = b.batch_id FROM twin.building b "
        "JOIN twin.evidence e ON e.evidence_id = b.height_evidence_id WHERE b.solid IS NOT NULL"
    )
    assert len(rows) == sum(report.counts.inserted for report in solids.values()) == 160 + 4 + 16 + 49
    for lod, ground, roof, height, low, high, datum, kind, method, same_batch in rows:
        assert lod in ("1", "2")
        assert (ground, roof) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))
        assert height == pytest.approx(high - low, abs=2e-3)
        assert datum in ("EPSG:5709", "EPSG:5728")
        assert (kind, method, same_batch) == ("delivery", "delivered model", True)


def faces_of(path: Path) -> dict[str, list[tuple[str | None, NDArray[np.float64]]]]:
    """Read a CityJSON file the plain way: object -> what each face is and its corners, in order."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    transform = whole["transform"]
    points = np.array(whole["vertices"]) * transform["scale"] + transform["translate"]
    found: dict[str, list[tuple[str | None, NDArray[np.float64]]]] = {}
    for object_id, raw in whole["CityObjects"].items():
        if not raw["type"].startswith("Building"):
            continue
        for geometry in raw.get("geometry", []):
            surfaces = geometry.get("semantics", {}).get("surfaces")
            values = _flat(geometry["semantics"]["values"]) if surfaces else []
            faces = _faces(geometry["boundaries"])
            kinds = [None if value is None else surfaces[value]["type"] for value in values] or [None] * len(faces)
            rings = [np.vstack([points[ring] for ring in face]) for face in faces]
            found.setdefault(object_id, []).extend(zip(kinds, rings, strict=True))
    return found


def _faces(boundaries: Any) -> list[list[list[int]]]:
    """Give the faces of boundaries nested to any depth: a face is a list of rings, a ring a list of numbers."""
    if isinstance(boundaries[0][0], int):
        return [boundaries]
    return [face for part in boundaries for face in _faces(part)]


def _flat(values: Any) -> list[Any]:
    return [item for value in values for item in (_flat(value) if isinstance(value, list) else [value])]
