"""The next month's deliveries: the same lists again, with changes and rows that are gone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from photogrammetry.sample.district.deliver_people import firm_parts
from photogrammetry.sample.district.deliver_records import Setting
from photogrammetry.sample.district.deliver_things import CHINESE, SURVEYS, survey_parts
from photogrammetry.sample.district.desk import Desk
from photogrammetry.sample.district.files import Form, write_delivery
from photogrammetry.sample.district.people import COOPERATIVES, FIRMS
from photogrammetry.sample.district.words import choose
from photogrammetry.sample.randomness import stream

CHANGED, GONE = 0.03, 0.02


def send_next_month(desk: Desk, setting: Setting) -> None:
    """Write next_month/: enterprises and one file of the component survey, complete lists of that day."""
    folder = desk.folder / "next_month"
    folder.mkdir()
    firms = firm_parts(
        setting.land, setting.houses, setting.people, setting.hand, setting.people.of(FIRMS, COOPERATIVES), None
    )
    table = pa.concat_tables([pa.table(columns) for columns, _ in firms])
    _write(desk, "06_enterprises", "csv-utf8", table, "统一社会信用代码", "法定代表人", "赵甲乙")
    survey = next(item for item in SURVEYS if item.name == "04_assets_parks")
    rows = setting.things.of({item.code for item in setting.things.classes if survey.holds(item)})
    parts = survey_parts(setting.land, setting.things, survey, rows)
    table = pa.concat_tables([pa.table(columns) for columns, _ in parts])
    _write(desk, survey.name, "csv-utf8", table, CHINESE["code"], CHINESE["maintaining_name"], "牟平区园林新养护中心")


def _write(desk: Desk, name: str, form: Form, table: pa.Table, key: str, column: str, put: str) -> None:
    """Write a list again: some rows left out, some with another value in one column."""
    table = table.combine_chunks()
    lot = stream(desk.seed, "district", "next month", name).random(table.num_rows)
    changed = (lot < CHANGED) & pc.not_equal(table[column], put).to_numpy()
    kept = lot < 1 - GONE
    cells = choose(changed, put, table[column].combine_chunks())
    table = table.set_column(table.column_names.index(column), column, cells)
    keys = np.asarray(table[key].to_pylist())
    file = f"next_month/{name}.csv"
    desk.answers.changes += [(file, str(code), "changed") for code in keys[changed]]
    desk.answers.changes += [(file, str(code), "gone") for code in keys[~kept]]
    write_delivery(desk.folder / file, form, [(table.filter(pa.array(kept)), {})])
