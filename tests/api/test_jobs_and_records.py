"""Jobs with their progress as events, departments' records, classes, health."""

from __future__ import annotations

import json
import threading
from typing import Any

from starlette.testclient import TestClient

from api import examples
from api.app import create_app
from tests.api.conftest import LIMITS, City, ask
from tests.databases import Database

ADD_JOB = (
    "INSERT INTO twin.job (kind, subject, state, requested_by) VALUES ('survey.run', 'x', %s, 'wang') RETURNING job_id"
)
STEP = "UPDATE twin.job SET state = %s, progress = %s, stage = %s WHERE job_id = %s"


def test_jobs_are_listed_newest_first_and_do_not_say_who_asked(database: Database) -> None:
    first, second = (str(database.fetch(ADD_JOB, (state,))[0][0]) for state in ("done", "running"))
    with TestClient(create_app(database.settings, limits=LIMITS)) as client:
        items = ask(client, "/jobs")["items"]
        assert [item["job_id"] for item in items] == [second, first]
        assert set(items[0]) == set(examples.JOB)
        assert items[0]["requested_by"] is None
        assert [item["job_id"] for item in ask(client, "/jobs", state="done")["items"]] == [first]
        assert ask(client, f"/jobs/{first}")["state"] == "done"


def test_progress_arrives_as_events_until_the_end(database: Database) -> None:
    job = str(database.fetch(ADD_JOB, ("running",))[0][0])
    with TestClient(create_app(database.settings, limits=LIMITS)) as client:
        steps = iter((("running", 0.5, "depth"), ("done", 1.0, None)))
        heard: list[tuple[str, Any]] = []

        def go_on() -> None:
            step = next(steps, None)
            if step:
                database.fetch(STEP, (*step, job))

        with client.stream("GET", f"/jobs/{job}/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            name = ""
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                if line.startswith("data: "):
                    heard.append((name, json.loads(line.removeprefix("data: "))))
                    worker = threading.Thread(target=go_on)
                    worker.start()
                    worker.join()
        # The test client hands a stream over whole, so steps in between may have been passed over; the end may not.
        assert [name for name, _ in heard][-1] == "end"
        assert heard[-1][1]["state"] in ("done", "running")


def test_records_by_key_page_by_page(client: TestClient) -> None:
    seen: list[int] = []
    path: str | None = "/records?n=4"
    pages = 0
    while path:
        page = client.get(path).json()
        seen += [item["record_id"] for item in page["items"]]
        path = page.get("next")
        pages += 1
    assert len(seen) == len(set(seen)) == 6
    assert seen == sorted(seen)
    assert pages == 2


def test_records_by_department_kind_and_state(client: TestClient) -> None:
    items = ask(client, "/records", department="housing", kind="repair_order", state="待处理")["items"]
    assert {item["title_zh"] for item in items} == {"路灯不亮", "下水道堵塞"}
    assert set(items[0]) == set(examples.RECORD)
    assert items[0]["evidence"]["file"] == "05_repairs.xlsx"
    assert ask(client, "/records", department="nobody")["items"] == []


def test_a_record_and_its_links(client: TestClient) -> None:
    record = ask(client, "/records", kind="business_licence")["items"][0]
    assert ask(client, f"/records/{record['record_id']}") == record
    link = ask(client, f"/records/{record['record_id']}/links")["items"][0]
    assert set(link) == set(examples.LINKS["items"][0])
    assert link["building"]["code"] == "3706120010010006"
    assert (link["method"], link["state"]) == ("address", "accepted")


def test_the_108_classes_with_their_schemes(client: TestClient) -> None:
    items = ask(client, "/classes")["items"]
    assert len(items) == 108
    assert set(items[0]) == set(examples.CLASSES["items"][0])
    lamp = next(item for item in items if item["code"] == "0118")
    assert lamp["name_zh"] == "路灯"
    assert {"GBT47678.5-2026"} <= {code["scheme"] for code in lamp["codes"]}


def test_health_names_what_is_missing(client: TestClient, city: City) -> None:
    well = ask(client, "/health")
    assert (well["status"], well["database"]["state"], well["products"]["missing"]) == ("ok", "current", [])
    assert set(well) == set(examples.HEALTH)
    product = city.database.settings.data_dir / "surveys" / "small-city" / "products" / "ndsm.tif"
    away = product.rename(product.with_suffix(".away"))
    try:
        ill = ask(client, "/health")
        assert (ill["status"], ill["products"]["missing"]) == ("degraded", ["small-city/ndsm"])
    finally:
        away.rename(product)
