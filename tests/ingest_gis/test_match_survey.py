"""A survey's own view of the small city against its register, by the command, with heights of the ground."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tests.api import small_city_survey as survey
from tests.api.small_city import insert_small_city
from tests.api.small_city_facts import ASSETS
from tests.databases import SYSTEM, Database
from twin.actions.seen_places import decide_seen_match
from twin.errors import Conflict, NotFound
from twin.queries.seen_places import seen_counts, seen_waiting
from twin.session import transaction

HEIGHTS = "SELECT code, height_m, height_sigma_m, vertical_datum FROM twin.asset"
# The register's outlines lie 2 m west of where they are, and it has a building that was taken down.
SPOIL = """
UPDATE twin.building
SET geom_m = ST_Translate(geom_m, -2.0, 0.5), geom = ST_Transform(ST_Translate(geom_m, -2.0, 0.5), 4490);
INSERT INTO twin.building (code, geom_m, geom, batch_id)
SELECT 'GONE', g, ST_Transform(g, 4490), batch_id FROM (
  SELECT ST_Translate(b.geom_m, 0, 26) AS g, batch_id FROM twin.building b ORDER BY building_id LIMIT 1) moved
"""


def link_assets(database: Database, *options: str) -> Any:
    environment = {**os.environ, "TWIN_DATABASE_URL": str(database.settings.database_url),
                   "TWIN_DATA_DIR": str(database.settings.data_dir)}  # fmt: skip
    command = [sys.executable, "-m", "twin.cli.main", "link", "assets", *options]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout) if "--json" in options else done.stdout.decode()


@pytest.fixture
def city(database: Database) -> Database:
    with database.connect("ingest") as connection:
        insert_small_city(connection, database.settings.data_dir)
    for statement in SPOIL.split(";"):
        database.fetch(statement)
    return database


def test_a_survey_against_the_register(city: Database) -> None:
    [report] = link_assets(city, "--json")
    assert (report["shift"]["east_m"], report["shift"]["north_m"]) == pytest.approx((2.0, -0.5), abs=0.1)
    assert report["relations"] == {"1:1": 6, "1:0": 1}
    assert report["mean_iou"] > 0.95
    # Ground heights: median within the metre, against the scene's own ground.
    facts = [asset for asset in ASSETS if asset.shape == "point"]
    true = {asset.code: float(survey.SCENE.ground(*np.array(asset.points).T)[0]) for asset in facts}
    measured = {
        code: (height, sigma, datum) for code, height, sigma, datum in city.fetch(HEIGHTS) if height is not None
    }
    assert len(measured) >= 15
    for code in measured.keys() & true.keys():
        height, sigma, datum = measured[code]
        assert height == pytest.approx(true[code], abs=0.1)
        assert 0 < sigma < 0.3
        assert datum == survey.VERTICAL_DATUM
    # Again: nothing changes, a person's word stays.
    with city.connect("app") as connection:
        [waiting] = seen_waiting(connection)
        assert (waiting["relation"], waiting["codes"]) == ("1:0", ["GONE"])
    with city.connect("app") as connection, transaction(connection, SYSTEM) as cursor:
        decide_seen_match(cursor, waiting["seen_match_id"], False, "wang")
        with pytest.raises(Conflict):
            decide_seen_match(cursor, waiting["seen_match_id"], True, "li")
        with pytest.raises(NotFound):
            decide_seen_match(cursor, 999, True, "li")
    assert "1:1 6" in link_assets(city, "--survey", "small-city")
    with city.connect("app") as connection:
        assert seen_waiting(connection) == []
        counts = seen_counts(connection)
    assert {(row["relation"], row["state"], row["groups"]) for row in counts} == {
        ("1:0", "rejected", 1), ("1:1", "accepted", 6),
    }  # fmt: skip
