"""The list of shipped data: file, sha256, source, licence. `python -m twin.manifest` renews the hashes."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

from twin.settings import SHIPPED_DATA

NAME = "MANIFEST"
COLUMNS = ("file", "sha256", "source", "licence")


def read_manifest(folder: Path = SHIPPED_DATA) -> dict[str, dict[str, str]]:
    """Read the list: path under the folder -> its row."""
    with (folder / NAME).open(encoding="utf-8", newline="") as handle:
        return {row["file"]: row for row in csv.DictReader(handle)}


def hash_files(folder: Path = SHIPPED_DATA) -> dict[str, str]:
    """Give path under the folder -> sha256 of every file that should be listed."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / NAME
    }


def manifest_problems(folder: Path = SHIPPED_DATA) -> list[str]:
    """Name the files that are changed, missing, not listed, or listed without source or licence."""
    listed, there = read_manifest(folder), hash_files(folder)
    problems = [f"{name} is not listed" for name in sorted(there.keys() - listed.keys())]
    for name, row in listed.items():
        if name not in there:
            problems.append(f"{name} is missing")
        elif there[name] != row["sha256"]:
            problems.append(f"{name} has changed")
        elif not row["source"] or not row["licence"]:
            problems.append(f"{name} lacks source or licence")
    return problems


def renew_manifest(folder: Path = SHIPPED_DATA) -> None:
    """Write the present hashes; a new file takes source and licence of its folder's others, or gets none."""
    listed = read_manifest(folder)
    rows = []
    for name, sha256 in hash_files(folder).items():
        beside = (row for other, row in listed.items() if Path(other).parent == Path(name).parent)
        known = listed.get(name) or next(beside, {"source": "", "licence": ""})
        rows.append({"file": name, "sha256": sha256, "source": known["source"], "licence": known["licence"]})
    with (folder / NAME).open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    renew_manifest()
