"""Two reviewers at once: each gets other items, a decision on what has changed is refused, undoing brings all back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.databases import Database
from tests.twin.actions.small_queue import LI, WANG, everything, fill, links, proposal, run_matching
from twin.actions.claim_review import claim_item, claim_next, release_claim
from twin.actions.decide_links import choose_place, decide_link, refuse_all, undo_link
from twin.errors import BadInput, Conflict, NotFound
from twin.queries.link_review import QueueAsked, Subject, review_item, review_queue
from twin.session import Actor, transaction

FIRST, HOUSE = Subject("record", 1), Subject("entity", 1)
RECORDS = [Subject("record", number) for number in range(1, 7)]


@pytest.fixture
def city(database: Database) -> Database:
    fill(database)
    run_matching(database, RECORDS, [proposal(subject, 1 + subject.number % 2, 0.9 - subject.number / 100)
                                     for subject in RECORDS] + [proposal(FIRST, 1, 0.7)])  # fmt: skip
    run_matching(database, [HOUSE], [proposal(HOUSE, 1)])
    return database


def act(database: Database, who: Actor, what: Callable[..., Any], /, *given: Any, **named: Any) -> Any:
    """Do something as a person, the way the API does."""
    with database.connect("app") as connection, transaction(connection, who) as cursor:
        return what(cursor, *given, **named)


def item(database: Database, subject: Subject) -> dict[str, Any]:
    with database.connect("app") as connection:
        found = review_item(connection, subject)
    assert found is not None
    return found


def link_of(database: Database, subject: Subject, building: int) -> int:
    found = next(c for c in item(database, subject)["candidates"] if c["to"]["code"] == f"B{building}" and c["link_id"])
    return int(found["link_id"])


def test_an_item_shows_the_places_weighed_with_their_differences(city: Database) -> None:
    found = item(city, FIRST)
    assert found["subject"]["title"] == "营业执照1"
    assert [(c["to"]["code"], c["score"]) for c in found["candidates"]] == [
        ("B2", pytest.approx(0.89)), ("B1", pytest.approx(0.7)), ("B3", pytest.approx(0.6)),
    ]  # fmt: skip
    parts = {part["part"]: part for part in found["candidates"][2]["parts"]}
    assert (parts["number"]["given"], parts["number"]["known"], parts["number"]["verdict"]) == ("2", "3", "differs")
    assert parts["road"]["name_zh"] == "路名"
    assert found["candidates"][2]["link_id"] is None  # weighed, not proposed
    assert all(c["to"]["lon"] == pytest.approx(121.6, abs=1e-3) for c in found["candidates"])


def test_accepting_sets_the_others_aside_and_undoing_brings_them_back(city: Database) -> None:
    before = links(city, FIRST)
    chosen = link_of(city, FIRST, 2)
    act(city, WANG, decide_link, chosen, True, "wang", seen=item(city, FIRST)["seen"])
    assert links(city, FIRST) == [(1, "set_aside", None), (2, "accepted", "wang")]
    assert act(city, WANG, undo_link, chosen, "wang") == "review"
    assert links(city, FIRST) == before


def test_the_second_reviewer_gets_a_conflict_and_nothing_is_written(city: Database) -> None:
    seen = item(city, FIRST)["seen"]
    one, two = link_of(city, FIRST, 1), link_of(city, FIRST, 2)
    act(city, WANG, decide_link, one, True, "wang", seen=seen)
    before = everything(city)
    for decision in (
        lambda: act(city, LI, decide_link, two, True, "li", seen=seen),
        lambda: act(city, LI, decide_link, one, True, "li"),
        lambda: act(city, LI, refuse_all, FIRST, "li", seen=seen),
        lambda: act(city, LI, undo_link, one, "li", seen=seen),
        lambda: act(city, LI, choose_place, record_id=1, entity_id=None, kind="building", code="B3", person="li",
                    seen=seen),
    ):  # fmt: skip
        with pytest.raises(Conflict):
            decision()
    assert everything(city) == before


def test_decisions_at_the_same_moment_end_as_one(city: Database) -> None:
    seen = item(city, FIRST)["seen"]
    start, outcomes = threading.Barrier(2), []

    def decide(person: Actor, building: str) -> None:
        start.wait()
        try:
            act(city, person, choose_place, record_id=1, entity_id=None, kind="building", code=building,
                person=person.name, seen=seen)  # fmt: skip
            outcomes.append("done")
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=decide, args=pair) for pair in ((WANG, "B1"), (LI, "B3"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict", "done"]
    assert [state for _, state, _ in links(city, FIRST)].count("accepted") == 1


def test_a_run_that_changes_a_proposal_is_noticed_by_who_looks_at_the_old_one(city: Database) -> None:
    seen = item(city, FIRST)["seen"]
    run_matching(city, [FIRST], [proposal(FIRST, 2, 0.65), proposal(FIRST, 1, 0.7)])
    with pytest.raises(Conflict):
        act(city, WANG, decide_link, link_of(city, FIRST, 2), True, "wang", seen=seen)


def test_what_a_person_chose_outlives_every_run_and_gives_way_to_a_later_choice_only(city: Database) -> None:
    first = act(city, WANG, choose_place, record_id=1, entity_id=None, kind="building", code="B3", person="wang")
    run_matching(city, [FIRST], [proposal(FIRST, 1, 0.99, state="accepted")])
    assert [link for link in links(city, FIRST) if link[1] == "accepted"] == [(3, "accepted", "wang")]
    act(city, LI, choose_place, record_id=1, entity_id=None, kind="address", code="D1", person="li")
    assert [link for link in links(city, FIRST) if link[1] in ("accepted", "undone")] == [
        (1, "accepted", "li"), (3, "undone", "li"),
    ]  # fmt: skip
    assert act(city, WANG, undo_link, first, "wang") == "review"


def test_refused_places_are_not_proposed_again(city: Database) -> None:
    refused = act(city, WANG, refuse_all, FIRST, "wang", seen=item(city, FIRST)["seen"])
    assert len(refused) == 2
    run_matching(city, [FIRST], [proposal(FIRST, 1), proposal(FIRST, 2)])
    assert {state for _, state, _ in links(city, FIRST)} == {"rejected"}


def test_a_household_moves_with_its_link_whoever_decides(city: Database) -> None:
    link = link_of(city, HOUSE, 1)
    where = "SELECT e.building_id, e.grid_id, p.grid_id FROM twin.entity e JOIN private.entity p USING (entity_id)"
    act(city, WANG, decide_link, link, True, "wang")
    assert city.fetch(where) == [(1, 1, 1)]
    act(city, WANG, undo_link, link, "wang")
    assert city.fetch(where) == [(None, None, None)]


def test_two_reviewers_get_different_items_and_the_likeliest_first(city: Database) -> None:
    mine = act(city, WANG, claim_next, "wang")
    yours = act(city, LI, claim_next, "li")
    assert (mine, yours) == (Subject("record", 1), Subject("record", 2))
    assert act(city, WANG, claim_next, "wang") == mine  # one's own claim is kept
    with pytest.raises(Conflict):
        act(city, LI, claim_item, mine, "li")
    with city.connect("app") as connection:
        queue = review_queue(connection)
        assert [(row["record_id"], row["claimed_by"]) for row in queue[:2]] == [(1, "wang"), (2, "li")]
    act(city, WANG, release_claim, "wang")
    act(city, LI, claim_item, mine, "li")


def test_two_reviewers_in_the_same_moment_get_different_items(city: Database) -> None:
    with (
        city.connect("app") as one,
        city.connect("app") as two,
        transaction(one, WANG) as mine,
        transaction(two, LI) as yours,
    ):
        first = claim_next(mine, "wang")
        assert claim_next(yours, "li") not in (None, first)


def test_a_claim_ends_by_itself(city: Database) -> None:
    mine = act(city, WANG, claim_next, "wang", lease_s=0)
    assert act(city, LI, claim_next, "li") == mine


def test_the_queue_by_department_page_by_page(city: Database) -> None:
    asked = QueueAsked(department="B", kind="licence", method="address")
    with city.connect("app") as connection:
        first = review_queue(connection, 2, asked)
        rest = review_queue(connection, 9, asked, after=(first[-1]["score"], first[-1]["link_id"]))
    assert [row["record_id"] for row in (*first, *rest)] == [1, 3, 5, 1]
    claims = [act(city, WANG, claim_next, "wang", asked, skip=[row["link_id"] for row in first])]
    assert claims == [Subject("record", 5)]


def test_what_is_not_there_is_said(city: Database) -> None:
    with pytest.raises(NotFound):
        act(city, WANG, decide_link, 999, True, "wang")
    with pytest.raises(NotFound):
        act(city, WANG, choose_place, record_id=1, entity_id=None, kind="asset", code="none", person="wang")
    with pytest.raises(BadInput):
        act(city, WANG, choose_place, record_id=1, entity_id=1, kind="building", code="B1", person="wang")
    with city.connect("app") as connection:
        assert review_item(connection, Subject("record", 999)) is None
