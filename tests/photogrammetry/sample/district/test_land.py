"""The ground of the district: the real units, outlines that fit each other, grids numbered as asked."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from photogrammetry.sample.district.houses import build_houses, footprints, short_addresses, town_names
from photogrammetry.sample.district.land import ADMIN, QUARTER_COMMUNITY, Land, lay_out_land
from photogrammetry.sample.district.words import join
from photogrammetry.sample.quarter import CRS, ORIGIN
from twin.crs import transformer


@pytest.fixture(scope="module")
def land() -> Land:
    return lay_out_land(4, 2000, 40)


def test_the_whole_district_has_its_13_towns_and_584_villages_with_their_real_names() -> None:
    whole = lay_out_land(1, 20_000)
    with ADMIN.open(encoding="utf-8") as file:
        register = {row["code"]: row["name_zh"] for row in csv.DictReader(file)}
    assert len(whole.towns) == 13
    assert len(whole.codes) == 584
    assert dict(zip(whole.codes, whole.names, strict=True)) == {
        code: name for code, name in register.items() if len(code) == 12
    }
    assert all(register[code] == name for code, name in whole.towns)


def test_grids_villages_and_towns_leave_no_gap_and_overlap_nowhere(land: Land) -> None:
    columns, rows = land.shape
    district = land.outlines(np.array([[0, 0, columns, rows]]))[0]
    for rects in (land.grids, land.rects, land.town_rects):
        shapes = land.outlines(rects)
        assert shapely.is_valid(shapes).all()
        assert shapely.area(shapes).sum() == pytest.approx(district.area, abs=1e-3)
        assert shapely.union_all(shapes).symmetric_difference(district).area < 1e-3


def test_every_grid_lies_in_its_village(land: Land) -> None:
    villages = land.outlines(land.rects)
    outside = shapely.difference(land.outlines(land.grids), villages[land.grid_village])
    assert shapely.area(outside).max() < 1e-6


def test_grids_are_numbered_from_the_north_and_from_the_west(land: Land) -> None:
    assert len(set(land.grid_codes)) == len(land.grid_codes)
    for village, code in enumerate(land.codes):
        mine = np.flatnonzero(land.grid_village == village)
        assert [land.grid_codes[at] for at in mine] == [f"{code}{serial:03d}" for serial in range(1, len(mine) + 1)]
        order = [(-land.grids[at, 3], land.grids[at, 0]) for at in mine]
        assert order == sorted(order)


def test_the_photographed_quarter_has_empty_ground_in_its_community(land: Land) -> None:
    houses = build_houses(land, 2000)
    outline = land.outlines(land.rects[[land.codes.index(QUARTER_COMMUNITY)]])[0]
    middle = shapely.Point(transformer("EPSG:4490", CRS).transform(*ORIGIN[:2]))
    assert outline.contains(middle.buffer(900))  # the quarter is 1,600 m wide and turned by up to seven degrees
    assert not shapely.intersects(footprints(land, houses), outline).any()


def test_the_district_lies_on_both_sides_of_the_edge_between_zone_40_and_zone_41() -> None:
    whole = lay_out_land(2, 20_000)
    columns, rows = whole.shape
    lon, _ = transformer(CRS, "EPSG:4490").transform(*whole.metres(np.array([[0, rows / 2], [columns, rows / 2]])).T)
    assert lon[0] < 121.5 < lon[1]


def test_houses_stand_in_their_grids_apart_from_each_other_with_addresses_of_their_own(land: Land) -> None:
    houses = build_houses(land, 2000)
    shapes = footprints(land, houses)
    assert shapely.is_valid(shapes).all()
    pairs = shapely.STRtree(shapes).query(shapes, predicate="overlaps")
    assert pairs.size == 0
    grids = land.outlines(land.grids[houses.grid])
    assert shapely.covers(shapely.buffer(grids, 0.5), shapes).all()
    addresses = join(town_names(land, houses), short_addresses(land, houses)).to_pylist()
    assert len(set(addresses)) == len(houses) == len(set(houses.code.to_pylist()))
    assert any("组" in address for address in addresses)
    assert any("号楼" in address for address in addresses)


@given(st.integers(0, 10**6), st.integers(13, 60), st.integers(200, 5000))
def test_any_draw_fills_the_district_once(seed: int, villages: int, wanted: int) -> None:
    land = lay_out_land(seed, wanted, villages)
    columns, rows = land.shape
    for rects in (land.grids, land.rects, land.town_rects):
        covered = np.zeros((rows, columns), int)
        for west, south, east, north in rects:
            covered[south:north, west:east] += 1
        assert (covered == 1).all()
