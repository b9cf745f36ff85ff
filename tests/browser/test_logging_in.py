"""Logging in: a wrong password, the right one, on to the page one came from, the second factor, and out again."""

from __future__ import annotations

from collections.abc import Iterator

import pyotp
import pytest
from playwright.sync_api import BrowserContext

from tests.api.members import PASSWORD, add_member
from tests.browser.conftest import ServedCity, served
from tests.browser.desk_page import LOADED, DeskPage
from tests.browser.test_accessibility import FAINT_TEXTS, NAMELESS
from tests.databases import fresh_database
from twin.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]  # one Chromium at a time


@pytest.fixture(scope="module")
def guarded(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty city with accounts: a steward's and a security administrator's."""
    with fresh_database(settings, tmp_path_factory.mktemp("guarded") / "var") as database:
        add_member(database, "guo", "steward")
        add_member(database, "an", "security_admin")
        with served(database.settings) as root:
            yield ServedCity(root, None, database).root  # type: ignore[arg-type]


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
