"""The notebook runs from its first cell to its last, on the tiny sample, and shows what it promises."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.thread.conftest import ROOT, clean_environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("notebook")]
NOTEBOOK = ROOT / "notebooks" / "one_click.ipynb"


def test_the_notebook_walks_from_photos_to_one_click(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    for name, value in {**clean_environment(), "MPLBACKEND": "agg"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TWIN_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TWIN_NOTEBOOK_SCALE", "tiny")
    try:
        NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": ROOT}}).execute()
    finally:
        stop_database(tmp_path / "var")
    printed = "".join(
        output.get("text", "") + output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    for promised in ("建筑 building", "高度 height", "地址 address", "网格 grid", "记录 record", "航片 photo"):
        assert promised in printed
    assert "building_height_median_abs_m" in printed


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


def stop_database(data_dir: Path) -> None:
    from twin.cluster.server import stop
    from twin.settings import read_settings

    stop(read_settings({"TWIN_DATA_DIR": str(data_dir)}))
