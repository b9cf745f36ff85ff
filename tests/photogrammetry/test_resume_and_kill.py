"""A survey that is killed, damaged or asked for otherwise ends with the same bytes as an unbroken run."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from photogrammetry.stages import MANIFEST
from tests.photogrammetry.survey_runs import NAME, STAGES, Run, flip_a_byte, products, register

KILLS = 20
SEED = 20


def _copy(unbroken, tmp_path):
    workspace = tmp_path / NAME
    shutil.copytree(unbroken.workspace, workspace)
    return workspace


@pytest.mark.kill
@pytest.mark.slow
def test_killed_at_twenty_random_moments_a_run_ends_with_the_same_bytes(unbroken, tmp_path):
    chooser = np.random.default_rng(SEED)
    stages = sorted([*STAGES, *chooser.choice(STAGES, KILLS - len(STAGES))], key=STAGES.index)
    workspace = register(tmp_path, unbroken.given)
    hit = []
    for stage in stages:
        run = Run(workspace)
        hit.append(run.kill_in(stage, chooser.random() * unbroken.seconds[stage]))
    Run(workspace).finish()
    assert products(workspace) == products(unbroken.workspace)
    assert sorted(path.name for path in (workspace / "stages").iterdir()) == sorted(STAGES), "leftovers"
    killed = [stage for stage in hit if stage]
    assert len(killed) >= KILLS - 2, hit
    assert len(set(killed)) >= 10, hit


@pytest.mark.slow
def test_a_flipped_byte_in_every_stage_is_named_and_rebuilt_to_the_same_bytes(unbroken, tmp_path):
    chooser = np.random.default_rng(SEED)
    workspace = _copy(unbroken, tmp_path)
    expected = {}
    for stage in STAGES:
        folder = workspace / "stages" / stage
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
        filled = [path for path in files if path.stat().st_size]
        chosen = filled[chooser.integers(len(filled))]
        flip_a_byte(chosen, chooser)
        expected[stage] = f"damaged: {chosen.relative_to(folder).as_posix()}"
    assert Run(workspace).finish() == expected
    assert products(workspace) == products(unbroken.workspace)


def test_a_changed_quality_reruns_only_what_depends_on_it(unbroken, tmp_path):
    workspace = _copy(unbroken, tmp_path)
    built = Run(workspace, quality="fast").finish()
    # The tiny photos are smaller than either quality asks for: the same bytes come out, and nothing after reruns.
    assert {stage: why for stage, why in built.items() if why} == {
        "features": "its settings changed",
        "depth": "its settings changed",
    }
    assert products(workspace) == products(unbroken.workspace)


def test_a_second_run_uses_everything_and_puts_back_what_others_took_from_the_products(unbroken, tmp_path):
    workspace = _copy(unbroken, tmp_path)
    shutil.rmtree(workspace / "products")
    assert set(Run(workspace).finish().values()) == {None}
    assert products(workspace) == products(unbroken.workspace)
    assert not list(workspace.glob(".products*"))
