"""Files as departments send them, and files that are not what they say: opened in the guarded child only."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import geopandas
import numpy as np
import openpyxl
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest_gis.gdal_guard import GuardedFile, GuardLimits, ReadOptions, open_guarded
from ingest_gis.text_encoding import is_broken_text
from twin.errors import UnreadableDelivery

NAMES = ["牟平大厦", "镕基楼", "亁坤里㐂", "café 12"]


def read_all(path: Path, options: ReadOptions | None = None) -> tuple[dict[str, object], dict[str, list[object]]]:
    with open_guarded(path, options) as file:
        columns: dict[str, list[object]] = {}
        for batch in file.batches():
            for name, values in batch.to_pydict().items():
                columns.setdefault(name, []).extend(values)
        return dict(file.info), columns


def houses(names: list[str] = NAMES) -> geopandas.GeoDataFrame:
    shapes = [shapely.box(376_000 + 20 * i, 4_140_000, 376_010 + 20 * i, 4_140_010) for i in range(len(names))]
    codes = [f"370612001001{i:04d}" for i in range(len(names))]
    return geopandas.GeoDataFrame({"JZBM": codes, "JZMC": names}, geometry=shapes, crs="EPSG:4550")


@pytest.mark.parametrize(("encoding", "with_cpg"), [("GB18030", False), ("UTF-8", False), ("GB18030", True)])
def test_shapefile_text_with_and_without_cpg(tmp_path: Path, encoding: str, with_cpg: bool) -> None:
    pyogrio.write_dataframe(houses(), tmp_path / "h.shp", encoding=encoding)
    if not with_cpg:
        (tmp_path / "h.cpg").unlink()
    info, columns = read_all(tmp_path / "h.shp")
    assert columns["JZMC"] == NAMES
    assert columns["JZBM"][1] == "3706120010010001"
    assert columns["_row_no"] == [1, 2, 3, 4]
    assert info["crs"] == "EPSG:4550"


def test_a_cpg_that_lies_is_overruled(tmp_path: Path) -> None:
    pyogrio.write_dataframe(houses(), tmp_path / "h.shp", encoding="GB18030")
    (tmp_path / "h.cpg").write_text("UTF-8")
    assert read_all(tmp_path / "h.shp")[1]["JZMC"] == NAMES


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".fgb"])
def test_other_vector_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"h{suffix}"
    pyogrio.write_dataframe(houses().to_crs("EPSG:4490" if suffix != ".geojson" else "EPSG:4326"), path)
    info, columns = read_all(path)
    assert sorted(map(str, columns["JZMC"])) == sorted(NAMES)  # FlatGeobuf keeps an order of its own
    shape = shapely.from_wkb(columns["_wkb"][0])
    assert 121 < shape.centroid.x < 122
    assert info["rows"] == 4


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8", ","), ("utf-8-sig", "\t"), ("gb18030", ","), ("gb18030", ";"), ("utf-16", ",")],
)
def test_csv_encoding_and_delimiter_are_found(tmp_path: Path, encoding: str, delimiter: str) -> None:
    lines = [["编号", "名称", "备注"], ["0012", "路灯", f"a{delimiter}b"], ["0013", "镕基", ""]]
    text = "\r\n".join(delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in line) for line in lines)
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode(encoding))
    _, columns = read_all(path)
    assert columns["编号"] == ["0012", "0013"]
    assert columns["备注"] == [f"a{delimiter}b", ""]


def test_one_badly_encoded_row_does_not_spoil_the_others(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("编号,名称\n1,路灯\n".encode() + "2,井盖\n".encode("gb18030") + "3,消火栓\n".encode())
    names = read_all(path)[1]["名称"]
    assert [is_broken_text(str(name)) for name in names] == [False, True, False]


def test_workbook_title_lines_codes_and_ruined_numbers(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["2026年报修工单"])
    book.active.append(["工单编号", "部件编号", "报修时间"])
    book.active.append(["BX1", "3706120118000001", "2026-03-16 13:20"])
    book.active.append(["BX2", 370612011800000123, None])
    book.active.append([])
    book.active.append([7, None, None])
    book.save(tmp_path / "r.xlsx")
    _, columns = read_all(tmp_path / "r.xlsx")
    assert columns["部件编号"] == ["3706120118000001", "3.70612011800000E+17", ""]
    assert columns["工单编号"] == ["BX1", "BX2", "7"]


VRT = (
    '<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>/etc/passwd</SrcDataSource>'
    "</OGRVRTLayer></OGRVRTDataSource>"
)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "empty"),
        ("blank.csv", b"\n \n", "empty"),
        ("vrt.gpkg", VRT.encode(), "VRT"),
        ("vrt.geojson", b"{" + VRT.encode(), "VRT"),
        ("vrt.kml", VRT.encode(), "VRT"),
        ("zip.csv", b"PK\x03\x04rest", "ZIP"),
        ("zip.gpkg", b"PK\x03\x04rest", "ZIP"),
        ("text.xlsx", b"not a workbook", "not Excel"),
        ("broken.xlsx", b"PK\x03\x04 broken", "workbook"),
        ("broken.gpkg", b"SQLite format 3\x00" + b"\x01" * 300, "damaged"),
        ("broken.geojson", b'{"type": "FeatureCollection", "features": [', "damaged"),
        ("plan.dwg", b"AC1032", "DXF"),
        ("photo.jpg", b"\xff\xd8\xff", "not taken"),
        ("archive.zip", b"PK\x03\x04", "archive cannot be opened"),
    ],
)
def test_bad_files_are_named_for_what_they_are(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableDelivery, match=says):
        read_all(path)


def test_a_shapefile_without_its_table_says_which_part_is_missing(tmp_path: Path) -> None:
    pyogrio.write_dataframe(houses(), tmp_path / "h.shp")
    (tmp_path / "h.dbf").unlink()
    with pytest.raises(UnreadableDelivery, match=r"\.dbf"):
        read_all(tmp_path / "h.shp")


def test_a_geopackage_cut_short_is_damaged(tmp_path: Path) -> None:
    pyogrio.write_dataframe(houses(), tmp_path / "h.gpkg")
    path = tmp_path / "cut.gpkg"
    path.write_bytes((tmp_path / "h.gpkg").read_bytes()[:5000])
    with pytest.raises(UnreadableDelivery):
        read_all(path)


def test_a_workbook_that_unpacks_to_more_than_the_memory_allowed_is_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["编号", "名称"])
    book.save(tmp_path / "small.xlsx")
    row = b'<row><c t="inlineStr"><is><t>' + b"x" * 4000 + b"</t></is></c></row>"
    with (
        zipfile.ZipFile(tmp_path / "small.xlsx") as old,
        zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for item in old.infolist():
            content = old.read(item)
            if item.filename == "xl/worksheets/sheet1.xml":
                head, tail = content.split(b"</sheetData>")
                content = head + row * 60_000 + b"</sheetData>" + tail
            new.writestr(item, content)
    assert (tmp_path / "bomb.xlsx").stat().st_size < 3_000_000
    limits = GuardLimits(memory_bytes=600 << 20)
    with pytest.raises(UnreadableDelivery, match="memory"), open_guarded(tmp_path / "bomb.xlsx", None, limits) as file:
        for _ in file.batches():
            pass


@pytest.mark.parametrize("last_words", [b"SystemError: error return without exception set", b"std::bad_alloc"])
def test_a_reader_that_ends_for_want_of_memory_is_told_as_such(last_words: bytes) -> None:
    file = object.__new__(GuardedFile)
    file.path, file._errors = Path("book.xlsx"), io.BytesIO(b"Traceback\n" + last_words)
    file._child = SimpleNamespace(wait=lambda: 1, returncode=1)
    assert "memory" in str(file._died())


def test_processor_time_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("编号,名称\n" + "1,路灯\n" * 4_000_000)
    with (
        pytest.raises(UnreadableDelivery, match="longer than allowed"),
        open_guarded(path, None, GuardLimits(cpu_s=2)) as file,
    ):
        for _ in file.batches():
            pass


def test_the_reader_has_no_network_no_programs_and_a_bare_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that tries to get out, run the way the real ones are."""
    probe = tmp_path / "probe_reader.py"
    probe.write_text(
        "import os, socket, subprocess, pyarrow as pa\n"
        "def prepare(driver): pass\n"
        "def attempt(what):\n"
        "    try: what(); return 'got out'\n"
        "    except OSError as error: return type(error).__name__\n"
        "def stream(path, options, emit_info, emit_batch):\n"
        "    emit_info({'layer': None, 'socket': attempt(lambda: socket.socket()),\n"
        "        'program': attempt(lambda: subprocess.run(['true'])), 'secret': os.environ.get('SECRET')})\n"
    )
    script = tmp_path / "run_child.py"
    script.write_text(
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}]\n"
        "from ingest_gis import gdal_guard\n"
        "gdal_guard.READERS['table'] = 'probe_reader'\n"
        "gdal_guard._child()\n"
    )
    monkeypatch.setenv("SECRET", "token")
    monkeypatch.setattr("ingest_gis.gdal_guard.CHILD_ARGUMENTS", (str(script),))
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with open_guarded(tmp_path / "t.csv") as file:
        assert file.info == {"layer": None, "socket": "PermissionError", "program": "PermissionError", "secret": None}


def test_the_reader_knows_one_format_only(tmp_path: Path) -> None:
    """A Shapefile that calls itself a GeoPackage inside a folder of its parts is not opened by another driver."""
    pyogrio.write_dataframe(houses(), tmp_path / "h.shp")
    shutil.copy(tmp_path / "h.shp", tmp_path / "h2.gpkg")
    with pytest.raises(UnreadableDelivery, match="not GeoPackage"):
        read_all(tmp_path / "h2.gpkg")
    with open_guarded(tmp_path / "h.shp") as file:
        assert "GPKG" in str(file.info["skipped_drivers"]).split(",")
        assert "ESRI Shapefile" not in str(file.info["skipped_drivers"]).split(",")


def test_no_reader_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n" * 200_000)
    with open_guarded(tmp_path / "t.csv", ReadOptions(batch_rows=10)) as file:
        next(file.batches())
        child = file._child.pid
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


@given(st.text(st.characters(codec="gb18030", categories=["L", "N"]), min_size=0, max_size=12))
@settings(max_examples=300)
def test_text_in_common_characters_is_never_taken_for_broken(text: str) -> None:
    common = "".join(letter for letter in text if letter.isascii() or "\u4e00" <= letter <= "\u9fa5")
    try:
        common.encode("gb18030").decode("utf-8")
    except UnicodeDecodeError:
        assert not is_broken_text(common)


@pytest.mark.parametrize("text", ["牟平区宁海街道", "路灯", "正阳路12号", "市场监督管理局"])
@pytest.mark.parametrize(
    ("written", "read"), [("gb18030", "latin-1"), ("utf-8", "latin-1"), ("utf-8", "gb18030"), ("utf-8", "cp1252")]
)
def test_mojibake_is_recognised(text: str, written: str, read: str) -> None:
    assert is_broken_text(text.encode(written).decode(read, "replace"))


@pytest.mark.parametrize("name", ["Jäähalli", "Pitäjänmäki", "São Paulo", "①号楼", "“引号”", "Ｎo.３", "２０㎡"])
def test_foreign_and_odd_but_sound_text_passes(name: str) -> None:
    assert not is_broken_text(name)


def test_every_batch_carries_its_row_numbers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{i},x\n" for i in range(1, 101)))
    with open_guarded(tmp_path / "t.csv", ReadOptions(batch_rows=7)) as file:
        numbers = np.concatenate([batch["_row_no"].to_numpy() for batch in file.batches()])
    assert numbers.tolist() == list(range(1, 101))
