"""A lean HTTP client for measuring: kept connections, and of an answer only where it ends is read."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil


@dataclass(frozen=True)
class Run:
    """What some requests took: wall seconds of each (sorted), of all; processor seconds of server and database."""

    seconds: list[float]
    wall_s: float
    server_s: float
    database_s: float
    bytes: int

    @property
    def per_s(self) -> float:
        """Give requests a second."""
        return len(self.seconds) / self.wall_s

    def at(self, share: float) -> float:
        """Give the milliseconds that so large a share of the requests keeps."""
        return self.seconds[min(len(self.seconds) - 1, int(len(self.seconds) * share))] * 1000


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


def run(url: str, paths: list[str], clients: int, database: Backends) -> Run:
    """Ask all paths, shared among so many clients; each client asks again as soon as it is answered.

    Raises RuntimeError when an answer is neither 200 nor 204.
    """
    process = process_at(url)
    server_before, database_before = _spent(process), database.spent()
    started = time.perf_counter()
    seconds, size = asyncio.run(_all(url, paths, clients))
    wall = time.perf_counter() - started
    return Run(sorted(seconds), wall, _spent(process) - server_before, database.spent() - database_before, size)


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
