"""The stage engine, on toy stages: what is done stays done, what is damaged or outdated is done again, nothing else."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photogrammetry.durable_files import read_json
from photogrammetry.run_lock import only_one_run
from photogrammetry.stages import MANIFEST, Stage, is_finished, read_measures
from tests.photogrammetry.toy_stages import Factor, Toy, last, plan, ran
from twin.errors import BadInput, Conflict, SchedulerUnavailable

pytestmark = pytest.mark.usefixtures("no_power_cut")


def test_a_first_run_does_every_stage_and_a_second_none(toy):
    done, reasons = toy.run()
    assert done == ["double", "total", "other", "last"]
    assert set(reasons.values()) == {"it has not been finished before"}
    products = toy.products()
    assert set(products) == {
        "double/doubled.txt", "double/deep/er/first.txt", "total/total.txt", "other/other.txt", "last/last.txt",
    }  # fmt: skip
    assert toy.run() == ([], {})
    assert toy.products() == products
    assert toy.hidden() == []


def test_a_manifest_tells_inputs_settings_outputs_and_costs(toy):
    toy.run()
    manifest = read_json(toy.workspace / "stages" / "double" / MANIFEST)
    assert manifest["stage"] == "double"
    assert manifest["version"] == 1
    assert manifest["settings"] == {"factor": 2}
    assert set(manifest["inputs"]) == {"numbers"}
    assert set(manifest["outputs"]) == {"doubled.txt", "deep/er/first.txt"}
    assert all(len(sha) == 64 for sha in [*manifest["inputs"].values(), *manifest["outputs"].values()])
    measures = read_measures(toy.workspace / "stages" / "double")
    assert measures.seconds >= 0
    assert measures.peak_mb > 10
    assert not measures.resumed
    toy.run()
    assert read_measures(toy.workspace / "stages" / "double").resumed


def test_until_stops_after_a_stage_and_an_unknown_one_is_refused(toy):
    assert toy.run(until="total")[0] == ["double", "total"]
    assert is_finished(toy.workspace / "stages" / "total")
    assert not is_finished(toy.workspace / "stages" / "last")
    with pytest.raises(BadInput, match=r"totla: there is no such stage.*double, total, other, last"):
        toy.run(until="totla")
    assert toy.run()[0] == ["other", "last"]
    with pytest.raises(BadInput, match="not been finished"):
        read_measures(toy.workspace / "stages" / "nothing")


def test_a_stage_whose_input_nothing_gives_is_refused(toy):
    with pytest.raises(BadInput, match="needs nothing-such"):
        toy.run([Stage("lost", 1, last, ("nothing-such",), Factor())])


def test_a_changed_setting_reruns_only_what_depends_on_it(toy):
    toy.run()
    assert toy.run(plan(third=7)) == (
        ["other", "last"],
        {"other": "its settings changed", "last": "its inputs changed: other"},
    )


def test_a_changed_version_reruns_the_stage_and_goes_on_only_if_its_bytes_changed(toy):
    toy.run()
    assert toy.run(plan(version=2)) == (["double"], {"double": "its method changed"})


def test_a_changed_input_reruns_what_depends_on_it(toy):
    toy.run()
    (toy.numbers / "c.txt").write_text("1000")
    done, reasons = toy.run()
    assert done == ["double", "total", "last"]
    assert reasons["double"] == "its inputs changed: numbers"
    # One more of 113 changes the first stage, not its tens: what comes after stands.
    (toy.numbers / "a.txt").write_text("1 2 3 0")
    assert toy.run()[0] == ["double", "total"]


def test_a_file_that_is_given_later_or_renamed_is_a_changed_input(toy):
    toy.run()
    toy.extra = toy.numbers.parent / "extra.csv"
    toy.extra.write_text("abc")
    assert toy.run()[0] == ["other", "last"]
    (toy.numbers / "a.txt").rename(toy.numbers / "aa.txt")
    assert toy.run()[0] == ["double"]


def test_a_shapefile_is_known_by_all_its_files(toy, tmp_path):
    toy.extra = tmp_path / "outlines.shp"
    for suffix in (".shp", ".dbf", ".prj"):
        toy.extra.with_suffix(suffix).write_text("x")
    toy.run()
    toy.extra.with_suffix(".dbf").write_text("other codes")
    assert toy.run()[1] == {"other": "its inputs changed: extra"}


@pytest.mark.parametrize("name", ["double/doubled.txt", "double/deep/er/first.txt", "total/total.txt", "last/last.txt"])
def test_a_flipped_byte_is_noticed_named_and_rebuilt(toy, name):
    toy.run()
    products = toy.products()
    path = toy.workspace / "stages" / name
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    stage, inside = name.split("/", 1)
    assert toy.run() == ([stage], {stage: f"damaged: {inside}"})
    assert toy.products() == products


@pytest.mark.parametrize("harm", ["missing", "extra", "empty", "manifest missing", "manifest half"])
def test_a_file_too_few_or_too_many_or_cut_off_is_noticed(toy, harm):
    toy.run()
    products = toy.products()
    folder = toy.workspace / "stages" / "total"
    if harm == "missing":
        (folder / "total.txt").unlink()
    elif harm == "extra":
        (folder / "stray.txt").write_text("5")
    elif harm == "empty":
        (folder / "total.txt").write_text("")
    elif harm == "manifest missing":
        (folder / MANIFEST).unlink()
    else:
        whole = (folder / MANIFEST).read_text()
        (folder / MANIFEST).write_text(whole[: len(whole) // 2])
    done, reasons = toy.run()
    assert done == ["total"]
    assert reasons["total"].startswith("it has not been" if harm.startswith("manifest") else "damaged: ")
    assert toy.products() == products


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_any_flipped_bit_anywhere_heals_and_costs_one_stage_at_most(data):
    with tempfile.TemporaryDirectory() as folder:
        toy = Toy(Path(folder))
        toy.run()
        products = toy.products()
        files = sorted(path for path in (toy.workspace / "stages").rglob("*") if path.is_file())
        path = data.draw(st.sampled_from(files))
        content = bytearray(path.read_bytes())
        # A manifest is now longer, now shorter: what is drawn may not depend on it.
        content[data.draw(st.integers(0, 10_000)) % len(content)] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        stage = path.relative_to(toy.workspace / "stages").parts[0]
        done, reasons = toy.run()
        assert done in ([stage], []) if path.name == MANIFEST else done == [stage]
        assert toy.products() == products
        assert list(reasons) == done
        assert toy.run() == ([], {})


@settings(deadline=None, max_examples=40)
@given(
    moves=st.lists(
        st.sampled_from(["first", "second", "third", "version", "input", "damage", "cut"]), min_size=1, max_size=6
    )
)
def test_whatever_happens_in_between_a_run_ends_like_a_fresh_one(moves):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "one").mkdir()
        (Path(folder) / "two").mkdir()
        toy, fresh = Toy(Path(folder) / "one"), Toy(Path(folder) / "two")
        options = {"first": 2, "second": 1, "third": 1, "version": 1}
        for move in moves:
            until = "total" if move == "cut" else None
            toy.run(plan(**options), until=until)
            if move in options:
                options[move] += 1
            elif move == "input":
                for each in (toy, fresh):
                    (each.numbers / "a.txt").write_text(f"{sum(options.values())} 4")
            elif move == "damage":
                (toy.workspace / "stages" / "total" / "total.txt").write_text("9")
        toy.run(plan(**options))
        fresh.run(plan(**options))
        assert toy.products() == fresh.products()
        assert toy.run(plan(**options)) == ([], {})


def test_what_is_put_in_place_is_on_the_disk_before_and_the_manifest_comes_last(toy, monkeypatch):
    synced, placed = set(), []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.add(os.fstat(handle).st_ino))
    rename, replace = Path.rename, Path.replace

    def watched(self, target):
        assert {p.stat().st_ino for p in [self, *self.rglob("*")]} <= synced, f"{target} is not on the disk"
        placed.append(Path(target).name)
        return rename(self, target)

    def watched_replace(self, target):
        assert self.stat().st_ino in synced, f"{target} is not on the disk"
        placed.append(f"{Path(target).parent.name}/{Path(target).name}")
        return replace(self, target)

    monkeypatch.setattr(Path, "rename", watched)
    monkeypatch.setattr(Path, "replace", watched_replace)
    toy.run()
    assert placed == [name for stage in ("double", "total", "other", "last") for name in (stage, f"{stage}/{MANIFEST}")]


def test_leftover_temporary_folders_are_cleared_and_never_taken_for_results(toy):
    toy.run()
    products = toy.products()
    stages = toy.workspace / "stages"
    for name in (".total.abc.tmp", ".last.def.tmp.old"):
        shutil.copytree(stages / "total", stages / name)
    (stages / "total" / f".{MANIFEST}.tmp").write_text("{half")
    assert toy.run() == ([], {})
    assert toy.hidden() == []
    assert toy.products() == products


def test_a_stage_that_fails_leaves_the_others_and_nothing_half_done(toy):
    def broken(inputs, output_dir, settings, tools):
        (output_dir / "half.txt").write_text("half")
        raise BadInput("no luck", do="Try again")

    stages = [*plan()[:3], Stage("last", 1, broken, ("total", "other"), Factor())]
    with pytest.raises(BadInput, match="no luck"):
        toy.run(stages)
    assert toy.hidden() == []
    assert not (toy.workspace / "stages" / "last").exists()
    assert toy.run()[0] == ["last"]
    before = toy.products()
    with pytest.raises(BadInput, match="no luck"):
        toy.run([*stages[:3], Stage("last", 2, broken, ("total", "other"), Factor())])
    assert toy.products() == before, "a failed rebuild must not take away what was there"


def test_what_belongs_to_the_run_is_done_under_its_lock(toy):
    seen = []

    def finish(results):
        with pytest.raises(Conflict), only_one_run(toy.workspace):
            pass
        seen.extend(result.name for result in results)

    toy.run(finish=finish)
    assert seen == ["double", "total", "other", "last"]


def test_a_second_run_at_the_same_time_is_refused_and_the_lock_ends_with_its_process(toy):
    toy.run()
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    holder = context.Process(target=hold_the_lock, args=(toy.workspace, there))
    holder.start()
    assert here.recv() == "held"
    with pytest.raises(Conflict, match=rf"processed already \(process {holder.pid}\).*[Ww]ait"):
        toy.run()
    os.kill(int(holder.pid or 0), signal.SIGKILL)
    holder.join()
    assert toy.run() == ([], {})


def hold_the_lock(workspace, pipe):
    with only_one_run(workspace):
        pipe.send("held")
        pipe.recv()


def test_a_scheduler_that_does_not_answer_is_named_before_any_stage(toy, monkeypatch):
    def refuse(*args, **options):
        raise SchedulerUnavailable("no Dask scheduler answers there", where=args[0], do="Start one")

    monkeypatch.setattr("photogrammetry.stages.open_backend", refuse)
    with pytest.raises(SchedulerUnavailable, match="tcp://nowhere:1"):
        toy.run(scheduler="tcp://nowhere:1")
    assert ran == []
