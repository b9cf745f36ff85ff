"""Deliveries of departments' records: sixty kinds, each in its own columns, ten million rows in all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from photogrammetry.sample.district.deliver_people import true_places
from photogrammetry.sample.district.desk import CHUNK_ROWS, Desk, Part, Truth
from photogrammetry.sample.district.fault_lists import (
    GEOGRAPHIC,
    column_faults,
    component_faults,
    credit_faults,
    grid_code_faults,
    value_faults,
)  # fmt: skip
from photogrammetry.sample.district.faults import Fault, Planter, put, text_faults
from photogrammetry.sample.district.files import Form
from photogrammetry.sample.district.handwriting import Handwriting
from photogrammetry.sample.district.houses import Houses
from photogrammetry.sample.district.kinds import OF_CLASSES, SMALL, STATES, RecordKind, counts_of_kinds, record_kinds
from photogrammetry.sample.district.land import Land
from photogrammetry.sample.district.people import (
    COOPERATIVES,
    FIRMS,
    HOUSEHOLDS,
    TRADERS,
    People,
    credit_of,
    degrees,
    positions,
    rooms,
)  # fmt: skip
from photogrammetry.sample.district.things import Things
from photogrammetry.sample.district.words import (
    Text,
    choose,
    draw,
    fixed,
    join,
    padded,
    person_names,
    phone_numbers,
    pick,
    times,
)  # fmt: skip
from photogrammetry.sample.quarter import DIVISION
from photogrammetry.sample.randomness import stream

FILE_ROWS = 1_000_000
UNKNOWN_CODES = 0.02  # of the component codes given: of no component in the register
POINT_SIGMA_M = 0.6
AGAIN_ROWS = 40
Columns = dict[str, Text]


@dataclass(frozen=True)
class Setting:
    """What records speak of."""

    land: Land
    houses: Houses
    things: Things
    people: People
    hand: Handwriting


def send_records(desk: Desk, setting: Setting, wanted: int) -> None:
    """Send all kinds, `wanted` records in all, and some rows of one kind again in a file of another name."""
    counts = counts_of_kinds(wanted)
    for place, kind in enumerate(record_kinds()):
        count = counts[kind.code]
        form: Form = "xlsx" if count <= SMALL and place % 2 else "csv-gb18030" if place % 3 == 0 else "csv-utf8"
        for number, start in enumerate(range(0, count, FILE_ROWS), 1):
            name = f"08_{kind.code}" + (f"_{number}" if count > FILE_ROWS else "")
            span = (start, min(count, start + FILE_ROWS))
            desk.send(name, form, _parts(setting, kind, *span), _planter(kind, form))
    again = record_kinds()[4]
    columns, _ = next(_parts(setting, again, 0, min(counts[again.code], FILE_ROWS)))
    rows = {name: cells.slice(0, AGAIN_ROWS) for name, cells in columns.items()}
    count = len(rows[again.key])
    file = desk.send(f"09_{again.code}_again", "csv-utf8", [(rows, None)], None)
    desk.answers.files.append((file, "rows delivered before in another file", f"unchanged {count}"))


def _parts(setting: Setting, kind: RecordKind, start: int, end: int) -> Iterator[Part]:
    for first in range(start, end, CHUNK_ROWS):
        numbers = np.arange(first, min(first + CHUNK_ROWS, end))
        yield _rows(setting, kind, numbers, stream(setting.land.seed, "district", "record", kind.code, first))


def _rows(setting: Setting, kind: RecordKind, numbers: NDArray[np.int64], random: np.random.Generator) -> Part:
    count = len(numbers)
    keys = join(kind.prefix, "26", padded(numbers + 1, 9))
    head = {kind.key: keys, f"{kind.title_zh}内容": draw(random, kind.says, count)}
    where, truth = WHERE[kind.where](setting, kind, count, random)
    if kind.where == "point":
        head[f"{kind.title_zh}内容"] = join(_class_name(setting.things, kind), head[f"{kind.title_zh}内容"])
    columns = {
        **head, f"{kind.title_zh}时间": times(random, count, "2024-01-01", "2026-05-19"), **where,
        "办理状态": draw(random, STATES, count),
    }  # fmt: skip
    if kind.number:
        columns[kind.number] = fixed(random.gamma(2.0, 12.0, count), 1)
    if kind.has_person:
        columns |= {"联系人": person_names(random, count), "联系电话": phone_numbers(random, count)}
    return columns, Truth(keys, truth.kind, truth.codes, truth.ways)


def _class_name(things: Things, kind: RecordKind) -> str:
    return next(item.name for item in things.classes if item.code == OF_CLASSES[kind.code][0])


# ---- the ways of saying where
def _by_address(setting: Setting, kind: RecordKind, count: int, random: np.random.Generator) -> tuple[Columns, Truth]:
    house = random.integers(0, len(setting.houses), count)
    written = setting.hand.write(random, house)
    return {"地址": written.address}, true_places(written, setting.houses)


def _at_home(setting: Setting, kind: RecordKind, count: int, random: np.random.Generator) -> tuple[Columns, Truth]:
    homes = setting.people.of(HOUSEHOLDS)
    house = setting.people.house[homes[random.integers(0, len(homes), count)]]
    unit, room = rooms(random, setting.houses, house)
    inside = random.random(count) < 0.4  # the room stands in the address or in a column of its own
    written = setting.hand.write(random, house, choose(inside, unit, ""), choose(inside, room, ""))
    return {"地址": written.address, "房号": choose(inside, "", join(unit, room))}, true_places(written, setting.houses)


def _at_firm(setting: Setting, kind: RecordKind, count: int, random: np.random.Generator) -> tuple[Columns, Truth]:
    firms = setting.people.of(FIRMS, TRADERS, COOPERATIVES)
    rows = firms[random.integers(0, len(firms), count)]
    written = setting.hand.write(random, setting.people.house[rows])
    return {"统一社会信用代码": credit_of(rows, setting.people), "地址": written.address}, true_places(
        written, setting.houses
    )


def _at_spot(setting: Setting, kind: RecordKind, count: int, random: np.random.Generator) -> tuple[Columns, Truth]:
    house = random.integers(0, len(setting.houses), count)
    written = setting.hand.write(random, house)
    columns = {"地址": written.address} | _point_columns(
        setting, positions(setting.land, setting.houses, house, random), setting.houses.grid[house]
    )
    truth = true_places(written, setting.houses)
    by_point = np.where(truth.kind == "none", "point only: ", "")
    codes = setting.houses.code.take(pa.array(house))
    return columns, Truth(truth.keys, "building", codes, np.char.add(by_point, truth.ways))


def _at_asset(setting: Setting, kind: RecordKind, count: int, random: np.random.Generator) -> tuple[Columns, Truth]:
    rows = _things_of(setting.things, kind, count, random)
    known = random.random(count) >= UNKNOWN_CODES
    codes = setting.things.codes(rows)
    lost = join(
        DIVISION,
        pick([item.code for item in setting.things.classes], setting.things.of_class[rows]),
        padded(random.integers(1, 100, count), 6),
    )
    truth = Truth(codes, np.where(known, "asset", "none"), choose(known, codes, ""), ["code"] * count)
    return {"部件标识码": choose(known, codes, lost)}, truth


def _at_both(setting: Setting, kind: RecordKind, count: int, random: np.random.Generator) -> tuple[Columns, Truth]:
    rows = _things_of(setting.things, kind, count, random)
    codes = setting.things.codes(rows)
    return {"部件标识码": codes} | _near(setting, rows, random), Truth(codes, "asset", codes, ["code"] * count)


def _at_point(setting: Setting, kind: RecordKind, count: int, random: np.random.Generator) -> tuple[Columns, Truth]:
    rows = _things_of(setting.things, kind, count, random)
    codes = setting.things.codes(rows)
    return _near(setting, rows, random), Truth(codes, "asset", codes, ["point"] * count)


def _things_of(things: Things, kind: RecordKind, count: int, random: np.random.Generator) -> NDArray[np.int64]:
    rows = things.of(set(OF_CLASSES[kind.code]))
    picked: NDArray[np.int64] = rows[random.integers(0, len(rows), count)]
    return picked


def _near(setting: Setting, rows: NDArray[np.int64], random: np.random.Generator) -> Columns:
    noise = random.normal(0, POINT_SIGMA_M, (len(rows), 2))
    return _point_columns(setting, setting.land.metres(setting.things.lattice[rows]) + noise, setting.things.grid[rows])


def _point_columns(setting: Setting, metres: NDArray[np.float64], grid: NDArray[np.int64]) -> Columns:
    lonlat = degrees(metres)
    return {
        "经度": fixed(lonlat[:, 0], 7),
        "纬度": fixed(lonlat[:, 1], 7),
        "所在网格": pick(setting.land.grid_codes, grid),
    }


WHERE = {
    "address": _by_address, "home": _at_home, "firm": _at_firm, "spot": _at_spot, "asset": _at_asset, "both": _at_both,
    "point": _at_point,
}  # fmt: skip


# ---- faults
def _planter(kind: RecordKind, form: Form) -> Planter:
    csv = form if form.startswith("csv") else None
    says, when = f"{kind.title_zh}内容", f"{kind.title_zh}时间"
    required = (
        [says]
        + (["地址"] if kind.where in ("home", "firm") else [])
        + (["部件标识码"] if kind.where in ("asset", "both") else [])
    )
    numbers = [kind.number] if kind.number else []
    faults = [
        *text_faults(kind.key, says, csv=csv, numeric_key=True),
        *value_faults(required=required, listed=["办理状态"], dates=[when], numbers=numbers),
    ]  # fmt: skip
    if kind.where in ("asset", "both"):
        faults += component_faults("部件标识码", with_class=False)
        faults.append(Fault("code ruined by Excel", "number_ruined", put(部件标识码="3.70612E+15")))
    if kind.where == "firm":
        faults += credit_faults("统一社会信用代码")
    if kind.has_point:
        faults += grid_code_faults("所在网格")
        faults += column_faults("经度", "纬度", GEOGRAPHIC, required=kind.where != "spot", decimals=7, has_grid=True)
    odd = [
        Fault("long words", "", lambda row, number: {**row, says: str(row[says]) + "，情况说明：" + "现场已核实" * 60}),
        Fault("a question mark", "", lambda row, number: {**row, says: str(row[says]) + "??什么时候修?"}),
        Fault(
            "a date in other signs",
            "",
            lambda row, number: {**row, when: ("2026年3月1日", "20260301", "2026/3/1 8:05")[number % 3]},
        ),
    ]
    if kind.has_person:
        odd.append(Fault("a rare name", "", put(联系人="𬎆𠅤")))
    return Planter(kind.key, faults, lambda row, number: {kind.key: f"{kind.prefix}269{number:08d}"}, odd)
