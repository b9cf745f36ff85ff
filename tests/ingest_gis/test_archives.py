"""ZIP archives of deliveries: what is inside is delivered; what would do harm is refused."""

from __future__ import annotations

import os
import stat
import zipfile
from contextlib import ExitStack
from pathlib import Path

import geopandas
import pyogrio
import pytest
import shapely

from ingest_gis import read_archive
from ingest_gis.archives import clear_left_over, files_of
from ingest_gis.gdal_guard import SCRATCH
from ingest_gis.plan_delivery import IngestOptions
from ingest_gis.run_ingest import ingest_files
from tests.databases import Database
from tests.ingest_gis.delivered_rows import take, write_places
from tests.ingest_gis.format_files import EAST, NORTH, lamp_cloud, write
from tests.ingest_gis.read_here import read_here
from twin.errors import UnreadableDelivery


def packed(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


def test_folders_databases_and_chinese_names_are_found_inside(tmp_path: Path) -> None:
    shape, base = write(tmp_path, "Shapefile"), write(tmp_path, "FileGDB")
    path = tmp_path / "交.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for part in tmp_path.glob("houses.*"):
            if part.is_file():
                archive.write(part, f"一区/{part.name}")
        for part in base.iterdir():
            archive.write(part, f"库/houses.gdb/{part.name}")
        archive.writestr("__MACOSX/._houses.shp", b"junk")
        # Windows in China writes names in GBK without the flag for UTF-8.
        archive.writestr("AABB.csv", "编号,名称\n1,路灯\n".encode())
    path.write_bytes(path.read_bytes().replace(b"AABB.csv", "路灯.csv".encode("gb18030")))
    with ExitStack() as held:
        found = files_of(path, held)
        names = sorted(item.relative_to(item.parents[1 if item.suffix == ".csv" else 2]).as_posix() for item in found)
        assert names == sorted(["files/路灯.csv", "files/一区/houses.shp", "files/库/houses.gdb"])
        assert next(item for item in found if item.suffix == ".shp").read_bytes() == shape.read_bytes()
        folder = found[0].parent
    assert not folder.exists()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The reader unpacks into the folder it stands in."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.mark.parametrize("name", ["../../outside.csv", "/etc/outside.csv", "C:\\a.csv", "a/../../../b.csv"])
def test_paths_that_lead_out_are_refused(here: Path, tmp_path: Path, name: str) -> None:
    path = packed(tmp_path / "x.zip", {name: b"a,b\n1,2\n"})
    with pytest.raises(UnreadableDelivery, match="leads out"):
        read_here(path)
    assert not list(tmp_path.rglob("*.csv"))


def test_a_link_inside_is_refused(here: Path, tmp_path: Path) -> None:
    item = zipfile.ZipInfo("lamps.csv")
    item.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(item, "/etc/passwd")
    with pytest.raises(UnreadableDelivery, match="links"):
        read_here(tmp_path / "x.zip")


def test_a_bomb_is_refused_before_it_fills_the_disk(here: Path, tmp_path: Path) -> None:
    path = packed(tmp_path / "x.zip", {"zeros.csv": bytes(64 << 20)})
    assert path.stat().st_size < 100_000
    with pytest.raises(UnreadableDelivery, match="bomb"):
        read_here(path)
    assert (here / "files/zeros.csv").stat().st_size <= 16 << 20


def test_nothing_is_unpacked_onto_a_full_disk(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_archive, "SPARE_BYTES", 1 << 62)
    with pytest.raises(UnreadableDelivery, match="no room"):
        read_here(packed(tmp_path / "x.zip", {"a.csv": b"a,b\n1,2\n"}))


def test_too_many_entries_are_refused(here: Path, tmp_path: Path) -> None:
    path = packed(tmp_path / "many.zip", {f"{i}.csv": b"" for i in range(10_001)}, zipfile.ZIP_STORED)
    with pytest.raises(UnreadableDelivery, match="10000 files"):
        read_here(path)


def test_an_archive_without_anything_to_deliver_says_so(tmp_path: Path) -> None:
    path = packed(tmp_path / "none.zip", {"a.prj": b"x"})
    with pytest.raises(UnreadableDelivery, match="nothing that can be taken"), ExitStack() as held:
        files_of(path, held)


def test_a_damaged_archive_is_refused(here: Path, tmp_path: Path) -> None:
    content = bytearray(packed(tmp_path / "x.zip", {"lamps.csv": b"a,b\n" + b"1,2\n" * 1000}).read_bytes())
    content[60:64] = b"\xff\xff\xff\xff"
    for name, damaged in (("y.zip", content), ("short.zip", content[:200])):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(UnreadableDelivery):
            read_here(tmp_path / name)


def test_what_a_killed_process_left_unpacked_is_removed_a_day_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gone, young, alive = (tmp_path / f"{SCRATCH}{name}" for name in ("4194303-a", "4194303-b", f"{os.getpid()}-c"))
    for folder in (gone, young, alive):
        folder.mkdir()
        (folder / "lamps.csv").write_text("a,b")
    for folder in (gone, alive):
        os.utime(folder, (0, 0))
    clear_left_over()
    assert [folder.exists() for folder in (gone, young, alive)] == [False, True, True]


def test_a_zip_is_delivered_as_what_is_in_it(database: Database, tmp_path: Path) -> None:
    """A drawing inside is refused by itself; a cloud becomes a record at its place; the ledger comes as a map file."""
    take(database, write_places(tmp_path / "places.gpkg"))
    ledger = geopandas.GeoDataFrame(
        {"灯杆编号": ["LD1", "LD2"], "类型": "LED"},
        geometry=[shapely.Point(EAST + 5, NORTH + 5), shapely.Point(EAST + 9, NORTH + 5)],
        crs="EPSG:4550",
    )
    pyogrio.write_dataframe(ledger, tmp_path / "ledger.gpkg")
    cloud = lamp_cloud(tmp_path)
    path = tmp_path / "交付.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(cloud, "点云/2026年.laz")
        archive.write(tmp_path / "ledger.gpkg", "台账/ledger.gpkg")
        archive.writestr("图纸/plan.dwg", b"AC1032")
    reports = {report.file: report for report in ingest_files(database.settings, [path], IngestOptions())}
    assert set(reports) == {"交付.zip/2026年.laz", "交付.zip/ledger.gpkg", "交付.zip/plan.dwg"}
    assert "DXF" in str(reports["交付.zip/plan.dwg"].error)
    assert "no mapping fits" in str(reports["交付.zip/ledger.gpkg"].error)
    assert reports["交付.zip/2026年.laz"].counts.inserted == 1
    kept = database.fetch(
        "SELECT r.kind, r.title_zh, r.attributes ->> 'points', b.file, round(ST_X(r.geom_m)) FROM twin.record r "
        "JOIN twin.batch b USING (batch_id)"
    )
    assert kept == [("point_cloud", "2026年", "10000", "交付.zip/2026年.laz", pytest.approx(EAST + 25, abs=1))]
    assert database.fetch("SELECT count(*) FROM twin.refused_delivery") == [(2,)]
    (named,) = ingest_files(database.settings, [tmp_path / "ledger.gpkg"], IngestOptions(mapping="lamps"))
    assert (named.error, named.counts.inserted) == (None, 2)
