"""What the repository promises about itself: its layout, its links, its commands, nothing of this machine in it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main

from twin.cli.groups import commands as twin_commands

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {
    *("twin", "ingest_gis", "photogrammetry", "api", "viewer", "data", "notebooks", "tests", "docs", "benchmarks"),
    *(
        "pyproject.toml",
        "Makefile",
        "README.md",
        "README.zh-CN.md",
        "CHANGELOG.md",
        "THREAT_MODEL.md",
        "LICENSE",
        ".ci",
        ".gitignore",
    ),
}


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).exists()]


def test_top_level_holds_only_what_was_agreed() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked_files()} == TOP_LEVEL


def test_no_file_names_a_registry_host_or_a_path_of_one_machine() -> None:
    hosts = ["pypi" + ".org", "python" + "hosted", "registry." + "npmjs", "deb." + "debian.org"]
    paths = ["/" + "work/", "/" + "tmp/lab", "/" + "farm/"]
    words = re.compile("|".join(re.escape(word) for word in hosts + paths))
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in words.finditer(text)]
    assert not found


def test_modules_stay_readable() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked_files()
        if path.suffix == ".py" and (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long, "split them by what they do for the city"


@pytest.mark.parametrize(
    "page", sorted(p.relative_to(ROOT).as_posix() for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
)
def test_links_in_documents_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [t.split("#")[0] for t in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in t]
    missing = [t for t in targets if t and not ((ROOT / page).parent / t).exists()]
    assert not missing


@pytest.mark.parametrize("page", sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("docs/*.md")))
def test_addresses_in_documents_can_be_typed_as_they_stand(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert all(address.isascii() for address in re.findall(r"https?://[^\s'\"`)]+", text)), "curl sends them raw"


def commands(group: Any, name: str = "twin") -> list[tuple[str, Any]]:
    if not hasattr(group, "commands"):
        return [(name, group)]
    return [pair for key, sub in group.commands.items() for pair in commands(sub, f"{name} {key}")]


@pytest.mark.parametrize(
    ("name", "command"), commands(typer.main.get_command(twin_commands())), ids=lambda v: str(v)[:40]
)
def test_every_command_has_an_example_and_stands_in_the_documents(name: str, command: Any) -> None:
    assert command.help, f"{name} says nothing of itself"
    assert "Example" in (command.epilog or "") + command.help, f"{name} --help shows no example"
    documents = "\n".join(p.read_text(encoding="utf-8") for p in ROOT.glob("docs/*.md"))
    assert name in documents, f"`{name}` is in no page of docs/"
