"""The tiny sample and one unbroken run of its survey: made once, shared by all test processes, read only."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.photogrammetry.survey_commands import GOOD, Here, Said
from tests.photogrammetry.survey_runs import Unbroken, read_unbroken, run_unbroken
from tests.photogrammetry.toy_stages import Toy
from twin.cli.main import main

SEED = 3


def make_by_command(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `twin sample make` as a person does."""
    command = [sys.executable, "-m", "twin.cli.main", "sample", "make", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="session")
def tiny_sample(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Folder of the tiny sample of seed 3: do not write into it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    folder = shared / "tiny-sample"
    with (shared / "tiny-sample.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "sample.json").exists():
            made = make_by_command(folder, "--scale", "tiny", "--seed", str(SEED))
            assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="session")
def unbroken(tiny_sample: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Unbroken:
    """One run of the tiny survey from start to end, shared by every test process: do not write into it."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if hasattr(request.config, "workerinput") else base) / "unbroken"
    with root.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "done").exists():
            run_unbroken(tiny_sample, root)
            (root / "done").touch()
    return read_unbroken(root)


@pytest.fixture
def surveys(tmp_path, monkeypatch):
    """The folder of surveys of an empty data directory."""
    monkeypatch.setenv("TWIN_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setattr("photogrammetry.stages.open_backend", lambda scheduler, workers: Here())
    return tmp_path / "var" / "surveys"


@pytest.fixture
def twin(surveys, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["twin", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        texts = capsys.readouterr()
        return Said(status, texts.out, texts.err)

    return run


@pytest.fixture
def photos(tiny_sample, tmp_path):
    """A folder with good photos."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in GOOD:
        shutil.copy(tiny_sample / "photos" / name, folder / name)
    return folder


@pytest.fixture
def few(photos):
    """A folder with as few good photos as can be used."""
    for name in GOOD[4:]:
        (photos / name).unlink()
    return photos


@pytest.fixture(scope="module")
def no_power_cut():
    """Nothing waits for the disk: what a power cut needs is tested by the order in which things are done."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture
def toy(tmp_path):
    """A workspace of toy stages with its outside files."""
    return Toy(tmp_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest test, so that the others run beside it and not before it."""
    items.sort(key=lambda item: not {"kill", "slow"} <= {mark.name for mark in item.iter_markers()})
