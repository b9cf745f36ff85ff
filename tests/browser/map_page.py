"""The map page in Chromium, driven as a person would; and how a test waits for it (no sleeps: it polls a state)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlparse

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

VIEWPORT = {"width": 800, "height": 380}
LOADED = "document.documentElement.dataset.state === 'ready'"
QUIET = f"{LOADED} && !document.querySelector('#busy').classList.contains('busy-now')"
NO_WEBGL = """
const usual = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
  return kind.startsWith('webgl') ? null : usual.call(this, kind, ...more);
};
"""
MOVING = "document.getAnimations().filter((a) => a instanceof CSSAnimation).map((a) => a.animationName)"
PATIENCE_S = 90.0  # two cores render in software, and others may be using them


@dataclass
class MapPage:
    """One open page: what it asked for, what it refused, what went wrong in it."""

    page: Page
    root: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, context: BrowserContext, root: str, link: str = "", *, draws: bool = True) -> MapPage:
        """Open the page at a link (what stands after "#") and wait until it is there.

        draws: with the map, fully loaded; else as a browser without WebGL 2, which is much quicker to test in.
        """
        page = context.new_page()
        made = cls(page, root)
        page.on("request", made._asked)
        page.on("pageerror", lambda error: made.errors.append(str(error)))
        page.on("console", made._said)
        page.set_default_timeout(PATIENCE_S * 1000)
        page.add_init_script(
            "window.refused = []; addEventListener('securitypolicyviolation', (e) => refused.push(e.blockedURI))"
        )
        if not draws:
            page.add_init_script(NO_WEBGL)
        page.goto(f"{root}/#{link}")
        made.until(LOADED)
        if draws:
            made.quiet()
        return made

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def quiet(self) -> None:
        """Wait until nothing is being loaded, at three looks one after the other."""
        for _ in range(3):
            self.until(QUIET)
            self.page.wait_for_timeout(150)

    def until(self, condition: str | Callable[[], bool], what: str = "") -> None:
        """Wait for a JavaScript condition, or for a Python one. (wait_for_function fails under a strict CSP.)"""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if condition() if callable(condition) else self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(40)
        raise AssertionError(f"not within {PATIENCE_S} s: {what or condition}; errors: {self.errors}")

    def panel_answers(self) -> None:
        """Wait until the panel shows an answer."""
        self.until("document.querySelector('#panel').dataset.state === 'answer'")

    def text(self, selector: str) -> str:
        """Give the text people see in an element."""
        return self.page.inner_text(selector)

    def click_map(self, right: float = 0, down: float = 0) -> None:
        """Click on the map at pixels from its middle."""
        x, y = self.middle()
        self.page.mouse.click(x + right, y + down)

    def middle(self) -> tuple[float, float]:
        """Give the middle of the map in page pixels."""
        box = self.page.locator("#map").bounding_box()
        assert box
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def lookups(self) -> list[dict[str, float]]:
        """Give the places the page asked /lookup about."""
        asked = [urlparse(url) for url in self.requests if "/lookup?" in url]
        return [{key: float(values[0]) for key, values in parse_qs(url.query).items()} for url in asked]

    def outside(self) -> list[str]:
        """Give every address the page asked for, or was refused, that is not on this host."""
        own = (self.root, f"blob:{self.root}", "data:")
        refused: list[Any] = self.page.evaluate("window.refused")
        return [url for url in self.requests if not url.startswith(own)] + refused

    def close(self, *, provoked: str | None = None) -> None:
        """Close the page: no error in it or on its console, nothing asked of another host, nothing against its CSP.

        provoked: part of the address whose failure the test brought about.
        """
        unexpected = [error for error in self.errors if provoked is None or provoked not in error]
        assert unexpected == []
        assert self.outside() == []
        assert self.page.evaluate(MOVING) == [], "the page goes on moving for who asked for reduced motion"
        self.page.close()
