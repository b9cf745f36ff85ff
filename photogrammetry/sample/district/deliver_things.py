"""Deliveries of infrastructure: the survey of components in several formats and systems, and the lamps' own ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photogrammetry.sample.district.deliver_places import to_wkb
from photogrammetry.sample.district.desk import CHUNK_ROWS, Desk, Part, Truth, chunks
from photogrammetry.sample.district.fault_lists import (
    GEOGRAPHIC,
    class_faults,
    column_faults,
    component_faults,
    grid_code_faults,
    outline_faults,
    value_faults,
)  # fmt: skip
from photogrammetry.sample.district.faults import Fault, Planter, Row, Spoiler, put, text_faults
from photogrammetry.sample.district.files import GEOMETRY, Form
from photogrammetry.sample.district.land import Land
from photogrammetry.sample.district.people import degrees
from photogrammetry.sample.district.thing_texts import party_columns
from photogrammetry.sample.district.things import LAST_SERIAL, ThingClass, Things, draw_things
from photogrammetry.sample.district.words import dates, draw, fixed, join, padded, text
from photogrammetry.sample.identifiers import to_gcj02
from photogrammetry.sample.quarter import CRS
from photogrammetry.sample.randomness import stream
from twin.crs import transformer

LAMP, TREE = "0118", "0402"
CHINESE = {
    "code": "标识码", "class": "小类代码", "name": "名称", "state": "状态", "supervising_code": "主管部门代码",
    "supervising_name": "主管部门名称", "owning_name": "权属单位名称", "maintaining_name": "养护单位名称",
    "grid": "所在单元网格标识码",
    "since": "初始日期", "source": "数据来源", "accuracy": "精度等级", "attributes": "属性",
}  # fmt: skip
STANDARD = {  # the column names of GB/T 47678.5, table 2, and ours beside them
    "code": "GLBJBSM", "class": "XLDM", "name": "GLBJMC", "state": "GLBJZT", "supervising_code": "ZGBMDM",
    "supervising_name": "ZGBMMC", "owning_name": "QSDWMC", "maintaining_name": "YHDWMC", "grid": "SZDYWGBSM",
    "since": "CSRQ",
    "source": "SJLY", "accuracy": "JDDJ", "attributes": "SX",
}  # fmt: skip
EDGE_M, BEYOND_M = 1.0, 10.0


@dataclass(frozen=True)
class Survey:
    """One file of the survey of components. majors: first two digits of the classes, or single classes."""

    name: str
    form: Form
    crs: str
    majors: tuple[str, ...]
    kind: str

    def holds(self, item: ThingClass) -> bool:
        """Tell whether a class is delivered in this file."""
        return item.kind == self.kind and self._wants(item.code)

    def _wants(self, code: str) -> bool:
        if code in (LAMP, TREE):
            return code in self.majors
        return code[:2] in self.majors


ALL = ("01", "02", "03", "04", "05", "06", "21")
SURVEYS = (
    Survey("04_assets_utilities", "csv-utf8", "EPSG:4550", ("01",), "point"),
    Survey("04_assets_lamps", "gpkg", "EPSG:4528", (LAMP,), "point"),
    Survey("04_assets_traffic", "shp", "EPSG:4529", ("02",), "point"),
    Survey("04_assets_environment", "csv-gb18030", "EPSG:4529", ("03",), "point"),
    Survey("04_assets_parks", "csv-utf8", "EPSG:4549", ("04",), "point"),
    Survey("04_assets_trees", "parquet", "EPSG:4550", (TREE,), "point"),
    Survey("04_assets_others", "geojson", GEOGRAPHIC, ("05", "06", "21"), "point"),
    Survey("04_assets_lines", "fgb", "EPSG:4550", ALL, "line"),
    Survey("04_assets_areas", "gpkg", "EPSG:4550", ALL, "polygon"),
)  # fmt: skip


def send_things(desk: Desk, land: Land, things: Things) -> None:
    """Send all files of the survey of components."""
    for survey in SURVEYS:
        rows = things.of({item.code for item in things.classes if survey.holds(item)})
        send_survey(desk, land, things, survey, rows)


def send_survey(desk: Desk, land: Land, things: Things, survey: Survey, rows: NDArray[np.int64]) -> None:
    """Send one file of the survey with the rows given."""
    names = CHINESE if survey.form.startswith("csv") else STANDARD
    parts = survey_parts(land, things, survey, rows)
    desk.send(survey.name, survey.form, parts, _planter(land, survey, names), crs=survey.crs, layer="components")


def survey_parts(land: Land, things: Things, survey: Survey, rows: NDArray[np.int64]) -> Iterator[Part]:
    """Write the rows of one file of the survey."""
    how = _column_parts if survey.form.startswith("csv") else _geometry_parts
    return how(land, things, survey, rows)


def _column_parts(land: Land, things: Things, survey: Survey, rows: NDArray[np.int64]) -> Iterator[Part]:
    project = transformer(CRS, survey.crs)
    for some in _by_class(things, rows):
        noise = stream(land.seed, "district", "survey", int(some[0])).normal(0, 0.0008, (len(some), 2))
        east, north = project.transform(*land.metres(things.lattice[some] + noise).T)
        columns = {CHINESE[key]: value for key, value in party_columns(land, things, some).items()}
        columns |= {"东坐标": fixed(east, 3), "北坐标": fixed(north, 3)}
        order = [*list(CHINESE.values())[:-1], "东坐标", "北坐标", "属性"]
        yield {name: columns[name] for name in order}, None


def _geometry_parts(land: Land, things: Things, survey: Survey, rows: NDArray[np.int64]) -> Iterator[Part]:
    for some in _by_class(things, rows):
        columns = {STANDARD[key]: value for key, value in party_columns(land, things, some).items()}
        if survey.form == "shp":
            del columns["SX"]  # a .dbf has no room for it
        names = [name for name in STANDARD.values() if name in columns]
        shapes = to_wkb(draw_things(land, things, some), survey.crs)
        yield {**{name: columns[name] for name in names}, GEOMETRY: shapes}, None


def _by_class(things: Things, rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Cut rows into chunks that never cut a class: its attributes are drawn together."""
    classes = things.of_class[rows]
    first = 0
    for end in np.flatnonzero(np.r_[classes[1:] != classes[:-1], True]) + 1:
        if end - first >= CHUNK_ROWS or end == len(rows):
            yield rows[first:end]
            first = int(end)


def _planter(land: Land, survey: Survey, names: dict[str, str]) -> Planter:
    by_columns = survey.form.startswith("csv")
    csv = survey.form if by_columns else None
    faults = [
        *text_faults(names["code"], names["maintaining_name"], csv=csv, numeric_key=True),
        *component_faults(names["code"], with_class=True), *grid_code_faults(names["grid"]),
        *value_faults(listed=[names["state"], names["accuracy"]], dates=[names["since"]]),
        *class_faults(names["class"], names["attributes"]),
        Fault("wrong credit code", "credit_code_wrong", put(**{names["supervising_code"]: "11370612TW0000016X"})),
    ]  # fmt: skip
    if by_columns:
        faults += column_faults("东坐标", "北坐标", survey.crs, required=True, decimals=3, has_grid=True)
    else:
        faults += outline_faults(survey.crs, any_kind=False, has_grid=True, areas=survey.kind == "polygon")
    if survey.form == "shp":
        faults = [fault for fault in faults if fault.code not in ("text_too_long", "json_wrong")]
    return Planter(
        names["code"], faults, lambda row, number: _fresh(row, number, names["code"]), _odd(land, survey, names)
    )


def _fresh(row: Row, number: int, key: str) -> Row:
    return {key: f"{str(row[key])[:10]}{LAST_SERIAL - number % 1000:06d}"}


def _odd(land: Land, survey: Survey, names: dict[str, str]) -> list[Fault]:
    """Assets that look odd but are right: at the district's edge, a keeper with a long or rare name."""
    odd = [
        Fault("a rare name", "", put(**{names["maintaining_name"]: "䶮鑫𠮷祥养护（烟台）有限公司"})),
        Fault("a very long name", "", put(**{names["owning_name"]: "牟平区" + "城乡" * 40 + "服务中心"})),
        Fault("letters with dots and accents", "", put(**{names["maintaining_name"]: "Müller & Söhne Café 维保"})),
        Fault("a date with Chinese signs", "", put(**{names["since"]: "2019年8月1日"})),
    ]
    if survey.form == "csv-utf8":
        odd += [
            Fault(f"{name} the district's edge", "", _at_edge(land, survey.crs, metres))
            for name, metres in (("inside", EDGE_M), ("just beyond", -BEYOND_M))
        ]
    return odd


def _at_edge(land: Land, crs: str, inwards_m: float) -> Spoiler:
    """Put an asset beside the southern edge of the district, inside or a little beyond."""
    project = transformer(CRS, crs)

    def spoil(row: Row, number: int) -> Row:
        lattice = np.array([[2.0 + number % 7, inwards_m / 100]])
        grid = land.grid_codes[int(land.grid_of(lattice)[0])]
        east, north = project.transform(*land.metres(lattice)[0])
        return {**row, "东坐标": f"{east:.3f}", "北坐标": f"{north:.3f}", CHINESE["grid"]: grid}

    return spoil


def send_lamp_ledger(desk: Desk, land: Land, things: Things) -> None:
    """Send the lighting office's own book of the lamps, in GCJ-02 as its mapping says."""
    faults = [
        *text_faults("灯杆编号", "类型", csv="csv-gb18030", numeric_key=False),
        *value_faults(dates=["安装日期"], numbers=["功率W"]),
        *column_faults("经度", "纬度", GEOGRAPHIC, required=True, decimals=7, has_grid=False),
    ]  # fmt: skip
    planter = Planter("灯杆编号", faults, lambda row, number: {"灯杆编号": f"NH-9{number:06d}"})
    desk.send("05_lamp_ledger_gcj02", "csv-gb18030", _ledger_parts(land, things), planter)


def _ledger_parts(land: Land, things: Things) -> Iterator[Part]:
    for some in chunks(things.of({LAMP})):
        random = stream(land.seed, "district", "ledger", int(some[0]))
        true = degrees(land.metres(things.lattice[some] + random.normal(0, 0.003, (len(some), 2))))
        lon, lat = to_gcj02(true[:, 0], true[:, 1])
        keys = join("NH-", padded(things.serial[some], 7))
        yield {
            "灯杆编号": keys, "类型": draw(random, ("单臂路灯", "双臂路灯", "庭院灯"), len(some)),
            "功率W": text(random.choice([90, 120, 150, 250], len(some))), "经度": fixed(lon, 7), "纬度": fixed(lat, 7),
            "状态": draw(random, ("完好", "完好", "破损"), len(some)),
            "安装日期": dates(random, len(some), "2010-01-01", "2026-04-30", "%Y%m%d"),
        }, Truth(keys, "asset", things.codes(some), ["point"] * len(some))  # fmt: skip
