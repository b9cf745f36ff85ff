"""Open files from outside in a child process that can do little harm.

The child has no network, cannot start programs, has bounded memory, processor time and written bytes, and knows one
GDAL driver only: the one of the format the file was recognised as. It streams what it reads to the parent as Arrow
batches, a format checked on arrival; the parent never unpickles anything.

Frames on the child's standard output: one letter (I info, B batch, E error, Z end), eight bytes of length, the body.
"""

from __future__ import annotations

import json
import os
import resource
import select
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import pyarrow as pa

from ingest_gis.no_network import cut_network
from ingest_gis.recognise import FileFormat, recognise
from twin.errors import TwinError, UnreadableDelivery

FRAME = struct.Struct(">cQ")
# How a child says that it had no memory left. CPython itself may end in a SystemError then, instead of a MemoryError.
OUT_OF_MEMORY = (b"MemoryError", b"SystemError", b"bad_alloc", b"memory allocation", b"Cannot allocate memory")
MAX_FRAME_BYTES = 1 << 30
READERS = {
    "vector": "ingest_gis.read_vector",
    "table": "ingest_gis.read_table",
    "cad": "ingest_gis.read_cad",
    "city_model": "ingest_gis.read_city_model",
    "city_gml": "ingest_gis.read_city_gml",
    "parquet": "ingest_gis.read_parquet",
    "cloud": "ingest_gis.read_cloud",
    "archive": "ingest_gis.read_archive",
}
ONLY_DRIVER = "TWIN_ONLY_DRIVER"
SCRATCH = "twin-read-"  # and the number of the process that made it
CHILD_ARGUMENTS = ("-m", "ingest_gis.gdal_guard")
# driver -> what its reader left out: the next reader of the kind need not find out again (and checks all the same).
_skipped: dict[str, str] = {}
Info = dict[str, Any]
EmitInfo = Callable[[Info], None]
EmitBatch = Callable[[pa.RecordBatch], None]


@dataclass(frozen=True)
class GuardLimits:
    """What one file may cost: bytes on disk, memory, processor seconds, silence in seconds, bytes written."""

    input_bytes: int = 64 << 30
    memory_bytes: int = 2 << 30
    cpu_s: int = 3600
    silence_s: float = 300.0
    written_bytes: int = 64 << 20


@dataclass(frozen=True)
class ReadOptions:
    """What to read and how: a layer (vector) or sheet (table) by name, an encoding if given, rows to a batch."""

    layer: str | None = None
    encoding: str | None = None
    batch_rows: int = 20_000


@dataclass
class GuardedFile:
    """A file being read in a guarded child; use as a context manager.

    info: what the child says before the first batch (layer, fields, crs, encoding, rows).
    """

    path: Path
    format: FileFormat
    options: ReadOptions = field(default_factory=ReadOptions)
    limits: GuardLimits = field(default_factory=GuardLimits)
    info: Info = field(default_factory=dict)

    def __enter__(self) -> GuardedFile:
        """Start the child and read its info; an open file stays as it is.

        Raises UnreadableDelivery when the file cannot be opened.
        """
        if self.info:
            return self
        if self.path.stat().st_size > self.limits.input_bytes:
            raise UnreadableDelivery(
                "文件太大 (the file is too large)", where=self.path.name, do="请分批交 (deliver it in parts)"
            )
        self._errors: IO[bytes] = tempfile.TemporaryFile()
        self._scratch = tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{os.getpid()}-")
        self._child = _start_child(self.path, self.format, self.options, self.limits, self._errors, self._scratch.name)
        try:
            kind, body = self._frame()
            if kind != b"I":
                raise self._failed(body)
            self.info = json.loads(body)
            if "skipped_drivers" in self.info:
                _skipped[str(self.format.driver)] = self.info["skipped_drivers"]
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop the child, whatever happened."""
        self.close()

    def close(self) -> None:
        """Stop the child if it still runs and let go of its pipes."""
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        self.info = {}
        for stream in (self._child.stdout, self._errors):
            if stream is not None:
                stream.close()
        self._scratch.cleanup()

    @property
    def folder(self) -> Path:
        """Where the child may write; it is gone when the file is closed."""
        return Path(self._scratch.name)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow batches.

        Columns: text, `_row_no` int64 (1 is the first data row) and, for vector files, `_wkb` binary.
        Raises UnreadableDelivery when the child fails, runs out of its limits or sends what Arrow does not accept.
        """
        while True:
            kind, body = self._frame()
            if kind == b"Z":
                return
            if kind != b"B":
                raise self._failed(body)
            try:
                with pa.ipc.open_stream(body) as stream:
                    for batch in stream:
                        batch.validate(full=True)
                        yield batch
            except pa.ArrowInvalid as error:
                raise self._broken("读出的数据不完整 (what was read is not sound)") from error

    def _frame(self) -> tuple[bytes, bytes]:
        kind, length = FRAME.unpack(self._bytes(FRAME.size))
        if length > MAX_FRAME_BYTES:
            raise self._broken("一批数据过大 (one batch of rows is too large)")
        return kind, self._bytes(length)

    def _bytes(self, count: int) -> bytes:
        """Read exactly so many bytes, giving up when the child is silent for too long or gone."""
        stream = self._child.stdout
        if stream is None:
            raise self._broken("读取进程没有输出 (the reader has no output)")
        parts, deadline = bytearray(), time.monotonic() + self.limits.silence_s
        while len(parts) < count:
            ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise self._broken(f"{self.limits.silence_s:.0f} 秒内没有读出数据 (nothing was read for that long)")
            piece = os.read(stream.fileno(), min(count - len(parts), 1 << 20))
            if not piece:
                raise self._died()
            parts += piece
            deadline = time.monotonic() + self.limits.silence_s
        return bytes(parts)

    def _failed(self, body: bytes) -> TwinError:
        """Make the error the child reported our own."""
        told = json.loads(body)
        return UnreadableDelivery(told["what"], where=self.path.name, do=told["do"])

    def _died(self) -> TwinError:
        self._child.wait()
        if self._child.returncode == -24:  # SIGXCPU
            return self._broken("读取用时超过限制 (reading took longer than allowed)")
        self._errors.seek(0)
        said = self._errors.read()
        if any(word in said for word in OUT_OF_MEMORY) or self._child.returncode in (-6, -9, -11):
            return self._broken(
                "读取所需内存超过限制或文件已损坏 (reading needs more memory than allowed, or the file is damaged)"
            )
        return self._broken("读取进程意外终止, 文件可能已损坏 (the reader stopped; the file may be damaged)")

    def _broken(self, what: str) -> UnreadableDelivery:
        return UnreadableDelivery(
            what, where=self.path.name, do="请重新导出或分成几份再交 (export it again, or deliver it in parts)"
        )


def open_guarded(path: Path, options: ReadOptions | None = None, limits: GuardLimits | None = None) -> GuardedFile:
    """Recognise a file and prepare to read it in a guarded child; the answer is a context manager.

    Raises UnreadableDelivery for a file that is not taken or not what its name says.
    """
    path = path.resolve()
    return GuardedFile(path, recognise(path), options or ReadOptions(), limits or GuardLimits())


def _start_child(
    path: Path, fmt: FileFormat, options: ReadOptions, limits: GuardLimits, errors: IO[bytes], scratch: str
) -> subprocess.Popen[bytes]:
    task = {"reader": fmt.reader, "driver": fmt.driver, "path": str(path), **asdict(options), "limits": asdict(limits)}
    child = subprocess.Popen(
        [sys.executable, *CHILD_ARGUMENTS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=_child_environment(fmt.driver) | {"TMPDIR": scratch, "CPL_TMPDIR": scratch},
        cwd=scratch,
        start_new_session=True,
    )
    if child.stdin is not None:
        child.stdin.write(json.dumps(task).encode())
        child.stdin.close()
    return child


def _child_environment(driver: str | None) -> dict[str, str]:
    """Give the child a bare environment: no credentials, no proxy, and the one GDAL driver it may know."""
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "MALLOC_MMAP_THRESHOLD_": str(256 << 20),  # what a batch took is kept for the next one
        "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "GDAL_NUM_THREADS": "1",
        "OGR_SQLITE_LOAD_EXTENSIONS": "NO",
        "GML_DOWNLOAD_SCHEMA": "NO",
        "GML_SKIP_RESOLVE_ELEMS": "ALL",
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
        "GDAL_HTTP_CONNECTTIMEOUT": "1",
    }
    if driver is not None:
        environment[ONLY_DRIVER] = driver
        if driver in _skipped:
            environment["GDAL_SKIP"] = _skipped[driver]
    return environment


def _set_limits(limits: dict[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory_bytes"], limits["memory_bytes"]))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_s"], limits["cpu_s"] + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["written_bytes"], limits["written_bytes"]))


def _send(kind: bytes, body: bytes) -> None:
    sys.stdout.buffer.write(FRAME.pack(kind, len(body)))
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


def _send_info(info: Info) -> None:
    skipped = os.environ.get("GDAL_SKIP")
    _send(b"I", json.dumps(info | ({"skipped_drivers": skipped} if skipped else {})).encode())


def _send_batch(batch: pa.RecordBatch) -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    _send(b"B", sink.getvalue().to_pybytes())


def _leave_out_drivers() -> None:
    """Start this process again with every GDAL driver but one left out: GDAL heeds that only when it is loaded."""
    driver = os.environ.get(ONLY_DRIVER)
    if driver is None or "GDAL_SKIP" in os.environ:
        return
    skipped = import_module(READERS["vector"]).other_drivers(driver)
    again = [sys.executable, *CHILD_ARGUMENTS]
    os.execve(sys.executable, again, {**os.environ, "GDAL_SKIP": ",".join(skipped)})  # noqa: S606


def _child() -> None:
    """Run in the child: give up what is not needed, then read the one file and send its rows."""
    _leave_out_drivers()
    task = json.load(sys.stdin)
    _set_limits(task["limits"])
    reader = import_module(READERS[task["reader"]])
    reader.prepare(task["driver"])
    cut_network()
    options = ReadOptions(task["layer"], task["encoding"], task["batch_rows"])
    try:
        reader.stream(Path(task["path"]), options, _send_info, _send_batch)
    except TwinError as error:
        _send(b"E", json.dumps({"what": error.what, "do": error.do}).encode())
    except MemoryError:
        what = "读取所需内存超过限制 (reading needs more memory than allowed)"
        _send(b"E", json.dumps({"what": what, "do": "请分批交 (deliver it in parts)"}).encode())
    else:
        _send(b"Z", b"")


if __name__ == "__main__":
    _child()
