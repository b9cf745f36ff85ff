"""Makes the deliveries of a whole district and the truth about them, from one seed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from photogrammetry.sample.delivery_files import fixed_dates
from photogrammetry.sample.district.answers import Answers
from photogrammetry.sample.district.damaged import send_damaged
from photogrammetry.sample.district.deliver_people import send_firms, send_households
from photogrammetry.sample.district.deliver_places import send_addresses, send_houses, send_places
from photogrammetry.sample.district.deliver_records import Setting, send_records
from photogrammetry.sample.district.deliver_things import send_lamp_ledger, send_things
from photogrammetry.sample.district.desk import Desk
from photogrammetry.sample.district.handwriting import Handwriting
from photogrammetry.sample.district.houses import build_houses
from photogrammetry.sample.district.kinds import mapping_of, record_kinds
from photogrammetry.sample.district.land import QUARTER_COMMUNITY, lay_out_land
from photogrammetry.sample.district.next_month import send_next_month
from photogrammetry.sample.district.people import settle_people
from photogrammetry.sample.district.size import DistrictSize
from photogrammetry.sample.district.things import stand_things
from photogrammetry.sample.quarter import CRS
from twin.errors import BadInput

Progress = Callable[[float, float, str], None]  # rows done, rows in all, what is being written
UNFINISHED = ".unfinished"
FOLDERS = ("deliveries", "mappings", "truth")


def make_district(folder: Path, seed: int, size: DistrictSize, progress: Progress | None = None) -> Path:
    """Write deliveries/, mappings/ and truth/ of a district; the same seed and size give the same bytes.

    folder: new, empty, or left unfinished by an earlier run (then it is begun again). Returns the path of
    district.json, which is written last. Raises BadInput for a folder that holds something else.
    """
    _claim(folder)
    tell = progress or (lambda done, total, text: None)
    land = lay_out_land(seed, size.buildings, size.villages)
    houses = build_houses(land, size.buildings)
    things = stand_things(land, size.assets)
    people = settle_people(seed, houses, size.entities)
    setting = Setting(land, houses, things, people, Handwriting(land, houses))
    total = float(len(land.grids) + 2 * len(houses) + size.assets + size.entities + size.records)
    with Answers(folder / "truth") as answers, fixed_dates():
        desk = Desk(folder / "deliveries", seed, answers, lambda what, rows: tell(min(rows, total), total, what))
        send_places(desk, land)
        send_houses(desk, land, houses)
        send_addresses(desk, land, houses)
        send_things(desk, land, things)
        send_lamp_ledger(desk, land, things)
        send_firms(desk, land, houses, people, setting.hand)
        send_households(desk, land, houses, people, setting.hand)
        send_records(desk, setting, size.records)
        send_damaged(desk, land, houses)
        send_next_month(desk, setting)
    _write_mappings(folder / "mappings")
    counts = {
        "towns": len(land.towns), "villages": len(land.codes), "grids": len(land.grids), "buildings": len(houses),
        "addresses": len(houses), "assets": len(things), "entities": size.entities, "records": size.records,
        "planted_faults": len(answers.faults), "odd_but_right": len(answers.odd), "links": answers.linked,
    }  # fmt: skip
    return _finish(folder, seed, size, counts)


def _claim(folder: Path) -> None:
    """Take a new, empty or unfinished folder; refuse any other so that nothing of the user's is lost."""
    if (folder / UNFINISHED).exists():
        shutil.rmtree(folder)
    if folder.exists() and any(folder.iterdir()):
        raise BadInput(
            "the folder is not empty / 文件夹不是空的", where=str(folder),
            do="Choose a new folder for the sample / 请为示例另选一个新文件夹",
        )  # fmt: skip
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    (folder / UNFINISHED).write_text("an unfinished sample; making it again starts afresh\n", encoding="utf-8")


def _write_mappings(folder: Path) -> None:
    for kind in record_kinds():
        written = yaml.safe_dump(mapping_of(kind), allow_unicode=True, sort_keys=False, width=120)
        (folder / f"{kind.code}.yaml").write_text(written, encoding="utf-8")


def _finish(folder: Path, seed: int, size: DistrictSize, counts: dict[str, int]) -> Path:
    path = folder / "district.json"
    told: dict[str, Any] = {
        "seed": seed, "size": asdict(size), "crs": CRS, "counts": counts, "quarter_community": QUARTER_COMMUNITY,
        "note": "Synthetic. Names of villages and towns are real; nothing here describes a real building or person.",
    }  # fmt: skip
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (folder / UNFINISHED).unlink()
    return path
