"""A scene of boxes on a sloping plane with exact truth: cloud, photos and heights can be asked at any place."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from photogrammetry.drone.view_choice import affine_to_enu
from photogrammetry.drone.views import View
from photogrammetry.frame import LocalFrame
from twin.crs import transformer

CRS, DATUM = "EPSG:4550", "EPSG:5737"
EAST0, NORTH0 = 600_000.0, 4_130_000.0


def make_frame(up=20.0):
    lon, lat = transformer(CRS, "EPSG:4979").transform(EAST0, NORTH0)
    return LocalFrame(float(lon), float(lat), up, CRS, DATUM)


@dataclass
class BoxScene:
    """boxes: (west, south, east, north, roof height), metres from the scene's middle; ground: h = a + b e + c n."""

    boxes: list = field(default_factory=lambda: [(-10, -6, 2, 4, 32.0), (8, 8, 16, 18, 29.0)])
    ground: tuple = (20.0, 0.02, -0.03)
    frame: LocalFrame = field(default_factory=make_frame)
    half: float = 28.0

    def ground_h(self, e, n):
        return self.ground[0] + self.ground[1] * e + self.ground[2] * n

    def surface_h(self, e, n):
        h = self.ground_h(e, n)
        for west, south, east, north, roof in self.boxes:
            h = np.where((e >= west) & (e < east) & (n >= south) & (n < north), roof, h)
        return h

    def colour(self, e, n, h):
        """Give (..., 3) float 0-255, smooth below 0.4 m, different on roofs, ground and walls."""
        rng = np.random.default_rng(5)
        value = np.zeros((*np.shape(e), 3))
        for wave in (0.5, 0.7, 1.1, 1.9, 3.3, 6.1):
            for channel in range(3):
                angle, phase = rng.uniform(0, 2 * np.pi, 2)
                spin = np.cos(angle) * e + np.sin(angle) * n + 0.31 * h
                value[..., channel] += np.sin(2 * np.pi * spin / wave + phase)
        return 128 + 22 * value

    def cloud(self, spacing, noise=0.0, seed=1, walls=False):
        """Give (N, 3) points of the surface as seen from above, metres from the middle, and colours (N, 3) uint8."""
        rng = np.random.default_rng(seed)
        steps = np.arange(-self.half, self.half, spacing)
        e, n = (v.ravel() + rng.uniform(0, spacing, v.size) for v in np.meshgrid(steps, steps))
        h = self.surface_h(e, n)
        rgb = np.clip(self.colour(e, n, h), 0, 255).astype(np.uint8)
        return np.column_stack([e, n, h + rng.normal(0, noise, len(h)) if noise else h]), rgb

    def enu(self, points):
        return self.frame.crs_to_enu(np.asarray(points, float) + np.array([EAST0, NORTH0, 0.0]))

    def view(self, path, east, north, h, *, f=600.0, size=(600, 450), tilt=(0.0, 0.0)):
        """Make a camera at a place (metres from the middle), tilted from straight down by (to east, to north) rad."""
        down = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])
        a, b = tilt
        about_north = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        about_east = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        rotation = down @ about_north @ about_east
        centre = self.enu([[east, north, h]])[0]
        return View(Path(path), *size, f, f, size[0] / 2 + 3.3, size[1] / 2 - 2.1, rotation, centre)

    def render(self, view, gain=1.0):
        """Draw what a view sees, (rows, cols, 3) uint8, by exact intersection."""
        rows, cols = np.mgrid[0 : view.height, 0 : view.width] + 0.5
        rays = np.stack([(cols - view.cx) / view.fx, (rows - view.cy) / view.fy, np.ones_like(rows)], -1)
        rays = rays @ view.rotation
        low, high = np.array([EAST0 - 60, NORTH0 - 60, 0]), np.array([EAST0 + 60, NORTH0 + 60, 80])
        to_enu = affine_to_enu(self.frame, low, high)
        inverse = np.linalg.inv(to_enu[:, :3])
        rays = rays @ inverse.T
        at = inverse @ (view.centre - to_enu[:, 3]) - [EAST0, NORTH0, 0]
        best = self._to_ground(at, rays)
        for box in self.boxes:
            best = np.minimum(best, self._to_box(at, rays, box))
        e, n, h = np.moveaxis(at + rays * best[..., None], -1, 0)
        return np.clip(self.colour(e, n, h) * gain, 0, 255).astype(np.uint8)

    def _to_ground(self, at, rays):
        a, b, c = self.ground
        return (a + b * at[0] + c * at[1] - at[2]) / (rays[..., 2] - b * rays[..., 0] - c * rays[..., 1])

    def _to_box(self, at, rays, box):
        low, high = np.array([box[0], box[1], 0.0]), np.array([box[2], box[3], box[4]])
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.stack([(low - at) / rays, (high - at) / rays])
        enter, leave = t.min(axis=0).max(axis=-1), t.max(axis=0).min(axis=-1)
        return np.where((enter <= leave) & (enter > 0), enter, np.inf)


def write_ply(path, enu, rgb):
    names = ["x", "y", "z", "nx", "ny", "nz", "red", "green", "blue"]
    kinds = ["float"] * 6 + ["uchar"] * 3
    layout = np.dtype([(n, "<f4" if k == "float" else "u1") for n, k in zip(names, kinds, strict=True)])
    points = np.zeros(len(enu), layout)
    points["x"], points["y"], points["z"] = enu.T
    points["red"], points["green"], points["blue"] = rgb.T
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    lines += [f"property {k} {n}" for n, k in zip(names, kinds, strict=True)] + ["end_header", ""]
    path.write_bytes("\n".join(lines).encode() + points.tobytes())


def write_views(folder, views, scene, gains=None):
    """Write images/ and cameras.json of the undistort stage."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    entries = []
    for number, view in enumerate(views):
        picture = scene.render(view, 1.0 if gains is None else gains[number])
        cv2.imwrite(str(folder / "images" / view.name), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 97])
        camera = {"model": "PINHOLE", "params": [view.fx, view.fy, view.cx, view.cy]}
        entries.append({
            "file": view.name, "width": view.width, "height": view.height, "registered": True, "camera": camera,
            "rotation": view.rotation.tolist(), "centre": view.centre.tolist(), "reprojection_px": 0.5,
            "gps_residual_m": [0.1, -0.1, 0.2],
        })  # fmt: skip
    (folder / "cameras.json").write_text(json.dumps(entries), encoding="utf-8")


def flight(scene, height=55.0):
    """Give nine nadir views over the scene, 60 to 70 percent overlap."""
    views = []
    for i, north in enumerate((-14.0, 0.0, 14.0)):
        for j, east in enumerate((-16.0, 0.0, 16.0)):
            views.append(scene.view(f"p{i}{j}.jpg", east, north, 20 + height, tilt=(0.03 * (j - 1), -0.02 * (i - 1))))
    return views


def make_workspace(folder, scene=None, *, spacing=0.1, noise=0.01, gains=None):
    """Write the outputs of georeference, undistort and fuse as the product stages find them; give their folders."""
    scene = scene or BoxScene()
    inputs = {name: folder / "stages" / name for name in ("fuse", "georeference", "undistort")}
    for path in inputs.values():
        path.mkdir(parents=True)
    scene.frame.save(inputs["georeference"] / "frame.json")
    points, rgb = scene.cloud(spacing, noise)
    write_ply(inputs["fuse"] / "fused.ply", scene.enu(points), rgb)
    write_views(inputs["undistort"], flight(scene), scene, gains)
    return inputs
