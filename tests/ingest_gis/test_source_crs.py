"""In which system a delivery is: ESRI's names, zone numbers, old datums, local systems, heights."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from ingest_gis.angles import read_angle
from ingest_gis.heights import ELLIPSOIDAL, read_vertical, split_heights
from ingest_gis.source_crs import find_source_crs, read_declared, refuse_grid_files, to_metres
from ingest_gis.text_encoding import plain_name
from ingest_gis.zones import into_one_zone
from tests.databases import Database
from tests.ingest_gis.delivered_rows import EAST, NORTH, Row, asset_rows, lonlat, take, write_csv, write_places
from tests.ingest_gis.format_files import write
from twin.crs import read_crs
from twin.errors import DatumUnsure, UnknownCrs

# A local system as a city's survey office has one: its own meridian, false origin, no code.
LOCAL = "+proj=tmerc +lat_0=0 +lon_0=121.6 +k=1 +x_0=50000 +y_0=-4000000 +ellps=GRS80 +units=m"


def inside(metres: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.hypot(metres[:, 0] - EAST, metres[:, 1] - NORTH) < 3000


def grid_points(count: int = 20) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.column_stack([EAST + np.arange(count) * 10.0, NORTH + np.arange(count) * 7.0])


def found(
    points: np.ndarray[tuple[int, int], np.dtype[np.float64]], given: str | None = None, declared: str | None = None
):  # type: ignore[no-untyped-def]
    return find_source_crs(points, given=given, declared=declared, working_srid=4550, inside=inside, where="x.csv")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("CGCS2000_3_Degree_GK_CM_123E", "EPSG:4550"),
        ("CGCS2000_3_Degree_GK_CM_120E", "EPSG:4549"),
        ("CGCS2000_3_Degree_GK_Zone_41", "EPSG:4529"),
        ("CGCS2000_3_Degree_GK_Zone_40", "EPSG:4528"),
    ],
)
def test_esri_names_of_zones_are_known(name: str, code: str) -> None:
    """As ArcGIS writes them into a .prj file."""
    text = CRS.from_epsg(int(code[5:])).to_wkt("WKT1_ESRI")
    head = text.split('"', 2)
    assert read_declared(f'{head[0]}"{name}"{head[2]}') == code


@pytest.mark.parametrize("text", ["EPSG:4610", "EPSG:2364", "EPSG:4214", "EPSG:2434"])
def test_old_datums_are_refused_with_the_reason(text: str) -> None:
    for form in (text, CRS.from_user_input(text).to_wkt("WKT1_ESRI")):
        with pytest.raises(UnknownCrs, match=r"local parameters.*towgs84"):
            read_declared(form)


def test_an_old_datum_with_its_parameters_is_taken() -> None:
    text = "+proj=tmerc +lat_0=0 +lon_0=123 +k=1 +x_0=500000 +y_0=0 +a=6378140 +b=6356755.288 +towgs84=1,2,3,0,0,0,0"
    assert read_declared(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "+proj=longlat +ellps=krass +nadgrids=/dev/stdin",
        "+proj=longlat +datum=WGS84 +geoidgrids=/etc/hosts +vunits=m",
        'GEOGCS["x",DATUM["d",SPHEROID["s",6378137,298.257],EXTENSION["PROJ4_GRIDS","/etc/hosts"]],'
        'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]',
    ],
)
def test_a_file_does_not_name_a_grid_to_be_opened_here(text: str) -> None:
    with pytest.raises(UnknownCrs, match="格网"):
        found(np.array([[121.6, 37.38]]), declared=text)


def test_no_grid_is_no_grid() -> None:
    refuse_grid_files(CRS.from_epsg(3857).to_wkt("WKT1_GDAL"))  # says +nadgrids=@null
    with pytest.raises(UnknownCrs):
        read_crs('{"type": "ProjectedCRS", "x": ' + "[" * 50_000)


@pytest.mark.parametrize("name", ["zlib", "rot13", "undefined", "unicode_escape", "hex", "no such"])
def test_what_is_no_encoding_of_text_is_none(name: str) -> None:
    assert plain_name(name) is None


def test_zone_numbers_of_both_zones_in_one_file() -> None:
    """The district is cut by the zones' edge: eastings of 40 and of 41 million stand side by side."""
    points = grid_points()
    in_40 = np.column_stack(Transformer.from_crs(4550, 4528, always_xy=True).transform(points[:, 0], points[:, 1]))
    in_41 = np.column_stack(Transformer.from_crs(4550, 4529, always_xy=True).transform(points[:, 0], points[:, 1]))
    mixed = np.where((np.arange(len(points)) % 3 == 0)[:, np.newaxis], in_40, in_41)
    crs = found(mixed)
    assert (crs.crs, crs.swapped) == ("EPSG:4529", False)
    assert np.abs(to_metres(mixed, crs.crs, 4550) - points).max() < 1e-3
    assert found(mixed[:, ::-1]).swapped


@given(st.floats(120.2, 122.8), st.floats(36.0, 38.0), st.sampled_from([39, 40, 41, 42]))
def test_a_number_before_the_easting_says_its_zone(lon: float, lat: float, zone: int) -> None:
    assume(abs(lon - 3 * zone) < 4)  # further away the easting itself would begin with another number
    x, y = Transformer.from_crs(4490, 4488 + zone, always_xy=True).transform(lon, lat)
    one = into_one_zone(np.array([[x, y], [np.nan, 0.0]]), "EPSG:4529")
    meant = Transformer.from_crs(4490, 4529, always_xy=True).transform(lon, lat)
    assert one[0] == pytest.approx(meant, abs=1e-4)


def test_a_local_system_is_given_as_a_proj_string() -> None:
    points = grid_points()
    local = np.column_stack(Transformer.from_crs(4550, LOCAL, always_xy=True).transform(points[:, 0], points[:, 1]))
    crs = found(local, given=LOCAL)
    assert crs.crs == LOCAL
    assert np.abs(to_metres(local, crs.crs, 4550) - points).max() < 1e-3
    assert found(local[:, ::-1], given=LOCAL).swapped


def test_nothing_is_guessed_when_the_numbers_do_not_tell() -> None:
    with pytest.raises(DatumUnsure, match="--crs"):
        found(np.array([[1000.0, 2000.0], [1001.0, 2001.0], [1002.0, 2002.0]]))


@pytest.mark.parametrize(
    ("text", "across", "up"),
    [
        ("EPSG:7415", "EPSG:28992", "EPSG:5709"),
        ("EPSG:4550+5737", "EPSG:4550", "EPSG:5737"),
        ("EPSG:4480", "EPSG:4490", ELLIPSOIDAL),
        ("EPSG:4550", "EPSG:4550", None),
    ],
)
def test_a_system_is_parted_into_ground_and_heights(text: str, across: str, up: str | None) -> None:
    assert split_heights(text) == (across, up)


def test_vertical_datums_in_words_and_codes() -> None:
    assert read_vertical("1985国家高程基准") == read_vertical("EPSG:5737") == read_vertical("1985") == "EPSG:5737"
    assert read_vertical("大地高") == ELLIPSOIDAL
    for wrong in ("EPSG:4550", "EPSG:4979", "sea level", "EPSG:6360"):  # the last is in US feet
        with pytest.raises(UnknownCrs):
            read_vertical(wrong)


@given(
    st.floats(-180, 180),
    st.sampled_from(["{d}°{m}'{s:.4f}\"", "{d}度{m}分{s:.4f}秒", "{d} {m} {s:.4f}", "{d}：{m}：{s:.4f}"]),
)
def test_angles_read_back(value: float, form: str) -> None:
    size = round(abs(value) * 3600 * 1e4) / 1e4
    degrees, rest = divmod(size, 3600)
    minutes, seconds = divmod(rest, 60)
    text = form.format(d=int(degrees), m=int(minutes), s=min(seconds, 59.9999))
    assert read_angle(text) == pytest.approx(size / 3600, abs=1e-7)
    assert read_angle(f"-{text}") == pytest.approx(-size / 3600, abs=1e-7)
    assert read_angle(f"西经{text}") == pytest.approx(-size / 3600, abs=1e-7)


def degrees_text(value: float, side: str) -> str:
    minutes, seconds = divmod(round(value * 3600, 3), 60)
    degrees, minutes = divmod(minutes, 60)
    return f"{degrees:.0f}°{minutes:.0f}′{seconds:.3f}″{side}"


def test_systems_heights_and_angles_through_twin_ingest(database: Database, tmp_path: Path) -> None:
    """One district: a local system, a drawing, the neighbouring zone, angles in words, points with heights."""
    take(database, write_places(tmp_path / "places.gpkg"))
    rows = asset_rows(40)
    to_local = Transformer.from_crs(4550, LOCAL, always_xy=True)
    to_120 = Transformer.from_crs(4550, 4549, always_xy=True)

    def moved(some: list[Row], way: Transformer) -> list[Row]:
        places = [way.transform(float(row["东坐标"]), float(row["北坐标"])) for row in some]
        return [{**row, "东坐标": f"{x:.4f}", "北坐标": f"{y:.4f}"} for row, (x, y) in zip(some, places, strict=True)]

    (local,) = take(database, write_csv(tmp_path / "local.csv", moved(rows, to_local)), crs=LOCAL)
    assert (local.counts.inserted, local.crs) == (40, LOCAL)
    off = database.fetch(
        "SELECT max(abs(ST_X(geom_m) - %s - 2 * (right(code, 6)::int %% 200))) FROM twin.asset", (EAST,)
    )
    assert off[0][0] < 1e-3

    (drawing,) = take(database, write(tmp_path, "DXF"))
    assert (drawing.counts.read, drawing.counts.inserted, set(drawing.reasons)) == (10, 2, {"class_unknown"})
    assert drawing.crs == "EPSG:4550"
    drawn = database.fetch(
        "SELECT c.code, a.attributes ->> '编号', (a.attributes ->> '功率W')::int, GeometryType(a.geom_m) "
        "FROM twin.asset a JOIN twin.class c USING (class_id) JOIN twin.batch b USING (batch_id) "
        "WHERE b.file = 'houses.dxf' ORDER BY 1"
    )
    assert drawn == [("0118", "LD-0012", 150, "POINT"), ("2116", None, None, "LINESTRING")]

    mixed = [*rows[:30], *moved(rows[30:], to_120)]
    (zones,) = take(database, write_csv(tmp_path / "zones.csv", mixed), crs="EPSG:4550")
    assert dict(zones.reasons) == {"coordinates_zone": 10}

    lamps = []
    for number in range(12):
        lon, lat = lonlat(5.0 + 40 * number, -3.0)
        lamps.append(
            {"灯杆编号": f"LD{number}", "类型": "LED", "经度": degrees_text(lon, "E"), "纬度": degrees_text(lat, "N")}
        )
    (angles,) = take(database, write_csv(tmp_path / "lamps.csv", lamps), datum="cgcs2000")
    assert angles.counts.inserted == 12
    far = database.fetch("SELECT max(abs(ST_Y(geom_m) - %s)) FROM twin.record", (NORTH - 3.0,))
    assert far[0][0] < 0.05

    table = geopandas.GeoDataFrame(
        [{key: row[key] for key in ("标识码", "小类代码", "名称", "状态")} for row in rows],
        geometry=[shapely.Point(EAST + 2 * number, NORTH, 10.0 + number / 100) for number in range(40)],
        crs="EPSG:4550",
    )
    pyogrio.write_dataframe(table, tmp_path / "heights.gpkg")
    (without,) = take(database, tmp_path / "heights.gpkg", mapping="assets")
    assert without.notes["height_without_datum"] == 40
    assert without.counts.rejected == 0
    assert database.fetch("SELECT count(height_m) FROM twin.asset") == [(0,)]
    (told,) = take(database, tmp_path / "heights.gpkg", mapping="assets", vertical_datum="1985国家高程基准")
    assert told.counts.changed == 40
    heights = database.fetch("SELECT min(height_m), max(height_m), min(vertical_datum) FROM twin.asset")
    assert heights == [(pytest.approx(10.0), pytest.approx(10.39), "EPSG:5737")]
