"""Buildings cut into blocks where their roofs jump, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.features import rasterize
from rasterio.transform import from_origin
from shapely import affinity
from shapely.geometry import box
from shapely.ops import unary_union

from photogrammetry.buildings.roofs import RoofSettings, split_blocks

CELL = 0.2
EAST, NORTH = 376_000.0, 4_140_300.0
SETTINGS = RoofSettings()


def scene(parts, *, turn_deg=0.0, noise=0.03, seed=1):
    """Give what split_blocks takes for a house made of parts: (polygon around (0, 0), height)."""
    side = 200
    east = EAST + (np.arange(side) + 0.5 - side / 2) * CELL
    north = NORTH - (np.arange(side) + 0.5 - side / 2) * CELL
    transform = from_origin(east[0] - CELL / 2, north[0] + CELL / 2, CELL, CELL)
    surface = np.full((side, side), 20.0)
    placed = []
    for polygon, height in parts:
        turned = affinity.translate(affinity.rotate(polygon, turn_deg, origin=(0, 0)), EAST, NORTH)
        placed.append(turned)
        surface[rasterize([turned], out_shape=surface.shape, transform=transform).astype(bool)] = height
    whole = unary_union([each.buffer(0.001, join_style="mitre") for each in placed])
    roof = rasterize([whole], out_shape=surface.shape, transform=transform).astype(bool)
    surface += np.random.default_rng(seed).normal(0, noise, surface.shape)
    return (whole, east, north, surface.astype(np.float32), roof, SETTINGS), placed


def tidy(blocks, whole):
    """Blocks fill the footprint, without gaps and without overlap, to the slivers that are dropped."""
    assert sum(block.polygon.area for block in blocks) == pytest.approx(whole.area, rel=0.01)
    assert unary_union([block.polygon for block in blocks]).symmetric_difference(whole).area < 0.01 * whole.area
    return blocks


@settings(deadline=None, max_examples=25)
@given(
    cut=st.floats(-4, 4), first=st.floats(6, 20), step=st.floats(1.8, 12), turn=st.floats(0, 90), seed=st.integers(0, 9)
)
def test_two_levels_are_cut_where_the_roof_jumps(cut, first, step, turn, seed):
    parts = [(box(-10, -5, cut, 5), 20 + first), (box(cut, -5, 10, 5), 20 + first + step)]
    arguments, placed = scene(parts, turn_deg=turn, seed=seed)
    blocks = tidy(split_blocks(*arguments), arguments[0])
    assert len(blocks) == 2
    for polygon, height in zip(placed, (20 + first, 20 + first + step), strict=True):
        best = max(blocks, key=lambda block: block.polygon.intersection(polygon).area)
        assert best.roof_h_m == pytest.approx(height, abs=0.06)
        assert best.polygon.intersection(polygon).area / best.polygon.union(polygon).area > 0.94


@settings(deadline=None, max_examples=25)
@given(height=st.floats(4, 30), pitch=st.floats(0, 0.9), turn=st.floats(0, 90))
def test_a_roof_that_slopes_stays_one(height, pitch, turn):
    arguments, _ = scene([(box(-9, -5, 9, 5), 20 + height)], turn_deg=turn)
    whole, east, north, surface, roof, chosen = arguments
    angle = np.radians(turn)
    across = -np.sin(angle) * (east - EAST) + np.cos(angle) * (north[:, None] - NORTH)
    surface = np.where(roof, surface + pitch * (5 - np.abs(across)), surface).astype(np.float32)
    blocks = split_blocks(whole, east, north, surface, roof, chosen)
    assert len(blocks) == 1
    assert blocks[0].polygon.equals(whole)
    assert blocks[0].roof_h_m == pytest.approx(20 + height + pitch * 2.5, abs=0.1 + 0.15 * pitch)


def test_a_small_hut_on_a_roof_is_no_block_and_a_tower_is():
    base = box(-10, -6, 10, 6)
    hut = box(-2, -1, 0, 1)
    arguments, _ = scene([(base, 32.0), (hut, 35.0)])
    assert len(split_blocks(*arguments)) == 1
    tower = box(-10, -6, -3, 6)
    arguments, _ = scene([(base, 32.0), (tower, 50.0)])
    assert sorted(round(block.roof_h_m) for block in split_blocks(*arguments)) == [32, 50]


def test_an_l_of_three_levels():
    parts = [(box(-10, -10, 0, 0), 26.0), (box(-10, 0, 0, 8), 32.0), (box(0, 0, 12, 8), 38.0)]
    arguments, placed = scene(parts, turn_deg=17)
    blocks = tidy(split_blocks(*arguments), arguments[0])
    assert sorted(round(block.roof_h_m) for block in blocks) == [26, 32, 38]
    assert all(max(b.polygon.intersection(p).area for b in blocks) > 0.92 * p.area for p in placed)


def test_blocks_come_from_west_to_east():
    arguments, _ = scene([(box(-10, -5, 0, 5), 40.0), (box(0, -5, 10, 5), 26.0)])
    west = [block.polygon.centroid.x for block in split_blocks(*arguments)]
    assert west == sorted(west)
