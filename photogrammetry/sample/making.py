"""The work of one process: the scene of a seed and scale, and the pieces made from it in any order."""

from __future__ import annotations

import shutil
import tempfile
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from photogrammetry.sample.camera import Camera, Pose, make_camera
from photogrammetry.sample.control_points import Mark, marks_in_photo
from photogrammetry.sample.flight import plan_flight, spoiled_shots
from photogrammetry.sample.photo_files import blurred, encode_photo
from photogrammetry.sample.quarter import lay_out_quarter
from photogrammetry.sample.render import Renderer, expose
from photogrammetry.sample.scales import SCALES, Scale, read_scale
from photogrammetry.sample.scene import make_scene
from photogrammetry.sample.texture_pages import Baker


class Maker:
    """Makes any piece of a sample; two makers of one seed and scale make the same bytes."""

    def __init__(self, seed: int, scale: Scale, pages_folder: Path) -> None:
        """Lay out the quarter and build its scene (seconds)."""
        cv2.setNumThreads(1)
        self.seed, self.scale, self.pages_folder = seed, scale, pages_folder
        self.quarter = lay_out_quarter(seed, scale)
        self.scene = make_scene(self.quarter)
        self.camera = make_camera(seed, scale)
        self.shots = plan_flight(self.quarter)
        self.baker = Baker(self.scene, pages_folder)

    @cached_property
    def renderer(self) -> Renderer:
        """Open the baked pages for rendering; every page must have been baked."""
        return Renderer(self.scene, self.camera, self.pages_folder)

    @property
    def tiles(self) -> int:
        """How many ground tiles there are to bake."""
        return sum(grid.cols * grid.rows for grid in (self.baker.fine, self.baker.far))

    def take_photo(self, index: int, photos: Path) -> list[Mark]:
        """Render and write one good photo; returns the targets it sees."""
        shot = self.shots[index]
        picture = expose(self.renderer.render(shot.pose, index), shot.exposure, self.seed, shot.name)
        (photos / shot.name).write_bytes(encode_photo(picture, shot, self.scale, self.quarter.frame))
        return marks_in_photo(self.scene, self.camera, shot)

    def take_spoiled(self, kind: str, photos: Path) -> None:
        """Write one photo that a check must refuse: corrupt, blurred, without GPS or of another place."""
        shot = spoiled_shots(self.quarter, self.shots)[kind]
        if kind == "far":
            radiance = _another_place(self.seed + 7919, self.scale, self.camera, shot.pose)
        else:
            radiance = self.renderer.render(shot.pose, 10_000)
        picture = expose(radiance, shot.exposure, self.seed, shot.name)
        if kind == "blurred":
            picture = blurred(picture)
        content = encode_photo(picture, shot, self.scale, self.quarter.frame, with_gps=kind != "no_gps")
        if kind == "corrupt":
            content = content[: len(content) * 2 // 5]
        (photos / shot.name).write_bytes(content)

    def copy_duplicate(self, photos: Path) -> None:
        """Copy a photo byte for byte under another name, once the good photos are there."""
        shot = spoiled_shots(self.quarter, self.shots)["duplicate"]
        shutil.copyfile(photos / self.shots[1].name, photos / shot.name)


def _another_place(seed: int, scale: Scale, camera: Camera, pose: Pose) -> NDArray[np.float32]:
    """Photograph a street corner of another seed."""
    with tempfile.TemporaryDirectory(prefix="twin-sample-") as folder:
        other = Maker(seed, SCALES["tiny"], Path(folder))
        for page in range(other.scene.patches.pages):
            other.baker.bake_patches(page)
        for tile in range(other.tiles):
            other.baker.bake_tile(tile)
        there = Pose(pose.rotation, np.array([4.0, -3.0, scale.flying_height_m]))
        return Renderer(other.scene, camera, Path(folder)).render(there, 0)


_MAKER: Maker | None = None


def use_here(maker: Maker) -> None:
    """Let the pieces of work below run in this process with a scene that is built already."""
    global _MAKER
    _MAKER = maker


def start_worker(seed: int, scale_name: str, pages_folder: str) -> None:
    """Build this process's scene, and keep its numeric libraries to one thread."""
    threadpool_limits(limits=1)
    use_here(Maker(seed, read_scale(scale_name), Path(pages_folder)))


def _maker() -> Maker:
    if _MAKER is None:
        raise RuntimeError("the worker was not started")
    return _MAKER


def bake(kind: str, index: int) -> None:
    """Bake one page of faces or one ground tile in this process."""
    if kind == "faces":
        _maker().baker.bake_patches(index)
    else:
        _maker().baker.bake_tile(index)


def photograph(index: int, photos: str) -> list[Mark]:
    """Take one good photo in this process."""
    return _maker().take_photo(index, Path(photos))


def spoil(kind: str, photos: str) -> None:
    """Take one bad photo in this process."""
    _maker().take_spoiled(kind, Path(photos))


def write_rasters_of_truth(folder: str) -> None:
    """Write the true rasters in this process."""
    from photogrammetry.sample.truth_rasters import write_rasters

    write_rasters(Path(folder), _maker())
