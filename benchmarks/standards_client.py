"""Lean HTTP clients for measuring: wrk where questions may repeat, else one that reads only where an answer ends."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

WRK = shutil.which("wrk") or ""
WRK_SCRIPT = """
local paths, at = {%s}, 0
function request()
  at = at %% #paths + 1
  return wrk.format("GET", paths[at])
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('SUMMARY{"requests": %%d, "us": %%d, "bytes": %%d, "p50": %%f, "p99": %%f, "bad": %%d}',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Run:
    """What some requests took: how many, wall seconds of all, processor seconds of server and database, bytes."""

    count: int
    wall_s: float
    server_s: float
    database_s: float
    bytes: int
    p50_ms: float
    p99_ms: float

    @property
    def per_s(self) -> float:
        """Give requests a second."""
        return self.count / self.wall_s


def process_at(url: str) -> psutil.Process | None:
    """Find the process that listens at an address, to ask it for its processor time."""
    port = urlsplit(url).port
    for found in psutil.net_connections("tcp"):
        if found.status == psutil.CONN_LISTEN and found.laddr.port == port and found.pid:
            return psutil.Process(found.pid)
    return None


def _spent(process: psutil.Process | None) -> float:
    if process is None:
        return float("nan")
    times = process.cpu_times()
    return float(times.user + times.system)


class Backends:
    """The database's processes; those that end meanwhile are counted by what their parent has waited for."""

    def __init__(self, postmaster: int) -> None:
        """postmaster: its process number."""
        self._parent = psutil.Process(postmaster)

    def spent(self) -> float:
        """Give the processor seconds of all of them so far."""
        own = self._parent.cpu_times()
        total = own.children_user + own.children_system
        for child in self._parent.children():
            try:
                total += _spent(child)
            except psutil.NoSuchProcess:
                continue
        return float(total)


def run(url: str, paths: list[str], clients: int, database: Backends, *, repeat_s: float = 0.0) -> Run:
    """Ask all paths, shared among so many clients; each client asks again as soon as it is answered.

    repeat_s: ask them again and again for so long, with wrk where it is installed (Debian package wrk): it takes a
    tenth of the processor's time of the client here. Raises RuntimeError when an answer is neither 200 nor 204.
    """
    process = process_at(url)
    server_before, database_before = _spent(process), database.spent()
    if repeat_s and WRK:
        count, wall, size, p50_ms, p99_ms = _with_wrk(url, paths, clients, repeat_s)
    else:
        started = time.perf_counter()
        seconds, size = asyncio.run(_all(url, paths, clients))
        count, wall = len(seconds), time.perf_counter() - started
        p50_ms, p99_ms = (sorted(seconds)[min(count - 1, int(count * share))] * 1000 for share in (0.5, 0.99))
    server_s, database_s = _spent(process) - server_before, database.spent() - database_before
    return Run(count, wall, server_s, database_s, size, p50_ms, p99_ms)


def _with_wrk(url: str, paths: list[str], clients: int, seconds: float) -> tuple[int, float, int, float, float]:
    """Give requests, seconds, bytes, p50 and p99 in milliseconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(WRK_SCRIPT % ",\n".join(json.dumps(path) for path in paths))
        script.flush()
        command = [WRK, "-t1", f"-c{clients}", f"-d{seconds:.0f}s", "--timeout", "20s", "-s", script.name, url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout.split("SUMMARY", 1)[1])
    if said["bad"]:
        raise RuntimeError(f"{paths[0]}: {said['bad']} answers were no answers")
    return said["requests"], said["us"] / 1e6, said["bytes"], said["p50"] / 1000, said["p99"] / 1000


async def _all(url: str, paths: list[str], clients: int) -> tuple[list[float], int]:
    found = await asyncio.gather(*(_some(url, paths[number::clients]) for number in range(clients)))
    return [one for seconds, _ in found for one in seconds], sum(size for _, size in found)


async def _some(url: str, paths: list[str]) -> tuple[list[float], int]:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=2**24)
    seconds, size = [], 0
    for path in paths:
        began = time.perf_counter()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nAccept: */*\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if head[9:12] not in (b"200", b"204"):
            raise RuntimeError(f"{path}: {head[:200]!r} {(await reader.read(500))!r}")
        size += await _body(reader, head)
        seconds.append(time.perf_counter() - began)
    writer.close()
    return seconds, size


async def _body(reader: asyncio.StreamReader, head: bytes) -> int:
    if b"transfer-encoding: chunked" in head:
        size = 0
        while length := int(await reader.readline(), 16):
            size += len(await reader.readexactly(length + 2)) - 2
        await reader.readline()
        return size
    _, found, rest = head.partition(b"content-length: ")
    length = int(rest.split(b"\r\n", 1)[0]) if found else 0
    return len(await reader.readexactly(length)) if length else 0
