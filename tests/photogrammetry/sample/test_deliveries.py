"""The deliveries look like what departments send, faults included, and the truth about them is true."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer
from shapely.geometry import Point
from shapely.ops import unary_union

from photogrammetry.sample.address_register import chinese_number
from photogrammetry.sample.deliveries import write_deliveries, write_link_truth
from photogrammetry.sample.identifiers import SYNTHETIC_ID_AREA, SYNTHETIC_PHONE, credit_check, id_check, to_gcj02
from photogrammetry.sample.quarter import Quarter, lay_out_quarter
from photogrammetry.sample.scales import read_scale

CATALOGUE = Path(__file__).parents[3] / "data" / "catalogue" / "classes.csv"


@pytest.fixture(scope="module")
def quarter() -> Quarter:
    return lay_out_quarter(1, read_scale("small"))


@pytest.fixture(scope="module")
def folder(quarter: Quarter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("deliveries")
    write_link_truth(made, *write_deliveries(made, quarter))
    return made


def table(path: Path, encoding: str) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, encoding=encoding, keep_default_na=False)


def repairs(folder: Path) -> pd.DataFrame:
    return pd.read_excel(folder / "05_repairs.xlsx", dtype=str, engine="calamine").fillna("")


def links(folder: Path, file: str) -> pd.DataFrame:
    every = pd.read_csv(folder / "links.csv", dtype=str, keep_default_na=False)
    return every[every["file"] == file].set_index("source_key")


def test_the_cadastre_is_gb18030_and_does_not_say_so(folder: Path):
    raw = (folder / "01_cadastre.dbf").read_bytes()
    assert not (folder / "01_cadastre.cpg").exists()
    assert raw[29] == 0
    assert "䶮鑫物流仓库".encode("gb18030") in raw  # a letter that GBK does not have
    rows = geopandas.read_file(folder / "01_cadastre.shp", encoding="GB18030")
    assert list(rows.columns) == ["JZBM", "JZMC", "YT", "CS", "DZ", "geometry"]
    assert rows.crs.to_epsg() == 4550
    assert rows.geometry.is_valid.all()


def test_assets_have_text_codes_of_forty_classes_and_more(folder: Path, quarter: Quarter):
    assert (folder / "03_assets.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    rows = table(folder / "03_assets.csv", "utf-8-sig")
    assert list(rows.columns) == [
        "标识码", "小类代码", "名称", "状态", "东坐标", "北坐标", "主管部门代码", "主管部门名称", "权属单位名称",
        "养护单位名称", "初始日期", "数据来源", "属性",
    ]  # fmt: skip
    known = set(table(CATALOGUE, "utf-8")["code"])
    faulty = {row_no for file, row_no, _ in faults(folder) if file == "03_assets.csv"}
    good = rows[~rows.index.isin([row_no - 1 for row_no in faulty])]
    assert good["小类代码"].isin(known).all()
    assert good["小类代码"].nunique() >= 40
    assert 300 <= len(good) <= 600
    assert good["标识码"].is_unique
    assert (good["标识码"].str[:6] + good["小类代码"] == good["标识码"].str[:10]).all()
    assert (good["标识码"].str.len() == 16).all()
    assert all(isinstance(json.loads(text), dict) for text in good["属性"] if text)
    assert good["东坐标"].astype(float).between(375_000, 377_000).all()
    assert all(credit_check(code[:17]) == code[17] for code in good["主管部门代码"].unique())


def faults(folder: Path) -> list[tuple[str, int, str]]:
    with (folder / "faults.csv").open(encoding="utf-8", newline="") as file:
        return [(row["file"], int(row["row_no"]), row["reason"]) for row in csv.DictReader(file)]


def test_lamps_in_gcj02_are_the_lamps_of_the_asset_list(folder: Path):
    lamps = table(folder / "04_lamps_gcj02.csv", "gb18030").drop_duplicates("灯杆编号").set_index("灯杆编号")
    assets = table(folder / "03_assets.csv", "utf-8-sig").drop_duplicates("标识码").set_index("标识码")
    to_lonlat = Transformer.from_crs("EPSG:4550", "EPSG:4490", always_xy=True)
    truth = links(folder, "04_lamps_gcj02.csv")
    assert len(truth) > 30
    for key, link in truth.iterrows():
        asset = assets.loc[link["target_code"]]
        lon, lat = to_lonlat.transform(float(asset["东坐标"]), float(asset["北坐标"]))
        east, north = to_gcj02(np.array([lon]), np.array([lat]))
        gap = np.hypot((east[0] - float(lamps["经度"][key])) * 88_400, (north[0] - float(lamps["纬度"][key])) * 111_000)
        assert gap < 2.0
        shift = (float(lamps["经度"][key]) - lon) * 88_400
        assert 380 < shift < 460  # not the same datum


def test_faults_are_where_they_are_said_to_be(folder: Path):
    frames = {
        "01_cadastre.shp": geopandas.read_file(folder / "01_cadastre.shp", encoding="GB18030"),
        "02_addresses.gpkg": geopandas.read_file(folder / "02_addresses.gpkg"),
        "03_assets.csv": table(folder / "03_assets.csv", "utf-8-sig"),
        "04_lamps_gcj02.csv": table(folder / "04_lamps_gcj02.csv", "gb18030"),
        "05_repairs.xlsx": repairs(folder),
        "06_enterprises.csv": table(folder / "06_enterprises.csv", "utf-8-sig"),
        "07_households.csv": table(folder / "07_households.csv", "gb18030"),
        "08_places.gpkg:grids": geopandas.read_file(folder / "08_places.gpkg", layer="grids"),
    }
    key = {
        "01_cadastre.shp": "JZBM", "02_addresses.gpkg": "dzbm", "03_assets.csv": "标识码",
        "05_repairs.xlsx": "工单编号", "04_lamps_gcj02.csv": "灯杆编号",
        "06_enterprises.csv": "统一社会信用代码", "07_households.csv": "户编号", "08_places.gpkg:grids": "code",
    }  # fmt: skip
    planted = faults(folder)
    assert {file for file, _, _ in planted} == set(frames)
    for file, row_no, reason in planted:
        frame = frames[file]
        row = frame.iloc[row_no - 1]
        if reason == "missing_code":
            assert pd.isna(row[key[file]]) or row[key[file]] == ""
        elif reason == "duplicate_row":
            assert row.astype(str).equals(frame.iloc[row_no - 2].astype(str).rename(row.name))
        elif reason == "wrong_check_digit" and "身份证号" in row:
            assert id_check(row["身份证号"][:17]) != row["身份证号"][17]
        elif reason == "wrong_check_digit":
            assert credit_check(row[key[file]][:17]) != row[key[file]][17]
        elif reason == "unknown_class":
            assert row["小类代码"] == "9999"
        elif reason == "bad_code":
            assert len(row[key[file]]) in (14, 15)
        elif reason == "out_of_district":
            assert "geometry" not in row or row.geometry.distance(frame.geometry.iloc[0].centroid) > 0.05
        else:
            assert reason in ("bad_date", "bad_coordinates")
    assert Counter(reason for _, _, reason in planted)["duplicate_row"] == 7


def test_good_enterprises_and_households_have_valid_and_synthetic_numbers(folder: Path):
    wrong = {(file, row_no) for file, row_no, _ in faults(folder)}
    enterprises = table(folder / "06_enterprises.csv", "utf-8-sig")
    households = table(folder / "07_households.csv", "gb18030")
    for index, code in enumerate(enterprises["统一社会信用代码"], 1):
        assert ("06_enterprises.csv", index) in wrong or credit_check(code[:17]) == code[17]
    for index, number in enumerate(households["身份证号"], 1):
        assert ("07_households.csv", index) in wrong or id_check(number[:17]) == number[17]
    assert households["身份证号"].str.startswith(SYNTHETIC_ID_AREA).all()
    phones = pd.concat([households["联系电话"], repairs(folder)["联系电话"]])
    assert phones.str.fullmatch(SYNTHETIC_PHONE + r"\d{8}").all()
    assert len(enterprises) >= 80
    assert len(households) >= 300


def test_repairs_name_their_place_by_code_by_address_and_by_point(folder: Path):
    rows = repairs(folder)
    truth = links(folder, "05_repairs.xlsx")
    codes = set(table(folder / "03_assets.csv", "utf-8-sig")["标识码"])
    by_code = rows[rows["部件编号"] != ""]
    assert by_code["部件编号"].isin(codes).all()
    by_address = rows[rows["报修地址"] != ""]
    by_point = rows[(rows["经度"] != "")]
    assert min(len(by_code), len(by_point)) >= 15
    assert len(by_address) >= 70
    assert set(truth["target_kind"]) == {"asset", "building", "none"}
    addresses = set(geopandas.read_file(folder / "02_addresses.gpkg")["bzdz"])
    assert by_address["报修地址"].isin(addresses).mean() < 0.2  # people do not write the standard form
    joined = "".join(by_address["报修地址"])
    assert all(sign in joined for sign in ("#", "栋", "幢", "号楼", "１", "十"))


def test_true_links_point_to_what_was_delivered(folder: Path):
    buildings = set(geopandas.read_file(folder / "01_cadastre.shp", encoding="GB18030")["JZBM"])
    assets = set(table(folder / "03_assets.csv", "utf-8-sig")["标识码"])
    every = pd.read_csv(folder / "links.csv", dtype=str, keep_default_na=False)
    for kind, known in (("building", buildings), ("asset", assets), ("none", {""})):
        assert every.loc[every["target_kind"] == kind, "target_code"].isin(known).all()
    assert set(every["file"]) == {
        "02_addresses.gpkg", "04_lamps_gcj02.csv", "05_repairs.xlsx", "06_enterprises.csv", "07_households.csv"
    }  # fmt: skip
    outlines = geopandas.read_file(folder / "01_cadastre.shp", encoding="GB18030").to_crs("EPSG:4490")
    outlines = outlines.drop_duplicates("JZBM").set_index("JZBM")
    enterprises = table(folder / "06_enterprises.csv", "utf-8-sig").drop_duplicates("统一社会信用代码")
    truth = links(folder, "06_enterprises.csv")
    near = [
        outlines.geometry[truth.loc[row["统一社会信用代码"], "target_code"]].distance(
            Point(float(row["经度"]), float(row["纬度"]))
        ) < 3e-5
        for _, row in enterprises.iterrows() if row["统一社会信用代码"] in truth.index
    ]  # fmt: skip
    assert np.mean(near) > 0.95


def test_every_building_has_one_address_and_no_two_are_the_same(folder: Path, quarter: Quarter):
    rows = geopandas.read_file(folder / "02_addresses.gpkg").drop_duplicates("dzbm")
    rows = rows[(rows["dzbm"] != "") & (rows["jzbm"] != "")]
    assert set(rows["jzbm"]) == {building.code for building in quarter.buildings}
    assert rows["bzdz"].is_unique
    assert rows.crs.to_epsg() == 4490


def test_grids_have_no_gaps_and_count_from_west_to_east_and_north_to_south():
    import tempfile

    with tempfile.TemporaryDirectory() as made:
        write_deliveries(Path(made), lay_out_quarter(2, read_scale("town")))
        grids = geopandas.read_file(Path(made) / "08_places.gpkg", layer="grids")
        admin = geopandas.read_file(Path(made) / "08_places.gpkg", layer="admin_units").set_index("code")
    grids = grids[grids["code"].str.len() == 15]
    assert grids["code"].str.fullmatch(r"370612001\d{6}").all()
    assert grids["code"].is_unique
    whole = unary_union(list(grids.geometry))
    assert whole.geom_type == "Polygon"
    assert not whole.interiors
    assert abs(whole.area - sum(cell.area for cell in grids.geometry)) < 1e-12
    for community, cells in grids.groupby("community"):
        outline = admin.geometry[community]
        assert outline.symmetric_difference(unary_union(list(cells.geometry))).area < 1e-14
        assert admin.geometry["370612001"].contains(outline)
        assert list(cells["code"].str[12:]) == [f"{i + 1:03d}" for i in range(len(cells))]
        centres = np.array([(cell.centroid.x, cell.centroid.y) for cell in cells.geometry])
        assert centres[0, 1] > centres[-1, 1]  # the first lies north of the last
        assert (np.diff(centres[:3, 0]) > 0).all()
    assert admin.geometry["370612"].contains(admin.geometry["370612001"])


def test_chinese_numbers():
    assert [chinese_number(n) for n in (3, 10, 12, 20, 34, 105, 110)] == [
        "三", "十", "十二", "二十", "三十四", "一百零五", "一百一十"
    ]  # fmt: skip
