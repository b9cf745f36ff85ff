"""A processed survey goes into the twin whole, once, and can be replaced or withdrawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from photogrammetry.frame import LocalFrame
from photogrammetry.publish import publish
from tests.databases import Database
from twin.actions.publish_survey import withdraw_survey
from twin.errors import BadInput
from twin.session import Actor, transaction

INGEST = Actor(name="test", role="ingest", purpose="publish")
FRAME = LocalFrame(121.6, 37.387, 24.0, "EPSG:4550", "EPSG:5737")


def building(code: str, east: float, roof_h_m: float = 36.0, source: str = "given") -> dict[str, Any]:
    corners = FRAME.enu_to_crs(np.array([[east, 0, 0], [east + 10, 0, 0], [east + 10, 8, 0], [east, 8, 0]]))[:, :2]
    ring = [*corners.tolist(), corners[0].tolist()]
    outline = {"type": "Polygon", "coordinates": [ring]}
    return {
        "code": code,
        "name": f"{code}号楼",
        "source": source,
        "footprint": outline,
        "ground_h_m": 24.0,
        "roof_h_m": roof_h_m,
        "height_m": roof_h_m - 24.0,
        "sigma_m": 0.1,
        "confidence": "high",
        "note_zh": "",
        "note_en": "",
        "lod": "1.3",
        "blocks": [{"polygon": outline, "roof_h_m": roof_h_m}],
        "points": 900,
    }


def workspace(data_dir: Path, buildings: list[dict[str, Any]], name: str = "spring") -> Path:
    folder = data_dir / "surveys" / name
    for part in ("stages/georeference", "stages/check", "products", "report"):
        (folder / part).mkdir(parents=True, exist_ok=True)

    def write(path: str, content: Any) -> None:
        (folder / path).write_text(json.dumps(content), encoding="utf-8")

    write("survey.json", {"name": name, "kind": "drone", "crs": "EPSG:4550", "vertical_datum": "EPSG:5737"})
    FRAME.save(folder / "stages/georeference/frame.json")
    photo = {"sha256": "0" * 64, "width": 2000, "height": 1500, "taken_at_utc": "2026-05-01T02:00:00+00:00"}
    good, bad = {**photo, "file": "a.jpg", "reason_code": None}, {**photo, "file": "b.jpg", "reason_code": "blurred"}
    write("stages/check/photos.json", [good, bad])
    camera = {
        "file": "a.jpg",
        "width": 2000,
        "height": 1500,
        "registered": True,
        "camera": {"model": "OPENCV", "params": [1400, 1400, 1000, 750, 0, 0, 0, 0]},
        "rotation": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
        "centre": [0, 0, 100],
    }
    write("stages/georeference/cameras.json", [camera])
    write("report/report.json", {"gsd_m": 0.07, "height_from": "control"})
    write("products/buildings.json", {"crs": "EPSG:4550", "vertical_datum": "EPSG:5737", "buildings": buildings})
    grid = {"driver": "GTiff", "width": 4, "height": 4, "count": 1, "dtype": "float32", "crs": "EPSG:4550"}
    with rasterio.open(folder / "products/dsm.tif", "w", **grid, transform=from_origin(376000, 4140600, 0.2, 0.2)) as r:
        r.write(np.full((1, 4, 4), 30.0, dtype=np.float32))
    return folder


def put(database: Database, folder: Path) -> Any:
    with database.connect("ingest") as connection:
        return publish(folder, database.settings, connection, INGEST)


def counts(database: Database) -> dict[str, int]:
    tables = ("survey", "photo", "product", "building", "evidence")
    return {table: database.fetch(f"SELECT count(*) FROM twin.{table}")[0][0] for table in tables}


def test_photos_products_and_buildings_arrive_with_evidence(database: Database) -> None:
    put(database, workspace(database.settings.data_dir, [building("A1", 0), building("A2", 20)]))
    row = database.fetch(
        """SELECT b.height_m, b.vertical_datum, e.kind, e.sigma_m, s.name, ST_Area(b.geom_m)
           FROM twin.building b JOIN twin.evidence e ON e.evidence_id = b.height_evidence_id
           JOIN twin.survey s ON s.survey_id = b.survey_id WHERE b.code = 'A1'"""
    )[0]
    assert row[:2] == (12.0, "EPSG:5737")
    assert row[2] == "survey"
    assert row[4] == "spring"
    # 80 m2 on the ground, 0.0189 % larger on the plane of the central meridian 123E.
    assert row[5] == pytest.approx(80.03, abs=0.05)
    photos = database.fetch(
        "SELECT file, registered, rejected_reason, ST_Z(position), coverage IS NOT NULL FROM twin.photo ORDER BY file"
    )
    assert photos[0][:3] == ("a.jpg", True, None)
    assert photos[0][3] == pytest.approx(124.0, abs=0.01)
    assert photos[0][4]
    assert photos[1][:3] == ("b.jpg", False, "blurred")
    assert database.fetch("SELECT frame->>'heights_from' FROM twin.survey") == [("control",)]


def test_a_solid_is_closed_and_faces_outwards(database: Database) -> None:
    put(database, workspace(database.settings.data_dir, [building("A1", 0)]))
    closed, faces = database.fetch("SELECT ST_IsClosed(solid), ST_NumGeometries(solid) FROM twin.building")[0]
    assert closed
    assert faces == 6


def test_publishing_again_changes_nothing_and_other_products_replace(database: Database) -> None:
    folder = workspace(database.settings.data_dir, [building("A1", 0), building("F1", 20, source="found")])
    first = put(database, folder)
    before = counts(database)
    again = put(database, folder)
    assert again.unchanged
    assert again.survey_id == first.survey_id
    assert counts(database) == before
    workspace(database.settings.data_dir, [building("A1", 0, roof_h_m=37.0)])
    third = put(database, folder)
    assert not third.unchanged
    assert third.buildings_ended == 1
    assert database.fetch("SELECT height_m FROM twin.building WHERE code = 'A1'") == [(13.0,)]
    assert database.fetch("SELECT count(*) FROM twin.building WHERE valid_to IS NULL") == [(1,)]
    assert counts(database)["survey"] == 1
    old = database.fetch("SELECT old_row->>'height_m' FROM history.version WHERE table_name LIKE '%building'")
    assert ("12",) in old or ("12.0",) in old


def test_a_height_a_person_confirmed_is_kept(database: Database) -> None:
    folder = workspace(database.settings.data_dir, [building("A1", 0)])
    put(database, folder)
    database.fetch(
        """UPDATE twin.evidence SET confirmed_by = 'surveyor', confirmed_at = now()
           WHERE evidence_id = (SELECT height_evidence_id FROM twin.building WHERE code = 'A1')"""
    )
    workspace(database.settings.data_dir, [building("A1", 0, roof_h_m=50.0)])
    put(database, folder)
    assert database.fetch("SELECT height_m FROM twin.building WHERE code = 'A1'") == [(12.0,)]


def test_withdrawing_forgets_what_only_this_survey_knew(database: Database) -> None:
    put(database, workspace(database.settings.data_dir, [building("A1", 0)]))
    with database.connect("ingest") as connection, transaction(connection, INGEST) as cursor:
        assert withdraw_survey(cursor, "spring")
        assert not withdraw_survey(cursor, "spring")
    assert database.fetch("SELECT height_m, survey_id, valid_to IS NULL FROM twin.building") == [(None, None, False)]
    assert counts(database)["photo"] == 0


def test_an_undeclared_height_is_refused(database: Database) -> None:
    folder = workspace(database.settings.data_dir, [building("A1", 0)])
    (folder / "survey.json").write_text(json.dumps({"name": "spring", "kind": "drone", "crs": "EPSG:4550"}))
    with pytest.raises(BadInput, match="vertical datum"):
        put(database, folder)
    assert counts(database)["survey"] == 0


def test_a_run_that_is_not_finished_is_named(database: Database) -> None:
    folder = workspace(database.settings.data_dir, [building("A1", 0)])
    (folder / "report/report.json").unlink()
    with pytest.raises(BadInput, match="not been processed to the end"):
        put(database, folder)
    assert counts(database)["survey"] == 0
