"""What this machine has, and the PostgreSQL settings that suit it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psutil

from twin.errors import NoSpace

MB = 1024 * 1024
LEAST_FREE_MB = 300
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_mb() -> int:
    """Tell the memory this process may use, in MB: the machine's or its container's, whichever is less."""
    total = int(psutil.virtual_memory().total)
    for path in CGROUP_LIMITS:
        try:
            text = path.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total // MB


def cores() -> int:
    """Tell how many processor cores this process may use."""
    return len(os.sched_getaffinity(0))


def free_mb(folder: Path) -> int:
    """Tell the free disk space, in MB, where a folder lies or will lie."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free // MB


def check_disk(folder: Path, least_mb: int = LEAST_FREE_MB) -> None:
    """Raise NoSpace when the disk of a folder has less than least_mb free."""
    free = free_mb(folder)
    if free < least_mb:
        raise NoSpace(
            f"only {free} MB are free, at least {least_mb} MB are needed",
            where=str(folder),
            do="Free some space or set TWIN_DATA_DIR to a larger disk",
        )


def _clip(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def server_settings(socket_folder: Path) -> dict[str, str]:
    """Choose the private cluster's settings for this machine.

    socket_folder: where its Unix socket lies; there is no TCP. Memory is shared with photogrammetry, so the
    server's own part is an eighth. Returns name -> value, as in postgresql.conf.
    """
    memory, processors = memory_mb(), cores()
    # A container's /dev/shm is often 64 MB, which parallel joins fill at once: then share memory through files.
    shm = Path("/dev/shm")  # noqa: S108
    small_shm = not shm.exists() or shutil.disk_usage(shm).total < 1024 * MB
    return {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_folder),
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": f"{_clip(memory // 8, 128, 8192)}MB",
        "effective_cache_size": f"{_clip(memory // 2, 256, 65536)}MB",
        "maintenance_work_mem": f"{_clip(memory // 32, 64, 1024)}MB",
        "work_mem": f"{_clip(memory // 512, 8, 64)}MB",
        "dynamic_shared_memory_type": "mmap" if small_shm else "posix",
        "max_worker_processes": str(max(8, processors)),
        "max_parallel_workers": str(processors),
        "max_parallel_workers_per_gather": str(_clip(processors // 2, 1, 4)),
        "max_parallel_maintenance_workers": str(_clip(processors // 2, 1, 4)),
        "synchronous_commit": "on",
        "max_wal_size": "2GB",
        "random_page_cost": "1.1",
        "jit": "off",  # answers take milliseconds; compiling them takes longer
        "client_connection_check_interval": "2s",  # a client that went away stops its query
        "idle_in_transaction_session_timeout": "10min",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_min_duration_statement": "-1",  # statements may hold personal data: never logged
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",  # details name key values
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "logging_collector": "off",
    }
