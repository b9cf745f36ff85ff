"""ZIP archives of deliveries: what is inside is delivered; what would do harm is refused."""

from __future__ import annotations

import shutil
import stat
import zipfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from ingest_gis.archives import files_of
from tests.ingest_gis.format_files import write
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


@pytest.mark.parametrize(
    ("name", "says"),
    [("../../outside.csv", "leads out"), ("/etc/outside.csv", "leads out"), ("C:\\a.csv", "leads out")],
)
def test_paths_that_lead_out_are_refused(tmp_path: Path, name: str, says: str) -> None:
    path = packed(tmp_path / "x.zip", {name: b"a,b\n1,2\n"})
    with pytest.raises(UnreadableDelivery, match=says), ExitStack() as held:
        files_of(path, held)


def test_a_link_inside_is_refused(tmp_path: Path) -> None:
    item = zipfile.ZipInfo("lamps.csv")
    item.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(item, "/etc/passwd")
    with pytest.raises(UnreadableDelivery, match="links"), ExitStack() as held:
        files_of(tmp_path / "x.zip", held)


def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.zip", {"zeros.csv": bytes(64 << 20)})
    assert path.stat().st_size < 100_000
    with pytest.raises(UnreadableDelivery, match="bomb"), ExitStack() as held:
        files_of(path, held)


def test_too_many_entries_or_nothing_to_deliver(tmp_path: Path) -> None:
    many = packed(tmp_path / "many.zip", {f"{i}.csv": b"" for i in range(10_001)}, zipfile.ZIP_STORED)
    none = packed(tmp_path / "none.zip", {"a.prj": b"x"})
    for path, says in ((many, "10000 files"), (none, "nothing that can be taken")):
        with pytest.raises(UnreadableDelivery, match=says), ExitStack() as held:
            files_of(path, held)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.zip", {"lamps.csv": b"a,b\n" + b"1,2\n" * 1000})
    content = bytearray(path.read_bytes())
    content[60:64] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    with pytest.raises(UnreadableDelivery), ExitStack() as held:
        files_of(path, held)
    shutil.copy(path, tmp_path / "short.zip")
    (tmp_path / "short.zip").write_bytes(content[:200])
    with pytest.raises(UnreadableDelivery), ExitStack() as held:
        files_of(tmp_path / "short.zip", held)
