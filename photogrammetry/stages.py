"""The stage engine: what is done stays done, what is damaged or outdated is done again, and nothing else.

A stage writes into a temporary folder; its files are fsynced, the folder is renamed into place and the manifest
(sha256 of inputs, settings and outputs, and the stage's version) is written last. A folder without a manifest
does not exist. A stage runs again when its manifest does not match: another version, other settings, other
inputs, or a byte of its outputs changed. An input is known by its content, so a stage whose rebuilt outputs are
the same bytes makes nothing after it run again.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from photogrammetry.durable_files import digest, digest_files, read_json, sha256_text, sync_tree, write_json
from photogrammetry.full_disk import full_disk_named
from photogrammetry.measures import Measures, ResourceMeter
from photogrammetry.run_lock import only_one_run
from photogrammetry.workers import DEFAULT_WORKERS, Backend, Progress, Silence, Tools, one_thread, open_backend
from twin.errors import BadInput

MANIFEST = "manifest.json"
DAMAGED = "damaged"
StageRun = Callable[[Mapping[str, Path], Path, Any, Tools], None]


@dataclass(frozen=True)
class Stage:
    """One step of a pipeline.

    name: its folder under stages/. version: raised whenever its code would write other bytes. run(inputs,
    output_dir, settings, tools): writes into output_dir only; the same inputs and settings give the same bytes.
    inputs: names of earlier stages, or of outside files given to run_stages. settings: a frozen dataclass.
    """

    name: str
    version: int
    run: StageRun
    inputs: tuple[str, ...]
    settings: Any


@dataclass(frozen=True)
class StageResult:
    """What became of a stage in this run; rebuilt_because: why its files of before were not good, or None."""

    name: str
    folder: Path
    measures: Measures
    rebuilt_because: str | None


def run_stages(
    workspace: Path,
    stages: Sequence[Stage],
    outside: Mapping[str, Path | None],
    *,
    progress: Progress | None = None,
    until: str | None = None,
    scheduler: str | None = None,
    workers: int = DEFAULT_WORKERS,
    finish: Callable[[list[StageResult]], None] | None = None,
) -> list[StageResult]:
    """Bring every stage up to date, in order, and tell what was done.

    workspace: the survey's folder. outside: files or folders from outside by name; None: not given. until: last
    stage to run. scheduler: address of a Dask scheduler; None: `workers` processes here. finish: what else belongs
    to the run, done while no other can begin.
    Raises Conflict when another run holds the workspace, NoSpace when the disk is full, SchedulerUnavailable,
    BadInput for an unknown stage name, and what the stages raise.
    """
    chosen = _up_to(stages, until)
    kept = "nothing more could be written; all finished stages are kept"
    with full_disk_named(workspace, kept), only_one_run(workspace):
        root = workspace / "stages"
        root.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(root)
        digests = {name: digest(path) if path else None for name, path in outside.items()}
        backend = open_backend(scheduler, workers)
        try:
            results = _bring_up_to_date(chosen, root, outside, digests, backend, progress or Silence())
        finally:
            backend.close()
        if finish is not None:
            finish(results)
    return results


def _bring_up_to_date(
    stages: Sequence[Stage],
    root: Path,
    outside: Mapping[str, Path | None],
    digests: dict[str, str | None],
    backend: Backend,
    progress: Progress,
) -> list[StageResult]:
    results = []
    for number, stage in enumerate(stages, 1):
        progress.stage_started(stage.name, number, len(stages))
        folder = root / stage.name
        key = _key(stage, digests)
        reason = _why_rebuild(folder, key)
        if reason is None:
            measures = _reuse(folder)
        else:
            tools = Tools(stage.name, backend, progress)
            measures = _build(stage, folder, key, _paths(stage, root, outside), tools)
        digests[stage.name] = sha256_text(read_json(folder / MANIFEST)["outputs"])
        results.append(StageResult(stage.name, folder, measures, reason))
        progress.stage_finished(stage.name, measures.seconds, measures.resumed)
    return results


def read_measures(folder: Path) -> Measures:
    """Read what a finished stage took. Raises BadInput when the stage is not finished."""
    manifest = _manifest(folder)
    if manifest is None:
        raise BadInput("this stage has not been finished", where=folder.name, do="Run `twin survey run NAME`")
    return Measures(**manifest["measures"])


def is_finished(folder: Path) -> bool:
    """Tell whether a stage's folder has a manifest (its content is not checked)."""
    return _manifest(folder) is not None


def _up_to(stages: Sequence[Stage], until: str | None) -> Sequence[Stage]:
    names = [stage.name for stage in stages]
    if until is None:
        return stages
    if until not in names:
        raise BadInput("there is no such stage", where=until, do=f"Name one of: {', '.join(names)}")
    return stages[: names.index(until) + 1]


def _clear_leftovers(root: Path) -> None:
    for path in root.glob(".*"):
        # A worker of a killed run may still be writing for a moment; what it leaves is cleared by the next run.
        shutil.rmtree(path, ignore_errors=True)


def _key(stage: Stage, digests: Mapping[str, str | None]) -> dict[str, Any]:
    missing = [name for name in stage.inputs if name not in digests]
    if missing:
        raise BadInput(f"stage {stage.name} needs {', '.join(missing)}, which nothing gives it")
    return {
        "stage": stage.name,
        "version": stage.version,
        "settings": json.loads(json.dumps(asdict(stage.settings), default=str)),
        "inputs": {name: digests[name] for name in stage.inputs},
    }


def _paths(stage: Stage, root: Path, outside: Mapping[str, Path | None]) -> dict[str, Path]:
    given = {name: outside[name] if name in outside else root / name for name in stage.inputs}
    return {name: path for name, path in given.items() if path is not None}


def _manifest(folder: Path) -> dict[str, Any] | None:
    """Read a stage's manifest; None when there is none, or a damaged one."""
    try:
        content = read_json(folder / MANIFEST)
        Measures(**content["measures"])
        return content if isinstance(content["outputs"], dict) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _why_rebuild(folder: Path, key: dict[str, Any]) -> str | None:
    """Say why a stage must run again; None when its key and every byte of its outputs still match."""
    manifest = _manifest(folder)
    if manifest is None:
        return "it has not been finished before"
    for part, words in (("version", "its method changed"), ("settings", "its settings changed")):
        if manifest.get(part) != key[part]:
            return words
    if manifest.get("inputs") != key["inputs"]:
        before = manifest.get("inputs") or {}
        return f"its inputs changed: {', '.join(n for n, d in key['inputs'].items() if before.get(n) != d)}"
    (folder / f".{MANIFEST}.tmp").unlink(missing_ok=True)
    now, then = digest_files(folder, leave_out=MANIFEST), manifest.get("outputs") or {}
    damaged = sorted(name for name in {*now, *then} if now.get(name) != then.get(name))
    return f"{DAMAGED}: {', '.join(damaged[:3])}" if damaged else None


def _reuse(folder: Path) -> Measures:
    manifest = read_json(folder / MANIFEST)
    before = Measures(**manifest["measures"])
    measures = replace(before, resumed=True)
    if not before.resumed:
        write_json(folder / MANIFEST, {**manifest, "measures": asdict(measures)})
    return measures


def _build(stage: Stage, folder: Path, key: dict[str, Any], inputs: Mapping[str, Path], tools: Tools) -> Measures:
    with full_disk_named(folder.parent, f"stage {stage.name} could not be written; all earlier stages are kept"):
        # A name of its own for every attempt: a worker that outlived a killed run can never write into this one.
        temporary = Path(tempfile.mkdtemp(prefix=f".{stage.name}.", suffix=".tmp", dir=folder.parent))
        try:
            temporary.chmod(0o755)
            with ResourceMeter(tools) as meter, one_thread():
                stage.run(inputs, temporary, stage.settings, tools)
            sync_tree(temporary)
            manifest = {**key, "outputs": digest_files(temporary), "measures": asdict(meter.measures())}
            _put_in_place(temporary, folder)
            write_json(folder / MANIFEST, manifest)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return meter.measures()


def _put_in_place(temporary: Path, folder: Path) -> None:
    """Swap the new folder in; the old one goes last, so that a full disk loses nothing."""
    old = folder.with_name(f"{temporary.name}.old")
    if folder.exists():
        folder.rename(old)
    temporary.rename(folder)
    sync_tree(folder.parent, deep=False)
    shutil.rmtree(old, ignore_errors=True)
