"""Run a document's shell blocks and compare what they print with what the document shows.

A block ```sh is run; the ```text block behind it shows its output. Numbers, hashes and bars differ from machine to
machine, so they are masked on both sides; a line `...` stands for lines left out. Every other line shown must be
printed, in the order shown.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MASK = re.compile(r"\b[0-9a-f]{12,}\b|[-+]?\d+(?:[.,:]\d+)*|[━╸╺─]+|\s+")


@dataclass(frozen=True)
class Step:
    """One block of commands and the output the document shows for it (None: it shows none)."""

    commands: str
    shown: str | None


def read_steps(document: Path) -> list[Step]:
    """Read the blocks of a document in order."""
    steps: list[Step] = []
    for kind, body in BLOCK.findall(document.read_text(encoding="utf-8")):
        if kind == "sh":
            steps.append(Step(body, None))
        elif steps and steps[-1].shown is None:
            steps[-1] = Step(steps[-1].commands, body)
    return steps


def masked(line: str) -> str:
    """Make lines comparable: no numbers, hashes, bars, runs of blanks."""
    return MASK.sub(lambda m: " " if m.group().isspace() else "#", line).strip()


def missing_lines(shown: str, printed: str) -> list[str]:
    """Give the shown lines that are not printed in the order shown."""
    lines = iter([masked(line) for line in printed.splitlines()])
    return [
        wanted
        for wanted in shown.splitlines()
        if wanted.strip() and wanted.strip() != "..." and not any(masked(wanted) == line for line in lines)
    ]


def run_steps(steps: list[Step], cwd: Path, environment: dict[str, str], timeout_s: float) -> list[str]:
    """Run all blocks in one shell, so that variables and background programs live on; give each block's output.

    Raises AssertionError with the output so far when a command fails.
    """
    mark = "=== end of block ==="
    script = "set -euo pipefail\n" + "".join(f"{step.commands}\necho '{mark}'\n" for step in steps)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        timeout=timeout_s,
        check=False,
    )
    text = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, text[-6000:]
    outputs = text.split(f"{mark}\n")[:-1]
    assert len(outputs) == len(steps)
    return outputs
