"""A survey: what it was given, the stages it goes through, and the folder where its products stand.

The workspace of a survey is one folder: survey.json, stages/<stage>/, products/ and report/.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pyproj import CRS

from photogrammetry.durable_files import read_json, sync_tree, write_json
from photogrammetry.photo import CheckSettings
from photogrammetry.stages import MANIFEST, Stage, StageResult, run_stages
from photogrammetry.workers import DEFAULT_WORKERS, Progress
from twin.crs import read_crs
from twin.errors import BadInput, Conflict, NotFound, UnknownCrs

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
METRES = ("metre", "meter")
QUALITIES = ("fast", "standard", "high")
OUTSIDE = {
    "photos": "the folder of photos",
    "gcp": "the file of control points",
    "footprints": "the file of building outlines",
}
PRODUCT_STAGES = ("surface", "orthophoto", "buildings", "tiles3d")
REPORT_FILES = ("report.json", "report.html")
PRODUCT_SUFFIXES = {".tif", ".laz", ".json", ".glb", ".jpg", ".png", ".webp", ".b3dm"}


@dataclass(frozen=True)
class Survey:
    """What a survey was given. Paths are absolute; crs an EPSG code, PROJ string or WKT; heights in vertical_datum."""

    name: str
    kind: str
    photos_dir: str
    gcp_file: str | None
    footprints_file: str | None
    crs: str
    vertical_datum: str
    created_at: str
    utc_offset_h: float = 8.0

    @property
    def outside(self) -> dict[str, Path | None]:
        """Give the files and folders from outside that the stages read."""
        return {
            "photos": Path(self.photos_dir),
            "gcp": Path(self.gcp_file) if self.gcp_file else None,
            "footprints": Path(self.footprints_file) if self.footprints_file else None,
        }


def create_survey(surveys_dir: Path, survey: Survey) -> Path:
    """Write survey.json into a new workspace and return the workspace.

    The same survey given again is no error, nor is another one while nothing was made of the first: what was
    declared wrongly can be declared again. Raises BadInput for a name that cannot be a folder and an address,
    missing files, an undeclared vertical datum; UnknownCrs for a CRS that is no projected metric one; Conflict when
    the name stands for another survey.
    """
    if not NAME.fullmatch(survey.name):
        raise BadInput(
            "a survey's name is 1 to 64 letters, digits, points, lines or underscores, starting with a letter or digit",
            where=survey.name[:80],
            do="Choose a name such as spring-2026",
        )
    _check_outside(survey)
    check_frame(survey.crs, survey.vertical_datum)
    workspace = surveys_dir / survey.name
    if (workspace / "survey.json").exists():
        known = asdict(read_survey(workspace))
        if {**asdict(survey), "created_at": None} == {**known, "created_at": None}:
            return workspace
        if any((workspace / "stages").glob(f"[!.]*/{MANIFEST}")):
            raise Conflict(
                "a survey of this name is there already, with other photos or settings",
                where=survey.name,
                do=f"Choose another name, or take it away first: twin survey remove {survey.name}",
            )
    workspace.mkdir(parents=True, exist_ok=True)
    write_json(workspace / "survey.json", asdict(survey))
    return workspace


def _check_outside(survey: Survey) -> None:
    for what, path in survey.outside.items():
        if path is not None and not path.exists():
            raise BadInput(
                f"{OUTSIDE[what]} is not there", where=str(path), do="Check the path, or put it back where it was"
            )
    if not Path(survey.photos_dir).is_dir():
        raise BadInput("this is no folder", where=survey.photos_dir, do="Give the folder that holds the photos")


def check_frame(crs: str, vertical_datum: str) -> CRS:
    """Check that a CRS is projected and in metres and that heights are declared; give the CRS.

    Raises UnknownCrs, or BadInput when the vertical datum is empty or is none.
    """
    found = read_crs(crs)
    if not found.is_projected or any(axis.unit_name not in METRES for axis in found.axis_info[:2]):
        raise UnknownCrs(
            f"{found.name} is not a projected system in metres, in which maps can be made",
            where=crs,
            do="Give one such as EPSG:4550 (CGCS2000 / 3-degree Gauss-Kruger CM 123E)",
        )
    _check_vertical_datum(vertical_datum.strip())
    return found


def _check_vertical_datum(datum: str) -> None:
    """Refuse nothing, and codes that stand for no heights; a datum without a code may be named in words."""
    do = "Give --vertical-datum, e.g. EPSG:5737 (1985 national height datum) or ellipsoidal"
    if not datum:
        raise BadInput("the vertical datum is not declared", do=do)
    if ":" in datum or datum.isdigit():
        found = read_crs(datum)
        if not found.is_vertical and len(found.axis_info) < 3:
            raise BadInput(f"{found.name} says nothing about heights", where=datum, do=do)
        if found.axis_info[-1].unit_name not in METRES:
            raise BadInput(f"{found.name} is not in metres", where=datum, do=do)


def read_survey(workspace: Path) -> Survey:
    """Read survey.json. Raises NotFound when there is no such survey."""
    try:
        return Survey(**read_json(workspace / "survey.json"))
    except FileNotFoundError as error:
        raise NotFound(
            "there is no survey of this name", where=workspace.name, do="`twin survey list` shows those there are"
        ) from error


def list_surveys(surveys_dir: Path) -> list[Survey]:
    """Read all surveys of a data directory, by name."""
    if not surveys_dir.exists():
        return []
    return [read_survey(path.parent) for path in sorted(surveys_dir.glob("*/survey.json"))]


def plan_stages(survey: Survey, quality: str = "standard") -> list[Stage]:
    """Give the stages of a drone survey in order, with the settings of a quality: fast, standard or high."""
    from photogrammetry import images
    from photogrammetry.buildings import extract
    from photogrammetry.drone import (
        depth,
        features,
        fuse,
        georeference,
        matching,
        orthophoto,
        reconstruct,
        surface,
        undistort,
    )
    from photogrammetry.products import mesh, report, tiles3d

    if quality not in QUALITIES:
        raise BadInput(f"there is no quality {quality!r}", do=f"Choose one of {', '.join(QUALITIES)}")
    long_side = {"fast": 1000, "standard": 1600, "high": 2400}[quality]
    search_side = {"fast": 1600, "standard": 2000, "high": 3200}[quality]
    name = survey.name
    check = CheckSettings(survey.utc_offset_h, crs=survey.crs, vertical_datum=survey.vertical_datum)
    place = georeference.GeoreferenceSettings(crs=survey.crs, vertical_datum=survey.vertical_datum)
    return [
        Stage("check", images.VERSION, images.run, ("photos", "gcp", "footprints"), check),
        Stage(
            "features",
            features.VERSION,
            features.run,
            ("photos", "check"),
            features.FeatureSettings(long_side_px=search_side),
        ),
        Stage("matching", matching.VERSION, matching.run, ("check", "features"), matching.MatchSettings()),
        Stage(
            "reconstruct",
            reconstruct.VERSION,
            reconstruct.run,
            ("check", "features", "matching"),
            reconstruct.ReconstructSettings(),
        ),
        Stage("georeference", georeference.VERSION, georeference.run, ("check", "reconstruct", "gcp"), place),
        Stage("undistort", undistort.VERSION, undistort.run, ("photos", "georeference"), undistort.UndistortSettings()),
        Stage(
            "depth",
            depth.VERSION,
            depth.run,
            ("georeference", "undistort"),
            depth.DepthSettings(long_side_px=long_side),
        ),
        Stage("fuse", fuse.VERSION, fuse.run, ("georeference", "undistort", "depth"), fuse.FuseSettings()),
        Stage(
            "surface",
            surface.VERSION,
            surface.run,
            ("georeference", "undistort", "fuse", "footprints"),
            surface.SurfaceSettings(survey=name),
        ),
        Stage(
            "orthophoto",
            orthophoto.VERSION,
            orthophoto.run,
            ("georeference", "undistort", "surface"),
            orthophoto.OrthoSettings(survey=name),
        ),
        Stage(
            "buildings",
            extract.VERSION,
            extract.run,
            ("georeference", "surface", "orthophoto", "footprints"),
            extract.BuildingSettings(survey=name),
        ),
        Stage(
            "mesh",
            mesh.VERSION,
            mesh.run,
            ("georeference", "undistort", "surface", "orthophoto", "buildings"),
            mesh.MeshSettings(survey=name),
        ),
        Stage(
            "tiles3d",
            tiles3d.VERSION,
            tiles3d.run,
            ("georeference", "mesh", "buildings"),
            tiles3d.TilesSettings(survey=name),
        ),
        Stage("report", report.VERSION, report.run, report.INPUTS, report.ReportSettings(survey=name)),
    ]


def run_survey(
    workspace: Path,
    *,
    quality: str = "standard",
    until: str | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
    workers: int = DEFAULT_WORKERS,
) -> list[StageResult]:
    """Bring a survey's stages up to date and put its products in place; a killed run goes on where it stopped.

    until: the last stage wanted; products/ is only touched by a full run. scheduler: address of a Dask scheduler.
    Raises what run_stages raises, NotFound when there is no such survey.
    """
    survey = read_survey(workspace)
    _check_outside(survey)

    def finish(results: list[StageResult]) -> None:
        if until is None or until == "report":
            from photogrammetry.survey_report import write_report

            place_products(workspace, {result.name: result.folder for result in results})
            write_report(workspace, None)

    return run_stages(
        workspace,
        plan_stages(survey, quality),
        survey.outside,
        until=until,
        scheduler=scheduler,
        progress=progress,
        workers=workers,
        finish=finish,
    )


def place_products(workspace: Path, folders: Mapping[str, Path]) -> None:
    """Put what others read into products/ and report/: hard links of the stages' files, exchanged as a whole."""
    products: dict[Path, Path] = {}
    for stage in PRODUCT_STAGES:
        below = Path("3dtiles") if stage == "tiles3d" else Path()
        for path in sorted(folders[stage].rglob("*")):
            if path.is_file() and path.suffix in PRODUCT_SUFFIXES and path.name != MANIFEST:
                products[path] = below / path.relative_to(folders[stage])
    _exchange(workspace / "products", products)
    report = folders["report"]
    _exchange(
        workspace / "report",
        {
            # The page of before stays until write_report replaces it, so that there is always one.
            **{
                path: Path(path.name)
                for path in (workspace / "report" / name for name in REPORT_FILES)
                if path.exists()
            },
            **{p: p.relative_to(report) for p in sorted(report.rglob("*")) if p.is_file() and p.name != MANIFEST},
        },
    )


def _exchange(target: Path, files: Mapping[Path, Path]) -> None:
    fresh, old = target.with_name(f".{target.name}.new"), target.with_name(f".{target.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    for source, name in files.items():
        (fresh / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, fresh / name)
        except OSError:
            shutil.copyfile(source, fresh / name)
    sync_tree(fresh)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def now() -> str:
    """Give the time now, RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
