"""Tilesets: 3D Tiles 1.1 that hold what they say, where they say, with the codes of the buildings."""

from __future__ import annotations

import json
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely import affinity
from shapely.geometry import MultiPolygon, Polygon, box, mapping, shape

from photogrammetry.frame import LocalFrame
from photogrammetry.products import tiles3d
from photogrammetry.products.gltf import Material, Part, write_glb
from tests.photogrammetry.products.glb import Glb

FRAME = LocalFrame(121.6, 37.387, 24.0, "EPSG:4550", "EPSG:5737")
EAST, NORTH, _ = FRAME.enu_to_crs(np.zeros((1, 3)))[0]
TOOLS = SimpleNamespace(step=lambda *words: None)
TO_LONLAT = Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
TO_CRS = Transformer.from_crs("EPSG:4490", "EPSG:4550", always_xy=True)


def building(code, footprint, *, ground=24.0, blocks=None, confidence="high"):
    footprint = affinity.translate(footprint, EAST, NORTH)
    blocks = blocks or [(footprint, ground + 12.0)]
    return {
        "code": code, "name": f"{code}号楼", "source": "given", "footprint": mapping(footprint), "ground_h_m": ground,
        "roof_h_m": ground + 12.0, "eave_h_m": 35.0, "ridge_h_m": 36.0, "height_m": 12.0, "sigma_m": 0.1,
        "confidence": confidence, "note_zh": None, "note_en": None, "lod": "1.3", "points": 500,
        "blocks": [{"polygon": mapping(polygon), "roof_h_m": roof} for polygon, roof in blocks],
    }  # fmt: skip


YARD = Polygon([(100, 0), (130, 0), (130, 30), (100, 30)], [[(110, 10), (120, 10), (120, 20), (110, 20)]])
BUILDINGS = [
    building("JZ-001", box(0, 0, 12, 8)),
    building("JZ-002", affinity.rotate(box(-40, -20, -10, -8), 33), ground=19.5, confidence="low"),
    building("JZ-003", YARD),
    building("JZ-004", MultiPolygon([box(-300, 0, -290, 10), box(-280, 0, -270, 10)])),
    building("JZ-005", box(600, 500, 640, 520)),
]


def mesh_stage(folder, levels=3):
    """Write tiles of a mesh as the mesh stage does: 2x2 tiles become one, levels times."""
    rng = np.random.default_rng(1)
    tiles = []
    for level in range(levels):
        (folder / str(level)).mkdir(parents=True)
        side = 2 ** (levels - 1 - level)
        for col in range(side):
            for row in range(side):
                if (level, col, row) == (0, 0, 0):
                    continue  # an empty corner of the survey
                enu = rng.uniform(0, 1, (30, 3)) * [320 / side, 320 / side, 9] + [col * 320 / side, row * 320 / side, 0]
                file = f"{level}/{col}_{row}.glb"
                (folder / file).write_bytes(write_glb([Part(enu, rng.integers(0, 30, (20, 3)))], [Material()]))
                low, high = np.floor(enu.min(0) * 1000) / 1000, np.ceil(enu.max(0) * 1000) / 1000
                tiles.append({
                    "file": file, "enu_low": low.tolist(), "enu_high": high.tolist(), "error_m": 0.1 * 2**level,
                })  # fmt: skip
    (folder / "mesh.json").write_text(json.dumps({"tiles": tiles}))


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    """The output of the stage for a toy mesh and toy buildings."""
    root = tmp_path_factory.mktemp("tiles")
    inputs = {name: root / name for name in ("georeference", "mesh", "buildings")}
    for path in (*inputs.values(), root / "out"):
        path.mkdir()
    FRAME.save(inputs["georeference"] / "frame.json")
    mesh_stage(inputs["mesh"])
    content = {"buildings": BUILDINGS, "crs": FRAME.crs, "vertical_datum": FRAME.vertical_datum}
    (inputs["buildings"] / "buildings.json").write_text(json.dumps(content))
    tiles3d.run(inputs, root / "out", tiles3d.TilesSettings(survey="toy"), TOOLS)
    return root / "out"


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def inside_box(points, numbers, slack=1e-4):
    """Tell whether all points (N, 3) lie in a 3D Tiles box of 12 numbers."""
    axes = np.array(numbers[3:]).reshape(3, 3)
    lengths = np.linalg.norm(axes, axis=1)
    local = (points - numbers[:3]) @ (axes / lengths[:, None]).T
    return bool((np.abs(local) <= lengths + slack).all())


def corners(numbers):
    axes = np.array(numbers[3:]).reshape(3, 3)
    signs = np.stack(np.meshgrid(*[(-1, 1)] * 3), axis=-1).reshape(-1, 3)
    return np.array(numbers[:3]) + signs @ axes


def check_tileset(path):
    """Walk a tileset as a viewer does and check all that 3D Tiles 1.1 asks; give every GLB with its transform."""
    found = []
    top = read(path)
    assert top["asset"]["version"] == "1.1"
    assert top["geometricError"] >= top["root"]["geometricError"]
    assert top["root"]["refine"] in ("ADD", "REPLACE")
    _walk(path, top["root"], np.eye(4), found)
    return found


def _walk(path, node, matrix, found):
    matrix = matrix @ np.array(node.get("transform", np.eye(4).T.ravel())).reshape(4, 4).T
    assert set(node) <= {
        "boundingVolume", "geometricError", "refine", "content", "children", "transform",
    }, "no property 3D Tiles does not know"  # fmt: skip
    volume = node["boundingVolume"]
    if "content" in node:
        target = path.parent / node["content"]["uri"]
        assert target.exists(), node["content"]["uri"]
        if target.suffix == ".json":
            assert "children" not in node, "a tile with an external tileset is a leaf"
            inner = read(target)["root"]
            check_tileset(target)
            _walk(target, inner, matrix, found)
            assert_contains(volume, corners(inner["boundingVolume"]["box"]), matrix @ _own(inner))
            assert node["geometricError"] >= inner["geometricError"]
        else:
            glb = Glb(target.read_bytes())
            assert_contains(volume, glb.enu(), matrix)
            found.append((target, glb, matrix))
    for child in node.get("children", []):
        assert child["geometricError"] <= node["geometricError"]
        if "box" in child["boundingVolume"]:
            assert_contains(volume, corners(child["boundingVolume"]["box"]), matrix @ _own(child), slack=2e-3)
        _walk(path, child, matrix, found)
    if not node.get("children") and "content" in node and not node["content"]["uri"].endswith(".json"):
        assert node["geometricError"] == 0, "a leaf has nothing finer"


def _own(node):
    return np.array(node.get("transform", np.eye(4).T.ravel())).reshape(4, 4).T


def assert_contains(volume, points, matrix, slack=1e-3):
    if "box" in volume:
        assert inside_box(points, volume["box"], slack)
        return
    west, south, east, north, low, high = volume["region"]
    lonlath = geographic(points, matrix)
    lon, lat = np.radians(lonlath[:, :2]).T
    spare = slack / 6.4e6
    assert (lon >= west - spare).all()
    assert (lon <= east + spare).all()
    assert (lat >= south - spare).all()
    assert (lat <= north + spare).all()
    assert (lonlath[:, 2] >= low - slack).all()
    assert (lonlath[:, 2] <= high + slack).all()


def geographic(points, matrix):
    ecef = points @ matrix[:3, :3].T + matrix[:3, 3]
    return np.column_stack(TO_LONLAT.transform(*ecef.T))


def test_every_tile_lies_in_its_volumes_and_is_reached(tiles):
    found = check_tileset(tiles / "tileset.json")
    reached = {path.relative_to(tiles).as_posix() for path, _, _ in found}
    assert reached == {path.relative_to(tiles).as_posix() for path in tiles.rglob("*.glb")}
    assert len([name for name in reached if name.startswith("mesh/")]) == 1 + 4 + 15
    assert len([name for name in reached if name.startswith("buildings/")]) >= 3
    for name in ("tileset.json", "mesh/tileset.json", "buildings/tileset.json"):
        assert read(tiles / name)["asset"]["extras"] == {
            "survey": "toy", "crs": "EPSG:4550", "vertical_datum": "EPSG:5737",
        }  # fmt: skip


def test_finer_tiles_replace_coarser_ones(tiles):
    root = read(tiles / "mesh" / "tileset.json")["root"]
    assert root["refine"] == "REPLACE"
    assert [round(root["geometricError"], 6), *{c["geometricError"] for c in root["children"]}] == [0.4, 0.2]
    assert sum(len(child.get("children", [])) for child in root["children"]) == 15


def on_the_map(glb, matrix):
    """Give positions as easting, northing (EPSG:4550) and height, through the transform alone."""
    lonlath = geographic(glb.enu(), matrix)
    return np.column_stack([*TO_CRS.transform(lonlath[:, 0], lonlath[:, 1]), lonlath[:, 2]])


def test_buildings_stand_on_the_map_to_a_millimetre_grid_scale_included(tiles):
    by_code = {each["code"]: each for each in BUILDINGS}
    seen = Counter()
    for path, glb, matrix in check_tileset(tiles / "tileset.json"):
        if "buildings" not in path.parts:
            continue
        codes = glb.texts("code")
        placed = on_the_map(glb, matrix)
        start = 0
        for attributes, _, _ in glb.primitives():
            rows = attributes["_FEATURE_ID_0"].astype(int)
            for row, code in enumerate(codes):
                mine = placed[start : start + len(rows)][rows == row]
                known = by_code[code]
                outline = shape(known["footprint"])
                seen[code] += 1
                west, south, east, north = outline.bounds
                # Positions are float32 metres from the middle of the survey: a tenth of a millimetre at a kilometre.
                assert np.allclose([mine[:, 0].min(), mine[:, 1].min()], [west, south], atol=2e-3)
                assert np.allclose([mine[:, 0].max(), mine[:, 1].max()], [east, north], atol=2e-3)
                assert mine[:, 2].max() == pytest.approx(known["roof_h_m"], abs=2e-3)
                assert mine[:, 2].min() == pytest.approx(known["ground_h_m"] - 0.5, abs=2e-3)
            start += len(rows)
    assert dict(seen) == dict.fromkeys(by_code, 1)


def test_properties_of_buildings_are_their_own(tiles):
    by_code = {each["code"]: each for each in BUILDINGS}
    for path in sorted((tiles / "buildings").glob("*.glb")):
        glb = Glb(path.read_bytes())
        for row, code in enumerate(glb.texts("code")):
            known = by_code[code]
            for name in ("name", "confidence", "source", "lod"):
                assert glb.texts(name)[row] == known[name]
            for name in ("height_m", "ground_h_m", "roof_h_m", "sigma_m"):
                assert glb.numbers(name)[row] == pytest.approx(known[name], rel=1e-6)


def test_walls_and_roofs_face_outwards_and_enclose_the_buildings_volume(tiles):
    volume = Counter()
    for path in sorted((tiles / "buildings").glob("*.glb")):
        glb = Glb(path.read_bytes())
        enu, codes = glb.enu(), glb.texts("code")
        for attributes, indices, _ in glb.primitives():
            triangles = indices.reshape(-1, 3)
            a, b, c = (enu[triangles[:, k]] for k in range(3))
            normal = np.cross(b - a, c - a)
            told = attributes["NORMAL"][triangles[:, 0]]
            told = np.column_stack([told[:, 0], -told[:, 2], told[:, 1]])
            # The grid's north is not the frame's: normals are off by the convergence, under a degree here.
            assert ((normal * told).sum(axis=1) / np.linalg.norm(normal, axis=1) > 0.999).all()
            upwards = normal[:, 2] / 2
            for row, code in enumerate(codes):
                mine = attributes["_FEATURE_ID_0"][triangles[:, 0]] == row
                volume[code] += float(upwards[mine].sum())
    for each in BUILDINGS:
        assert volume[each["code"]] == pytest.approx(shape(each["footprint"]).area, rel=1e-3), "the roof covers it"


def test_the_transform_is_a_motion_and_puts_the_origin_in_its_place(tiles):
    matrix = _own(read(tiles / "mesh" / "tileset.json")["root"])
    assert np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-12)
    assert matrix[3].tolist() == [0, 0, 0, 1]
    assert np.allclose(geographic(np.zeros((1, 3)), matrix), [[121.6, 37.387, 24.0]], atol=1e-8)


def test_without_buildings_or_mesh_a_tileset_is_still_valid(tmp_path):
    inputs = {name: tmp_path / name for name in ("georeference", "mesh", "buildings")}
    for path in (*inputs.values(), tmp_path / "out"):
        path.mkdir()
    FRAME.save(inputs["georeference"] / "frame.json")
    (inputs["mesh"] / "mesh.json").write_text('{"tiles": []}')
    (inputs["buildings"] / "buildings.json").write_text('{"buildings": []}')
    tiles3d.run(inputs, tmp_path / "out", tiles3d.TilesSettings(survey="toy"), TOOLS)
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["tileset.json"]
    assert check_tileset(tmp_path / "out" / "tileset.json") == []
    # 3D Tiles allows no empty list of children.
    assert "children" not in read(tmp_path / "out" / "tileset.json")["root"]


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_region_holds_all_of_its_box(data):
    centre = np.array(data.draw(st.tuples(*[st.floats(-4000, 4000)] * 2, st.floats(-50, 300))))
    half = np.array(data.draw(st.tuples(*[st.floats(1, 4000)] * 2, st.floats(1, 100))))
    share = np.array(data.draw(st.lists(st.tuples(*[st.floats(-1, 1)] * 3), min_size=1, max_size=20)))
    low, high = centre - half, centre + half
    region = tiles3d.region_of((low.tolist(), high.tolist()), FRAME)
    steps = np.stack(np.meshgrid(*[np.linspace(-1, 1, 9)] * 3), axis=-1).reshape(-1, 3)
    points = np.concatenate([centre + share * half, centre + steps * half, np.clip(0, low, high)[None]])
    assert_contains({"region": region}, points, FRAME.ecef_from_enu, slack=1e-6)


def test_the_tiles_of_the_tiny_survey(unbroken):
    root = unbroken.workspace / "products" / "3dtiles"
    found = check_tileset(root / "tileset.json")
    assert {path for path, _, _ in found} == set(root.rglob("*.glb"))
    made = read(unbroken.workspace / "products" / "buildings.json")["buildings"]
    codes = [code for path, glb, _ in found if "buildings" in path.parts for code in glb.texts("code")]
    assert sorted(codes) == sorted(each["code"] for each in made)
    by_code = {each["code"]: shape(each["footprint"]) for each in made}
    for path, glb, matrix in found:
        if "buildings" in path.parts:
            placed = on_the_map(glb, matrix)
            bounds = np.array([by_code[code].bounds for code in glb.texts("code")])
            # Slivers that a cut leaves are dropped from the blocks: up to a few centimetres.
            assert np.allclose(placed.min(axis=0)[:2], bounds[:, :2].min(axis=0), atol=0.05)
            assert np.allclose(placed.max(axis=0)[:2], bounds[:, 2:].max(axis=0), atol=0.05)
