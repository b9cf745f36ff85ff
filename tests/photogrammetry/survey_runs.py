"""Runs of the tiny survey in processes of their own, as the command makes them, to be watched, killed and compared.

As a program: `python -m tests.photogrammetry.survey_runs WORKSPACE OPTIONS_AS_JSON` runs a survey and prints what
happens, one JSON list a line.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photogrammetry.durable_files import digest_files, read_json, sha256_text
from photogrammetry.stages import MANIFEST

if TYPE_CHECKING:
    import numpy as np

STAGES = (
    "check", "features", "matching", "reconstruct", "georeference", "undistort", "depth", "fuse", "surface",
    "orthophoto", "buildings", "mesh", "tiles3d", "report",
)  # fmt: skip
NAME = "tiny"
TIMED = ("report.json", "report.html")
REPOSITORY = Path(__file__).resolve().parents[2]
# Records what every process opens, worker processes too: they inherit PYTHONPATH.
WITNESS = """
import os, sys
_log = open(os.path.join(os.environ["TWIN_TEST_OPENED"], f"{os.getpid()}.txt"), "a", buffering=1, encoding="utf-8")
def _watch(event, args):
    if event in ("open", "os.listdir", "os.scandir") and not isinstance(args[0], int) and args[0] is not None:
        _log.write(os.path.abspath(os.fsdecode(args[0])) + "\\n")
sys.addaudithook(_watch)
"""


@dataclass(frozen=True)
class Unbroken:
    """One run of the tiny survey from start to end, without a truth in reach: read only.

    given: photos, gcp.csv and footprints.gpkg. workspace: where it ran. opened: paths that Python opened, any process.
    seconds: wall time of each stage.
    """

    given: Path
    workspace: Path
    opened: frozenset[str]
    seconds: dict[str, float]


def give_away(sample: Path, target: Path) -> Path:
    """Copy what a surveyor hands over, and nothing else, of a sample."""
    target.mkdir(parents=True)
    shutil.copytree(sample / "photos", target / "photos")
    for name in ("gcp.csv", "footprints.gpkg"):
        shutil.copy(sample / name, target / name)
    return target


def register(root: Path, given: Path) -> Path:
    """Register the tiny survey under root and give its workspace."""
    from photogrammetry.survey import Survey, create_survey

    survey = Survey(
        name=NAME,
        kind="drone",
        photos_dir=str(given / "photos"),
        gcp_file=str(given / "gcp.csv"),
        footprints_file=str(given / "footprints.gpkg"),
        crs="EPSG:4550",
        vertical_datum="EPSG:5737",
        created_at="2026-05-18T00:00:00+00:00",
    )
    return create_survey(root, survey)


class Run:
    """A run in a process group of its own."""

    def __init__(self, workspace: Path, environment: dict[str, str] | None = None, **options: object) -> None:
        command = [sys.executable, "-m", "tests.photogrammetry.survey_runs", str(workspace), json.dumps(options)]
        # Errors go to a file: nobody reads a pipe while the run is watched.
        self.errors = workspace.parent / "errors.txt"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=REPOSITORY,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        self.stage = "-"

    def events(self):
        """Give what happens, as it happens."""
        for line in self.process.stdout or ():
            event = json.loads(line)
            if event[0] == "started":
                self.stage = event[1]
            yield event

    def finish(self) -> dict[str, str | None]:
        """Wait for the end and tell why each stage was built; None: it was still good."""
        with self.process:
            last = [event for event in self.events() if event[0] == "results"]
        assert self.process.returncode == 0, self.errors.read_text()
        return dict(last[0][1])

    def kill_in(self, stage: str, after_s: float) -> str | None:
        """`kill -9` to the whole group so many seconds after a stage began.

        Gives the stage it was in then, None when the run was over.
        """
        for event in self.events():
            if event[:2] == ["started", stage]:
                break
        follower = threading.Thread(target=lambda: [None for _ in self.events()], daemon=True)
        follower.start()
        # The one wait that cannot be an event: a moment inside a stage, whatever it is doing there.
        follower.join(after_s)
        running = self.process.poll() is None
        if running:
            os.killpg(self.process.pid, signal.SIGKILL)
        follower.join()
        with self.process:
            pass
        return self.stage if running else None


def products(workspace: Path) -> dict[str, str]:
    """Give the sha256 of every file in stages/, products/ and report/; of manifests and the report without times."""
    every = {
        f"{part}/{name}": sha
        for part in ("stages", "products", "report")
        for name, sha in digest_files(workspace / part).items()
    }
    kept = {name: sha for name, sha in every.items() if Path(name).name not in (MANIFEST, *TIMED)}
    report = read_json(workspace / "report" / "report.json")
    for key in ("stages", "seconds", "cpu_seconds", "peak_mb"):
        del report[key]
    assert (workspace / "report" / "report.html").stat().st_size > 1000
    return {**kept, "report/report.json": sha256_text(report)}


def flip_a_byte(path: Path, chooser: np.random.Generator) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[chooser.integers(len(content))] ^= 1 << int(chooser.integers(8))
    path.unlink()  # what stands in products/ is the same file under another name
    path.write_bytes(content)


def read_opened(folder: Path) -> frozenset[str]:
    """Read what the witness wrote in all processes."""
    return frozenset(line for path in folder.glob("*.txt") for line in path.read_text(encoding="utf-8").splitlines())


def run_unbroken(sample: Path, root: Path) -> None:
    """Run the tiny survey once under a witness, where no truth is in reach."""
    given = give_away(sample, root / "given")
    workspace = register(root / "surveys", given)
    witness = root / "witness"
    (witness / "opened").mkdir(parents=True)
    (witness / "sitecustomize.py").write_text(WITNESS, encoding="utf-8")
    run = Run(workspace, {"PYTHONPATH": str(witness), "TWIN_TEST_OPENED": str(witness / "opened")})
    run.finish()


def read_unbroken(root: Path) -> Unbroken:
    """Describe the run of run_unbroken."""
    workspace = root / "surveys" / NAME
    manifests = {
        stage: json.loads((workspace / "stages" / stage / MANIFEST).read_text(encoding="utf-8")) for stage in STAGES
    }
    seconds = {stage: float(manifest["measures"]["seconds"]) for stage, manifest in manifests.items()}
    return Unbroken(root / "given", workspace, read_opened(root / "witness" / "opened"), seconds)


class Spoken:
    """A progress that prints what happens."""

    def stage_started(self, stage: str, number: int, count: int) -> None:
        say("started", stage)

    def step(self, stage: str, done: int, total: int, what: str) -> None:
        pass

    def stage_finished(self, stage: str, seconds: float, resumed: bool) -> None:
        say("finished", stage, resumed)


def say(*event: object) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run a survey and say what happens."""
    from photogrammetry.survey import run_survey

    results = run_survey(Path(sys.argv[1]), progress=Spoken(), **json.loads(sys.argv[2]))
    say("results", [[result.name, result.rebuilt_because] for result in results])


if __name__ == "__main__":
    main()
