"""Deliveries of social entities: firms, traders and institutions of the registry, households of the police."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from photogrammetry.sample.district.codes import BODIES, credit_codes, id_numbers
from photogrammetry.sample.district.desk import Desk, Part, Truth, chunks
from photogrammetry.sample.district.fault_lists import (
    GEOGRAPHIC,
    column_faults,
    credit_faults,
    grid_code_faults,
    id_faults,
    to_bd09,
    value_faults,
)  # fmt: skip
from photogrammetry.sample.district.faults import Fault, Planter, Row, put, text_faults
from photogrammetry.sample.district.files import Form
from photogrammetry.sample.district.handwriting import WAYS, Handwriting, Written
from photogrammetry.sample.district.houses import Houses
from photogrammetry.sample.district.land import Land
from photogrammetry.sample.district.people import (
    COOPERATIVES,
    FIRMS,
    HOUSEHOLDS,
    INSTITUTES,
    ORGAN_OFFICES,
    SOCIETIES,
    TRADERS,
    People,
    credit_of,
    degrees,
    firm_columns,
    household_columns,
    household_keys,
    positions,
    public_names,
    rooms,
)  # fmt: skip
from photogrammetry.sample.district.words import choose, pick
from photogrammetry.sample.identifiers import credit_check, id_check, to_gcj02
from photogrammetry.sample.randomness import stream

Shift = Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]
FIRST_FRESH = BODIES // 2  # numbers of credit codes for planted rows
ODD_NAMES = (
    "䶮𠮷鑫（烟台）商贸有限公司", "Müller & Söhne 机械（烟台）有限公司", "Café de l'Été 咖啡店", "カフェ小筑餐饮店",
    "牟平区" + "金海福源" * 30 + "有限公司",
    "ＡＢＣ（烟台）科技有限公司", "牟平区一二三、四五六·小吃店",
)  # fmt: skip
ODD_PEOPLE = ("𬎆𠅤", "阿卜杜·热合曼·示例", "㛃㵘", "示例·Müller", "欧阳〇")


def true_places(written: Written, houses: Houses) -> Truth:
    """Say where addresses as written belong; the keys are filled in by whoever knows them."""
    known = written.house >= 0
    codes = choose(known, houses.code.take(pa.array(np.maximum(written.house, 0))), "")
    ways = np.array(WAYS)[written.way]
    return Truth(pa.array([], pa.string()), np.where(known, "building", "none"), codes, ways)


def send_firms(desk: Desk, land: Land, houses: Houses, people: People, hand: Handwriting) -> None:
    """Send firms, sole traders and institutions; one list in GCJ-02 and one in BD-09, which say nothing of it."""
    lists: tuple[tuple[str, Form, tuple[int, ...], Shift | None], ...] = (
        ("06_enterprises", "csv-utf8", (FIRMS, COOPERATIVES), None),
        ("06_traders", "csv-gb18030", (TRADERS,), None),
        ("06_institutions_bd09", "xlsx", (INSTITUTES, ORGAN_OFFICES), to_bd09),
        ("06_societies_gcj02", "csv-utf8", (SOCIETIES,), to_gcj02),
    )
    for name, form, kinds, shift in lists:
        parts = firm_parts(land, houses, people, hand, people.of(*kinds), shift)
        file = desk.send(name, form, parts, _firm_planter(form, shift is not None))
        if shift is not None:
            datum = "bd09" if shift is to_bd09 else "gcj02"
            desk.answers.files.append((file, f"the whole file in {datum}, undeclared", f"datum {datum}"))


def firm_parts(
    land: Land, houses: Houses, people: People, hand: Handwriting, rows: NDArray[np.int64], shift: Shift | None
) -> Iterator[Part]:
    """Write the rows of a list of firms. shift: into another datum."""
    for some in chunks(rows):
        random = stream(land.seed, "district", "firms", int(some[0]))
        house = people.house[some]
        written = hand.write(random, house)
        lonlat = degrees(positions(land, houses, house, random))
        if shift is not None:
            lonlat = np.column_stack(shift(lonlat[:, 0], lonlat[:, 1]))
        codes = credit_of(some, people)
        grid = pick(land.grid_codes, houses.grid[house])
        columns = firm_columns(random, codes, public_names(land, houses, people, some), written.address, lonlat, grid)
        truth = true_places(written, houses)
        # The position is right even where the address is not, and both are given.
        by_point = np.where(truth.kind == "none", "point only: ", "")
        yield columns, Truth(codes, "building", houses.code.take(pa.array(house)), np.char.add(by_point, truth.ways))


def _firm_planter(form: Form, shifted: bool) -> Planter:
    csv = form if form.startswith("csv") else None
    faults = [
        *text_faults("统一社会信用代码", "企业名称", csv=csv, numeric_key=True), *credit_faults("统一社会信用代码"),
        *value_faults(required=["企业名称"], dates=["成立日期"]), *grid_code_faults("所在网格"),
        *column_faults("经度", "纬度", GEOGRAPHIC, required=False, decimals=7, has_grid=not shifted),
    ]  # fmt: skip
    odd = [
        Fault("an odd name", "", lambda row, number: {**row, "企业名称": ODD_NAMES[number % len(ODD_NAMES)]}),
        Fault("a body code outside its own rule", "", _other_body, fresh=False),
        Fault(
            "a code in full-width letters",
            "",
            lambda row, number: {**row, "统一社会信用代码": _full_width(str(row["统一社会信用代码"]))},
        ),
        Fault(
            "a date in other signs",
            "",
            lambda row, number: {**row, "成立日期": ("2019年8月1日", "20190801", "2019/8/1")[number % 3]},
        ),
        Fault("no position", "", put(经度="", 纬度="")),
    ]
    return Planter("统一社会信用代码", faults, _fresh_firm, odd)


def _fresh_firm(row: Row, number: int) -> Row:
    kind = str(row["统一社会信用代码"])[:2]
    seed = sum(map(ord, str(row["统一社会信用代码"]))) * 7919  # so that lists do not share codes
    return {"统一社会信用代码": credit_codes(np.array([FIRST_FRESH + seed + number]), pa.array([kind]))[0].as_py()}


def _other_body(row: Row, number: int) -> Row:
    """Give a code whose outer check is right and whose inner one follows no rule, as some issued after 2015 do."""
    body = "MAK" + f"{number % 10**5:05d}" + "T"  # T is never a check character of GB 11714
    first = f"{str(row['统一社会信用代码'])[:2]}370612{body}"
    return {**row, "统一社会信用代码": first + credit_check(first)}


def _full_width(code: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) for letter in code)


def send_households(desk: Desk, land: Land, houses: Houses, people: People, hand: Handwriting) -> None:
    """Send the police's households."""
    faults = [
        *text_faults("户编号", "户主姓名", csv="csv-gb18030", numeric_key=False), *id_faults("身份证号"),
        *value_faults(required=["地址"], numbers=["人口数"]),
        Fault("code ruined by Excel", "number_ruined", put(身份证号="3.70612E+17")),
    ]  # fmt: skip
    odd = [
        Fault("an odd name", "", lambda row, number: {**row, "户主姓名": ODD_PEOPLE[number % len(ODD_PEOPLE)]}),
        Fault("an id number in odd signs", "", lambda row, number: {**row, "身份证号": _odd_id(number)}),
    ]
    planter = Planter("户编号", faults, _fresh_household, odd)
    desk.send("07_households", "csv-gb18030", _household_parts(land, houses, people, hand), planter)


def _household_parts(land: Land, houses: Houses, people: People, hand: Handwriting) -> Iterator[Part]:
    for some in chunks(people.of(HOUSEHOLDS)):
        random = stream(land.seed, "district", "households", int(some[0]))
        house = people.house[some]
        unit, room = rooms(random, houses, house)
        written = hand.write(random, house)
        truth = true_places(written, houses)
        yield (
            household_columns(random, some, unit, room, written.address),
            Truth(household_keys(some), truth.kind, truth.codes, truth.ways),
        )


def _fresh_household(row: Row, number: int) -> Row:
    return {"户编号": f"H99{number:08d}", "身份证号": id_numbers(np.array([10_000_000 + number]))[0].as_py()}


def _odd_id(number: int) -> str:
    """Give a right number that looks odd: born on 29 February, a residence permit, a small x, full-width digits."""
    first = ("37069920000229", "83000019900101", "81000019880808", "37069919560229")[
        number % 4
    ] + f"{number % 1000:03d}"
    code = first + id_check(first)
    return code.lower() if number % 3 else _full_width(code)
