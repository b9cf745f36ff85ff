"""A page of the desk in Chromium, driven as an officer or reviewer would."""

from __future__ import annotations

from playwright.sync_api import BrowserContext

from tests.browser.map_page import NO_WEBGL, PATIENCE_S, MapPage

LOADED = "document.documentElement.dataset.state === 'ready'"


class DeskPage(MapPage):
    """One open page of the desk; what MapPage counts (requests, errors, other hosts) is counted here too."""

    @classmethod
    def enter(
        cls,
        context: BrowserContext,
        root: str,
        path: str,
        *,
        person: str | None = "王主任",
        language: str = "zh-CN",
        draws: bool = False,
    ) -> DeskPage:
        """Open a page as a person whose name this browser knows already (None: it does not).

        draws: with the map; else as a browser without WebGL 2, which is much quicker to test in.
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
        if person is not None:
            page.add_init_script(f"localStorage.setItem('twin.person', '{person}')")
        if not draws:
            page.add_init_script(NO_WEBGL)
        page.goto(f"{root}{path}?lang={language}")
        if person is not None:
            made.until(LOADED)
        return made

    def press(self, *keys: str) -> None:
        """Press keys one after the other, each when the page has done what the one before asked for."""
        for key in keys:
            self.idle()
            self.page.keyboard.press(key)
        self.idle()

    def idle(self) -> None:
        """Wait until the page is not busy with a decision."""
        self.until("!document.body.classList.contains('working')")

    def title(self) -> str:
        """Give the title of the item on the desk, "" when there is none."""
        return str(
            self.page.evaluate("document.querySelector('#item:not([hidden]) #subject-title')?.textContent ?? ''")
        )
