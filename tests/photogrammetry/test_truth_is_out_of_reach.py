"""No stage looks at the truth: the pipeline runs where there is none, tries to open none, and names none."""

from __future__ import annotations

import ast
from pathlib import Path

from photogrammetry.stages import MANIFEST
from tests.photogrammetry.survey_runs import REPOSITORY

# What makes the sample writes the truth; what compares afterwards reads it.
MAY_KNOW = ("photogrammetry/sample/", "photogrammetry/survey_report.py", "photogrammetry/products/truth_report.py")
# What shows the figures of a comparison that others made.
SHOW_IT = ("photogrammetry/products/acceptance.py", "photogrammetry/products/report_page.py")
RUNS = "photogrammetry/survey.py"
WORDS = ("truth", "sample.json", "deliveries")


def test_the_pipeline_runs_to_its_end_where_there_is_no_truth(unbroken):
    assert sorted(path.name for path in unbroken.given.iterdir()) == ["footprints.gpkg", "gcp.csv", "photos"]
    assert (unbroken.workspace / "products" / "buildings.json").exists()


def test_no_process_of_a_run_tries_to_open_a_truth(unbroken):
    opened = {Path(path) for path in unbroken.opened}
    ours = [path for path in opened if path.is_relative_to(unbroken.workspace.parents[1])]
    assert unbroken.workspace / "stages" / "surface" / MANIFEST in opened, "the witness saw nothing"
    assert any(path.is_relative_to(unbroken.given / "photos") for path in ours)
    code = REPOSITORY / "photogrammetry"
    for path in opened:
        if not path.is_relative_to(code):
            assert not any(word in part.lower() for part in path.parts[-3:] for word in WORDS), path


def test_only_the_sample_and_the_comparison_afterwards_name_the_truth():
    named = [path for path in _modules() if _names_a_truth(path)]
    assert named
    assert [path for path in named if not path.startswith(MAY_KNOW) and path not in SHOW_IT] == []
    for path in SHOW_IT:
        text = (REPOSITORY / path).read_text(encoding="utf-8")
        assert not any(word in text for word in ("read_json", "read_text", "rasterio", "pyogrio")), path


def test_no_stage_imports_what_knows_the_truth():
    for path in _modules():
        if path.startswith(MAY_KNOW):
            continue
        tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
        imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import)]
        known = [text for text in imports if any(word in text for word in ("photogrammetry.sample", "_report import"))]
        # A run writes its report at its end, without a truth.
        allowed = ["from photogrammetry.survey_report import write_report"] if path == RUNS else []
        assert known == allowed, path
    calls = [
        ast.unparse(node)
        for node in ast.walk(ast.parse((REPOSITORY / RUNS).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "write_report"
    ]
    assert calls == ["write_report(workspace, None)"]


def _modules():
    return sorted(path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "photogrammetry").rglob("*.py"))


def _names_a_truth(path):
    """Tell whether a text of the code, docstrings left out, holds one of the words."""
    tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
    ]
    return any(word in text.lower() for text in texts for word in WORDS)
