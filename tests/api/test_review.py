"""The reviewer's desk over HTTP: the queue, an item, decisions, two reviewers at once, and who may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from api import review_examples as examples
from api.app import create_app
from tests.api.conftest import LIMITS
from tests.api.review_city import add_reviews
from tests.api.small_city import insert_small_city
from tests.databases import Database, fresh_database
from tests.private_rows import put_entity
from twin.cli.link import app
from twin.settings import Settings

HERE = {"base_url": "http://127.0.0.1", "client": ("127.0.0.1", 50000)}


@dataclass(frozen=True)
class Desk:
    """A served city with subjects to review. who: headers of a reviewer."""

    database: Database
    client: TestClient
    numbers: dict[str, int]

    def who(self, name: str = "王主任") -> dict[str, str]:
        return {"Twin-Person": quote(name)}

    def get(self, path: str, name: str = "王主任", **query: Any) -> Any:
        answer = self.client.get(path, params=query, headers=self.who(name))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, name: str = "王主任", status: int = 200) -> Any:
        answer = self.client.post(path, json=body or {}, headers=self.who(name))
        assert answer.status_code == status, answer.text
        return answer.json()

    def claim(self, name: str = "王主任", **wish: Any) -> Any:
        return self.post("/links/review/claim", wish, name)["item"]

    def states(self, key: str) -> list[tuple[str, str | None]]:
        return self.database.fetch(
            "SELECT state, decided_by FROM twin.link WHERE record_id = %s ORDER BY score DESC", (self.numbers[key],)
        )


@pytest.fixture(scope="module")
def filled(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, dict[str, int]]]:
    with fresh_database(settings, tmp_path_factory.mktemp("review") / "var") as database:
        with database.connect("owner") as connection:
            facts = insert_small_city(connection, database.settings.data_dir)
        yield database, add_reviews(database, facts.buildings, facts.at)


@pytest.fixture
def desk(filled: tuple[Database, dict[str, int]]) -> Iterator[Desk]:
    """The desk with all links as they were at first."""
    database, numbers = filled
    database.fetch("CREATE TABLE IF NOT EXISTS public.first_links AS SELECT * FROM twin.link")
    with TestClient(create_app(database.settings, limits=LIMITS), **HERE) as client:
        yield Desk(database, client, numbers)
    database.fetch("DELETE FROM twin.review_claim")
    database.fetch("DELETE FROM twin.link")
    database.fetch("INSERT INTO twin.link OVERRIDING SYSTEM VALUE SELECT * FROM public.first_links")


def keys_of(document: dict[str, Any], example: dict[str, Any]) -> None:
    assert document.keys() == example.keys()


def test_the_queue_counts_what_waits_and_lists_the_likeliest_first(desk: Desk) -> None:
    found = desk.get("/links/review")
    keys_of(found, examples.QUEUE)
    keys_of(found["items"][0], examples.QUEUE["items"][0])
    titles = [item["title"] for item in found["items"]]
    assert titles == ["楼道灯不亮", "外墙渗水", "消防通道堵塞", "下水道堵塞", "灭火器过期"]
    assert found["waiting"] == 5
    assert {(entry["code"], entry["count"]) for entry in found["departments"]} == {("housing", 3), ("urban", 2)}
    assert {entry["code"]: entry["count"] for entry in found["whys"]}["apart"] == 1
    assert [item["title"] for item in desk.get("/links/review", department="urban")["items"]] == titles[2::2]
    assert [item["title"] for item in desk.get("/links/review", why="apart")["items"]] == ["外墙渗水"]
    assert desk.get("/links/review", kind="fire_inspection", n=1)["items"][0]["title"] == "消防通道堵塞"


def test_an_item_shows_places_with_their_differences_and_nothing_behind_the_building(desk: Desk) -> None:
    item = desk.get(f"/links/review/record/{desk.numbers['FH1']}")
    keys_of(item, examples.ITEM)
    keys_of(item["subject"], examples.ITEM["subject"])
    keys_of(item["links"][0], examples.LINK)
    first, second = item["candidates"]
    keys_of(first, examples.CANDIDATE)
    keys_of(first["to"], examples.CANDIDATE["to"])
    keys_of(first["parts"][0], examples.CANDIDATE["parts"][0])
    assert (first["to"]["code"], first["score"]) == ("3706120010010002", pytest.approx(0.83))
    assert first["to"]["geometry"]["type"] == "MultiPolygon"
    for candidate in (first, second):
        for side, text in (("given", item["subject"]["address_given"]), ("known", candidate["to"]["label"])):
            assert "".join(run["text"] for run in candidate["texts"][side]) == text
    assert second["texts"]["known"] == [
        {"text": "牟平区宁海街道", "is": "more"},
        {"text": "政府大街", "is": "same"},
        {"text": "105号", "is": "differs"},
    ]
    whole = desk.client.get(f"/links/review/record/{desk.numbers['FH1']}", headers=desk.who()).text
    assert "301室" not in whole
    assert "测庚保密" not in whole


def test_an_entity_s_address_is_cut_at_its_building_too(desk: Desk) -> None:
    entity = desk.database.fetch("SELECT entity_id FROM twin.entity WHERE code = 'HH-0001'")[0][0]
    put_entity(desk.database, entity, 1, {"attributes": {"address": "政府街小区4幢2单元301室"}})
    item = desk.get(f"/links/review/entity/{entity}")
    assert item["subject"]["address_given"] == "政府街小区4幢"
    assert item["subject"]["title"] == "HH-0001"
    assert desk.client.get("/links/review/entity/999999", headers=desk.who()).status_code == 404


def test_accepting_settles_an_item_and_undoing_brings_everything_back(desk: Desk) -> None:
    item = desk.claim()
    assert item["subject"]["title"] == "楼道灯不亮"
    link_id = item["candidates"][0]["link_id"]
    done = desk.post(f"/links/{link_id}/decision", {"decision": "accept", "seen": item["seen"]})
    keys_of(done, examples.DECIDED)
    assert done["done"]
    assert desk.states("FH1") == [("accepted", "王主任"), ("set_aside", None)]
    assert desk.get("/links/review")["progress"] == {"decided_today": 1, "by_me_today": 1, "held_by_others": 0}
    back = desk.post(f"/links/{link_id}/undo")
    assert not back["done"]
    assert desk.states("FH1") == [("review", None), ("review", None)]
    logged = desk.database.fetch("SELECT action, actor, detail->>'of' FROM audit.log ORDER BY audit_id DESC LIMIT 2")
    assert logged == [(f"link.{what}", "王主任", f"record {desk.numbers['FH1']}") for what in ("undo", "accept")]


def test_rejecting_one_leaves_the_others_and_none_of_them_empties_the_item(desk: Desk) -> None:
    item = desk.claim()
    after = desk.post(f"/links/{item['candidates'][0]['link_id']}/decision", {"decision": "reject"})
    assert not after["done"]
    assert desk.states("FH1") == [("rejected", "王主任"), ("review", None)]
    subject = {"kind": "record", "number": item["subject"]["number"]}
    assert desk.post("/links/review/none", {"subject": subject, "seen": after["item"]["seen"]})["done"]
    assert {state for state, _ in desk.states("FH1")} == {"rejected"}
    assert desk.claim()["subject"]["title"] == "外墙渗水"


def test_another_place_is_chosen_by_its_code_and_undone(desk: Desk) -> None:
    subject = {"kind": "record", "number": desk.numbers["FH3"]}
    desk.post("/links/choose", {"subject": subject, "kind": "building", "code": "no such"}, status=404)
    made = desk.post("/links/choose", {"subject": subject, "kind": "building", "code": "3706120010010001"})
    assert made["done"]
    assert ("accepted", "王主任") in desk.states("FH3")
    back = desk.post(f"/links/{made['links'][0]}/undo")
    assert back["item"]["candidates"][0]["to"]["code"] == "3706120010010005"
    assert desk.states("FH3")[1:] == [("review", None)]


def test_two_reviewers_get_different_items_and_never_overwrite_each_other(desk: Desk) -> None:
    mine, hers = desk.claim(), desk.claim("李科长")
    assert mine["subject"]["number"] != hers["subject"]["number"]
    shown = {entry["number"]: entry["claimed_by"] for entry in desk.get("/links/review")["items"]}
    assert shown[hers["subject"]["number"]] == "李科长"
    assert shown[mine["subject"]["number"]] is None
    link_id = hers["candidates"][0]["link_id"]
    refused = desk.post(f"/links/{link_id}/decision", {"decision": "accept"}, status=409)
    assert "李科长" in refused["detail"]
    desk.post("/links/review/claim", {"subject": {"kind": "record", "number": hers["subject"]["number"]}}, status=409)
    desk.post(f"/links/{link_id}/decision", {"decision": "reject", "seen": hers["seen"]}, "李科长")
    stale = desk.post(f"/links/{link_id}/decision", {"decision": "accept"}, "李科长", status=409)
    assert "已" in stale["detail"]
    assert ("rejected", "李科长") in desk.states("FH2")


def test_a_decision_on_what_has_changed_since_is_refused(desk: Desk) -> None:
    item = desk.get(f"/links/review/record/{desk.numbers['FH4']}")
    desk.database.fetch(
        "UPDATE twin.link SET score = 0.5, version = version + 1 WHERE record_id = %s", (desk.numbers["FH4"],)
    )
    answer = desk.post(
        f"/links/{item['candidates'][0]['link_id']}/decision",
        {"decision": "accept", "seen": item["seen"]},
        status=409,
    )
    assert answer["type"] == "urn:twin:problem:conflict"
    assert desk.states("FH4") == [("review", None)]


def test_an_ended_claim_is_free_again_and_items_left_for_later_are_passed_over(desk: Desk) -> None:
    first = desk.claim()
    desk.database.fetch("UPDATE twin.review_claim SET claimed_until = now() - interval '1 s'")
    assert desk.claim("李科长")["subject"]["number"] == first["subject"]["number"]
    skip = [link["link_id"] for link in first["links"]]
    assert desk.claim("李科长", skip=skip)["subject"]["number"] != first["subject"]["number"]
    assert desk.post("/links/review/release", name="李科长") == examples.RELEASED
    everything = [row[0] for row in desk.database.fetch("SELECT link_id FROM twin.link")]
    assert desk.claim(skip=everything) is None


@pytest.mark.parametrize(
    ("desk_setting", "client", "host", "allowed"),
    [
        ("here", "127.0.0.1", "127.0.0.1", True),
        ("here", "127.0.0.1", "city.example", False),
        ("here", "192.168.1.7", "127.0.0.1", False),
        ("steward", "192.168.1.7", "city.example", True),
        ("officer", "127.0.0.1", "127.0.0.1", False),
        ("closed", "127.0.0.1", "127.0.0.1", False),
    ],
)
def test_the_servers_setting_says_who_may_review(
    filled: tuple[Database, dict[str, int]], desk_setting: str, client: str, host: str, allowed: bool
) -> None:
    settings = replace(filled[0].settings, desk=desk_setting)
    with TestClient(create_app(settings, limits=LIMITS), base_url=f"http://{host}", client=(client, 50000)) as asking:
        answer = asking.get("/links/review", headers={"Twin-Person": "steward"})
    assert answer.status_code == (200 if allowed else 403)


def test_a_name_is_asked_for_and_other_sites_are_refused(desk: Desk) -> None:
    assert desk.client.get("/links/review").status_code == 422
    elsewhere = {**desk.who(), "Origin": "http://elsewhere.example"}
    assert desk.client.post("/links/review/claim", json={}, headers=elsewhere).status_code == 403
    own = {**desk.who(), "Origin": "http://127.0.0.1"}
    assert desk.client.post("/links/review/release", json={}, headers=own).status_code == 200
    assert desk.client.get("/links/review", headers=desk.who("长" * 61)).status_code == 422


def test_the_same_queue_in_a_terminal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_DATABASE_URL", str(desk.database.settings.database_url))
    monkeypatch.setenv("COLUMNS", "160")
    # The second place accepted, taken back, the first accepted; the next: another place by its code; then enough.
    keys = "2a u a\ns o b 3706120010010001\n q"
    result = CliRunner().invoke(app, ["review", "--one-by-one", "--by", "王主任"], input=keys, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "[105]号" in result.output
    assert "301室" in result.output  # whoever runs the twin's own command may see whole addresses
    assert "本次决定 decided: 2" in result.output
    assert desk.states("FH1") == [("accepted", "王主任"), ("set_aside", None)]
    assert desk.states("FH2") == [("review", None)] * 2
    assert desk.states("FH3")[0] == ("accepted", "王主任")
    assert desk.database.fetch("SELECT count(*) FROM twin.review_claim") == [(0,)]
