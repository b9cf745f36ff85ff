"""The sample's deliveries without its photos, and what is true about them."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from photogrammetry.sample.deliveries import write_deliveries, write_link_truth
from photogrammetry.sample.quarter import lay_out_quarter
from photogrammetry.sample.scales import SCALES
from tests.databases import Database
from twin.personal.keyring import keys_of
from twin.personal.values import mac_of

# What the sample calls a planted fault, and the reasons that name it rightly.
REASONS = {
    "missing_code": {"key_missing"},
    "duplicate_row": {"duplicate_row"},
    "out_of_district": {"outside_district", "coordinates_zone"},
    "bad_code": {"component_code_wrong", "grid_code_wrong"},
    "unknown_class": {"class_unknown"},
    "bad_coordinates": {"coordinates_wrong", "coordinates_impossible"},
    "bad_date": {"date_wrong"},
    "wrong_check_digit": {"credit_code_wrong", "id_number_wrong"},
}
SUBJECTS = """
SELECT 'record', r.source_key, coalesce(a.code, b.code)
FROM twin.record r JOIN twin.link l USING (record_id)
  LEFT JOIN twin.asset a ON a.asset_id = l.asset_id LEFT JOIN twin.building b ON b.building_id = l.building_id
WHERE l.state = 'accepted'
UNION ALL
SELECT 'entity', coalesce(e.source_key, encode(p.key_mac, 'hex')), b.code
FROM twin.entity e JOIN private.entity p USING (entity_id) JOIN twin.link l USING (entity_id)
  JOIN twin.building b ON b.building_id = l.building_id
WHERE l.state = 'accepted'
UNION ALL
SELECT 'address', a.code, b.code FROM twin.address a JOIN twin.building b USING (building_id)
"""


def make_deliveries(folder: Path, seed: int, scale: str) -> Path:
    """Write the deliveries and their truth as `twin sample make` does, without rendering a single photo."""
    (folder / "deliveries").mkdir(parents=True)
    (folder / "truth").mkdir()
    links, faults = write_deliveries(folder / "deliveries", lay_out_quarter(seed, SCALES[scale]))
    write_link_truth(folder / "truth", links, faults)
    return folder


def deliveries_of(folder: Path) -> list[Path]:
    """List the files to ingest, in the order of their names."""
    return sorted(
        path for path in (folder / "deliveries").iterdir() if path.suffix in (".shp", ".gpkg", ".csv", ".xlsx")
    )


@dataclass
class FaultScore:
    """missed: planted faults taken. misnamed: set aside for another reason. false_alarms: sound rows set aside."""

    planted: int = 0
    missed: list[tuple[str, int, str]] = field(default_factory=list)
    misnamed: list[tuple[str, int, str, str]] = field(default_factory=list)
    false_alarms: list[tuple[str, int, str]] = field(default_factory=list)


def score_faults(database: Database, folder: Path) -> FaultScore:
    """Compare what was set aside with what was planted."""
    found = {
        (f"{file}:{layer}" if file.startswith("08") else file, row_no): code
        for file, layer, row_no, code in database.fetch(
            "SELECT b.file, b.layer, q.row_no, q.reason_code "
            "FROM private.quarantine q JOIN twin.batch b USING (batch_id)"
        )
    }
    score = FaultScore()
    planted = {(row["file"], int(row["row_no"])): row["reason"] for row in _rows(folder / "truth" / "faults.csv")}
    for (file, row_no), reason in planted.items():
        score.planted += 1
        code = found.pop((file, row_no), None)
        if code is None:
            score.missed.append((file, row_no, reason))
        elif code not in REASONS[reason]:
            score.misnamed.append((file, row_no, reason, code))
    score.false_alarms = [(file, row_no, code) for (file, row_no), code in found.items()]
    return score


@dataclass
class LinkScore:
    """precision: accepted links that are right. recall: true links that were accepted."""

    precision: float
    recall: float
    wrong: list[tuple[str, str, str]]
    missing: list[tuple[str, str, str]]
    by_file: dict[str, Counter[str]]


def score_links(database: Database, folder: Path) -> LinkScore:
    """Compare accepted links with the truth."""
    accepted = {(kind, key, code) for kind, key, code in database.fetch(SUBJECTS)}
    kinds = {"02": "address", "04": "record", "05": "record", "06": "entity", "07": "entity"}
    true: set[tuple[str, str, str]] = set()
    by_file: dict[str, Counter[str]] = {}
    with database.connect("ingest") as connection:
        keys = keys_of(connection)
    for row in _rows(folder / "truth" / "links.csv"):
        if row["target_kind"] == "none":
            continue
        key = row["source_key"]
        if row["file"].startswith("07"):  # a household's number stands in the twin as its keyed hash only
            key = (mac_of(keys, "key", key) or b"").hex()
        link = (kinds[row["file"][:2]], key, row["target_code"])
        true.add(link)
        by_file.setdefault(row["file"], Counter())["found" if link in accepted else "missing"] += 1
    right = accepted & true
    return LinkScore(
        len(right) / max(1, len(accepted)), len(right) / max(1, len(true)), sorted(accepted - true),
        sorted(true - accepted), by_file,
    )  # fmt: skip


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
