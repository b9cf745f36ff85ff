"""From matches to camera poses and tie points, in a frame of its own (structure from motion).

The global mapper comes first: fast, and one misfit cannot grow along the flight. When it loses photos the
incremental mapper tries, and the model with more photos wins. Writes cameras.json, tie_points.npz, mapping.json.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from photogrammetry.cameras import Camera, Shot
from photogrammetry.drone.colmap import load_colmap
from photogrammetry.drone.features import read_features
from photogrammetry.drone.matching import nominal_camera, read_matches, usual_focal_px
from photogrammetry.drone.sparse_model import SparseModel
from photogrammetry.durable_files import write_json
from photogrammetry.photo import Photo, camera_key, read_photos
from photogrammetry.workers import Tools
from twin.errors import NoUsablePhotos

VERSION = 1


@dataclass(frozen=True)
class ReconstructSettings:
    """mapper: global_first or incremental; enough_share: of photos that the global mapper must place."""

    mapper: str = "global_first"
    enough_share: float = 1.0
    min_matches: int = 15
    min_model: int = 3
    tracks_per_photo: int = 1000
    seed: int = 1


@dataclass(frozen=True)
class MappingTask:
    """One mapping: folders of the stages it reads, photos, and the mapper to use."""

    features: Path
    matching: Path
    scratch: Path
    photos: tuple[Photo, ...]
    mapper: str
    settings: ReconstructSettings


def run(inputs: Mapping[str, Path], output_dir: Path, settings: ReconstructSettings, tools: Tools) -> None:
    """Place the photos. Raises NoUsablePhotos when no model of at least min_model photos comes out."""
    photos = tuple(read_photos(inputs["check"]))
    best: SparseModel | None = None
    tried = []
    for mapper in ("global", "incremental"):
        if mapper == "global" and settings.mapper == "incremental":
            continue
        if best is not None and len(best.registered) >= settings.enough_share * len(photos):
            break
        with tempfile.TemporaryDirectory(dir=output_dir) as scratch:
            task = MappingTask(inputs["features"], inputs["matching"], Path(scratch), photos, mapper, settings)
            model = tools.map(place_photos, [task], f"{mapper} mapping", task_mb=2000)[0]
        tried.append({"mapper": mapper, "registered": 0 if model is None else len(model.registered)})
        if model is not None and (best is None or len(model.registered) > len(best.registered)):
            best = model
    if best is None:
        raise NoUsablePhotos(
            "the photos could not be placed against each other",
            do="Give photos with more overlap (70 % along, 60 % across) and more texture than water or snow",
        )
    best.save(output_dir)
    write_json(output_dir / "mapping.json", {"tried": tried, "reprojection_px": round(best.reprojection_px(), 4)})


def place_photos(task: MappingTask) -> SparseModel | None:
    """Run one mapper; None when it finds no model. One thread: the same input gives the same model."""
    pycolmap = load_colmap()
    pycolmap.set_random_seed(task.settings.seed)
    database = task.scratch / "matches.db"
    lens = fill_database(database, task)
    output = task.scratch / "models"
    output.mkdir()
    mapping = _global if task.mapper == "global" else _incremental
    models = mapping(pycolmap, database, output, task.settings)
    if not models:
        return None
    largest = max(sorted(models), key=lambda key: models[key].num_reg_images())
    if models[largest].num_reg_images() < task.settings.min_model:
        return None
    return read_model(models[largest], task.photos, lens)


def _global(pycolmap: Any, database: Path, output: Path, settings: ReconstructSettings) -> Any:
    options = pycolmap.GlobalPipelineOptions()
    options.min_num_matches = settings.min_matches
    options.num_threads = 1
    options.random_seed = settings.seed
    # The best tracks place the photos; all others are triangulated afterwards: half the time, the same points.
    options.mapper.track_required_tracks_per_view = settings.tracks_per_photo
    options.mapper.bundle_adjustment.ceres.use_gpu = False
    options.mapper.global_positioning.use_gpu = False
    return pycolmap.global_mapping(database, output, output, options)


def _incremental(pycolmap: Any, database: Path, output: Path, settings: ReconstructSettings) -> Any:
    options = pycolmap.IncrementalPipelineOptions()
    options.min_num_matches = settings.min_matches
    options.min_model_size = settings.min_model
    options.num_threads = 1
    options.random_seed = settings.seed
    options.extract_colors = False
    return pycolmap.incremental_mapping(database, output, output, options)


def fill_database(path: Path, task: MappingTask) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Write cameras, photos, points and matches for COLMAP; ids are indices + 1. Returns the lens of each photo."""
    pycolmap = load_colmap()
    kinds = sorted({camera_key(photo) for photo in task.photos})
    lens = np.array([kinds.index(camera_key(photo)) for photo in task.photos], dtype=np.int64)
    with pycolmap.Database.open(path) as database, pycolmap.DatabaseTransaction(database):
        for index in range(len(kinds)):
            _write_lens(pycolmap, database, index, task.photos[int(np.argmax(lens == index))])
        for index, photo in enumerate(task.photos):
            _write_photo(pycolmap, database, index, int(lens[index]), photo)
            database.write_keypoints(index + 1, read_features(task.features, index).xy)
        for pair in read_matches(task.matching):
            geometry = pycolmap.TwoViewGeometry()
            geometry.config = pycolmap.TwoViewGeometryConfiguration(pair.config)
            for name, matrix in zip("EFH", pair.matrices, strict=True):
                if np.isfinite(matrix).all():
                    setattr(geometry, name, matrix)
            geometry.inlier_matches = pair.matches
            database.write_matches(pair.first + 1, pair.second + 1, pair.matches)
            database.write_two_view_geometry(pair.first + 1, pair.second + 1, geometry)
    return lens


def _nominal(photo: Photo) -> tuple[int, int, float]:
    return photo.width, photo.height, usual_focal_px(photo)


def _write_lens(pycolmap: Any, database: Any, index: int, photo: Photo) -> None:
    camera = nominal_camera(*_nominal(photo))
    camera.camera_id = index + 1
    database.write_camera(camera, use_camera_id=True)
    rig = pycolmap.Rig()
    rig.rig_id = index + 1
    rig.add_ref_sensor(camera.sensor_id)
    database.write_rig(rig, use_rig_id=True)


def _write_photo(pycolmap: Any, database: Any, index: int, lens: int, photo: Photo) -> None:
    image = pycolmap.Image(name=photo.file, camera_id=lens + 1, image_id=index + 1)
    database.write_image(image, use_image_id=True)
    frame = pycolmap.Frame()
    frame.frame_id, frame.rig_id = index + 1, lens + 1
    frame.add_data_id(image.data_id)
    database.write_frame(frame, use_frame_id=True)


def read_model(model: Any, photos: tuple[Photo, ...], lens: np.ndarray[Any, np.dtype[np.int64]]) -> SparseModel:
    """Take a COLMAP reconstruction over into plain arrays, ordered by photo and point id."""
    shots = []
    for index, photo in enumerate(photos):
        key = int(lens[index]) + 1
        known = model.cameras[key] if key in model.cameras else nominal_camera(*_nominal(photo))
        shot = Shot(photo.file, Camera("OPENCV", photo.width, photo.height, tuple(float(p) for p in known.params)))
        if index + 1 in model.images and model.images[index + 1].has_pose:
            pose = model.images[index + 1].cam_from_world()
            shot = shot.moved(np.array(pose.rotation.matrix()), np.array(model.images[index + 1].projection_center()))
        shots.append(shot)
    ids = sorted(model.point3D_ids())
    points = np.array([model.points3D[key].xyz for key in ids], dtype=np.float64).reshape(-1, 3)
    table = [
        (element.image_id - 1, number, element.point2D_idx)
        for number, key in enumerate(ids)
        for element in model.points3D[key].track.elements
    ]
    links = np.array(sorted(table), dtype=np.int64).reshape(-1, 3)
    pixels = {image_id: np.array([p.xy for p in image.points2D]) for image_id, image in model.images.items()}
    seen = np.array([pixels[image + 1][keypoint] for image, _, keypoint in links], dtype=np.float64).reshape(-1, 2)
    return SparseModel(tuple(shots), lens, points, links[:, 0], links[:, 1], seen)
