"""A Dask cluster does the work of a survey as this machine does, to the same bytes, and says what it lacks."""

from __future__ import annotations

import os
import socket
import threading

import dask
import pytest
from distributed import LocalCluster

from photogrammetry import workers
from photogrammetry.workers import DaskCluster, LocalProcesses, Tools, open_backend
from tests.photogrammetry.survey_runs import STAGES, Run, products, register
from twin.errors import BadInput, SchedulerUnavailable, WorkerLost


def local_cluster(count):
    """Start workers in processes of their own, as `dask worker` does, and no page to look at them."""
    return LocalCluster(n_workers=count, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0")


@pytest.fixture(scope="module")
def cluster():
    with local_cluster(2) as started:
        yield started


@pytest.fixture
def tools(cluster):
    backend = open_backend(cluster.scheduler_address)
    yield Tools("toy", backend)
    backend.close()


@pytest.mark.slow
def test_a_cluster_gives_the_same_bytes_as_this_machine(unbroken, cluster, tmp_path):
    workspace = register(tmp_path, unbroken.given)
    built = Run(workspace, scheduler=cluster.scheduler_address).finish()
    assert dict.fromkeys(STAGES, "it has not been finished before") == built
    assert products(workspace) == products(unbroken.workspace)


def square(number):
    return number * number


def refuse(number):
    raise BadInput(f"not {number}")


def die(number):
    os._exit(1)


def say_and_wait(fifo):
    with open(fifo, "w"):  # noqa: PTH123 - opens when the other side listens
        pass
    with open(fifo + ".never"):  # noqa: PTH123 - opens when somebody writes: never
        pass


def test_results_come_in_the_order_of_the_items_and_cpu_time_is_counted(tools):
    assert isinstance(tools.backend, DaskCluster)
    assert tools.workers == 2
    assert tools.map(square, list(range(30)), "squares") == [number * number for number in range(30)]
    assert tools.map(square, [], "nothing") == []
    assert tools.task_cpu_seconds > 0


def test_what_a_task_raises_arrives_here(tools):
    with pytest.raises(BadInput, match="not 3"):
        tools.map(refuse, [3], "refusals")


@pytest.mark.kill
def test_workers_that_die_on_a_task_are_named():
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), local_cluster(1) as mortal:
        backend = DaskCluster(mortal.scheduler_address)
        with pytest.raises(WorkerLost, match="finished stages are kept"):
            Tools("toy", backend).map(die, [1], "deaths")
        backend.close()


@pytest.mark.kill
def test_a_process_of_this_machine_that_dies_is_named():
    backend = LocalProcesses(1)
    with pytest.raises(WorkerLost, match=r"memory ran out.*finished stages are kept"):
        Tools("toy", backend).map(die, [1], "deaths")
    assert Tools("toy", backend).map(square, [2], "squares") == [4], "a new pool is started"
    backend.close()


def test_a_scheduler_that_does_not_answer_is_said_with_what_to_do(monkeypatch):
    monkeypatch.setattr(workers, "ANSWER_S", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
    for where in (address, "nonsense://here"):
        with pytest.raises(SchedulerUnavailable) as caught:
            open_backend(where)
        assert str(caught.value) == (
            f"{where}: no Dask scheduler answers there. Start one with `dask scheduler` and workers with `dask worker "
            "ADDRESS`, or leave --scheduler out."
        )


def test_a_scheduler_without_workers_is_said_instead_of_waiting_for_ever(monkeypatch):
    monkeypatch.setattr(workers, "ANSWER_S", 1)
    with (
        local_cluster(0) as empty,
        pytest.raises(SchedulerUnavailable, match=r"this Dask scheduler has no workers.*dask worker ADDRESS"),
    ):
        DaskCluster(empty.scheduler_address)


def test_a_scheduler_that_goes_away_in_the_middle_is_said(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    os.mkfifo(f"{fifo}.never")
    lost = local_cluster(1)
    backend = DaskCluster(lost.scheduler_address)

    def leave():
        fifo.read_text()
        lost.close()

    leaver = threading.Thread(target=leave)
    leaver.start()
    with pytest.raises(SchedulerUnavailable, match=r"went away in the middle.*finished stages are kept"):
        Tools("toy", backend).map(say_and_wait, [str(fifo)], "waits")
    leaver.join()
    backend.close()
