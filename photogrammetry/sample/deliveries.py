"""Writes deliveries/ as eight departments would send them, with a few planted faults, and the truth about them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import geopandas
import numpy as np
from shapely.geometry import Point, Polygon

from photogrammetry.sample import delivered_places, delivered_records
from photogrammetry.sample.address_register import PREFIX, Address, make_register
from photogrammetry.sample.delivered_assets import Asset, asset_rows, local_to_lonlat, make_assets
from photogrammetry.sample.delivered_records import Link
from photogrammetry.sample.delivery_files import fixed_dates, write_csv, write_shapefile, write_workbook
from photogrammetry.sample.footprint_files import footprint_in_crs
from photogrammetry.sample.identifiers import to_gcj02
from photogrammetry.sample.quarter import CRS, Quarter
from photogrammetry.sample.randomness import stream

Row = dict[str, str]


@dataclass
class Faults:
    """Faulty rows planted into a delivery; row numbers count data rows from 1."""

    listed: list[tuple[str, int, str]] = field(default_factory=list)

    def plant(self, file: str, rows: list[Row], spoil: list[tuple[str, Callable[[Row], Row]]], seed: int) -> list[Row]:
        """Insert spoilt copies of rows among the good ones, each after the row it was made from.

        spoil: reason and how to spoil a row. A duplicate stands right after its original.
        """
        random = stream(seed, "faults", file)
        at = sorted(random.choice(np.arange(2, len(rows)), len(spoil), replace=False).tolist())
        out: list[Row] = []
        pending = dict(zip(at, spoil, strict=True))
        for index, row in enumerate(rows):
            out.append(row)
            if index in pending:
                reason, change = pending[index]
                out.append(change(dict(row)))
                self.listed.append((file, len(out), reason))
        return out


def _set(**values: str) -> Callable[[Row], Row]:
    return lambda row: {**row, **values}


def _wrong_check(key: str, renamed: dict[str, str] | None = None) -> Callable[[Row], Row]:
    """Change the check character of a code into the next one of its kind."""

    def change(row: Row) -> Row:
        last = row[key][-1]
        other = "1" if last in "0X" else "0" if last != "1" else "2"
        return {**row, **(renamed or {}), key: row[key][:-1] + other}

    return change


def _same(row: Row) -> Row:
    return row


def write_deliveries(folder: Path, quarter: Quarter) -> tuple[list[Link], list[tuple[str, int, str]]]:
    """Write the eight deliveries; returns the true links and the planted faults (file, row number, reason)."""
    faults, register, assets = Faults(), make_register(quarter), make_assets(quarter)
    with fixed_dates():
        links = _write_cadastre(folder, quarter, register, faults)
        links += _write_addresses(folder, quarter, register, faults)
        _write_assets(folder, quarter, assets, faults)
        links += _write_lamps(folder, quarter, assets, faults)
        links += _write_records(folder, quarter, assets, register, faults)
        _write_places(folder, quarter, faults)
    return links, faults.listed


def write_link_truth(folder: Path, links: list[Link], faults: list[tuple[str, int, str]]) -> None:
    """Write links.csv and faults.csv."""
    tables: dict[str, tuple[tuple[str, ...], Sequence[tuple[object, ...]]]] = {
        "links.csv": (Link._fields, links),
        "faults.csv": (("file", "row_no", "reason"), faults),
    }
    for name, (header, rows) in tables.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)


def _write_cadastre(folder: Path, quarter: Quarter, register: list[Address], faults: Faults) -> list[Link]:
    rows: list[Row] = []
    shapes: dict[str, Polygon] = {}
    for building, address in zip(quarter.buildings, register, strict=True):
        shapes[building.code] = footprint_in_crs(quarter, building)
        rows.append(
            {"JZBM": building.code, "JZMC": building.name, "YT": building.use, "CS": str(building.storeys),
             "DZ": "宁海街道" + address.short, "_shape": building.code}
        )  # fmt: skip
    far = next(iter(shapes.values()))
    shapes["far"] = Polygon(np.add(far.exterior.coords, (9000.0, 4000.0)))
    far_code = f"{quarter.buildings[0].code[:12]}9901"
    spoil = [("missing_code", _set(JZBM="")), ("duplicate_row", _same),
             ("out_of_district", _set(JZBM=far_code, _shape="far"))]  # fmt: skip
    rows = faults.plant("01_cadastre.shp", rows, spoil, quarter.seed)
    table = geopandas.GeoDataFrame(
        [{key: value for key, value in row.items() if key != "_shape"} for row in rows],
        geometry=[shapes[row["_shape"]] for row in rows], crs=CRS,
    )  # fmt: skip
    table["CS"] = table["CS"].astype("int32")
    write_shapefile(folder / "01_cadastre.shp", table)
    return []


def _write_addresses(folder: Path, quarter: Quarter, register: list[Address], faults: Faults) -> list[Link]:
    doors = local_to_lonlat(quarter, np.array([[address.east, address.north] for address in register]))
    rows: list[Row] = []
    links = []
    for address, (lon, lat) in zip(register, doors, strict=True):
        rows.append(
            {"dzbm": address.code, "bzdz": address.standard, "jlx": address.road, "mph": address.number,
             "xqmc": address.compound, "ldh": address.building, "jzbm": address.building_code,
             "_lon": f"{lon:.9f}", "_lat": f"{lat:.9f}"}
        )  # fmt: skip
        links.append(Link("02_addresses.gpkg", address.code, "building", address.building_code))
    elsewhere = {"dzbm": register[0].code[:16] + "991", "jzbm": "", "bzdz": PREFIX + "远山路1号", "jlx": "远山路"}
    spoil = [("missing_code", _set(dzbm="")), ("duplicate_row", _same),
             ("out_of_district", _set(**elsewhere, mph="1", _lon="122.301000000", _lat="37.402000000"))]  # fmt: skip
    rows = faults.plant("02_addresses.gpkg", rows, spoil, quarter.seed)
    table = geopandas.GeoDataFrame(
        [{key: value for key, value in row.items() if key[0] != "_"} for row in rows],
        geometry=[Point(float(row["_lon"]), float(row["_lat"])) for row in rows], crs=delivered_places.GEOGRAPHIC,
    )  # fmt: skip
    table.to_file(folder / "02_addresses.gpkg", layer="addresses", driver="GPKG", engine="pyogrio")
    return links


def _write_assets(folder: Path, quarter: Quarter, assets: list[Asset], faults: Faults) -> None:
    rows = asset_rows(quarter, assets)
    spoil = [
        ("bad_code", lambda row: {**row, "标识码": row["标识码"][:15]}),
        ("unknown_class", lambda row: {**row, "标识码": row["标识码"][:6] + "9999000001", "小类代码": "9999"}),
        ("out_of_district", lambda row: {**row, "标识码": row["标识码"][:10] + "990001", "东坐标": "641699.120"}),
        ("duplicate_row", _same),
        ("missing_code", _set(标识码="")),
        ("bad_coordinates", lambda row: {**row, "标识码": row["标识码"][:10] + "990002", "北坐标": "不详"}),
    ]
    write_csv(folder / "03_assets.csv", faults.plant("03_assets.csv", rows, spoil, quarter.seed), "utf-8-sig")


def _write_lamps(folder: Path, quarter: Quarter, assets: list[Asset], faults: Faults) -> list[Link]:
    lamps = [asset for asset in assets if asset.class_code == "0118"]
    noise = stream(quarter.seed, "lamp operator").normal(0, 0.3, (len(lamps), 2))
    true = local_to_lonlat(quarter, np.array([[lamp.east, lamp.north] for lamp in lamps]) + noise)
    lon, lat = to_gcj02(true[:, 0], true[:, 1])
    rows, links = [], []
    for lamp, east, north in zip(lamps, lon, lat, strict=True):
        rows.append(
            {"灯杆编号": lamp.pole, "类型": "单臂路灯", "功率W": str(lamp.attributes["功率W"]), "经度": f"{east:.7f}",
             "纬度": f"{north:.7f}", "状态": lamp.state, "安装日期": lamp.attributes["安装日期"]}
        )  # fmt: skip
        links.append(Link("04_lamps_gcj02.csv", lamp.pole, "asset", lamp.code))
    spoil = [("missing_code", _set(灯杆编号="")), ("duplicate_row", _same),
             ("bad_coordinates", _set(灯杆编号="NH-9901", 经度="0", 纬度="0"))]  # fmt: skip
    rows = faults.plant("04_lamps_gcj02.csv", rows, spoil, quarter.seed)
    write_csv(folder / "04_lamps_gcj02.csv", rows, "gb18030")
    return links


def _write_records(
    folder: Path, quarter: Quarter, assets: list[Asset], register: list[Address], faults: Faults
) -> list[Link]:
    repairs, links = delivered_records.repair_rows(quarter, assets, register)
    spoil: list[tuple[str, Callable[[Row], Row]]] = [
        ("missing_code", _set(工单编号="")), ("duplicate_row", _same),
        ("bad_date", _set(工单编号="BX2026990001", 报修时间="2026-13-45 25:00")),
    ]  # fmt: skip
    write_workbook(folder / "05_repairs.xlsx", "工单", faults.plant("05_repairs.xlsx", repairs, spoil, quarter.seed))
    enterprises, more = delivered_records.enterprise_rows(quarter, register)
    links += more
    spoil = [
        ("wrong_check_digit", _wrong_check("统一社会信用代码")), ("duplicate_row", _same),
        ("missing_code", _set(统一社会信用代码="")),
    ]  # fmt: skip
    rows = faults.plant("06_enterprises.csv", enterprises, spoil, quarter.seed)
    write_csv(folder / "06_enterprises.csv", rows, "utf-8-sig")
    households, more = delivered_records.household_rows(quarter, register)
    links += more
    spoil = [
        ("wrong_check_digit", _wrong_check("身份证号", {"户编号": "H999900001"})), ("duplicate_row", _same),
        ("missing_code", _set(户编号="")),
    ]  # fmt: skip
    rows = faults.plant("07_households.csv", households, spoil, quarter.seed)
    write_csv(folder / "07_households.csv", rows, "gb18030")
    return links


def _write_places(folder: Path, quarter: Quarter, faults: Faults) -> None:
    grids = delivered_places.grid_table(quarter)
    admin = delivered_places.admin_table(quarter, grids)
    wrong = grids.iloc[[-1]].assign(code=grids["code"].iloc[-1][:14])
    together = geopandas.pd.concat([grids, wrong], ignore_index=True)
    faults.listed.append(("08_places.gpkg:grids", len(together), "bad_code"))
    delivered_places.write_places(folder / "08_places.gpkg", admin, together)
