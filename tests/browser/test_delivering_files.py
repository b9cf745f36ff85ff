"""Delivering files: a bad workbook checked, taken in, mended, linked; what the page asks; both languages; closed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import BrowserContext

from ingest_gis.datum import gcj02_from_cgcs2000
from ingest_gis.plan_delivery import IngestOptions
from ingest_gis.run_ingest import ingest_files
from tests.api.delivered_files import bad_workbook
from tests.api.small_city import insert_small_city
from tests.browser.conftest import ServedCity, served
from tests.browser.desk_page import DeskPage
from tests.browser.officer_walk import hand_in, open_newest_batch, take_in, walk
from tests.browser.test_accessibility import FAINT_TEXTS, NAMELESS
from tests.databases import fresh_database
from twin.actions.set_aside_indexes import LOAD_LOCK
from twin.cli.job_kinds import registry
from twin.jobs.queue import run_worker
from twin.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]  # one Chromium at a time


@pytest.fixture(scope="module")
def office(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedCity]:
    """A small city of these tests' own: what they deliver and link would be seen by the others."""
    with fresh_database(settings, tmp_path_factory.mktemp("office") / "var") as database:
        with database.connect("owner") as connection:
            facts = insert_small_city(connection, database.settings.data_dir)
        with served(database.settings) as root:
            yield ServedCity(root, facts, database)


@contextmanager
def worker(settings: Settings) -> Iterator[None]:
    """Work off jobs beside the test: in a thread, which may have an event loop of its own."""
    enough = threading.Event()

    def work() -> None:
        while not enough.wait(0.1):
            run_worker(settings, registry(settings), until_empty=True)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    enough.set()
    thread.join()


def test_a_bad_workbook_is_mended_and_linked(context: BrowserContext, office: ServedCity, tmp_path: Path) -> None:
    workbook = tmp_path / "报修工单.xlsx"
    workbook.write_bytes(bad_workbook())
    seen: dict[str, str] = {}

    def look(page: DeskPage, name: str) -> None:
        seen[name] = page.text("main")
        assert page.page.evaluate(FAINT_TEXTS) == [], name
        assert page.page.evaluate(NAMELESS) == [], name

    with worker(office.database.settings):
        walk(context, office.root, workbook, tmp_path, look)
    assert "还没有交付过文件" not in seen["deliver-empty"]
    assert "检查完毕，还没有写入" in seen["deliver-checked"]
    assert "编码被 Excel 变成了科学计数法，后几位已丢失" in seen["deliver-checked"]
    assert "数据第 5 行" in seen["deliver-checked"]
    assert "关联到地点" in seen["deliver-taken"]
    assert "3.70612E+15" in seen["deliver-rejected"]
    assert "全部可收" in seen["deliver-mended"]
    assert "拒收 3，已改好 2" in seen["deliver-mended"]
    counts = "SELECT batch_id, file, inserted, rejected, mends_batch_id FROM twin.batch ORDER BY batch_id DESC LIMIT 2"
    (_, *mended), (first, *_) = office.database.fetch(counts)
    assert mended == ["mended.csv", 2, 0, first]
    linked = office.database.fetch(
        "SELECT count(DISTINCT record_id) FROM twin.link JOIN twin.record USING (record_id) "
        "WHERE source_key LIKE 'BX20261101%' AND link.state = 'accepted'"
    )
    assert linked[0][0] >= 4


def test_the_page_asks_what_a_file_is_and_is_read_in_english_on_a_phone(
    context: BrowserContext, office: ServedCity, tmp_path: Path
) -> None:
    strange = tmp_path / "ledger.csv"
    strange.write_text("甲,乙\n1,2\n", encoding="utf-8")
    page = DeskPage.enter(context, office.root, "/deliver", language="en")
    page.page.set_viewport_size({"width": 390, "height": 800})
    with worker(office.database.settings):
        hand_in(page, strange)
        assert "What is in this file?" in page.text("#result")
        assert page.page.is_disabled("#take-in")
        page.page.select_option(".ask-list select", "repairs")
        page.page.click(".ask-list button")
        page.until("document.querySelector('.file-result .counts') !== null && !document.body.matches('.working')")
    assert "A required value is missing" in page.text("#result")
    open_newest_batch(page)
    assert page.page.evaluate("document.querySelector('main').scrollWidth <= innerWidth")
    assert page.page.evaluate(FAINT_TEXTS) == []
    page.close()


def lamps(path: Path, office: ServedCity, numbers: range) -> Path:
    """Write new lamps as GeoJSON whose degrees are GCJ-02, which it does not say; too few to tell it from."""
    features = []
    for number in numbers:
        at = office.facts.at(20.0 * number, -20.0)
        lon, lat = gcj02_from_cgcs2000(np.array([at.lon]), np.array([at.lat]))
        properties = {"标识码": f"37061201180003{number:02d}", "小类代码": "0118", "名称": f"新路灯{number}"}
        point = {"type": "Point", "coordinates": [float(lon[0]), float(lat[0])]}
        features.append({"type": "Feature", "properties": properties, "geometry": point})
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), "utf-8")
    return path


def checked_again(page: DeskPage) -> None:
    """Wait until an answer given on the page has been checked."""
    page.until("!document.querySelector('#result').hidden && !document.body.matches('.working')")


def test_the_datum_is_asked_for_and_the_answer_taken(
    context: BrowserContext, office: ServedCity, tmp_path: Path
) -> None:
    page = DeskPage.enter(context, office.root, "/deliver")
    with worker(office.database.settings):
        hand_in(page, lamps(tmp_path / "lamps.geojson", office, range(5)))
        assert "经纬度是哪种基准" in page.text("#result")
        assert page.page.is_disabled("#take-in")
        page.page.click("[data-datum=gcj02]")
        checked_again(page)
        assert "GCJ-02" in page.text(".how-read")
        take_in(page)
    assert "以前交付的记录" in page.text("#linked")  # lamps are places: the rest is left to the whole run
    page.close()
    truth = office.facts.at(60.0, -20.0)
    apart = "SELECT ST_Distance(geom::geography, ST_Point(%s, %s, 4490)::geography) FROM twin.asset WHERE code = %s"
    assert office.database.fetch(apart, (truth.lon, truth.lat, "3706120118000303"))[0][0] < 0.1


def test_the_whole_stock_ends_what_it_has_not_after_a_question(
    context: BrowserContext, office: ServedCity, tmp_path: Path
) -> None:
    ended = "SELECT code FROM twin.asset WHERE code LIKE '37061201180003%' AND valid_to IS NOT NULL"
    delivered = [lamps(tmp_path / "lamps.geojson", office, range(5))]
    ingest_files(office.database.settings, delivered, IngestOptions(datum="gcj02"))
    page = DeskPage.enter(context, office.root, "/deliver", language="en")
    with worker(office.database.settings):
        hand_in(page, lamps(tmp_path / "stock.geojson", office, range(4)))
        page.page.click("#known summary")
        page.page.select_option("#datum", "gcj02")  # checked again by itself
        checked_again(page)
        page.page.check("#complete")
        checked_again(page)
        assert page.text(".count-ended").split() == ["to", "end", "1"]
        page.page.click("#take-in")
        assert "will be ended: 1." in page.text("#whole-stock-text")
        page.page.keyboard.press("Escape")
        assert office.database.fetch(ended) == []
        page.page.click("#take-in")
        page.page.click("#whole-stock [value=yes]")
        page.until("document.querySelector('#result-title').offsetParent && document.querySelector('#take-in').hidden")
        page.idle()
    assert "1 ended" in page.text("#batches")
    page.close()
    assert office.database.fetch(ended) == [("3706120118000304",)]


def test_a_running_delivery_is_cancelled_and_nothing_is_written(
    context: BrowserContext, office: ServedCity, tmp_path: Path
) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text("工单编号,报修地址,报修内容\nBX2026119701,政府大街101号,灯不亮\n", encoding="utf-8")
    page = DeskPage.enter(context, office.root, "/deliver")
    page.page.set_viewport_size({"width": 390, "height": 800})
    hold = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"
    with office.database.connect("ingest", autocommit=True) as other:
        other.execute(hold, (LOAD_LOCK.format(target="record"),))  # another delivery of the kind is being loaded
        with worker(office.database.settings):
            hand_in(page, orders)
            page.page.click("#take-in")
            page.until(lambda: "等待另一批同类数据" in page.text("#job"))
            page.page.click("#cancel")
            page.until("!document.querySelector('#result').hidden")
            assert page.text("#result-title") == "已取消"
            assert page.page.is_visible("#check")
    assert page.page.evaluate("document.querySelector('main').scrollWidth <= innerWidth")
    page.close()
    assert office.database.fetch("SELECT state FROM twin.job ORDER BY created_at DESC LIMIT 1") == [("cancelled",)]
    assert office.database.fetch("SELECT count(*) FROM twin.batch WHERE file = 'orders.csv'") == [(0,)]


def test_a_closed_desk_and_a_missing_server_say_so(context: BrowserContext, office: ServedCity) -> None:
    with served(replace(office.database.settings, desk="closed")) as root:
        page = DeskPage.enter(context, root, "/deliver")
        assert page.text("#closed h2") == "这台电脑不能交付"
        assert page.page.is_hidden("#work")
        page.close(provoked="/deliveries")
    page = DeskPage.enter(context, office.root, "/deliver", language="en")
    page.page.route("**/deliveries/files*", lambda route: route.abort())
    page.page.set_input_files("#file-input", [{"name": "a.csv", "mimeType": "text/csv", "buffer": b"a"}])
    page.until("document.querySelector('#files .chip-bad') !== null")
    assert page.page.is_hidden("#take-in")
    page.close(provoked="/deliveries/files")
