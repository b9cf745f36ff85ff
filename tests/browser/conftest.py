"""The real application on a real port with the small city, and a Chromium that cannot reach anything else."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from api.app import create_app
from api.limits import ApiLimits
from tests.api.live_server import serving
from tests.api.small_city import SmallCity, insert_small_city
from tests.browser.map_page import VIEWPORT
from tests.databases import Database, fresh_database
from twin.settings import Settings
from viewer.pages import create_pages

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
# Chromium's own services (form suggestions, updates), which it asks for whatever page is open. A page that asked one of
# these would still be seen: MapPage.outside counts what the page itself asks for.
CHROMIUMS_OWN = (".googleapis.com", ".google.com", ".gstatic.com")
HOSTILE = "<img src=x onerror=\"document.title='broken'\">@@=1"


@dataclass(frozen=True)
class ServedCity:
    """The application's root address, and what stands in its city."""

    root: str
    facts: SmallCity
    database: Database


@dataclass
class Outside:
    """Everything that is not this host, as the browser sees it: a proxy that writes down who is asked and refuses."""

    address: str
    asked: list[str] = field(default_factory=list)


def _host_asked(request: str) -> str:
    """Read the host out of a proxy request: `CONNECT host:443 ...` or `GET http://host/...`; else its first line."""
    line = request.split("\r\n")[0]
    target = line.split()[1] if len(line.split()) > 1 else ""
    return urlsplit(target if "://" in target else f"//{target}").hostname or line


@contextmanager
def refusing_proxy() -> Iterator[Outside]:
    """Run a proxy that answers 403 to whatever a browser asks of it; names are not even resolved."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        outside = Outside(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def refuse() -> None:
            while True:
                try:
                    caller, _ = listener.accept()
                except OSError:
                    return
                with caller:
                    caller.settimeout(5)
                    host = _host_asked(caller.recv(4096).decode("latin-1"))
                    if not host.endswith(CHROMIUMS_OWN):
                        outside.asked.append(host)
                    caller.sendall(b"HTTP/1.1 403 Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        yield outside
        listener.shutdown(socket.SHUT_RDWR)


def served(settings: Settings) -> AbstractContextManager[str]:
    """Serve API and pages on a free port of this host."""
    return serving(create_app(settings, mounts={"/": create_pages(settings)}, limits=ApiLimits(pool_wait_s=20)))


@pytest.fixture(scope="session")
def outside() -> Iterator[Outside]:
    """What the browser asked of other hosts, every request refused."""
    with refusing_proxy() as counter:
        yield counter


# Not longer than this package's tests: while it lives, an event loop runs here, and asyncio.run refuses another.
@pytest.fixture(scope="package")
def browser(outside: Outside) -> Iterator[Browser]:
    """Chromium with software rendering; all but this host goes through the proxy that refuses."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, f"--proxy-server={outside.address}"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def city(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedCity]:
    """The small city, served; one building and one record carry names that try to be code."""
    with fresh_database(settings, tmp_path_factory.mktemp("browser") / "var") as database:
        with database.connect("owner") as connection:
            facts = insert_small_city(connection, database.settings.data_dir)
        database.fetch("UPDATE twin.building SET name_zh = %s WHERE code = '3706120010010005'", (HOSTILE,))
        database.fetch("UPDATE twin.record SET title_zh = %s WHERE source_key = 'BX20261003'", (HOSTILE,))
        with served(database.settings) as root:
            yield ServedCity(root, facts, database)


@pytest.fixture(scope="session")
def empty_city(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A city whose database is as the migrations leave it, served."""
    with (
        fresh_database(settings, tmp_path_factory.mktemp("empty") / "var") as database,
        served(database.settings) as root,
    ):
        yield root


@pytest.fixture
def context(browser: Browser, outside: Outside) -> Iterator[BrowserContext]:
    """A browser window of one's own; in the end nothing outside this host may have been asked for."""
    outside.asked.clear()
    made = browser.new_context(viewport=VIEWPORT, reduced_motion="reduce", locale="zh-CN")
    yield made
    made.close()
    assert outside.asked == []
