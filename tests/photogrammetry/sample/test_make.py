"""`twin sample make`: what it writes, that it repeats itself, and what it refuses."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from photogrammetry.sample.camera import Pose, look, make_camera
from photogrammetry.sample.make import UNFINISHED, make_sample
from photogrammetry.sample.quarter import lay_out_quarter
from photogrammetry.sample.render import Renderer
from photogrammetry.sample.scales import read_scale
from photogrammetry.sample.scene import make_scene
from photogrammetry.sample.texture_pages import Baker
from tests.photogrammetry.conftest import SEED, make_by_command
from twin.errors import BadInput

CONTENTS = {
    ".": {"photos", "gcp.csv", "footprints.gpkg", "deliveries", "truth", "sample.json"},
    "deliveries": {
        "01_cadastre.shp", "01_cadastre.shx", "01_cadastre.dbf", "01_cadastre.prj", "02_addresses.gpkg",
        "03_assets.csv", "04_lamps_gcj02.csv", "05_repairs.xlsx", "06_enterprises.csv", "07_households.csv",
        "08_places.gpkg",
    },
    "truth": {
        "truth.json", "frame.json", "cameras.json", "buildings.gpkg", "dsm.tif", "dtm.tif", "ortho.tif", "classes.tif",
        "links.csv", "faults.csv",
    },
}  # fmt: skip


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_folder_holds_what_the_contract_says_and_nothing_else(tiny_sample: Path):
    for folder, names in CONTENTS.items():
        assert {path.name for path in (tiny_sample / folder).iterdir()} == names
    description = json.loads((tiny_sample / "sample.json").read_text(encoding="utf-8"))
    assert (description["seed"], description["scale"]) == (SEED, "tiny")
    assert (description["crs"], description["vertical_datum"]) == ("EPSG:4550", "EPSG:5737")
    assert description["survey"]["gps_sigma_m"] == {"east": 1.5, "north": 1.5, "up": 3.0}


def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_workers(tiny_sample: Path, tmp_path: Path):
    steps: list[float] = []
    make_sample(
        tmp_path / "again", SEED, "tiny", workers=2, progress=lambda done, total, text: steps.append(done / total)
    )
    assert hashes(tmp_path / "again") == hashes(tiny_sample)
    assert steps == sorted(steps)
    assert steps[-1] == pytest.approx(1.0)


def test_another_seed_gives_another_quarter():
    one, two = (lay_out_quarter(seed, read_scale("tiny")) for seed in (1, 2))
    assert not (make_scene(one).vertices[:100] == make_scene(two).vertices[:100]).all()


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("keep")
    made = make_by_command(tmp_path, "--scale", "tiny")
    assert made.returncode == 1
    assert "not empty" in made.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_unknown_scale_is_refused_with_the_ones_there_are(tmp_path: Path):
    with pytest.raises(BadInput, match="small"):
        make_sample(tmp_path / "new", 1, "huge")
    assert not (tmp_path / "new").exists()


def test_a_broken_off_run_leaves_no_sample_and_is_begun_again(tmp_path: Path):
    folder = tmp_path / "sample"

    def stop(done: float, total: float, text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_sample(folder, 5, "tiny", workers=1, progress=stop)
    assert not (folder / "sample.json").exists()
    assert (folder / UNFINISHED).exists()
    with pytest.raises(KeyboardInterrupt):  # not refused as "not empty": begun again
        make_sample(folder, 5, "tiny", workers=1, progress=stop)


def test_the_small_scale_is_a_quarter_of_the_size_asked_for():
    scale = read_scale("small")
    quarter = lay_out_quarter(1, scale)
    assert 60 <= len(quarter.buildings) <= 150
    kinds = {building.kind for building in quarter.buildings}
    assert kinds >= {"flat", "gable", "hip", "lshape", "row", "tower", "podium"}
    assert scale.lines * scale.photos_a_line + scale.obliques + 5 <= 40
    assert (scale.photo_width, scale.photo_height) == (2000, 1500)


@pytest.mark.parametrize("seed", range(6))
def test_buildings_of_any_seed_stand_apart_and_inside_their_block(seed: int):
    import shapely
    from shapely.geometry import Polygon

    quarter = lay_out_quarter(seed, read_scale("small"))
    outlines = [Polygon(building.outline) for building in quarter.buildings]
    tree = shapely.STRtree(outlines)
    for index, outline in enumerate(outlines):
        assert outline.is_valid
        assert Polygon(quarter.blocks[quarter.buildings[index].block].outline).contains(outline)
        for other in tree.query(outline):
            assert other == index or outline.intersection(outlines[other]).area < 1e-3
    codes = [building.code for building in quarter.buildings]
    assert len(set(codes)) == len(codes)
    assert all(len(code) == 16 and code.isdigit() for code in codes)


def test_the_town_is_of_a_towns_size():
    scale = read_scale("town")
    quarter = lay_out_quarter(1, scale)
    assert 1200 <= len(quarter.buildings) <= 1800
    assert 200 <= scale.lines * scale.photos_a_line + scale.obliques <= 600
    names = [(block.kind, block.name) for block in quarter.blocks if block.kind in ("village", "compound")]
    assert len(set(names)) == len(names)


def test_a_slice_of_the_town_is_rendered_by_the_same_code(tmp_path: Path):
    """One coarse photo over the town's middle: every street, the buildings and trees around the middle."""
    scale = replace(read_scale("town"), photo_width=240, photo_height=180, gsd_m=1.6)
    quarter = lay_out_quarter(4, scale)
    quarter.buildings = [b for b in quarter.buildings if np.hypot(*b.outline.mean(axis=0)) < 110]
    quarter.trees = [tree for tree in quarter.trees if np.hypot(*tree[:2]) < 110]
    assert len(quarter.buildings) > 30
    scene = make_scene(quarter)
    baker = Baker(scene, tmp_path)
    for page in range(scene.patches.pages):
        baker.bake_patches(page)
    for tile in range(baker.fine.cols * baker.fine.rows + baker.far.cols * baker.far.rows):
        baker.bake_tile(tile)
    pose = Pose(look(0.0, 0.0, 0.0), np.array([0.0, 0.0, scale.flying_height_m]))
    picture = Renderer(scene, make_camera(4, scale), tmp_path).render(pose, 0)
    assert picture.shape == (180, 240, 3)
    assert 0.05 < picture.mean() < 0.6
    assert picture.std() > 0.05
