"""Stage tiles3d: mesh and buildings as 3D Tiles 1.1, each a tileset of its own under one root.

tileset.json (regions) -> mesh/tileset.json and buildings/tileset.json (boxes in ENU, with the transform to ECEF).
Heights stay in the survey's vertical datum and stand where ellipsoidal ones would: the datum is named in the asset's
extras, so that all layers of the twin agree with each other. Source: OGC 22-025r4.
"""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from shapely.geometry import shape

from photogrammetry.frame import LocalFrame
from photogrammetry.products.building_tiles import building_square
from photogrammetry.workers import Tools

VERSION = 2
ROOT_ERROR_M = 512.0
Box = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True)
class TilesSettings:
    """survey: its name. square_m: edge of a square of buildings. squares_error_m: when squares are asked for."""

    survey: str = ""
    square_m: float = 250.0
    squares_error_m: float = 128.0


Maker = Callable[[Mapping[str, Path], Path, LocalFrame, TilesSettings], dict[str, Any] | None]


def run(inputs: Mapping[str, Path], output_dir: Path, settings: TilesSettings, tools: Tools) -> None:
    """Make tileset.json, mesh/ and buildings/.

    inputs: mesh, buildings, georeference (frame.json).
    """
    frame = LocalFrame.load(inputs["georeference"] / "frame.json")
    children: list[dict[str, Any]] = []
    makers: dict[str, Maker] = {"mesh": _mesh_tileset, "buildings": _buildings_tileset}
    for name, make in makers.items():
        folder = output_dir / name
        folder.mkdir()
        tools.step(len(children), 2, name)
        root = make(inputs, folder, frame, settings)
        if root is None:
            folder.rmdir()
            continue
        box = root["boundingVolume"]["box"]
        root["transform"] = [float(v) for v in frame.ecef_from_enu.T.ravel()]
        _write(folder / "tileset.json", root, frame, settings)
        region = region_of(_low_high(box), frame)
        children.append({
            "boundingVolume": {"region": region}, "geometricError": root["geometricError"],
            "content": {"uri": f"{name}/tileset.json"},
        })  # fmt: skip
    _write(output_dir / "tileset.json", _outer_root(children), frame, settings)


def _outer_root(children: list[dict[str, Any]]) -> dict[str, Any]:
    regions = np.array([child["boundingVolume"]["region"] for child in children]) if children else np.zeros((1, 6))
    outer = [*regions[:, :2].min(axis=0), *regions[:, 2:4].max(axis=0), regions[:, 4].min(), regions[:, 5].max()]
    return {
        "boundingVolume": {"region": [float(v) for v in outer]},
        "geometricError": ROOT_ERROR_M,
        "refine": "ADD",
        **({"children": children} if children else {}),
    }


def _write(path: Path, root: dict[str, Any], frame: LocalFrame, settings: TilesSettings) -> None:
    extras = {"survey": settings.survey, "crs": frame.crs, "vertical_datum": frame.vertical_datum}
    content = {
        "asset": {"version": "1.1", "extras": extras},
        "geometricError": ROOT_ERROR_M,
        "root": root,
    }
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def box_of(low: Sequence[float], high: Sequence[float]) -> list[float]:
    """Give the 12 numbers of a 3D Tiles box for an axis-parallel box, low and high corner (3,) metres."""
    middle, half = (np.asarray(low) + high) / 2, np.maximum((np.asarray(high) - low) / 2, 0.001)
    return [round(float(v), 6) for v in (*middle, half[0], 0, 0, 0, half[1], 0, 0, 0, half[2])]


def _low_high(box: Sequence[float]) -> Box:
    middle, half = np.array(box[:3]), np.array([box[3], box[7], box[11]])
    return [float(v) for v in middle - half], [float(v) for v in middle + half]


def region_of(box: Box, frame: LocalFrame) -> list[float]:
    """Give west, south, east, north (radians), lowest and highest (m) around an ENU box, a millimetre to spare."""
    # On the curved Earth the lowest and the northernmost place of a flat box may lie nearest to the frame's origin.
    sides = [sorted({low, min(max(0.0, low), high), high}) for low, high in zip(*box, strict=True)]
    lonlath = frame.enu_to_lonlath(np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 3))
    spare = 0.001 / 6_378_137
    south_west, north_east = np.radians(lonlath[:, :2].min(axis=0)), np.radians(lonlath[:, :2].max(axis=0))
    heights = lonlath[:, 2].min() - 0.001, lonlath[:, 2].max() + 0.001
    return [float(v) for v in (*(south_west - spare), *(north_east + spare), *heights)]


def _mesh_tileset(
    inputs: Mapping[str, Path], folder: Path, frame: LocalFrame, settings: TilesSettings
) -> dict[str, Any] | None:
    """Link the mesh stage's tiles into a tree by the squares they cover, and copy them."""
    about = json.loads((inputs["mesh"] / "mesh.json").read_text(encoding="utf-8"))
    by_place: dict[tuple[int, int, int], dict[str, Any]] = {}
    for tile in about["tiles"]:
        level, name = tile["file"].split("/")
        col, row = (int(v) for v in name.removesuffix(".glb").split("_"))
        by_place[int(level), col, row] = tile
        (folder / level).mkdir(exist_ok=True)
        shutil.copyfile(inputs["mesh"] / tile["file"], folder / tile["file"])
    if not by_place:
        return None
    top = max(level for level, _, _ in by_place)
    return _mesh_node(by_place, top, 0, 0)


def _mesh_node(
    tiles: Mapping[tuple[int, int, int], dict[str, Any]], level: int, col: int, row: int
) -> dict[str, Any] | None:
    tile = tiles.get((level, col, row))
    if tile is None:
        return None
    children: list[dict[str, Any]] = [
        child
        for c, r in ((2 * col, 2 * row), (2 * col + 1, 2 * row), (2 * col, 2 * row + 1), (2 * col + 1, 2 * row + 1))
        if level > 0 and (child := _mesh_node(tiles, level - 1, c, r)) is not None
    ]
    boxes = [_low_high(child["boundingVolume"]["box"]) for child in children]
    low = np.min([tile["enu_low"], *(box[0] for box in boxes)], axis=0)
    high = np.max([tile["enu_high"], *(box[1] for box in boxes)], axis=0)
    node: dict[str, Any] = {
        "boundingVolume": {"box": box_of(low - 0.002, high + 0.002)},
        "geometricError": float(tile["error_m"]) if children else 0.0,
        "refine": "REPLACE",
        "content": {"uri": tile["file"]},
    }
    if children:
        node["children"] = children
    return node


def _buildings_tileset(
    inputs: Mapping[str, Path], folder: Path, frame: LocalFrame, settings: TilesSettings
) -> dict[str, Any] | None:
    """Write one GLB per map square that holds buildings."""
    content = json.loads((inputs["buildings"] / "buildings.json").read_text(encoding="utf-8"))
    squares: defaultdict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for building in content["buildings"]:
        middle = shape(building["footprint"]).centroid
        squares[int(middle.x // settings.square_m), int(middle.y // settings.square_m)].append(building)
    children: list[dict[str, Any]] = []
    for (col, row), buildings in sorted(squares.items()):
        square = building_square(buildings, frame, frame.vertical_datum)
        name = f"{col}_{row}.glb"
        (folder / name).write_bytes(square.glb)
        children.append({
            "boundingVolume": {"box": box_of(square.low, square.high)}, "geometricError": 0.0,
            "content": {"uri": name},
        })  # fmt: skip
    if not children:
        return None
    boxes: list[Box] = [_low_high(child["boundingVolume"]["box"]) for child in children]
    low, high = np.min([b[0] for b in boxes], axis=0), np.max([b[1] for b in boxes], axis=0)
    return {
        "boundingVolume": {"box": box_of(low - 0.002, high + 0.002)},
        "geometricError": settings.squares_error_m,
        "refine": "ADD",
        "children": children,
    }
