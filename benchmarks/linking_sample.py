"""How right the links of the district sample are: its own ways of writing, its own truth, never used for tuning.

    twin sample make district --scale district --assets 10k --records 50k --entities 5k --villages 60
    TWIN_DATA_DIR=var .venv/bin/python -m benchmarks.linking_sample district [--here [--files NAME ...]] [--show 20]

Takes the deliveries into a database of its own beside the city's, links them and compares every accepted link with
truth/links.parquet: precision, recall, and how each way of writing fared. Rows that were set aside are left out.
--here: links what benchmarks.faults has taken into the city's own database, and judges that. One delivery is judged
after the other, so that ten million links need little memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.faults import deliveries_of, ingest_all
from benchmarks.linking import own_database
from ingest_gis.link_parts import LinkOptions
from ingest_gis.run_links import run_links
from twin.cluster import server
from twin.personal.documents import open_document
from twin.personal.keyring import Keyring, keys_of
from twin.personal.values import mac_of
from twin.session import Actor, transaction
from twin.settings import Settings, read_settings

# Every record and entity taken in from a file: source key, the codes of the places it is linked to, how, as written.
LINKED = """
SELECT r.source_key, coalesce(a.code, h.code), l.method, r.address_given, 'record', r.record_id, p.sealed, NULL
FROM twin.record r JOIN twin.batch b USING (batch_id) LEFT JOIN private.record p USING (record_id)
  LEFT JOIN twin.link l ON l.record_id = r.record_id AND l.state = 'accepted'
  LEFT JOIN twin.asset a ON a.asset_id = l.asset_id LEFT JOIN twin.building h ON h.building_id = l.building_id
WHERE b.file = %(file)s
UNION ALL
SELECT e.source_key, h.code, l.method, NULL, 'entity', e.entity_id, p.sealed, encode(p.key_mac, 'hex')
FROM twin.entity e JOIN twin.batch b USING (batch_id) JOIN private.entity p USING (entity_id)
  LEFT JOIN twin.link l ON l.entity_id = e.entity_id AND l.state = 'accepted'
  LEFT JOIN twin.building h ON h.building_id = l.building_id
WHERE b.file = %(file)s
"""
BY_KEY = frozenset({"code", "point"})  # ways of the truth in which no address is read


@dataclass
class SampleScore:
    """Accepted links against the truth. accepted, right, found, true, wrong: by way of writing."""

    accepted: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    true: Counter[str] = field(default_factory=Counter)
    wrong_rows: list[tuple[Any, ...]] = field(default_factory=list)
    missed_rows: list[tuple[Any, ...]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Give the figures that are printed."""
        written = self.accepted.keys() | self.true.keys()
        ways = {way: round(self.found[way] / count, 4) for way, count in sorted(self.true.items())}
        return {
            "all": self._figures(written), "addresses": self._figures(written - BY_KEY), "recall_by_way": ways,
            "wrong_by_way": dict(self.accepted - self.right),
        }  # fmt: skip

    def _figures(self, ways: Iterable[str]) -> dict[str, float]:
        accepted, right, found, true = (
            sum(counted[way] for way in ways) for counted in (self.accepted, self.right, self.found, self.true)
        )
        return {
            "accepted": accepted, "precision": round(right / max(1, accepted), 4), "true_links": true,
            "recall": round(found / max(1, true), 4),
        }  # fmt: skip

    def judge(self, file: str, links: Iterable[tuple[Any, ...]], truth: dict[str, tuple[str | None, str]]) -> None:
        """Compare the links of one file. links: as LINKED gives them. truth: source key -> place, way of writing."""
        linked: dict[str, list[tuple[Any, ...]]] = {}
        for key, *link in links:
            if key in truth:
                linked.setdefault(key, []).append(tuple(link))
        for key, found in linked.items():
            code, way = truth[key]
            places = {place for place, _, _ in found if place}
            self.accepted[way] += len(places)
            self.right[way] += code in places
            if code:
                self.true[way] += 1
                self.found[way] += code in places
                if code not in places:
                    self.missed_rows.append((file, key, way, code, *found[0]))
            self.wrong_rows += [(file, key, way, code, place, *found[0][1:]) for place in places - {code}]


def _linked(keys: Keyring, hidden: dict[str, str], key: str | None, *found: Any) -> tuple[Any, ...]:
    """Open the address of a row of LINKED."""
    code, method, given, kind, number, sealed, mac = found
    said = open_document(keys, f"private.{kind}", number, sealed)
    address = (said.get("attributes") or {} if kind == "entity" else said).get("address")
    return key or hidden.get(mac or ""), code, method, address or given


def batches_of(settings: Settings, files: list[str]) -> tuple[int, ...]:
    """Give the batches that came from these files."""
    with server.connect(settings, "owner") as connection:
        rows = connection.execute("SELECT batch_id FROM twin.batch WHERE file = ANY (%s)", (files,)).fetchall()
    return tuple(row[0] for row in rows)


def score(settings: Settings, folder: Path, files: list[str] | None = None) -> SampleScore:
    """Compare what was accepted with the truth, file by file. files: only these."""
    path, result = folder / "truth" / "links.parquet", SampleScore()
    names = pc.unique(pq.read_table(path, columns=["delivery"])["delivery"]).to_pylist()
    actor = Actor("benchmark", role="system", purpose="judge links")
    with server.connect(settings, "owner") as connection, transaction(connection, actor) as cursor:
        for name in names if files is None else set(names) & set(files):
            table = pq.read_table(
                path, columns=["source_key", "target_code", "way"], filters=[("delivery", "==", name)]
            )
            columns = (table[column].to_pylist() for column in ("source_key", "target_code", "way"))
            truth = {key: (code, way) for key, code, way in zip(*columns, strict=True)}
            keys = keys_of(connection)
            # A household's number stands in the twin as its keyed hash only.
            hidden = {(mac_of(keys, "key", key) or b"").hex(): key for key in truth}
            links = [_linked(keys, hidden, *row) for row in cursor.execute(LINKED, {"file": name}).fetchall()]
            result.judge(name, links, truth)
    return result


def main() -> None:
    """Take in, link, judge, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--here", action="store_true", help="the city's database holds the deliveries: link and judge")
    parser.add_argument("--files", nargs="+", help="with --here: link and judge only these, by their names")
    parser.add_argument("--show", type=int, default=0, help="how many wrong and missed rows to print")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        settings = read_settings()
        if not arguments.here:
            settings = stack.enter_context(own_database(settings))
            ingest_all(settings, arguments.folder, deliveries_of(arguments.folder))
        batches = batches_of(settings, arguments.files) if arguments.files else None
        began = time.monotonic()
        report = run_links(settings, LinkOptions(processes=2, batches=batches))
        took_s = time.monotonic() - began
        result = score(settings, arguments.folder, arguments.files)
    found = {
        **result.summary(),
        "subjects": report.subjects,
        "seconds": round(took_s, 1),
        "outcome": dict(report.outcome),
    }
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
