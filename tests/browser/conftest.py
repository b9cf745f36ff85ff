"""The real application on a real port with the small city, and a Chromium that cannot reach anything else."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from api.app import create_app
from tests.api.small_city import SmallCity, insert_small_city
from tests.browser.map_page import VIEWPORT
from tests.databases import Database, fresh_database
from twin.settings import Settings
from viewer.pages import create_pages

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    # No name but this host's resolves: a request to anywhere else fails, and is counted by the tests.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
HOSTILE = "<img src=x onerror=\"document.title='broken'\">@@=1"


@dataclass(frozen=True)
class ServedCity:
    """The application's root address, and what stands in its city."""

    root: str
    facts: SmallCity
    database: Database


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Serve API and pages on a free port of this host."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(settings, mounts={"/": create_pages(settings)})
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while not server.started and thread.is_alive() and time.monotonic() < end:
        thread.join(0.02)
    assert server.started
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium with software rendering."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
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
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser window of one's own."""
    made = browser.new_context(viewport=VIEWPORT, reduced_motion="reduce", locale="zh-CN")
    yield made
    made.close()
