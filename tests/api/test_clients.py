"""Programs that people use read the twin by its standards: GDAL's OAPIF driver, OWSLib, QGIS where it is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from owslib.ogcapi.features import Features

from api.app import create_app
from tests.api.conftest import LIMITS, City
from tests.api.live_server import serving

PUBLIC = ("assets", "buildings", "places", "grids", "addresses", "events", "surveys", "records", "sensors")
needs_gdal = pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="ogrinfo (gdal-bin) is not installed")


@pytest.fixture(scope="module")
def address(city: City) -> Iterator[str]:
    """A server in a thread of its own; programs ask it from processes of their own."""
    with serving(create_app(city.database.settings, limits=LIMITS)) as root:
        yield f"{root}/ogc"


@pytest.fixture(scope="module")
def counts(city: City, address: str) -> dict[str, int]:
    """How many features each collection says it has."""
    service = Features(address)
    return {name: service.collection_items(name, limit=1)["numberMatched"] for name in PUBLIC}


def gdal(*arguments: str) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr, done.stderr
    return done.stdout


def features(*arguments: str) -> list[Any]:
    """Read what ogr2ogr gets as GeoJSON."""
    return list(json.loads(gdal("ogr2ogr", "-f", "GeoJSON", "/vsistdout/", *arguments))["features"])


@needs_gdal
def test_gdal_lists_the_collections(address: str) -> None:
    listed = gdal("ogrinfo", "-ro", f"OAPIF:{address}")
    assert all(name in listed for name in (*PUBLIC, "assets-0118"))


@needs_gdal
@pytest.mark.parametrize("name", PUBLIC)
def test_gdal_reads_every_page_of_a_collection_once(address: str, counts: dict[str, int], name: str) -> None:
    size = max(1, min(1000, counts[name] // 3))
    read = features(f"OAPIF:{address}", name, "-oo", f"PAGE_SIZE={size}")
    assert len(read) == counts[name]
    assert len({feature["id"] if "id" in feature else json.dumps(feature) for feature in read}) == len(read)


@needs_gdal
def test_gdal_filters_by_property_and_box(address: str, city: City) -> None:
    lamps = features(f"OAPIF:{address}", "assets", "-where", "class_code = '0118'")
    assert {feature["properties"]["class_code"] for feature in lamps} == {"0118"}
    assert len(lamps) == len(features(f"OAPIF:{address}", "assets-0118"))
    place = city.facts.centre_of("tower")
    box = [str(v) for v in (place.lon - 1e-5, place.lat - 1e-5, place.lon + 1e-5, place.lat + 1e-5)]
    (tower,) = features(f"OAPIF:{address}", "buildings", "-spat", *box)
    assert tower["properties"]["code"] == city.facts.buildings["tower"].code


def test_owslib_lists_reads_filters_and_pages(address: str, city: City, counts: dict[str, int]) -> None:
    service = Features(address)
    assert set(PUBLIC) <= {one["id"] for one in service.collections()["collections"]}
    assert set(PUBLIC) <= set(service.feature_collections())
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in service.conformance()["conformsTo"]
    for name in PUBLIC:
        page = service.collection_items(name, limit=2)
        assert page["numberReturned"] == min(2, counts[name])
        for feature in page["features"]:
            assert service.collection_item(name, feature["id"])["properties"] == feature["properties"]
    lamps = service.collection_items("assets", filter="class_code = '0118'", limit=1000)
    assert {feature["properties"]["class_code"] for feature in lamps["features"]} == {"0118"}
    assert service.collection_queryables("assets")["properties"]["class_code"]


QGIS = """
import os
import sys
from qgis.core import QgsApplication, QgsVectorLayer
application = QgsApplication([], False)
application.initQgis()
for name in sys.argv[2:]:
    layer = QgsVectorLayer(f"url='{sys.argv[1]}' typename='{name}' pageSize='2'", name, "OAPIF")
    assert layer.isValid(), name
    print(name, sum(1 for _ in layer.getFeatures()))
layer = QgsVectorLayer(f"url='{sys.argv[1]}' typename='assets'", "assets", "OAPIF")
assert layer.setSubsetString("class_code = '0118'")
print("lamps", sum(1 for _ in layer.getFeatures()))
sys.stdout.flush()
os._exit(0)  # some versions fall over while they take themselves apart
"""


def _has_qgis() -> bool:
    # The system's Python, not ours: QGIS comes as a system package.
    return (
        subprocess.run(["/usr/bin/python3", "-c", "import qgis.core"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not _has_qgis(), reason="QGIS (python3-qgis) is not installed for the system's Python")
def test_qgis_reads_filters_and_pages(address: str, counts: dict[str, int], tmp_path: Path) -> None:
    done = subprocess.run(
        ["/usr/bin/python3", "-c", QGIS, address, *PUBLIC],
        env={"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "PATH": "/usr/bin"},
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    said = dict(line.split() for line in done.stdout.splitlines())
    assert {name: int(said[name]) for name in PUBLIC} == counts
    assert 0 < int(said["lamps"]) < counts["assets"]
