"""`twin sample make --scale district`: the same bytes every time, the formats promised, a truth that is true."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import yaml
from pyproj import CRS
from typer.testing import CliRunner

from ingest_gis.rules import rules
from photogrammetry.sample.district.kinds import counts_of_kinds, record_kinds
from photogrammetry.sample.district.make_district import UNFINISHED, make_district
from photogrammetry.sample.district.size import DistrictSize, read_count
from photogrammetry.sample.district.things import FIRST_SERIAL, LAST_SERIAL, counts_of_classes, read_thing_classes
from twin.cli.groups import commands
from twin.errors import BadInput

SIZE = DistrictSize(assets=1500, records=1500, entities=400, villages=14)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_district(tmp_path_factory.mktemp("district") / "made", 7, SIZE).parent


def truth(folder: Path, name: str) -> pd.DataFrame:
    return pq.read_table(folder / "truth" / f"{name}.parquet").to_pandas()


def delivery(folder: Path, file: str) -> pd.DataFrame:
    path = folder / "deliveries" / file
    if path.suffix == ".xlsx":
        return pd.read_excel(path, dtype=str, engine="calamine").fillna("")
    encoding = "utf-8-sig" if path.read_bytes().startswith(b"\xef\xbb\xbf") else "gb18030"
    return pd.read_csv(
        path, dtype=str, keep_default_na=False, encoding=encoding, encoding_errors="replace", on_bad_lines="skip"
    )


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(folder: Path, tmp_path: Path) -> None:
    first = hashes(folder)
    assert hashes(make_district(tmp_path / "again", 7, SIZE).parent) == first
    other = hashes(make_district(tmp_path / "other", 8, SIZE).parent)
    same = {name for name in first if other.get(name) == first[name]}
    fixed = ("mappings/", "deliveries/damaged/", "truth/files.parquet")
    assert all(name.startswith(fixed) or name.endswith(".prj") for name in same)


def test_it_holds_what_was_asked_for(folder: Path) -> None:
    counts = json.loads((folder / "district.json").read_text(encoding="utf-8"))["counts"]
    assert (counts["assets"], counts["records"], counts["entities"]) == (1500, 1500, 400)
    assert (counts["towns"], counts["villages"]) == (13, 14)
    suffixes = Counter(path.suffix for path in (folder / "deliveries").iterdir())
    assert set(suffixes) >= {".gpkg", ".shp", ".csv", ".xlsx", ".geojson", ".fgb", ".parquet"}
    assert not list((folder / "deliveries").glob("*.cpg"))
    assert len(list((folder / "mappings").glob("*.yaml"))) == len(record_kinds()) == 61


def test_deliveries_come_in_both_zones_with_and_without_their_number(folder: Path) -> None:
    systems = {
        CRS.from_user_input(pyogrio.read_info(path)["crs"]).to_epsg()
        for path in (folder / "deliveries").iterdir()
        if path.suffix in (".shp", ".gpkg", ".geojson", ".fgb") and "places" not in path.name
    }
    assert systems >= {4550, 4528, 4529, 4490}
    eastings = pd.to_numeric(delivery(folder, "04_assets_parks.csv")["东坐标"], errors="coerce")
    assert 600_000 < eastings.median() < 700_000  # zone 40, not declared: the number itself says so


def test_every_fault_has_a_reason_in_the_rules_and_every_kind_is_planted(folder: Path) -> None:
    known = rules()
    faults = truth(folder, "faults")
    assert set(faults["reason"]) <= set(known)
    assert len(set(faults["reason"])) >= 30
    assert not faults.duplicated(["delivery", "layer", "row_no"]).any()
    assert {"UnreadableDelivery", "UnknownCrs", "datum gcj02", "datum bd09"} <= set(truth(folder, "files")["expected"])


def test_faults_and_links_name_the_rows_that_they_speak_of(folder: Path) -> None:
    links, faults = truth(folder, "links"), truth(folder, "faults")
    for file, key in (
        ("06_enterprises.csv", "统一社会信用代码"),
        ("08_hotline.csv", "诉求编号"),
        ("08_tower_check.xlsx", "基站巡检号"),
    ):
        rows = delivery(folder, file)
        if file.endswith(".xlsx"):  # no row of a workbook is skipped by pandas: numbers can be compared
            mine = links[links["delivery"] == file]
            assert list(rows[key].iloc[mine["row_no"] - 1]) == list(mine["source_key"])
        assert set(links.loc[links["delivery"] == file, "source_key"]) <= set(rows[key])
        missing = faults[(faults["delivery"] == file) & (faults["reason"] == "key_missing")]
        assert (missing["source_key"] == "").all()
        assert len(missing) == (rows[key] == "").sum()


def test_links_lead_to_houses_and_assets_that_are_delivered(folder: Path) -> None:
    links = truth(folder, "links")
    buildings = {
        code
        for path in (folder / "deliveries").glob("02_buildings_*")
        if path.suffix in (".shp", ".gpkg", ".geojson", ".fgb")
        for code in pyogrio.read_dataframe(path, encoding="latin-1", columns=["JZBM"], read_geometry=False)["JZBM"]
    }
    assets = set(delivery(folder, "04_assets_utilities.csv")["标识码"])
    assets |= set(
        pyogrio.read_dataframe(folder / "deliveries" / "04_assets_lamps.gpkg", read_geometry=False)["GLBJBSM"]
    )
    assert set(links.loc[links["target_kind"] == "building", "target_code"]) <= buildings
    lamps = links[(links["delivery"] == "05_lamp_ledger_gcj02.csv")]
    assert set(lamps["target_code"]) <= assets
    assert (links.loc[links["target_kind"] == "none", "target_code"] == "").all()
    assert (links["target_kind"] == "none").sum() > 10


def test_the_next_month_differs_as_it_says(folder: Path) -> None:
    changes = truth(folder, "changes")
    file = "next_month/04_assets_parks.csv"
    now = delivery(folder, file).set_index("标识码")
    before = delivery(folder, "04_assets_parks.csv").drop_duplicates("标识码").set_index("标识码")
    mine = changes[changes["delivery"] == file]
    gone, changed = (set(mine.loc[mine["change"] == what, "source_key"]) for what in ("gone", "changed"))
    assert gone
    assert not gone & set(now.index)
    both = now.index.intersection(before.index)
    differing = {code for code in both if now.loc[code, "养护单位名称"] != before.loc[code, "养护单位名称"]}
    assert differing == changed & set(both)


def test_mappings_read_and_name_sixty_kinds_of_forty_departments(folder: Path) -> None:
    written = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (folder / "mappings").glob("*.yaml")]
    assert len({mapping["kind"] for mapping in written}) == 61
    assert len({mapping["department"]["code"] for mapping in written}) >= 35


def test_records_are_shared_out_without_a_rest() -> None:
    for wanted in (1000, 54_321, 10_000_000):
        counts = counts_of_kinds(wanted)
        assert sum(counts.values()) == wanted
        assert min(counts.values()) >= 10


def test_no_class_has_more_assets_than_its_codes_have_numbers() -> None:
    classes = read_thing_classes()
    for wanted in (1000, 1_000_000, 10_000_000):
        counts = counts_of_classes(classes, wanted)
        assert counts.sum() == wanted
        assert counts.min() >= 1
        assert counts.max() + FIRST_SERIAL <= LAST_SERIAL
    trees = next(at for at, item in enumerate(classes) if item.code == "0402")
    assert counts_of_classes(classes, 1_000_000)[trees] > 100_000


def test_a_folder_of_somebodys_is_left_alone_and_an_unfinished_one_is_begun_again(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="not empty"):
        make_district(mine, 1, SIZE)
    assert (mine / "letter.txt").read_text(encoding="utf-8") == "mine"
    (mine / UNFINISHED).touch()

    def stop(done: float, total: float, what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_district(mine, 1, SIZE, stop)
    assert (mine / UNFINISHED).exists()
    assert not (mine / "district.json").exists()


@pytest.mark.parametrize(
    ("written", "count"), [("10M", 10_000_000), ("350k", 350_000), ("1.5m", 1_500_000), ("1200", 1200)]
)
def test_counts_are_read_as_people_write_them(written: str, count: int) -> None:
    assert read_count(written) == count


def test_the_command_says_what_it_cannot_do(tmp_path: Path) -> None:
    for arguments in (
        ["--scale", "district", "--assets", "many"],
        ["--scale", "district", "--villages", "3"],
        ["--scale", "small", "--part", "deliveries"],
    ):
        done = CliRunner().invoke(commands(), ["sample", "make", str(tmp_path / "new"), *arguments])
        assert done.exit_code != 0
        assert not (tmp_path / "new").exists()
