"""Every shipped data file is listed with its hash, source and licence."""

from __future__ import annotations

from pathlib import Path

import pytest

from twin.manifest import manifest_problems, renew_manifest


def test_the_shipped_data_is_what_the_manifest_says() -> None:
    assert manifest_problems() == [], "after a wanted change: python -m twin.manifest, then fill in source and licence"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text("a")
    (tmp_path / "MANIFEST").write_text("file,sha256,source,licence\na.csv,,somebody,CC0\n")
    renew_manifest(tmp_path)
    return tmp_path


def test_changed_missing_and_unlisted_files_are_named(folder: Path) -> None:
    assert manifest_problems(folder) == []
    (folder / "a.csv").write_text("b")
    (folder / "new.csv").write_text("n")
    assert manifest_problems(folder) == ["new.csv is not listed", "a.csv has changed"]
    (folder / "a.csv").unlink()
    assert "a.csv is missing" in manifest_problems(folder)


def test_renewing_keeps_source_and_licence_and_asks_for_those_of_new_folders(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "b.csv").write_text("b")
    (folder / "c.csv").write_text("c")
    renew_manifest(folder)
    assert (
        "a.csv,ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb,somebody,CC0"
        in (folder / "MANIFEST").read_text()
    )
    assert manifest_problems(folder) == ["other/b.csv lacks source or licence"]
