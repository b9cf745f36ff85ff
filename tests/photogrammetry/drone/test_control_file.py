"""Control point files in both formats, whole, broken and strange."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photogrammetry.drone.control_file import Mark, read_control_file
from photogrammetry.drone.control_place import check_control_place
from twin.crs import LonLat, transformer
from twin.errors import BadControlPoints

HEAD = "# crs=EPSG:4550 vertical_datum=EPSG:5737"
COLUMNS = "name,role,east,north,height_m,file,col,row"


def read(text, crs="EPSG:4550", encoding="utf-8"):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gcp.csv"
        path.write_bytes(text.encode(encoding))
        return read_control_file(path, crs)


number = st.floats(-1e7, 1e7).map(lambda value: round(value, 3))
word = st.text(st.characters(whitelist_categories=("Lu", "Ll", "Nd", "Lo")), min_size=1, max_size=8)


@st.composite
def surveys(draw):
    """Points as (name, role, east, north, height, marks)."""
    names = draw(st.lists(word, min_size=1, max_size=5, unique=True))
    files = st.lists(word.map("{}.JPG".format), min_size=1, max_size=4, unique=True)
    role = st.sampled_from(["control", "check"])
    return [
        (name, draw(role), *(draw(number) for _ in "enh"), [(f, draw(number), draw(number)) for f in draw(files)])
        for name in names
    ]


@settings(deadline=None)
@given(points=surveys(), order=st.permutations(range(8)), bom=st.booleans())
def test_what_was_written_is_read_whatever_the_order_of_columns(points, order, bom):
    names = COLUMNS.split(",")
    lines = [HEAD, ",".join(names[k] for k in order)]
    for name, role, east, north, height, marks in points:
        for file, col, row in marks:
            cells = [name, role.upper(), east, north, height, file, col, row]
            lines += ["", ",".join(str(cells[k]) for k in order)]
    found = read("\n".join(lines), crs="EPSG:1", encoding="utf-8-sig" if bom else "utf-8")
    assert (found.crs, found.vertical_datum, found.rejected) == ("EPSG:4550", "EPSG:5737", ())
    assert [
        (p.name, p.role, p.east, p.north, p.height_m, [(m.file, m.col, m.row) for m in p.marks]) for p in found.points
    ] == points


@settings(deadline=None, max_examples=300)
@given(
    text=st.one_of(st.text(max_size=300), st.lists(st.text(max_size=40), max_size=8).map(f"{HEAD}\n{COLUMNS}\n".join))
)
def test_any_text_is_read_or_refused_with_a_reason(text):
    with suppress(BadControlPoints, UnicodeEncodeError):
        assert read(f"{HEAD}\n{COLUMNS}\n{text}").points


@settings(deadline=None, max_examples=200)
@given(at=st.integers(0, 400), byte=st.integers(0, 255))
def test_any_changed_byte_is_read_or_refused_with_a_reason(at, byte):
    rows = [f"P{n},control,{376000 + n},4140400,24.5,DJI_{n:04d}.JPG,400.5,300.25" for n in range(6)]
    content = bytearray("\n".join([HEAD, COLUMNS, *rows]).encode())
    content[at % len(content)] = byte
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gcp.csv"
        path.write_bytes(content)
        with suppress(BadControlPoints):
            found = read_control_file(path, "EPSG:4550")
            assert len(found.points) + len(found.rejected) >= 5


def test_rows_that_cannot_be_read_are_counted_by_their_line():
    found = read(
        "\n".join([
            HEAD, "# a remark", COLUMNS,
            "A,control,1,2,3,a.jpg,4,5",
            "B,witness,1,2,3,a.jpg,4,5",
            "",
            'C,"control,1,2,3,a.jpg,4,5',
            "D,check,one,2,3,a.jpg,4,5",
            "E,check,1,2",
            "F,check,nan,2,3,a.jpg,4,5",
            "G,check,1,2,3,a.jpg,4,inf",
            "H,check,1,2,3,a.jpg,4,5",
        ])
    )  # fmt: skip
    assert [point.name for point in found.points] == ["A", "H"]
    assert [number for number, _ in found.rejected] == [5, 7, 8, 9, 10, 11]
    assert found.rejected[0][1] == "role is neither control nor check"
    assert found.rejected[2][1] == "a coordinate or pixel is missing or not a number"


def test_one_name_means_one_place_and_one_role():
    for second in ("A,control,1,2,3.5,b.jpg,4,5", "A,check,1,2,3,b.jpg,4,5"):
        with pytest.raises(BadControlPoints, match="point A has two positions or two roles"):
            read("\n".join([HEAD, COLUMNS, "A,control,1,2,3,a.jpg,4,5", second]))


@pytest.mark.parametrize(
    ("head", "crs"),
    [
        ("WGS84 UTM 51N", "EPSG:32651"),
        ("wgs 84 utm 9 s", "EPSG:32709"),
        ("EPSG:4549", "EPSG:4549"),
        ("+proj=utm +zone=51 +datum=WGS84 +units=m", "+proj=utm +zone=51 +datum=WGS84 +units=m"),
    ],
)
def test_opendronemaps_format(head, crs):
    found = read(f"{head}\n1.5 2.5 3.5 400 300 a.jpg\n1.5 2.5 3.5 10 20 b.jpg\n7 8 9 1 2 a.jpg G7\n7 8\n")
    assert found.crs == crs
    assert found.vertical_datum is None
    assert [(p.name, p.role) for p in found.points] == [("1.5 2.5 3.5", "control"), ("G7", "control")]
    assert found.points[0].marks == (Mark("a.jpg", 400.0, 300.0), Mark("b.jpg", 10.0, 20.0))
    assert [number for number, _ in found.rejected] == [5]


PHOTOS = LonLat(121.6, 37.387)


@pytest.mark.parametrize("crs", ["EPSG:4550", "EPSG:4529", "EPSG:2365", "EPSG:32650", "EPSG:4326"])
@pytest.mark.parametrize("swapped", [False, True], ids=["right", "exchanged"])
@pytest.mark.parametrize("declared", ["EPSG:4550", "EPSG:4549"])
def test_what_is_wrong_with_the_place_of_points_is_said(crs, swapped, declared):
    at = transformer("EPSG:4326", crs).transform(PHOTOS.lon + 0.002, PHOTOS.lat)
    first, second = at[::-1] if swapped else at
    rows = [f"P{n},control,{first},{second},{20 + n},a.jpg,4,5" for n in range(3)]
    control = read("\n".join([f"# crs={declared}", COLUMNS, *rows]))
    if declared == crs and not swapped:
        check_control_place(control, PHOTOS, "EPSG:5737", "gcp.csv")
        return
    with pytest.raises(BadControlPoints) as caught:
        check_control_place(control, PHOTOS, "EPSG:5737", "gcp.csv")
    said = str(caught.value)
    if declared == crs:
        assert "easting and northing are exchanged" in said
    else:
        assert "The numbers fit EPSG:" in said, said
        assert ("with easting and northing exchanged" in said) == swapped
        named = said.split("The numbers fit ")[1].split()[0]
        east, north = transformer("EPSG:4326", named).transform(PHOTOS.lon, PHOTOS.lat)
        off = max(abs(east - at[0]), abs(north - at[1]))
        assert off < (5000 if east > 1000 else 0.05), "what is advised puts the points among the photos"
