"""The truth agrees with itself and with the photos."""

from __future__ import annotations

from pathlib import Path

import cv2
import geopandas
import numpy as np
import rasterio
from rasterio.features import rasterize

from photogrammetry.frame import LocalFrame
from tests.photogrammetry.sample.test_photos import cameras_of, truth_of


def read(sample: Path, name: str) -> tuple[np.ndarray, rasterio.Affine]:
    with rasterio.open(sample / "truth" / f"{name}.tif") as file:
        assert file.crs.to_epsg() == 4550
        assert file.tags()["VERTICAL_DATUM"] == "EPSG:5737"
        return file.read().squeeze(), file.transform


def test_building_heights_agree_with_the_surface(tiny_sample: Path):
    surface, transform = read(tiny_sample, "dsm")
    terrain, _ = read(tiny_sample, "dtm")
    classes, _ = read(tiny_sample, "classes")
    roof = truth_of(tiny_sample)["definitions"]["classes"]["roof"]
    buildings = geopandas.read_file(tiny_sample / "truth" / "buildings.gpkg", layer="buildings")
    assert len(buildings) == 8
    for _, building in buildings.iterrows():
        inside = rasterize([building.geometry], surface.shape, transform=transform).astype(bool)
        own = inside & (classes == roof)
        assert own.sum() > 0.75 * inside.sum()
        assert abs(np.median(surface[own]) - building.roof_h) < 0.15
        assert abs(np.median(terrain[inside]) - building.ground_h) < 0.35
        assert building.eave_h <= building.ridge_h
        assert building.height > 2


def test_a_podium_and_its_tower_are_two_parts_of_two_heights(tiny_sample: Path):
    buildings = geopandas.read_file(tiny_sample / "truth" / "buildings.gpkg", layer="buildings").set_index("code")
    parts = geopandas.read_file(tiny_sample / "truth" / "buildings.gpkg", layer="parts")
    (code,) = buildings.index[buildings["type"] == "podium"]
    low, high = sorted(parts.loc[parts["code"] == code, "roof_h"])
    assert high - low > 5


def test_footprints_are_those_of_the_cadastre_and_the_truth(tiny_sample: Path):
    given = geopandas.read_file(tiny_sample / "footprints.gpkg", layer="buildings").set_index("code")
    true = geopandas.read_file(tiny_sample / "truth" / "buildings.gpkg", layer="buildings").set_index("code")
    cadastre = geopandas.read_file(tiny_sample / "deliveries" / "01_cadastre.shp", encoding="GB18030")
    cadastre = cadastre.drop_duplicates("JZBM").set_index("JZBM")
    assert set(given.index) == set(true.index)
    for code, outline in given.geometry.items():
        assert outline.symmetric_difference(true.geometry[code]).area < 1e-6
        assert outline.symmetric_difference(cadastre.geometry[code]).area < 1e-3


def test_every_surface_class_of_a_street_is_there(tiny_sample: Path):
    classes, _ = read(tiny_sample, "classes")
    meaning = truth_of(tiny_sample)["definitions"]["classes"]
    share = {name: float((classes == number).mean()) for name, number in meaning.items()}
    assert share["none"] == 0
    assert share["roof"] > 0.1
    assert share["road"] > 0.1
    assert min(share["terrain"], share["tree"], share["car"]) > 0.005
    surface, _ = read(tiny_sample, "dsm")
    terrain, _ = read(tiny_sample, "dtm")
    flat = np.isin(classes, [meaning["terrain"], meaning["road"]])
    assert np.abs((surface - terrain)[flat]).max() < 0.05
    assert np.median((surface - terrain)[classes == meaning["tree"]]) > 2


def test_the_true_orthophoto_shows_what_the_photos_show(tiny_sample: Path):
    """Carry random street and roof cells into a photo that sees them: the brightness is the same."""
    ortho, transform = read(tiny_sample, "ortho")
    surface, _ = read(tiny_sample, "dsm")
    classes, _ = read(tiny_sample, "classes")
    meaning = truth_of(tiny_sample)["definitions"]["classes"]
    name = truth_of(tiny_sample)["good_photos"][4]
    camera, pose = cameras_of(tiny_sample)[name]
    flat = cv2.dilate(surface, np.ones((5, 5))) - cv2.erode(surface, np.ones((5, 5))) < 0.4
    rows, cols = np.nonzero(flat & np.isin(classes, [meaning["road"], meaning["roof"], meaning["terrain"]]))
    some = np.random.default_rng(1).choice(len(rows), 8000, replace=False)
    rows, cols = rows[some], cols[some]
    east, north = rasterio.transform.xy(transform, rows, cols)
    frame = LocalFrame.load(tiny_sample / "truth" / "frame.json")
    places = frame.crs_to_enu(np.column_stack([east, north, surface[rows, cols]]))
    pixels, _ = camera.project(places, pose)
    photo = cv2.imread(str(tiny_sample / "photos" / name), cv2.IMREAD_GRAYSCALE).astype(np.float32)
    inside = (pixels > 5).all(axis=1) & (pixels < [camera.width - 5, camera.height - 5]).all(axis=1)
    inside &= np.hypot(*(places - pose.centre)[:, :2].T) < 18  # below the drone walls hide little
    assert inside.sum() > 500
    at = pixels[inside].astype(np.float32) - 0.5
    seen = cv2.remap(cv2.GaussianBlur(photo, (0, 0), 1), at[None, :, :1], at[None, :, 1:], cv2.INTER_LINEAR).ravel()
    true = cv2.GaussianBlur(ortho.mean(axis=0).astype(np.float32), (0, 0), 1)[rows[inside], cols[inside]]
    assert np.corrcoef(seen, true)[0, 1] > 0.9
