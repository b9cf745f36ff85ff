"""City models: faces, parts and surfaces in every form they come in, into the twin and out again by the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from typer.testing import CliRunner

from ingest_gis.rollback import roll_back
from tests.databases import Database
from tests.ingest_gis.city_model_files import (
    EAST,
    FACES,
    NORTH,
    places,
    write_city_gml,
    write_city_json,
    write_sequence,
)
from tests.ingest_gis.delivered_rows import take
from tests.ingest_gis.read_here import read_here
from twin.cli.groups import commands
from twin.errors import BadInput, UnreadableDelivery
from twin.solids import UnreadableSolid, polyhedron, read_wkb


def read_rows(path: Path, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Give what the reader says and its rows."""
    info, columns = read_here(path, **options)
    return info, [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@pytest.mark.parametrize("form", ["1.0", "1.1", "2.0", "sequence", "gml"])
def test_a_house_with_an_annex_is_one_row_whatever_it_comes_as(tmp_path: Path, form: str) -> None:
    if form == "sequence":
        path = write_sequence(tmp_path / "house.city.jsonl")
    elif form == "gml":
        path = write_city_gml(tmp_path / "house.gml")
    else:
        path = write_city_json(tmp_path / "house.json", form)
    info, (row,) = read_rows(path)
    assert info["crs"] == ("EPSG:4550" if form == "1.0" else "EPSG:4550+5737")
    assert (row["object_id"], row["object_type"], row["name"], row["function"]) == (
        "house",
        "Building",
        "𠮷祥楼",
        "住宅",
    )
    assert row["storeysAboveGround"] == "2"
    outline = shapely.from_wkb(row["_wkb"])
    assert outline.area == pytest.approx(10 * 8 + 3 * 3)
    solid = read_wkb(bytes.fromhex(row["_solid"]))
    assert len(solid.faces) == len(FACES) + 6
    assert solid.faces[3][0] == pytest.approx(places()[FACES[3][1]])
    model = json.loads(row["_model"])["parts"]
    assert [part["id"] for part in model] == ["house", "annex"]
    kinds = [model[0]["surfaces"][value]["type"] for value in model[0]["values"]]
    assert kinds == [kind for kind, _ in FACES]
    assert (row["_ground_z"], row["_roof_z"]) == ("12.0", "19.0")


def test_of_several_levels_the_finest_is_taken_and_the_others_are_named(tmp_path: Path) -> None:
    _, (row,) = read_rows(write_city_json(tmp_path / "house.json"))
    assert (row["_lod"], row["_lods_left_out"]) == ("2", "0")


def test_a_template_stands_where_it_is_put(tmp_path: Path) -> None:
    path = write_city_json(tmp_path / "post.json")
    whole = json.loads(path.read_text())
    turned = [0, -1, 0, 5, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    whole["geometry-templates"] = {
        "templates": [{"type": "MultiSurface", "lod": "2", "boundaries": [[[0, 1, 2]]]}],
        "vertices-templates": [[0, 0, 0], [1, 0, 0], [0, 2, 0]],
    }
    whole["CityObjects"]["post"] = {
        "type": "CityFurniture",
        "geometry": [{"type": "GeometryInstance", "template": 0, "boundaries": [0], "transformationMatrix": turned}],
    }
    path.write_text(json.dumps(whole))
    info, (row,) = read_rows(path, layer="CityFurniture")
    assert info["layers"] == ["Building", "CityFurniture"]
    corners = read_wkb(bytes.fromhex(row["_solid"])).corners()
    assert corners == pytest.approx(np.add([[5, 0, 12], [5, 1, 12], [3, 0, 12]], (EAST, NORTH, 0)))


@pytest.mark.parametrize(
    "changes",
    [
        {"vertices": [[0, 0, 0]]}, {"version": "3.0"}, {"vertices": "none"}, {"transform": {"scale": [1]}},
        {"CityObjects": {"a": {"type": "Building", "children": ["a"]}}}, {"CityObjects": []},
    ],
)  # fmt: skip
def test_a_model_that_is_not_to_the_standard_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableDelivery):
        read_rows(write_city_json(tmp_path / "house.json", **changes))


def test_an_xml_bomb_is_refused(tmp_path: Path) -> None:
    path = write_city_gml(tmp_path / "bomb.gml")
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    head, _, rest = path.read_text().partition("?>")
    rest = rest.replace("𠮷祥楼", "&a11;")
    path.write_text(f'{head}?><!DOCTYPE core:CityModel [<!ENTITY a0 "ha">{entities}]>{rest}')
    with pytest.raises(UnreadableDelivery):
        read_rows(path)


def test_wkb_that_is_no_solid_is_told_apart() -> None:
    ring = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    good = polyhedron([[ring]]).as_wkb()
    assert read_wkb(good).faces[0][0] == pytest.approx(ring)
    for bad in (b"", good[:-1], good + b"x", shapely.to_wkb(shapely.Point(1, 2)), good.replace(ring[1].tobytes(), b"")):
        with pytest.raises(UnreadableSolid):
            read_wkb(bad)
    with pytest.raises(UnreadableSolid):
        polyhedron([[ring[:2]]])


def run(database: Database, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setenv("TWIN_DATABASE_URL", str(database.settings.database_url))
    result = CliRunner().invoke(commands(), ["export", *words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_a_house_comes_out_as_it_went_in(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="nothing to export"):
        run(database, monkeypatch, "buildings", str(tmp_path / "none.gpkg"))
    (report,) = take(database, write_city_json(tmp_path / "house.json"))
    assert report.notes["lods_left_out"] == 1
    out = tmp_path / "out.city.json"
    assert "1 (written)" in run(database, monkeypatch, "buildings", str(out), "--crs", "source", "--format", "cityjson")
    before, after = (read_rows(path)[1][0] for path in (tmp_path / "house.json", out))
    assert read_wkb(bytes.fromhex(after["_solid"])).corners() == pytest.approx(
        read_wkb(bytes.fromhex(before["_solid"])).corners(), abs=1e-6
    )
    parts = [json.loads(row["_model"])["parts"] for row in (before, after)]
    for was, now in zip(*parts, strict=True):
        assert now["attributes"] == was["attributes"] | ({"twin_code": "HOUSE"} if was["id"] == "house" else {})
        assert {name: now[name] for name in now if name != "attributes"} == {
            name: was[name] for name in was if name != "attributes"
        }
    assert read_rows(out)[0]["crs"] == "EPSG:4550+5737"

    run(database, monkeypatch, "buildings", str(tmp_path / "out.gpkg"))
    table = pyogrio.read_dataframe(tmp_path / "out.gpkg")
    assert table.crs.to_epsg() == 4550
    assert (table.height_m[0], table.ground_h_m[0], table.vertical_datum[0]) == (7.0, 12.0, "EPSG:5737")
    run(database, monkeypatch, "buildings", str(tmp_path / "out.geojson"))
    assert 121 < pyogrio.read_dataframe(tmp_path / "out.geojson").total_bounds[0] < 122
    audited = database.fetch("SELECT detail ->> 'format' FROM audit.log WHERE action = 'export' ORDER BY 1")
    assert audited == [("cityjson",), ("geojson",), ("gpkg",)]

    (again,) = take(database, tmp_path / "house.json")
    assert again.counts.unchanged == 1

    # A changed model, taken back: the faces and how they hang together are again what they were.
    whole = json.loads((tmp_path / "house.json").read_text())
    whole["vertices"][8][2] += 1500
    del whole["CityObjects"]["house"]["geometry"][1]["semantics"]
    (tmp_path / "higher.json").write_text(json.dumps(whole))
    (changed,) = take(database, tmp_path / "higher.json")
    assert (changed.counts.changed, standing(database)) == (1, [(20.5, 0, 1)])
    assert roll_back(database.settings, int(changed.batch or 0), "test").restored == 1
    assert standing(database) == [(19.0, len(FACES), 1)]
    assert roll_back(database.settings, int(report.batch or 0), "test").removed == 1
    assert standing(database) == []


def standing(database: Database) -> list[tuple[Any, ...]]:
    """Give each building's roof, how many faces say what they are, and how many models there are."""
    return database.fetch(
        "SELECT b.roof_h_m, jsonb_array_length(m.model #> '{parts,0,values}'), count(*) OVER () "
        "FROM twin.building b JOIN twin.building_model m USING (building_id) WHERE b.valid_to IS NULL"
    )
