"""`twin up`: a busy port is named before anything starts; Ctrl-C stops everything it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from twin.cluster.server import stop
from twin.cluster.state import server_state
from twin.settings import read_settings

pytestmark = pytest.mark.slow
PATIENCE_S = 120.0


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="twin-up-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "var"
        stop(read_settings({"TWIN_DATA_DIR": str(Path(folder) / "var")}))


def twin_up(data_dir: Path, port: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "TWIN_DATA_DIR": str(data_dir), "TWIN_DATABASE_URL": ""}
    return subprocess.Popen(
        [sys.executable, "-m", "twin.cli.main", "up", "--port", str(port)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_busy_port_is_named_before_anything_is_started(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = twin_up(data_dir, port)
        said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert f"port {port}" in said
    assert f"--port {port + 1}" in said
    assert "Traceback" not in said
    assert not data_dir.exists()


def test_ctrl_c_stops_all_that_was_started(data_dir: Path) -> None:
    port = free_port()
    process = twin_up(data_dir, port)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                assert answer.status == 200
                break
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said
    assert f"http://127.0.0.1:{port}/" in said
    assert "Traceback" not in said
    assert not server_state(read_settings({"TWIN_DATA_DIR": str(data_dir)})).running
