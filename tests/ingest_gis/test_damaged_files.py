"""Whatever bytes a file holds: a clear refusal or rows, in bounded time, and never a crash of who opens it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest_gis.gdal_guard import GuardLimits, open_guarded
from ingest_gis.recognise import FORMATS, recognise
from tests.ingest_gis.city_model_files import write_city_gml, write_city_json, write_sequence
from tests.ingest_gis.format_files import lamp_cloud, osm_pbf, write
from tests.ingest_gis.read_here import needs_the_child, read_here
from tests.ingest_gis.test_archives import packed
from twin.errors import UnreadableDelivery

SUFFIXES = sorted({suffix for item in FORMATS for suffix in item.suffixes} - {".gdb"})
SMALL = GuardLimits(memory_bytes=1 << 30, cpu_s=20, silence_s=30)


@cache
def sound(kind: str) -> tuple[str, bytes]:
    """Give the name and the bytes of a sound file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        makers: dict[str, Callable[[], Path]] = {
            "CityJSON": lambda: write_city_json(folder / "house.json"),
            "CityJSONSeq": lambda: write_sequence(folder / "house.jsonl"),
            "CityGML": lambda: write_city_gml(folder / "house.gml"),
            "LAZ": lambda: lamp_cloud(folder),
            "OSM": lambda: osm_pbf(folder),
            "ZIP": lambda: packed(folder / "lamps.zip", {"一/lamps.csv": b"a,b\n1,2\n" * 50, "二.csv": b"c\n"}),
        }
        path = makers[kind]() if kind in makers else write(folder, kind)
        return path.name, path.read_bytes()


@st.composite
def damaged(draw: st.DrawFn, kind: str) -> tuple[str, bytes]:
    """Cut a sound file short, or change, remove or repeat stretches of it."""
    name, content = sound(kind)
    body = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(body) - 1)))
        size = draw(st.integers(1, 64))
        how = draw(st.sampled_from(["change", "cut", "remove", "repeat", "zero"]))
        if how == "cut":
            del body[at:]
        elif how == "remove":
            del body[at : at + size]
        elif how == "repeat":
            body[at:at] = body[at : at + size]
        else:
            piece = draw(st.binary(min_size=size, max_size=size)) if how == "change" else bytes(size)
            body[at : at + size] = piece
    return name, bytes(body)


@given(st.sampled_from(SUFFIXES), st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_recognised_or_refused(suffix: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{suffix}"
        path.write_bytes(content)
        refused = refusal_of(lambda: recognise(path))
        assert refused is None or (refused.where == path.name and refused.do)


def refusal_of(what: Callable[[], object]) -> UnreadableDelivery | None:
    """Do something; give the refusal if there is one. Any other error is the test's."""
    try:
        what()
    except UnreadableDelivery as refused:
        return refused
    return None


# Readers that are Python all through may be tried in this process; the others only ever run in the child.
@pytest.mark.parametrize(
    "kind",
    ["CityJSON", "CityJSONSeq", "CityGML", "DXF", "ZIP", "CSV with WKT", "TSV with WKB", "XLSX with WKT", "GeoParquet"],
)
def test_a_damaged_file_is_read_or_refused(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @given(damaged(kind))
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def attempt(file: tuple[str, bytes]) -> None:
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            monkeypatch.chdir(folder)
            path = Path(folder) / file[0]
            path.write_bytes(file[1])
            # Damaged into what GDAL reads it is left alone: that is for the child only.
            refused = refusal_of(lambda: None if needs_the_child(path) else read_here(path))
            assert refused is None or refused.do
        os.chdir(tmp_path)

    attempt()


@pytest.mark.parametrize("kind", ["GeoPackage", "FlatGeobuf", "LAZ", "OSM"])
def test_a_damaged_file_does_not_harm_who_opens_it(kind: str, tmp_path: Path) -> None:
    """One hurt in the middle, through the child as deliveries go."""
    name, content = sound(kind)
    middle = len(content) // 2
    path = tmp_path / name
    path.write_bytes(content[:middle] + bytes(range(200)) + content[middle + 300 :])

    def read() -> None:
        with open_guarded(path, limits=SMALL) as file:
            for batch in file.batches():
                batch.validate(full=True)

    refused = refusal_of(read)
    assert refused is None or refused.do
