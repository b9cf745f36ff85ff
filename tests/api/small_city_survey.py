"""The small city's survey on disk: rasters, photos, 3D Tiles and a report, as a finished run leaves them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import trimesh
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer
from rasterio.transform import from_origin

from photogrammetry.frame import LocalFrame
from tests.api.box_scene import Box, BoxScene

CRS = "EPSG:4550"
VERTICAL_DATUM = "EPSG:5737"
NAME = "small-city"
EAST, NORTH = 376000.0, 4139600.0  # the scene's origin
HALF_WIDTH_M, HALF_HEIGHT_M, PIXEL_M = 80.0, 60.0, 0.25
NODATA = -9999.0
WIDTH, HEIGHT = 600, 450
VOLUME = {"box": [0, 0, 15, 90, 0, 0, 0, 70, 0, 0, 0, 30]}
CAMERA = (450.0, 450.0, 301.0, 224.0, -0.05, 0.01, 0.0005, -0.0004)

SCENE = BoxScene(
    ground_h_m=20.0,
    slope_east=0.01,
    boxes=(
        Box(-50, 10, -30, 30, 44.0, (186, 98, 76)),
        Box(-10, 15, 20, 27, 29.0, (196, 188, 172)),
        Box(40, 10, 60, 35, 32.5, (120, 140, 168)),
        Box(-55, -40, -25, -28, 25.5, (170, 120, 90)),
        Box(-5, -45, 15, -30, 23.5, (150, 150, 150)),
        Box(35, -45, 65, -30, 35.5, (100, 130, 120)),
    ),
)

# file, camera centre (metres from the origin, height above the datum), tilt from nadir (degrees), heading (degrees)
SHOTS: tuple[tuple[str, tuple[float, float, float], float, float], ...] = (
    ("SC_0001.JPG", (-40.0, 0.0, 85.0), 0.0, 0.0),
    ("SC_0002.JPG", (0.0, 0.0, 85.0), 0.0, 0.0),
    ("SC_0003.JPG", (40.0, 0.0, 85.0), 0.0, 0.0),
    ("SC_0004.JPG", (0.0, -75.0, 75.0), 45.0, 0.0),
    ("SC_0005.JPG", (80.0, 20.0, 75.0), 45.0, 270.0),
)


@dataclass(frozen=True)
class Shot:
    """One photo: its file, its pose in the survey's frame and the pixels."""

    file: str
    rotation: NDArray[np.float64]
    centre: NDArray[np.float64]
    pixels: NDArray[np.uint8]


@lru_cache(maxsize=1)
def frame() -> LocalFrame:
    """Give the survey's local frame, at the scene's origin."""
    lon, lat = Transformer.from_crs(CRS, "EPSG:4490", always_xy=True).transform(EAST, NORTH)
    return LocalFrame(lon, lat, SCENE.ground_h_m, CRS, VERTICAL_DATUM)


def distort(rays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put viewing rays (N, 2), x/z and y/z, through the OPENCV model; returns pixels (N, 2) col, row."""
    fx, fy, cx, cy, k1, k2, p1, p2 = CAMERA
    x, y = rays[:, 0], rays[:, 1]
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2 * r2
    u = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    v = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return np.column_stack([fx * u + cx, fy * v + cy])


def undistort(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the rays (N, 2) behind pixels (N, 2) by fixed-point iteration (converges here to 1e-9)."""
    fx, fy, cx, cy = CAMERA[:4]
    target = (pixels - [cx, cy]) / [fx, fy]
    rays = target.copy()
    for _ in range(12):
        rays += target - (distort(rays) - [cx, cy]) / [fx, fy]
    return rays


def _rotation(tilt_deg: float, heading_deg: float) -> NDArray[np.float64]:
    """World (ENU) to camera (x right, y down, z forward) for a camera tilted up from nadir towards a heading."""
    tilt, heading = np.radians(tilt_deg), np.radians(heading_deg)
    ahead = np.array([np.sin(heading), np.cos(heading), 0.0])
    forward = np.sin(tilt) * ahead + np.array([0, 0, -np.cos(tilt)])
    right = np.array([np.cos(heading), -np.sin(heading), 0.0])
    return np.stack([right, np.cross(forward, right), forward])


def enu_axes_in_crs() -> NDArray[np.float64]:
    """Give the (3, 3) linear map from ENU to CRS metres at the origin (good to millimetres over this scene)."""
    here = frame().enu_to_crs(np.zeros((1, 3)))
    return ((frame().enu_to_crs(np.eye(3) * 50) - here) / 50).T


@lru_cache(maxsize=1)
def shots() -> tuple[Shot, ...]:
    """Render every photo of the survey (once per process)."""
    return tuple(_shoot(*shot) for shot in SHOTS)


@lru_cache(maxsize=1)
def _pixel_rays() -> NDArray[np.float64]:
    cols, rows = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    return undistort(np.column_stack([cols.ravel(), rows.ravel()]))


def _shoot(file: str, place: tuple[float, float, float], tilt_deg: float, heading_deg: float) -> Shot:
    rotation = _rotation(tilt_deg, heading_deg)
    centre = frame().crs_to_enu(np.array([[EAST + place[0], NORTH + place[1], place[2]]]))[0]
    rays = _pixel_rays()
    directions = np.column_stack([rays, np.ones(len(rays))]) @ rotation @ enu_axes_in_crs().T
    origins = np.broadcast_to(np.array(place), directions.shape)
    along, what = SCENE.first_hit(origins, directions)
    met = np.isfinite(along)
    hits = origins + directions * np.where(met, along, 0.0)[:, None]
    colours = SCENE.colour(hits[:, 0], hits[:, 1], what)
    colours[~met] = (176, 200, 224)
    return Shot(file, rotation, centre, colours.reshape(HEIGHT, WIDTH, 3))


def write_survey(data_dir: Path) -> list[dict[str, Any]]:
    """Write the survey's workspace under data_dir/surveys/small-city; returns its products as rows of twin.product."""
    workspace = data_dir / "surveys" / NAME
    photos, products, report = workspace / "photos", workspace / "products", workspace / "report"
    for folder in (photos, products / "3dtiles" / "buildings", products / "3dtiles" / "mesh", report):
        folder.mkdir(parents=True, exist_ok=True)
    for shot in shots():
        Image.fromarray(shot.pixels).save(photos / shot.file, quality=90)
    about = {"name": NAME, "kind": "drone", "photos_dir": str(photos), "crs": CRS, "vertical_datum": VERTICAL_DATUM}
    (workspace / "survey.json").write_text(json.dumps(about), encoding="utf-8")
    _write_rasters(products)
    _write_tiles(products / "3dtiles")
    (report / "report.json").write_text(json.dumps(report_facts()), encoding="utf-8")
    (report / "report.html").write_text("<!doctype html><title>small-city</title><h1>small-city</h1>", encoding="utf-8")
    return [_product(path, kind, data_dir) for kind, path in _product_files(workspace).items()]


def report_facts() -> dict[str, Any]:
    """Give the report of a flawless survey, in the keys others read."""
    return {
        "survey": NAME,
        "photos": {"given": len(SHOTS), "accepted": len(SHOTS), "rejected": [], "registered": len(SHOTS)},
        "reprojection_px": 0.4,
        "gsd_m": 0.14,
        "crs": CRS,
        "vertical_datum": VERTICAL_DATUM,
        "buildings": {"expected": len(SCENE.boxes), "found": len(SCENE.boxes), "failed": []},
    }


def _product_files(workspace: Path) -> dict[str, Path]:
    products = workspace / "products"
    rasters = {"orthophoto": "orthophoto", "dsm": "dsm", "dtm": "dtm", "ndsm": "ndsm", "dsm_sigma": "dsm_sigma"}
    files = {kind: products / f"{name}.tif" for kind, name in rasters.items()}
    files["tileset"] = products / "3dtiles" / "tileset.json"
    files["report_html"] = workspace / "report" / "report.html"
    files["report_json"] = workspace / "report" / "report.json"
    return files


def _product(path: Path, kind: str, data_dir: Path) -> dict[str, Any]:
    media = {".tif": "image/tiff", ".json": "application/json", ".html": "text/html"}[path.suffix]
    return {
        "kind": kind,
        "path": path.relative_to(data_dir).as_posix(),
        "media_type": media,
        "crs": CRS,
        "vertical_datum": None if kind == "orthophoto" else VERTICAL_DATUM,
        "resolution_m": PIXEL_M if path.suffix == ".tif" else None,
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def _write_rasters(folder: Path) -> None:
    xs = np.arange(-HALF_WIDTH_M, HALF_WIDTH_M, PIXEL_M) + PIXEL_M / 2
    ys = np.arange(HALF_HEIGHT_M, -HALF_HEIGHT_M, -PIXEL_M) - PIXEL_M / 2
    x, y = np.meshgrid(xs, ys)
    surface, ground = SCENE.surface(x, y), SCENE.ground(x, y)
    for name, values in (
        ("dsm", surface),
        ("dtm", ground),
        ("ndsm", surface - ground),
        ("dsm_sigma", np.full(x.shape, 0.06)),
    ):
        _write_cog(folder / f"{name}.tif", values[None].astype(np.float32), nodata=NODATA)
    what = np.full(x.size, -1, dtype=np.int64)
    for index, box in enumerate(SCENE.boxes):
        inside = (x >= box.west) & (x < box.east) & (y >= box.south) & (y < box.north)
        what[inside.ravel()] = index
    colours = SCENE.colour(x.ravel(), y.ravel(), what).reshape(*x.shape, 3)
    alpha = np.full(x.shape, 255, dtype=np.uint8)
    alpha[:8, :8] = 0  # a corner nobody photographed
    _write_cog(folder / "orthophoto.tif", np.dstack([colours, alpha]).transpose(2, 0, 1), nodata=None)


def _write_cog(path: Path, bands: NDArray[Any], nodata: float | None) -> None:
    transform = from_origin(EAST - HALF_WIDTH_M, NORTH + HALF_HEIGHT_M, PIXEL_M, PIXEL_M)
    profile = {
        "driver": "COG",
        "crs": CRS,
        "transform": transform,
        "count": bands.shape[0],
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": bands.dtype,
        "nodata": nodata,
        "compress": "DEFLATE",
        "blocksize": 256,
        "overview_resampling": "average",  # the default (cubic) makes heights that were never measured
    }
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(bands)
        raster.update_tags(SURVEY=NAME, **({} if nodata is None else {"VERTICAL_DATUM": VERTICAL_DATUM}))
        if bands.shape[0] == 4:
            raster.colorinterp = [rasterio.enums.ColorInterp[c] for c in ("red", "green", "blue", "alpha")]


def _write_tiles(folder: Path) -> None:
    # glTF is y-up: x east, y up, z south; 3D Tiles turns it back to z-up before the tile's transform.
    y_up = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    corners = np.array([[-80.0, -60, 0], [80, -60, 0], [80, 60, 0], [-80, 60, 0]])
    corners[:, 2] = SCENE.ground(corners[:, 0], corners[:, 1])
    ground = trimesh.Trimesh(_to_enu(corners), [[0, 1, 2], [0, 2, 3]], process=False)
    ground.visual = trimesh.visual.ColorVisuals(ground, face_colors=[128, 140, 110, 255])
    ground.apply_transform(y_up).export(folder / "mesh" / "ground.glb")
    parts = []
    for box in SCENE.boxes:
        low, high = (box.west, box.south, SCENE.ground_h_m - 1), (box.east, box.north, box.roof_h_m)
        part = trimesh.creation.box(bounds=[low, high])
        part.vertices = _to_enu(np.asarray(part.vertices))
        part.visual.face_colors = [*box.colour, 255]
        parts.append(part)
    trimesh.util.concatenate(parts).apply_transform(y_up).export(folder / "buildings" / "buildings.glb")
    for part in ("mesh", "buildings"):
        uri = "ground.glb" if part == "mesh" else "buildings.glb"
        _write_tileset(folder / part, {"geometricError": 0, "content": {"uri": uri}, "refine": "REPLACE"})
    children = [{"geometricError": 100, "content": {"uri": f"{part}/tileset.json"}} for part in ("mesh", "buildings")]
    _write_tileset(folder, {"geometricError": 100, "refine": "ADD", "children": children}, placed=False)


def _write_tileset(folder: Path, root: dict[str, Any], *, placed: bool = True) -> None:
    # As the pipeline writes them: each part stands alone, the whole joins the two.
    transform = {"transform": frame().ecef_from_enu.T.ravel().tolist()} if placed else {}
    sphere = {"sphere": [*frame().ecef_from_enu[:3, 3].tolist(), 130]}
    bounds = VOLUME if placed else sphere
    children = [{**child, "boundingVolume": sphere} for child in root.get("children", [])]
    whole = {**root, **({"children": children} if children else {}), "boundingVolume": bounds, **transform}
    content = {"asset": {"version": "1.1"}, "geometricError": 500, "root": whole}
    (folder / "tileset.json").write_text(json.dumps(content), encoding="utf-8")


def _to_enu(local: NDArray[np.float64]) -> NDArray[np.float64]:
    return frame().crs_to_enu(np.column_stack([local[:, 0] + EAST, local[:, 1] + NORTH, local[:, 2]]))
