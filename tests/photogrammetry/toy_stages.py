"""Four toy stages that cost nothing, and a workspace for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from photogrammetry.durable_files import digest_files
from photogrammetry.stages import MANIFEST, Stage, run_stages

ran: list[str] = []
WRITES = {"os.mkdir", "os.rename", "os.chmod"}
CHANGES = {*WRITES, "os.remove", "os.rmdir"}


@dataclass(frozen=True)
class Factor:
    """What a toy stage multiplies by."""

    factor: int = 2


def _numbers(folder):
    return [int(word) for path in sorted(folder.rglob("*.txt")) for word in path.read_text().split()]


def double(inputs, output_dir, settings, tools):
    """Multiply each number; two files, one of them deeper."""
    ran.append("double")
    numbers = [settings.factor * value for value in _numbers(inputs["numbers"])]
    (output_dir / "doubled.txt").write_text(" ".join(map(str, numbers)))
    (output_dir / "deep" / "er").mkdir(parents=True)
    (output_dir / "deep" / "er" / "first.txt").write_text(str(numbers[0]))


def total(inputs, output_dir, settings, tools):
    """Sum up, and round down to tens: small changes before do not reach what comes after."""
    ran.append("total")
    (output_dir / "total.txt").write_text(str(sum(_numbers(inputs["double"])) // 10 * settings.factor))


def other(inputs, output_dir, settings, tools):
    """Stand apart from the chain."""
    ran.append("other")
    extra = inputs["extra"].read_text() if "extra" in inputs else "none"
    (output_dir / "other.txt").write_text(f"{settings.factor} {len(extra)}")


def last(inputs, output_dir, settings, tools):
    """Join both branches."""
    ran.append("last")
    (output_dir / "last.txt").write_text(f"{_numbers(inputs['total'])} {_numbers(inputs['other'])}")


def plan(*, first=2, second=1, third=1, version=1):
    return [
        Stage("double", version, double, ("numbers",), Factor(first)),
        Stage("total", 1, total, ("double",), Factor(second)),
        Stage("other", 1, other, ("extra",), Factor(third)),
        Stage("last", 1, last, ("total", "other"), Factor()),
    ]


class Toy:
    """A workspace with its outside files."""

    def __init__(self, root):
        self.workspace = root / "survey"
        self.numbers = root / "numbers"
        self.numbers.mkdir()
        (self.numbers / "a.txt").write_text("1 2 3")
        (self.numbers / "b.txt").write_text("50")
        self.extra = None

    def run(self, stages=None, **options):
        """Run and give (stages that ran, reasons by stage)."""
        ran.clear()
        outside = {"numbers": self.numbers, "extra": self.extra}
        results = run_stages(self.workspace, stages or plan(), outside, **options)
        assert [result.measures.resumed for result in results] == [r.rebuilt_because is None for r in results]
        return list(ran), {r.name: r.rebuilt_because for r in results if r.rebuilt_because}

    def products(self):
        """Give the sha256 of every output, manifests left out."""
        every = digest_files(self.workspace / "stages")
        return {name: sha for name, sha in every.items() if Path(name).name != MANIFEST}

    def hidden(self):
        return sorted(path.name for path in (self.workspace / "stages").rglob(".*"))
