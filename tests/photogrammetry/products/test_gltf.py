"""GLB files, as another reader sees them."""

from __future__ import annotations

import io
import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from photogrammetry.products.gltf import Material, Part, PropertyTable, write_glb, y_up
from tests.photogrammetry.products.glb import Glb


def jpeg(colour):
    stream = io.BytesIO()
    Image.new("RGB", (9, 7), colour).save(stream, "JPEG")
    return stream.getvalue()


def part(rng, count, *, material=0, features=0):
    return Part(
        rng.normal(0, 300, (count, 3)), rng.integers(0, count, (count + 1, 3)), material, uv=rng.random((count, 2)),
        normals=rng.normal(size=(count, 3)), colours=rng.integers(0, 256, (count, 4), dtype=np.uint8),
        features=rng.integers(0, features, count) if features else None,
    )  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1000), counts=st.lists(st.integers(3, 60), min_size=1, max_size=4), texts=st.data())
def test_what_was_written_is_what_another_reader_reads(seed, counts, texts):
    rng = np.random.default_rng(seed)
    rows = texts.draw(st.integers(1, 5))
    names = texts.draw(st.lists(st.text(max_size=12).filter(_encodable), min_size=rows, max_size=rows))
    heights = rng.normal(20, 5, rows).astype(np.float32)
    parts = [part(rng, count, material=k % 2, features=rows) for k, count in enumerate(counts)]
    pictures = [jpeg("red"), jpeg("blue")]
    materials = [Material(jpeg=pictures[0]), Material(jpeg=pictures[1], unlit=False, two_sided=True)]
    table = PropertyTable("building", rows, {"code": names}, {"height_m": heights.tolist()})
    content = write_glb(parts, materials, table)
    assert content == write_glb(parts, materials, table), "same input, same bytes"

    glb = Glb(content)
    for given_part, (attributes, indices, entry) in zip(parts, glb.primitives(), strict=True):
        position = attributes["POSITION"]
        assert np.array_equal(position, y_up(given_part.enu))
        assert np.allclose(
            np.column_stack([position[:, 0], -position[:, 2], position[:, 1]]), given_part.enu, atol=1e-3
        )
        accessor = glb.json["accessors"][entry["attributes"]["POSITION"]]
        assert np.array_equal(np.float32(accessor["min"]), position.min(axis=0))
        assert np.array_equal(np.float32(accessor["max"]), position.max(axis=0))
        assert np.array_equal(indices.reshape(-1, 3), given_part.triangles)
        assert np.allclose(attributes["TEXCOORD_0"], given_part.uv)
        assert np.array_equal(attributes["COLOR_0"], given_part.colours)
        assert np.array_equal(attributes["_FEATURE_ID_0"], given_part.features)
        assert entry["material"] == given_part.material
        ids = entry["extensions"]["EXT_mesh_features"]["featureIds"][0]
        assert ids == {"featureCount": rows, "attribute": 0, "propertyTable": 0, "label": "building"}
    assert glb.texts("code") == names
    assert np.array_equal(glb.numbers("height_m"), heights)
    assert [glb.view(image.bufferView) for image in glb.gltf.images] == pictures
    assert "KHR_materials_unlit" in glb.json["materials"][0]["extensions"]
    assert "extensions" not in glb.json["materials"][1]
    assert glb.json["materials"][1]["doubleSided"]
    assert set(glb.json["extensionsUsed"]) == {
        "KHR_materials_unlit", "EXT_mesh_features", "EXT_structural_metadata",
    }  # fmt: skip
    check_layout(glb)


def _encodable(text):
    return text.encode(errors="ignore").decode() == text


def check_layout(glb):
    """Check the container and every alignment the standards ask for."""
    magic, version, total = struct.unpack_from("<4sII", glb.bytes)
    assert (magic, version, total) == (b"glTF", 2, len(glb.bytes))
    assert total % 8 == 0
    length, kind = struct.unpack_from("<I4s", glb.bytes, 12)
    assert kind == b"JSON"
    assert length % 4 == 0
    binary, kind = struct.unpack_from("<I4s", glb.bytes, 20 + length)
    assert kind == b"BIN\0"
    assert 28 + length + binary == total
    assert len(glb.json["buffers"]) == 1
    assert binary - 8 < glb.json["buffers"][0]["byteLength"] <= binary
    end = 0
    for view in glb.json["bufferViews"]:
        assert view["byteOffset"] % 8 == 0
        assert view["byteOffset"] >= end
        assert view["byteLength"] > 0
        end = view["byteOffset"] + view["byteLength"]
        assert view.get("byteStride", 4) % 4 == 0
    assert end <= glb.json["buffers"][0]["byteLength"]


def test_large_parts_get_wide_indices_and_small_ones_short():
    rng = np.random.default_rng(1)
    for count, component in ((65_534, 5123), (65_535, 5125), (70_000, 5125)):
        big = Part(rng.random((count, 3)), np.array([[0, 1, count - 1]]))
        glb = Glb(write_glb([big], [Material()]))
        attributes, indices, entry = next(iter(glb.primitives()))
        assert glb.json["accessors"][entry["indices"]]["componentType"] == component
        assert indices.tolist() == [0, 1, count - 1]
        assert len(attributes["POSITION"]) == count


def test_a_plain_part_has_no_more_than_it_needs():
    glb = Glb(write_glb([Part(np.eye(3), np.array([[0, 1, 2]]))], [Material(unlit=False, colour=(0.5, 0.4, 0.3, 1.0))]))
    assert "extensionsUsed" not in glb.json
    assert "images" not in glb.json
    assert glb.json["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] == [0.5, 0.4, 0.3, 1.0]
    assert list(glb.json["meshes"][0]["primitives"][0]["attributes"]) == ["POSITION"]
    check_layout(glb)
