"""How right the links of the district sample are: its own ways of writing, its own truth, never used for tuning.

    twin sample make district --scale district --assets 10k --records 50k --entities 5k --villages 60
    TWIN_DATA_DIR=var .venv/bin/python -m benchmarks.linking_sample district [--show 20] [--json]

Takes the deliveries into a database of its own beside the city's, links them and compares every accepted link with
truth/links.parquet: precision, recall, and how each way of writing fared. Rows that were set aside are left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.faults import deliveries_of, ingest_all
from benchmarks.linking import own_database
from ingest_gis.link_parts import LinkOptions
from ingest_gis.run_links import run_links
from twin.cluster import server
from twin.session import Actor, transaction
from twin.settings import Settings, read_settings

# Every record and entity taken in: file, source key, and the codes of the places it is linked to.
LINKED = """
SELECT b.file, r.source_key, coalesce(a.code, h.code), l.method, coalesce(p.payload ->> 'address', r.address_given)
FROM twin.record r JOIN twin.batch b USING (batch_id) LEFT JOIN private.record p USING (record_id)
  LEFT JOIN twin.link l ON l.record_id = r.record_id AND l.state = 'accepted'
  LEFT JOIN twin.asset a ON a.asset_id = l.asset_id LEFT JOIN twin.building h ON h.building_id = l.building_id
UNION ALL
SELECT b.file, coalesce(e.source_key, p.attributes ->> 'source_key'), h.code, l.method, p.attributes ->> 'address'
FROM twin.entity e JOIN twin.batch b USING (batch_id) JOIN private.entity p USING (entity_id)
  LEFT JOIN twin.link l ON l.entity_id = e.entity_id AND l.state = 'accepted'
  LEFT JOIN twin.building h ON h.building_id = l.building_id
"""


@dataclass
class SampleScore:
    """Accepted links against the truth. found, true: by way of writing; wrong: what was accepted and is not so."""

    accepted: int = 0
    right: int = 0
    found: Counter[str] = field(default_factory=Counter)
    true: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    wrong_rows: list[tuple[Any, ...]] = field(default_factory=list)
    missed_rows: list[tuple[Any, ...]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Give the figures that are printed."""
        ways = {way: round(self.found[way] / count, 4) for way, count in sorted(self.true.items())}
        return {
            "accepted": self.accepted, "precision": round(self.right / max(1, self.accepted), 4),
            "recall": round(self.found.total() / max(1, self.true.total()), 4), "true_links": self.true.total(),
            "recall_by_way": ways, "wrong_by_way": dict(self.wrong),
        }  # fmt: skip


def score(settings: Settings, folder: Path) -> SampleScore:
    """Compare what was accepted with the truth."""
    truth = pq.read_table(folder / "truth" / "links.parquet").to_pylist()
    meant = {(row["delivery"], row["source_key"]): (row["target_code"], row["way"]) for row in truth}
    actor = Actor("benchmark", role="system", purpose="judge links")
    with server.connect(settings, "owner") as connection, transaction(connection, actor) as cursor:
        rows = cursor.execute(LINKED).fetchall()
    linked: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for file, key, *link in rows:
        linked.setdefault((file, key), []).append(tuple(link))
    result = SampleScore()
    for subject, links in linked.items():
        if subject not in meant:
            continue
        code, way = meant[subject]
        places = {place for place, _, _ in links if place}
        result.accepted += len(places)
        result.right += code in places
        if code:
            result.true[way] += 1
            result.found[way] += code in places
            if code not in places:
                result.missed_rows.append((*subject, way, code, *links[0]))
        for place in places - {code}:
            result.wrong[way] += 1
            result.wrong_rows.append((*subject, way, code, place, *links[0][1:]))
    return result


def main() -> None:
    """Take in, link, judge, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--show", type=int, default=0, help="how many wrong and missed rows to print")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with own_database(read_settings()) as settings:
        ingest_all(settings, arguments.folder, deliveries_of(arguments.folder))
        report = run_links(settings, LinkOptions(processes=2))
        result = score(settings, arguments.folder)
    found = {**result.summary(), "subjects": report.subjects, "outcome": dict(report.outcome)}
    if arguments.json:
        json.dump(found, sys.stdout, ensure_ascii=False)
        return
    for name, value in found.items():
        print(f"{name:14} {value}")
    for name, rows in (("wrong", result.wrong_rows), ("missed", result.missed_rows)):
        for row in rows[: arguments.show]:
            print(name, *row)


if __name__ == "__main__":
    main()
