"""Point clouds are read as they were written, by us and by others."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from photogrammetry.drone.point_bins import read_ply
from photogrammetry.point_file import read_points, write_points
from twin.errors import BadInput


def cloud(count):
    rng = np.random.default_rng(1)
    return {
        "xyz": rng.normal(0, 100, (count, 3)).astype(np.float32),
        "normals": rng.normal(size=(count, 3)).astype(np.float32),
        "colours": rng.integers(0, 256, (count, 3), dtype=np.uint8),
        "views": rng.integers(2, 200, count),
    }


@pytest.mark.parametrize("parts", [("xyz",), ("xyz", "views"), ("xyz", "normals", "colours", "views")])
@pytest.mark.parametrize("count", [0, 1, 1000])
def test_a_cloud_there_and_back(tmp_path, parts, count):
    points = {name: value for name, value in cloud(count).items() if name in parts}
    write_points(tmp_path / "a.ply", **points)
    found = read_points(tmp_path / "a.ply")
    assert set(found) == set(parts)
    for name, value in points.items():
        assert np.array_equal(found[name], value)


def test_another_reader_sees_the_same(tmp_path):
    points = cloud(500)
    write_points(tmp_path / "a.ply", **points)
    other = trimesh.load(tmp_path / "a.ply")
    assert np.allclose(other.vertices, points["xyz"])
    assert np.array_equal(np.asarray(other.colors)[:, :3], points["colours"])
    mapped = read_ply(tmp_path / "a.ply")
    assert np.array_equal(np.column_stack([mapped["x"], mapped["y"], mapped["z"]]), points["xyz"])
    del mapped


def test_more_views_than_a_byte_holds_are_many(tmp_path):
    write_points(tmp_path / "a.ply", np.zeros((2, 3)), views=np.array([300, 5]))
    assert read_points(tmp_path / "a.ply")["views"].tolist() == [255, 5]


def test_files_that_are_no_clouds_or_are_cut_off(tmp_path):
    write_points(tmp_path / "a.ply", **cloud(100))
    whole = (tmp_path / "a.ply").read_bytes()
    for name, content, words in (
        ("cut", whole[:-7], "ends before its 100 points"),
        ("text", b"nothing", "not a binary little-endian PLY"),
        ("big", whole.replace(b"little", b"big"), "not a binary little-endian PLY"),
    ):
        (tmp_path / f"{name}.ply").write_bytes(content)
        with pytest.raises(BadInput, match=words):
            read_ply(tmp_path / f"{name}.ply")
    write_points(tmp_path / "none.ply", np.zeros((0, 3)))
    with pytest.raises(BadInput, match="has no points"):
        read_ply(tmp_path / "none.ply")
