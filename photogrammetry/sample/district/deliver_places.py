"""Deliveries of places: administrative units and unit grids, the cadastre's houses, the address register."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from photogrammetry.sample.district.desk import Desk, Part, Truth
from photogrammetry.sample.district.fault_lists import GEOGRAPHIC, grid_code_faults, outline_faults, value_faults
from photogrammetry.sample.district.faults import Fault, Planter, Row, change, put, text_faults
from photogrammetry.sample.district.files import GEOMETRY, Form
from photogrammetry.sample.district.houses import VILLAGE, Houses, footprints, short_addresses, town_names
from photogrammetry.sample.district.land import Land, district_code
from photogrammetry.sample.district.words import choose, join, pick, text
from photogrammetry.sample.quarter import CRS
from twin.crs import transformer

ZONE_EDGE = 121.5  # degrees east: zone 40 ends here, zone 41 begins
FORMS: tuple[tuple[Form, bool], ...] = (  # of the towns in turn: format, and whether the zone stands before the easting
    ("shp", False), ("gpkg", True), ("shp", True), ("geojson", False), ("fgb", False), ("gpkg", False),
)  # fmt: skip
RARE_NAMES = (
    "䶮鑫物流仓库",
    "𠮷祥里甲3号",
    "㛃家祠堂",
    "Müller & Söhne 车间",
    "カフェ小筑",
    "牟平" + "区第一" * 20 + "仓库",
)


def send_places(desk: Desk, land: Land) -> None:
    """Send administrative units and unit grids as layers of one GeoPackage, in degrees."""
    codes = [district_code(), *(code for code, _ in land.towns), *land.codes]
    names = ["牟平区", *(name for _, name in land.towns), *land.names]
    columns, rows = land.shape
    rects = np.vstack([[[0, 0, columns, rows]], land.town_rects, land.rects])
    admin = {
        "code": text(codes), "name": text(names), "level": text([{6: 3, 9: 4, 12: 5}[len(code)] for code in codes]),
        GEOMETRY: to_wkb(land.outlines(rects), GEOGRAPHIC),
    }  # fmt: skip
    desk.send("01_places", "gpkg", [(admin, None)], _admin_planter(), crs=GEOGRAPHIC, layer="admin_units")
    shapes = land.outlines(land.grids)
    owner = land.grid_village
    grids = {
        "code": text(land.grid_codes),
        "name": join(pick(land.short, owner), "网格", text([code[12:] for code in land.grid_codes])),
        "community": pick(land.codes, owner), "area_m2": text(np.round(shapely.area(shapes), 1)),
        GEOMETRY: to_wkb(shapes, GEOGRAPHIC),
    }  # fmt: skip
    desk.send("01_places", "gpkg", [(grids, None)], _grid_planter(), crs=GEOGRAPHIC, layer="grids")


def _admin_planter() -> Planter:
    faults = [
        *text_faults("code", "name", csv=None, numeric_key=False),
        *value_faults(required=["name"]),
        Fault("wrong administrative code", "admin_code_wrong", change("code", lambda code: code[:10])),
        Fault("a unit whose superior is not there", "parent_unknown", put(code="370699001001")),
        Fault("no geometry", "geometry_missing", put(**{GEOMETRY: None})),
    ]
    return Planter("code", faults, lambda row, number: {"code": f"370612001{900 + number % 99}"})


def _grid_planter() -> Planter:
    faults = [
        *text_faults("code", "name", csv=None, numeric_key=True),
        *grid_code_faults("code"),
        Fault("a grid of no community", "parent_unknown", put(code="370699001001001")),
        *outline_faults(GEOGRAPHIC, any_kind=True, has_grid=False, areas=True),
    ]
    return Planter("code", faults, lambda row, number: {"code": f"{str(row['code'])[:12]}{900 + number % 99}"})


def send_houses(desk: Desk, land: Land, houses: Houses) -> None:
    """Send the cadastre's houses, a file for each town, in zone 40 or 41 by where the town lies."""
    short = short_addresses(land, houses)
    towns = town_names(land, houses)
    of_town = land.town[houses.village]
    for town, (code, name) in enumerate(land.towns):
        rows = np.flatnonzero(of_town == town)
        if not len(rows):
            continue
        form, prefixed = FORMS[town % len(FORMS)]
        crs = GEOGRAPHIC if form == "geojson" else _zone(land, houses.lattice[rows].mean(axis=0), prefixed)
        at = pa.array(rows)
        columns = {
            "JZBM": houses.code.take(at), "JZMC": houses.name.take(at), "YT": houses.use.take(at),
            "CS": text(houses.storeys[rows]),
            "DZ": join(towns.take(at), short.take(at)), "WG": pick(land.grid_codes, houses.grid[rows]),
            GEOMETRY: to_wkb(footprints(land, houses)[rows], crs),
        }  # fmt: skip
        desk.send(f"02_buildings_{code}", form, [(columns, None)], _house_planter(form, crs), crs=crs, layer=name)


def _zone(land: Land, lattice: NDArray[np.float64], prefixed: bool) -> str:
    lon = transformer(CRS, GEOGRAPHIC).transform(*land.metres(lattice))[0]
    return {
        (True, False): "EPSG:4549",
        (True, True): "EPSG:4528",
        (False, False): "EPSG:4550",
        (False, True): "EPSG:4529",
    }[lon < ZONE_EDGE, prefixed]


def _house_planter(form: Form, crs: str) -> Planter:
    faults = [
        *text_faults("JZBM", "YT", csv=None, numeric_key=True),
        *grid_code_faults("WG"),
        *value_faults(numbers=["CS"], too_large="999"),
        Fault("wrong building code", "building_code_wrong", change("JZBM", lambda code: code[:15])),
        *outline_faults(crs, any_kind=form != "shp", has_grid=True, areas=True),
    ]
    if form == "shp":  # a .dbf cuts what is longer
        faults = [fault for fault in faults if fault.code != "text_too_long"]
    odd = [
        Fault("a rare name", "", lambda row, number: {**row, "JZMC": RARE_NAMES[number % len(RARE_NAMES)]}),
        Fault("a house of one room", "", lambda row, number: {**row, "CS": "1", "JZMC": ""}),
        Fault("full-width digits", "", lambda row, number: {**row, "CS": "１２"}),
    ]
    return Planter("JZBM", faults, _fresh_house, odd)


def _fresh_house(row: Row, number: int) -> Row:
    return {"JZBM": f"{str(row['JZBM'])[:12]}{9000 + number % 1000}"}


def send_addresses(desk: Desk, land: Land, houses: Houses) -> None:
    """Send the register of standard addresses: one for each house, with the aliases people use."""
    desk.send(
        "03_addresses", "gpkg", _address_parts(land, houses), _address_planter(), crs=GEOGRAPHIC, layer="addresses"
    )


def _address_parts(land: Land, houses: Houses) -> Iterator[Part]:
    town = town_names(land, houses)
    block = choose(houses.block > 0, text(houses.block), "")
    alias = choose(houses.block > 0, join(town, houses.compound, text(houses.block), "号楼"), houses.name)
    keys = join(houses.code, "001")
    yield {
        "dzbm": keys, "bzdz": join("山东省烟台市牟平区", town, short_addresses(land, houses)), "jlx": houses.road,
        "mph": text(houses.number), "xqmc": houses.compound, "ldh": block, "jzbm": houses.code,
        "cz": choose(houses.kind == VILLAGE, pick(land.short, houses.village), ""),
        "zu": choose(houses.group > 0, text(houses.group), ""), "bm": alias, "wg": pick(land.grid_codes, houses.grid),
        GEOMETRY: to_wkb(np.asarray(shapely.points(np.round(land.metres(houses.front), 3)), dtype=object), GEOGRAPHIC),
    }, Truth(keys, "building", houses.code, ["code"] * len(keys))  # fmt: skip


def _address_planter() -> Planter:
    faults = [
        *text_faults("dzbm", "bzdz", csv=None, numeric_key=True),
        *value_faults(required=["bzdz"]),
        *grid_code_faults("wg"),
        *outline_faults(GEOGRAPHIC, any_kind=False, has_grid=True, areas=False),
    ]
    return Planter(
        "dzbm", faults, lambda row, number: {"dzbm": f"{str(row['dzbm'])[:16]}{900 + number % 99}", "jzbm": ""}
    )


def to_wkb(shapes: NDArray[np.object_], crs: str) -> pa.Array:
    """Bring shapes from EPSG:4550 into a system and write them as WKB; degrees keep 10 decimals."""
    if crs != CRS:
        project = transformer(CRS, crs)
        decimals = 10 if crs == GEOGRAPHIC else 4
        shapes = shapely.transform(
            shapes, lambda xy: np.round(np.column_stack(project.transform(xy[:, 0], xy[:, 1])), decimals)
        )
    return pa.array(shapely.to_wkb(shapes), pa.binary())
