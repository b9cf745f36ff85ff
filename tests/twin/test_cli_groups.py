"""A command loads its own group only, and says the same as with all of them loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from twin.cli.groups import GROUPS, Group, commands

LOADED = """
import sys
from twin.cli.groups import commands
commands(sys.argv[1:])
print(*sorted(name for name in sys.modules if name.startswith("twin.cli.") or name in ("numpy", "psycopg")))
"""


def test_every_command_at_the_top_belongs_to_the_group_that_says_so() -> None:
    said = {word for group in GROUPS for word in ((group.name,) if group.name else group.top_level)}
    assert set(typer.main.get_command(commands()).commands) == said  # type: ignore[attr-defined]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.module)
def test_a_groups_help_is_the_same_whether_it_is_loaded_alone_or_with_all(group: Group) -> None:
    word = group.name or group.top_level[0]
    alone, among_all = (CliRunner().invoke(commands(asked), [word, "--help"]) for asked in ([word], []))
    assert (alone.exit_code, alone.output) == (0, among_all.output)
    assert f"twin {word}" in alone.output


def test_what_a_command_does_not_need_is_not_loaded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, "sample", "make"], capture_output=True, text=True, check=True
    )  # fmt: skip
    assert done.stdout.split() == ["twin.cli.groups", "twin.cli.sample"]
