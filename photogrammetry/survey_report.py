"""The report of a survey: the figures of its stages, what each took, and how it compares with a truth if there is one.

This module and truth_report are the only ones that ever open a truth folder; no stage does. A comparison is kept
beside the products until they change, so that running the survey again does not lose it.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from photogrammetry.durable_files import read_json, sha256_text, write_json, write_text
from photogrammetry.products.acceptance import building_lines, checkpoint_lines, truth_lines
from photogrammetry.products.report_page import render_page
from photogrammetry.products.truth_report import compare_with_truth
from photogrammetry.stages import MANIFEST, read_measures
from twin.errors import BadInput

COMPARED = ("surface", "orthophoto", "buildings")
COMPARISON = "comparison.json"


def write_report(workspace: Path, truth: Path | None) -> dict[str, Any]:
    """Write report/report.json and report/report.html of a survey and give what report.json holds.

    workspace: a survey's folder after a full run. truth: truth/ of a sample, or None: what an earlier call compared
    stays as long as the products are the same bytes.
    Raises BadInput when the survey has not been processed to the end or truth holds no truth.
    """
    stages = workspace / "stages"
    read_measures(stages / "report")
    figures: dict[str, Any] = read_json(stages / "report" / "figures.json")
    measures = stage_measures(stages)
    compared = _compared(workspace, truth)
    lines = [*checkpoint_lines(figures), *(truth_lines(figures, compared) if compared else building_lines(figures))]
    content: dict[str, Any] = {
        **figures,
        "acceptance": lines,
        "stages": measures,
        "seconds": round(sum(entry["seconds"] for entry in measures), 1),
        "cpu_seconds": round(sum(entry["cpu_seconds"] for entry in measures), 1),
        "peak_mb": max(entry["peak_mb"] for entry in measures),
        **({"truth": compared} if compared else {}),
    }
    content = without_nan(content)
    folder = workspace / "report"
    folder.mkdir(exist_ok=True)
    known = _known_report(folder)
    if known is not None and _facts(known) == _facts(content):
        return known
    write_json(folder / "report.json", content)
    write_text(folder / "report.html", render_page(content))
    return content


def _known_report(folder: Path) -> dict[str, Any] | None:
    if not (folder / "report.html").exists():
        return None
    try:
        known: dict[str, Any] = read_json(folder / "report.json")
    except (OSError, ValueError):
        return None
    return known


def _facts(content: dict[str, Any]) -> dict[str, Any]:
    """Leave out which stages the last run found done: a run that changed nothing leaves the report as published."""
    return {**content, "stages": [{**stage, "resumed": None} for stage in content.get("stages", [])]}


def truth_beside(photos_dir: Path) -> Path | None:
    """Find the truth of a made sample: truth/ beside the folder of its photos, where sample.json stands; or None."""
    sample = photos_dir.parent
    known = (sample / "sample.json").is_file() and (sample / "truth" / "truth.json").is_file()
    return sample / "truth" if known else None


def stage_measures(stages: Path) -> list[dict[str, Any]]:
    """Give what each finished stage took when it was last built, in the order in which they build on each other.

    stages: folder of the stages. resumed: the last run found its files still good and did not build it again.
    """
    manifests = {path.parent.name: read_json(path) for path in sorted(stages.glob(f"[!.]*/{MANIFEST}"))}
    before = {name: [n for n in content["inputs"] if n in manifests] for name, content in manifests.items()}
    order = TopologicalSorter(before).static_order()
    return [{"name": name, **asdict(read_measures(stages / name))} for name in order]


def _compared(workspace: Path, truth: Path | None) -> dict[str, Any] | None:
    """Compare with the truth given and keep it; without one, give what was kept of these very products."""
    kept, products = workspace / COMPARISON, _products_digest(workspace / "stages")
    if truth is None:
        known = read_json(kept) if kept.exists() else {}
        return known["truth"] if known.get("products") == products else None
    if not (workspace / "products" / "dsm.tif").exists():
        raise BadInput(
            "there are no products to compare", where=workspace.name, do="Run `twin survey run NAME` to its end"
        )
    found: dict[str, Any] = without_nan(compare_with_truth(workspace / "products", truth))
    write_json(kept, {"products": products, "truth": found})
    return found


def _products_digest(stages: Path) -> str:
    return sha256_text({name: read_json(stages / name / MANIFEST)["outputs"] for name in COMPARED})


def without_nan(value: Any) -> Any:
    """Give JSON-able content with None in place of NaN and infinity, which JSON does not know."""
    if isinstance(value, dict):
        return {key: without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
