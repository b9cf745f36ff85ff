"""Logging in: a wrong password, the right one, the second factor, out again; and what only members are shown."""

from __future__ import annotations

from collections.abc import Iterator

import pyotp
import pytest
from playwright.sync_api import BrowserContext

from tests.api.members import PASSWORD, add_member, session_for
from tests.api.small_city import insert_small_city
from tests.api.small_city_facts import HOUSEHOLDS
from tests.browser.conftest import ServedCity, served
from tests.browser.desk_page import LOADED, DeskPage
from tests.browser.map_page import MapPage
from tests.browser.test_accessibility import FAINT_TEXTS, NAMELESS
from tests.databases import fresh_database
from twin.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]  # one Chromium at a time


@pytest.fixture(scope="module")
def guarded_city(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedCity]:
    """The small city with accounts: a steward's, a planner's and a security administrator's."""
    with fresh_database(settings, tmp_path_factory.mktemp("guarded") / "var") as database:
        with database.connect("ingest") as connection:
            facts = insert_small_city(connection, database.settings.data_dir)
        for name, role in (("guo", "steward"), ("ying", "planner"), ("an", "security_admin")):
            add_member(database, name, role)
        with served(database.settings) as root:
            yield ServedCity(root, facts, database)


@pytest.fixture(scope="module")
def guarded(guarded_city: ServedCity) -> str:
    return guarded_city.root


def test_a_steward_logs_in_and_goes_on_to_the_page_asked_for(context: BrowserContext, guarded: str) -> None:
    desk = DeskPage.enter(context, guarded, "/deliver", person=None)
    page = desk.page
    page.wait_for_url("**/login?next=%2Fdeliver")
    desk.until(LOADED)
    assert page.evaluate(FAINT_TEXTS) == []
    assert page.evaluate(NAMELESS) == []
    page.fill("#name", "guo")
    page.fill("#password", "not the pass phrase")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said:not([hidden])")
    assert desk.text("#said") == "账号、密码或验证码不对"
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/deliver")
    desk.until(LOADED)
    assert desk.text("#person-name") == "person guo"
    assert page.is_visible("#work")
    page.click('.pages a[href="/login"]')
    page.wait_for_selector("#account:not([hidden])")
    assert "数据管理员" in desk.text("#account-text")
    page.wait_for_selector("#sessions:not([hidden])")
    assert "Chrome" in desk.text("#session-list")
    assert "本机" in desk.text("#session-list")
    assert page.evaluate(FAINT_TEXTS) == []
    assert page.evaluate(NAMELESS) == []
    page.click("#leave")
    page.wait_for_selector("#enter:not([hidden])")
    assert desk.outside() == []


def test_an_administrator_sets_up_the_second_factor(context: BrowserContext, guarded: str) -> None:
    desk = DeskPage.enter(context, guarded, "/login", language="en", person=None)
    page = desk.page
    page.fill("#name", "an")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#second:not([hidden])")
    assert "Set up the second factor first" in desk.text("#account-text")
    page.click("#enrol")
    page.wait_for_selector("#second-form:not([hidden])")
    assert page.evaluate("document.querySelector('#second-picture').naturalWidth") > 0
    page.fill("#second-code", pyotp.TOTP(desk.text("#second-secret")).now())
    page.keyboard.press("Enter")
    page.wait_for_selector("#recovery:not([hidden])")
    assert page.locator("#recovery-codes li").count() == 10
    assert page.evaluate(FAINT_TEXTS) == []
    assert page.evaluate(NAMELESS) == []


def test_a_person_is_shown_in_clear_only_for_a_purpose_and_a_reason_that_are_written_down(
    context: BrowserContext, guarded_city: ServedCity
) -> None:
    database, home = guarded_city.database, HOUSEHOLDS[0]
    lon, lat = guarded_city.facts.centre_of(home.building)
    context.add_cookies([{"name": "twin_session", "value": session_for(database, "guo"), "url": guarded_city.root}])
    page = MapPage.open(context, guarded_city.root, f"at={lon:.7f},{lat:.7f}&lang=zh-CN", draws=False)
    page.panel_answers()
    row = page.page.locator("#section-entities li", has_text=home.code)
    button = row.locator(".reveal-button")
    button.scroll_into_view_if_needed()
    everything = "document.documentElement.outerHTML"
    values = (home.head, home.phone)
    assert not [value for value in values if value in page.page.evaluate(everything)]
    revealed = "SELECT actor, subject, purpose, detail FROM audit.log WHERE action = 'people.revealed'"
    before = len(database.fetch(revealed))

    button.click()
    form = row.locator("form.reveal")
    assert button.get_attribute("aria-expanded") == "true"
    form.locator("button[type=submit]").click()  # without a reason the page asks for one
    assert page.page.evaluate("document.activeElement.name") == "reason"
    form.locator("textarea").fill("    ")
    form.locator("button[type=submit]").click()
    page.until("document.querySelector('.reveal-answer .callout')?.textContent.includes('理由')")
    assert len(database.fetch(revealed)) == before
    assert not [value for value in values if value in page.page.evaluate(everything)]

    form.locator("select").select_option("emergency")
    form.locator("textarea").fill("五号楼火情, 需联系住户")
    form.locator("input[value=phone]").check()
    form.locator("button[type=submit]").click()
    page.until("document.querySelector('.reveal-answer dl')")
    answer = form.locator(".reveal-answer").inner_text()
    assert [value for value in values if value in answer] == list(values)
    assert home.room not in answer, "only what was asked for"
    actor, subject, purpose, detail = database.fetch(revealed)[-1]
    assert (actor, subject, purpose, detail["fields"]) == ("guo", home.code, "emergency", ["name", "phone"])
    page.close(provoked="/reveal")

    context.clear_cookies()
    context.add_cookies([{"name": "twin_session", "value": session_for(database, "ying"), "url": guarded_city.root}])
    page = MapPage.open(context, guarded_city.root, f"at={lon:.7f},{lat:.7f}&lang=zh-CN", draws=False)
    page.panel_answers()
    assert page.page.locator(".reveal-button").count() == 0
    assert not [value for value in values if value in page.page.evaluate(everything)]
    page.close()


def test_a_case_is_reported_at_the_place_that_is_open_by_those_who_may(
    context: BrowserContext, guarded_city: ServedCity
) -> None:
    database, root = guarded_city.database, guarded_city.root
    lon, lat = guarded_city.facts.centre_of(HOUSEHOLDS[0].building)
    link = f"at={lon:.7f},{lat:.7f}&lang=zh-CN"
    page = MapPage.open(context, root, link, draws=False)
    page.panel_answers()
    page.until("document.querySelector('.report-button')")
    assert not page.page.locator(".report-button").is_visible(), "not for the public"
    page.close()

    context.add_cookies([{"name": "twin_session", "value": session_for(database, "guo"), "url": root}])
    page = MapPage.open(context, root, link, draws=False)
    page.panel_answers()
    page.page.locator(".report-button").click()
    form = page.page.locator("form.report")
    form.locator("[name=class_code]").select_option("06010")
    form.locator("[name=title_zh]").fill("垃圾成堆, 请电13800138000")
    form.locator("button[type=submit]").click()
    page.until("document.querySelector('.report-answer .callout')?.textContent.includes('标题人人可见')")
    form.locator("[name=title_zh]").fill("楼前垃圾成堆")
    form.locator("[name=severity]").select_option("c")
    form.locator("button[type=submit]").click()
    page.until("document.querySelector('#section-events')?.textContent.includes('楼前垃圾成堆')")
    assert "已上报" in page.text("#section-events")
    assert database.fetch("SELECT title_zh, severity FROM twin.event WHERE state = 'reported'") == [
        ("楼前垃圾成堆", "c")
    ]
    page.close(provoked="/collections/events/items")
