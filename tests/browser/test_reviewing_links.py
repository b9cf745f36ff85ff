"""Reviewing links: the whole way by keyboard, two reviewers on one queue, both languages, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.api.review_city import add_reviews
from tests.browser.conftest import ServedCity, served
from tests.browser.desk_page import DeskPage
from tests.browser.test_accessibility import FAINT_TEXTS, FOCUSED, NAMELESS

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]  # one Chromium at a time

TITLES = ["楼道灯不亮", "外墙渗水", "消防通道堵塞"]


@pytest.fixture
def queue(city: ServedCity) -> Iterator[dict[str, int]]:
    """The city with four records that wait for a person (and one it has anyway, put aside here); numbers by key."""
    city.database.fetch("UPDATE twin.link SET state = 'undone' WHERE state = 'review'")
    numbers = add_reviews(city.database, city.facts.buildings, city.facts.at)
    yield numbers
    city.database.fetch("DELETE FROM twin.review_claim")
    city.database.fetch("DELETE FROM twin.record WHERE record_id = ANY (%s)", (list(numbers.values()),))
    city.database.fetch("UPDATE twin.link SET state = 'review' WHERE state = 'undone'")


def states(city: ServedCity, number: int) -> list[tuple[str, str | None]]:
    return city.database.fetch(
        "SELECT state, decided_by FROM twin.link WHERE record_id = %s ORDER BY score DESC, link_id", (number,)
    )


def test_the_whole_way_without_a_mouse(context: BrowserContext, city: ServedCity, queue: dict[str, int]) -> None:
    page = DeskPage.enter(context, city.root, "/link", person=None)
    page.until("document.querySelector('#person').open")
    page.page.keyboard.type("王主任")
    page.page.keyboard.press("Enter")
    page.until("document.documentElement.dataset.state === 'ready'")
    assert page.title() == TITLES[0]
    assert page.text("#waiting") == "4"
    assert page.page.locator(".candidate-label mark.mark-differs").all_inner_texts() == ["105号"]

    page.press("2", "a")  # the second place, accepted
    assert page.title() == TITLES[1]
    assert states(city, queue["FH1"]) == [("set_aside", None), ("accepted", "王主任")]
    page.press("u")  # taken back: the item is on the desk again
    assert page.title() == TITLES[0]
    assert states(city, queue["FH1"]) == [("review", None)] * 2
    page.press("r", "n")  # the first rejected, then none of the others either
    assert {state for state, _ in states(city, queue["FH1"])} == {"rejected"}
    page.press("s")  # left for later: the next one comes
    assert page.title() == TITLES[2]
    page.press("/")
    page.page.keyboard.type("区政府办公楼")
    page.until("document.querySelectorAll('.search-option').length > 0")
    page.press("Enter", "Enter")  # the first hit, then the button that links there
    chosen = city.database.fetch(
        "SELECT b.code, l.method, l.decided_by FROM twin.link l JOIN twin.building b USING (building_id) "
        "WHERE record_id = %s AND state = 'accepted'",
        (queue["FH3"],),
    )
    assert chosen == [("3706120010010001", "person", "王主任")]
    assert "其中我" in page.text("#progress-text")
    page.close()


def test_two_reviewers_at_once_lose_nothing(
    browser: Browser, context: BrowserContext, city: ServedCity, queue: dict[str, int]
) -> None:
    other = browser.new_context(locale="zh-CN")
    mine = DeskPage.enter(context, city.root, "/link")
    hers = DeskPage.enter(other, city.root, "/link", person="李科长")
    assert (mine.title(), hers.title()) == (TITLES[0], TITLES[1])
    assert "他人正在处理 1" in hers.text("#progress-text")
    # Her claim runs out while she thinks; he takes the item and decides it.
    city.database.fetch("UPDATE twin.review_claim SET claimed_until = now() WHERE claimed_by = '李科长'")
    mine.press("a")
    assert mine.title() == TITLES[1]
    hers.press("a")
    hers.until("document.querySelector('[data-notice=conflict]') !== null")
    assert "王主任" in hers.text("[data-notice=conflict]")
    hers.until(f"document.querySelector('#subject-title')?.textContent === '{TITLES[2]}'")
    mine.press("a")
    assert ("accepted", "王主任") in states(city, queue["FH2"])
    assert not [who for _, who in states(city, queue["FH2"]) if who == "李科长"]
    hers.close(provoked="/decision")
    mine.close()
    other.close()


def test_a_building_clicked_on_the_map_is_chosen(
    context: BrowserContext, city: ServedCity, queue: dict[str, int]
) -> None:
    page = DeskPage.enter(context, city.root, "/link", draws=True)
    page.press("s", "s")
    assert page.title() == TITLES[2]
    # Its one candidate is the shed, so the map looks at the middle of the shed.
    box = page.page.locator("#canvas").bounding_box()
    assert box
    page.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.until("!document.querySelector('#chosen').hidden")
    assert "3706120010010005" in page.text("#chosen-code")
    page.page.click("#choose-confirm")
    page.until(f"document.querySelector('#subject-title')?.textContent !== '{TITLES[2]}'")
    page.idle()
    assert states(city, queue["FH3"]) == [("accepted", "王主任")]
    page.close()


@pytest.mark.parametrize(("language", "size"), [("zh-CN", (1280, 760)), ("en", (390, 800))])
def test_it_can_be_read_and_reached_in_both_languages_at_both_widths(
    context: BrowserContext, city: ServedCity, queue: dict[str, int], language: str, size: tuple[int, int]
) -> None:
    page = DeskPage.enter(context, city.root, "/link", language=language)
    page.page.set_viewport_size({"width": size[0], "height": size[1]})
    assert page.page.evaluate("document.documentElement.lang") == language
    assert page.page.evaluate(FAINT_TEXTS) == []
    assert page.page.evaluate(NAMELESS) == []
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    reached = []
    for _ in range(24):
        page.page.keyboard.press("Tab")
        at = page.page.evaluate(FOCUSED)
        if at["what"] == "BODY":
            break
        assert at["ring"], at
        reached.append(at["what"])
    assert {"candidate-head", "search-input", "none", "later"} <= set(reached)
    page.page.click("#help-button")
    assert page.page.evaluate(FAINT_TEXTS) == []
    page.close()


def test_an_empty_queue_and_a_closed_desk_say_so(context: BrowserContext, city: ServedCity, empty_city: str) -> None:
    page = DeskPage.enter(context, empty_city, "/link")
    assert page.text("#empty-title") == "全部复核完毕"
    page.close()
    with served(replace(city.database.settings, desk="closed")) as root:
        page = DeskPage.enter(context, root, "/link", language="en")
        assert page.text("#empty-title") == "This computer may not review"
        assert "TWIN_DESK" in page.text("#empty-text")
        page.close(provoked="/links/review")
