"""Which faults are planted into which kind of delivery: codes, dates, classes, positions, outlines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from photogrammetry.sample.district.codes import with_wrong_check
from photogrammetry.sample.district.faults import Fault, Row, Spoiler, change, move, put
from photogrammetry.sample.identifiers import CREDIT_ALPHABET, to_gcj02
from photogrammetry.sample.quarter import CRS
from twin.crs import transformer

GEOGRAPHIC = "EPSG:4490"
BD_TURN = np.pi * 3000.0 / 180.0
OUTSIDE_M = 70_000.0
PREFIXED = ("EPSG:4528", "EPSG:4529")
Point = NDArray[np.float64]  # (N, 2)
BAD_DATES = ("2026-13-45", "2025-02-30", "0000-00-00", "去年三月", "20261301")
ID_ALPHABET = "0123456789"


def to_bd09(lon: Point, lat: Point) -> tuple[Point, Point]:
    """Shift CGCS2000 degrees as BD-09 maps do: GCJ-02, turned and stretched once more."""
    lon, lat = to_gcj02(lon, lat)
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * BD_TURN)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * BD_TURN)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


# ---- codes and values
def credit_faults(column: str) -> list[Fault]:
    """Credit codes: a wrong check character, one letter short, a letter that is not allowed, two digits exchanged."""
    ways = (
        lambda code: with_wrong_check(code, CREDIT_ALPHABET),
        lambda code: code[:17],
        lambda code: code[:9] + "I" + code[10:],
        _exchange,
    )
    return [Fault("wrong credit code", "credit_code_wrong", change(column, way)) for way in ways]


def _exchange(code: str) -> str:
    """Exchange the first two neighbours that differ behind the division."""
    at = next(at for at in range(8, len(code) - 2) if code[at] != code[at + 1])
    return code[:at] + code[at + 1] + code[at] + code[at + 2 :]


def id_faults(column: str) -> list[Fault]:
    """Id numbers: a wrong check digit, a birth date that does not exist, the old 15 digits, two digits exchanged."""
    ways: tuple[Callable[[str], str], ...] = (
        lambda code: code[:17] + ("0" if code[17] != "0" else "1"),
        lambda code: code[:10] + "1332" + code[14:],
        lambda code: code[:6] + code[8:17],
        _exchange,
    )
    return [Fault("wrong id number", "id_number_wrong", change(column, way)) for way in ways]


def component_faults(column: str, *, with_class: bool) -> list[Fault]:
    """Component codes: short, with a letter; where it is the row's own code also of another class or district."""
    faults = [
        Fault("wrong component code", "component_code_wrong", change(column, lambda code: code[:15])),
        Fault("wrong component code", "component_code_wrong", change(column, lambda code: code[:12] + "O" + code[13:])),
    ]
    if with_class:
        faults += [
            Fault("component code of another class", "component_code_class",
                  change(column, lambda code: code[:6] + ("0118" if code[6:10] != "0118" else "0305") + code[10:])),
            Fault("component code of another district", "component_code_division",
                  change(column, lambda code: "370613" + code[6:])),
        ]  # fmt: skip
    return faults


def grid_code_faults(column: str) -> list[Fault]:
    """Unit grid codes of 14 digits or with serial 000."""
    ways = (lambda code: code[:14], lambda code: code[:12] + "000")
    return [Fault("wrong grid code", "grid_code_wrong", change(column, way)) for way in ways]


def value_faults(
    *, required: Sequence[str] = (), listed: Sequence[str] = (), dates: Sequence[str] = (), numbers: Sequence[str] = (),
    too_large: str = "99999999",
) -> list[Fault]:  # fmt: skip
    """Empty where something must stand, words that are not listed, days that do not exist, numbers that are none."""
    faults = [Fault("a required value is missing", "required_missing", put(**{name: ""})) for name in required]
    faults += [Fault("a value that is not listed", "value_not_listed", put(**{name: "其它情况"})) for name in listed]
    faults += [
        Fault("an impossible date", "date_wrong", put(**{name: bad})) for name in dates for bad in BAD_DATES
    ]  # fmt: skip
    for name in numbers:
        faults += [
            Fault("not a number", "number_wrong", put(**{name: "约十二"})),
            Fault("a number out of range", "number_out_of_range", put(**{name: too_large})),
            Fault("a number out of range", "number_out_of_range", put(**{name: "-7"})),
        ]
    return faults


def class_faults(column: str, attributes: str) -> list[Fault]:
    """No class, a class nobody knows, attributes that are no JSON or do not fit."""
    return [
        Fault("no class", "class_missing", put(**{column: ""})),
        Fault("a class nobody knows", "class_unknown", put(**{column: "9907"})),
        Fault("a class nobody knows", "class_unknown", put(**{column: "神秘设施"})),
        Fault("broken attributes", "json_wrong", put(**{attributes: '{"材质": "木"'})),
    ]


# ---- positions in two columns
def column_faults(x: str, y: str, crs: str, *, required: bool, decimals: int, has_grid: bool) -> list[Fault]:
    """Coordinates in two columns: missing, no numbers, 0/0, swapped, far away, of another zone, shifted."""
    faults = [
        Fault("one coordinate is missing", "coordinates_missing", put(**{y: ""})),
        Fault("coordinates that are no numbers", "coordinates_wrong", put(**{x: "见附图"})),
        Fault("coordinates 0, 0", "coordinates_impossible", put(**{x: "0", y: "0"})),
        Fault("coordinates swapped", "coordinates_swapped", lambda row, number: {**row, x: row[y], y: row[x]}),
        Fault("outside the district", "outside_district", _columns(x, y, crs, _far_away, decimals)),
    ]
    if required:
        faults.append(Fault("no coordinates", "coordinates_missing", put(**{x: "", y: ""})))
    if has_grid:
        faults += [
            Fault("GCJ-02 given as CGCS2000", "coordinates_shifted", _columns(x, y, crs, _as(to_gcj02), decimals)),
            Fault("BD-09 given as CGCS2000", "coordinates_shifted", _columns(x, y, crs, _as(to_bd09), decimals)),
        ]
    faults += [Fault(name, code, _in_crs(x, y, crs, other, decimals)) for name, code, other in _zones_beside(crs)]
    return faults


def _zones_beside(crs: str) -> list[tuple[str, str, str]]:
    """List name, reason and system of rows given in another zone than their file.

    Where the zone's number stands before every easting, a row of the neighbouring zone says so itself and is right.
    """
    if crs == GEOGRAPHIC:
        return []
    code = "" if crs in PREFIXED else "coordinates_zone"
    return [
        ("of the neighbouring zone", code, other_zone(crs)),
        ("with the zone's number, or without, unlike the rest", "coordinates_zone", other_prefix(crs)),
    ]


def other_zone(crs: str) -> str:
    """Give the neighbouring zone's system of the same kind: EPSG:4550 <-> 4549, 4529 <-> 4528."""
    return {"EPSG:4550": "EPSG:4549", "EPSG:4549": "EPSG:4550", "EPSG:4529": "EPSG:4528", "EPSG:4528": "EPSG:4529"}[crs]


def other_prefix(crs: str) -> str:
    """Give the same zone's system with the zone's number before the easting, or without."""
    return {"EPSG:4550": "EPSG:4529", "EPSG:4549": "EPSG:4528", "EPSG:4529": "EPSG:4550", "EPSG:4528": "EPSG:4549"}[crs]


def _columns(x: str, y: str, crs: str, how: Callable[[Point], Point], decimals: int) -> Spoiler:
    """Move a row's point. how: takes and gives (1, 2) metres in EPSG:4550."""
    there, back = transformer(crs, CRS), transformer(CRS, crs)

    def spoil(row: Row, number: int) -> Row | None:
        if not row[x] or not row[y]:
            return None
        at = np.array([there.transform(float(row[x]), float(row[y]))])
        east, north = back.transform(*how(at)[0])
        return {**row, x: f"{east:.{decimals}f}", y: f"{north:.{decimals}f}"}

    return spoil


def _in_crs(x: str, y: str, crs: str, other: str, decimals: int) -> Spoiler:
    project = transformer(crs, other)

    def spoil(row: Row, number: int) -> Row | None:
        east, north = project.transform(float(row[x]), float(row[y]))
        return {**row, x: f"{east:.{decimals}f}", y: f"{north:.{decimals}f}"}

    return spoil


def _far_away(metres: Point) -> Point:
    far: Point = metres + np.array([0.0, OUTSIDE_M])
    return far


def _as(shift: Callable[[Point, Point], tuple[Point, Point]]) -> Callable[[Point], Point]:
    """Turn a shift of degrees into one of metres in EPSG:4550."""
    there, back = transformer(CRS, GEOGRAPHIC), transformer(GEOGRAPHIC, CRS)

    def moved(metres: Point) -> Point:
        lon, lat = there.transform(metres[:, 0], metres[:, 1])
        return np.column_stack(back.transform(*shift(lon, lat)))

    return moved


# ---- geometry
def outline_faults(crs: str, *, any_kind: bool, has_grid: bool, areas: bool) -> list[Fault]:
    """Geometry: none, crossed, a sliver, of another kind, swapped, far away, shifted, of another zone."""
    faults = [
        Fault("no geometry", "geometry_missing", move(lambda wkb: None)),
        Fault("axes swapped", "coordinates_swapped", _geometry(lambda xy: xy[:, ::-1])),
        Fault("outside the district", "outside_district", _moved(crs, _far_away)),
    ]
    if areas:
        faults += [
            Fault("an outline that crosses itself", "geometry_beyond_repair", _whole(_bow_tie)),
            Fault("a sliver", "geometry_sliver", _whole(_sliver)),
        ]
    if any_kind and areas:
        faults.append(Fault("a point where an area belongs", "geometry_kind", _whole(shapely.centroid)))
    if has_grid:
        faults += [
            Fault("GCJ-02 given as CGCS2000", "coordinates_shifted", _moved(crs, _as(to_gcj02))),
            Fault("BD-09 given as CGCS2000", "coordinates_shifted", _moved(crs, _as(to_bd09))),
        ]
    faults += [
        Fault(name, code, _geometry(_projected(transformer(crs, other)))) for name, code, other in _zones_beside(crs)
    ]
    return faults


def _projected(project: Any) -> Callable[[Point], Point]:
    return lambda xy: np.column_stack(project.transform(xy[:, 0], xy[:, 1]))


def _geometry(how: Callable[[Point], Point]) -> Spoiler:
    return move(lambda wkb: shapely.to_wkb(shapely.transform(shapely.from_wkb(wkb), how)))


def _whole(how: Callable[[Any], Any]) -> Spoiler:
    return move(lambda wkb: shapely.to_wkb(how(shapely.from_wkb(wkb))))


def _moved(crs: str, how: Callable[[Point], Point]) -> Spoiler:
    there, back = _projected(transformer(crs, CRS)), _projected(transformer(CRS, crs))
    return _geometry(lambda xy: back(how(there(xy))))


def _bow_tie(shape: Any) -> Any:
    """Exchange two corners of an outline."""
    ring = shapely.get_coordinates(shapely.minimum_rotated_rectangle(shape))[:4]
    return shapely.Polygon(ring[[0, 2, 1, 3]])


def _sliver(shape: Any) -> Any:
    """Press an outline together to a five-thousandth of its width."""
    ring = shapely.get_coordinates(shapely.minimum_rotated_rectangle(shape))[:4]
    beside = ring[0] + (ring[3] - ring[0]) * 0.0002, ring[1] + (ring[2] - ring[1]) * 0.0002
    return shapely.Polygon([ring[0], ring[1], beside[1], beside[0]])
