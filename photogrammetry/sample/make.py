"""Makes a sample district: photos, control points, outlines, deliveries and the truth, from one seed."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from photogrammetry.sample import making
from photogrammetry.sample.control_points import COORDINATE_SIGMA_M, MARK_SIGMA_PX, write_gcp
from photogrammetry.sample.deliveries import write_deliveries, write_link_truth
from photogrammetry.sample.delivery_files import fixed_dates
from photogrammetry.sample.flight import GPS_CORRELATION, GPS_SIGMA_M, SPOILED
from photogrammetry.sample.footprint_files import write_footprints
from photogrammetry.sample.making import Maker
from photogrammetry.sample.photo_files import MAKE, MODEL
from photogrammetry.sample.quarter import CRS, VERTICAL_DATUM
from photogrammetry.sample.scales import Scale, read_scale
from photogrammetry.sample.truth import write_truth
from photogrammetry.workers import WORKER_ENVIRONMENT, one_thread
from twin.errors import BadInput

Progress = Callable[[float, float, str], None]  # done, total, what is being done
UNFINISHED, PAGES = ".unfinished", ".texture-pages"
COST = {
    "faces": 4.0,
    "tile": 0.1,
    "photo": 2.5,
    "deliveries": 1.0,
    "truth": 10.0,
}  # rough CPU seconds of `small`, for the time left


@dataclass(frozen=True)
class _Job:
    """One piece of work for any process: what, with which arguments, its rough cost and its name."""

    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    cost: float
    text: str


@dataclass
class _Steps:
    """Counts the work done and tells whoever watches."""

    total: float
    progress: Progress
    done: float = 0.0

    def add(self, cost: float, text: str) -> None:
        self.done += cost
        self.progress(min(self.done, self.total), self.total, text)


def make_sample(
    folder: Path, seed: int, scale_name: str, *, workers: int | None = None, progress: Progress | None = None
) -> Path:
    """Make a sample district in a folder; the same seed and scale give the same bytes.

    folder: new, empty, or left unfinished by an earlier run (then it is begun again). workers: processes, by default
    one for each core up to two, and one for the tiny scale. Returns the path of sample.json, which is written last:
    without it the folder is no sample. Raises BadInput for an unknown scale or a folder that holds something else.
    """
    scale = read_scale(scale_name)
    _claim(folder)
    workers = workers or (1 if scale.name == "tiny" else min(2, os.cpu_count() or 1))
    pages = folder / PAGES
    for name in (PAGES, "photos", "deliveries", "truth"):
        (folder / name).mkdir(parents=True)
    maker = Maker(seed, scale, pages)
    steps = _Steps(_total_cost(maker), progress or (lambda done, total, text: None))
    with _pool(workers, maker) as pool:
        for _ in _run(pool, _baking(maker), steps):
            pass
        results = list(_run(pool, _shooting(maker, folder), steps))
    marks = [mark for result in results for mark in result or ()]
    maker.copy_duplicate(folder / "photos")
    write_gcp(folder / "gcp.csv", maker.scene, marks)
    with fixed_dates():
        write_footprints(folder / "footprints.gpkg", maker.quarter)
    links, faults = write_deliveries(folder / "deliveries", maker.quarter)
    write_link_truth(folder / "truth", links, faults)
    steps.add(COST["deliveries"], "deliveries")
    write_truth(folder / "truth", maker)
    shutil.rmtree(pages)
    return _finish(folder, maker)


def _claim(folder: Path) -> None:
    """Take a new, empty or unfinished folder; refuse any other so that nothing of the user's is lost."""
    if (folder / UNFINISHED).exists():
        shutil.rmtree(folder)
    if folder.exists() and any(folder.iterdir()):
        raise BadInput(
            "the folder is not empty / 文件夹不是空的",
            where=str(folder),
            do="Choose a new folder for the sample / 请为示例另选一个新文件夹",
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / UNFINISHED).write_text("an unfinished sample; making it again starts afresh\n", encoding="utf-8")


@contextmanager
def _pool(workers: int, maker: Maker) -> Iterator[ProcessPoolExecutor | None]:
    """Start worker processes, or none where one is enough; on Ctrl-C drop what has not begun."""
    if workers == 1:
        making.use_here(maker)
        with one_thread():
            yield None
        return
    os.environ.update(WORKER_ENVIRONMENT)
    context = multiprocessing.get_context("spawn")
    settings = (maker.seed, maker.scale.name, str(maker.pages_folder))
    pool = ProcessPoolExecutor(workers, context, making.start_worker, settings)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _run(pool: ProcessPoolExecutor | None, jobs: list[_Job], steps: _Steps) -> Iterator[Any]:
    """Do jobs, here or in the pool, and give their results as they come."""
    if pool is None:
        for job in jobs:
            result = job.work(*job.arguments)
            steps.add(job.cost, job.text)
            yield result
        return
    waiting = {pool.submit(job.work, *job.arguments): job for job in jobs}
    for future in as_completed(waiting):
        yield future.result()
        steps.add(waiting[future].cost, waiting[future].text)


def _total_cost(maker: Maker) -> float:
    photos = len(maker.shots) + len(SPOILED) - 1
    baking = COST["faces"] * maker.scene.patches.pages + COST["tile"] * maker.tiles
    return baking + COST["photo"] * photos + COST["deliveries"] + COST["truth"]


def _baking(maker: Maker) -> list[_Job]:
    pieces = [("faces", page) for page in range(maker.scene.patches.pages)]
    pieces += [("tile", tile) for tile in range(maker.tiles)]
    return [_Job(making.bake, piece, COST[piece[0]], "textures") for piece in pieces]


def _shooting(maker: Maker, folder: Path) -> list[_Job]:
    """The photos, the bad ones and the true rasters: whatever needs the baked pages; the longest first."""
    photos = str(folder / "photos")
    jobs = [_Job(making.write_rasters_of_truth, (str(folder / "truth"),), COST["truth"], "truth")]
    jobs += [_Job(making.spoil, (kind, photos), COST["photo"], "photos") for kind in SPOILED if kind != "duplicate"]
    return jobs + [
        _Job(making.photograph, (index, photos), COST["photo"], "photos") for index in range(len(maker.shots))
    ]


def _finish(folder: Path, maker: Maker) -> Path:
    """Write sample.json and only then take the mark of unfinished work away."""
    path = folder / "sample.json"
    path.write_text(json.dumps(_description(maker), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (folder / UNFINISHED).unlink()
    return path


def _description(maker: Maker) -> dict[str, Any]:
    scale: Scale = maker.scale
    sigma = dict(zip(("east", "north", "up"), GPS_SIGMA_M, strict=True))
    return {
        "seed": maker.seed,
        "scale": scale.name,
        "crs": CRS,
        "vertical_datum": VERTICAL_DATUM,
        "note": "Synthetic. Street and place names are borrowed; nothing here describes a real building or person.",
        "frame": asdict(maker.quarter.frame),
        "survey": {
            "gsd_m": scale.gsd_m,
            "flying_height_m": round(scale.flying_height_m, 2),
            "photo_width": scale.photo_width,
            "photo_height": scale.photo_height,
            "camera": f"{MAKE} {MODEL}",
            "nadir": scale.lines * scale.photos_a_line,
            "oblique": scale.obliques,
            "forward_overlap": 0.7,
            "side_overlap": 0.6,
            "gps_sigma_m": sigma,
            "gps_correlation_between_shots": GPS_CORRELATION,
            "exif_altitude": f"height in {VERTICAL_DATUM} (above sea level) with the noise above",
            "gcp_coordinate_sigma_m": COORDINATE_SIGMA_M,
            "gcp_mark_sigma_px": MARK_SIGMA_PX,
        },
        "counts": {
            "photos_good": len(maker.shots),
            "photos_bad": len(SPOILED),
            "buildings": len(maker.quarter.buildings),
            "targets": len(maker.quarter.targets),
        },
    }
