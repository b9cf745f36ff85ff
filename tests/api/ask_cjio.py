"""cjio in a process of its own: importing it makes Python's json write six decimals everywhere else, too.

As a program: reads a CityJSON document or sequence from standard input and prints what cjio makes of it, as JSON.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any


def cjio_reads(text: str, *, lines: bool = False) -> dict[str, Any]:
    """Give what cjio makes of a document (lines: of a sequence): version, vertices to clean, objects, metadata."""
    command = [sys.executable, "-m", "tests.api.ask_cjio", "lines" if lines else "document"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _read(text: str, form: str) -> dict[str, Any]:
    from cjio import cityjson

    model = cityjson.read_stdin() if form == "lines" else cityjson.CityJSON(j=json.loads(text))
    return {
        "version": model.get_version(),
        "duplicate_vertices": model.remove_duplicate_vertices(),
        "orphan_vertices": model.remove_orphan_vertices(),
        "metadata": model.j["metadata"],
        "objects": model.j["CityObjects"],
    }


if __name__ == "__main__":
    given = sys.stdin.read()
    sys.stdin = io.StringIO(given)
    sys.stdout.write(json.dumps(_read(given, sys.argv[1])))
