"""`twin up` and `twin worker`: everything that keeps running, started and stopped together."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from twin.errors import BadInput, BusyPort
from twin.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True)

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for the whole network.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
Workers = Annotated[int, typer.Option(help="Web processes.", min=1, max=64)]
Certificate = Annotated[Path | None, typer.Option(help="Serve https with this certificate chain (PEM).")]
Key = Annotated[Path | None, typer.Option(help="The certificate's private key (PEM, mode 0600).")]


@dataclass(frozen=True)
class Tls:
    """A certificate chain and its private key, PEM files."""

    certificate: Path
    key: Path


@app.command(epilog="Example: twin up --host 0.0.0.0 --port 8000 --workers 2")
def up(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    certificate: Certificate = None,
    key: Key = None,
) -> None:
    """Start database, job worker, API and map together; Ctrl-C stops all of them.

    启动全部服务。With --certificate and --key people come by https; behind a reverse proxy leave both out.
    """
    serve_all(read_settings(), host, port, workers, tls=tls_of(certificate, key))


def tls_of(certificate: Path | None, key: Path | None) -> Tls | None:
    """Check a certificate and its key; None without either.

    Raises BadInput when they do not go together or others may read the key.
    """
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise BadInput("a certificate needs its key, and a key its certificate", do="Give --certificate and --key")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        mode = key.stat().st_mode
    except (OSError, ssl.SSLError) as error:
        raise BadInput("certificate and key cannot be used together", where=str(certificate)) from error
    if mode & 0o077:
        raise BadInput("others may read the private key", where=str(key), do=f"chmod 600 {key}")
    return Tls(certificate, key)


@app.command(epilog="Example: twin worker")
def worker() -> None:
    """Take queued jobs until stopped. Any number of workers may run.

    运行后台任务。
    """
    from twin.cli.job_kinds import registry
    from twin.jobs.queue import run_worker

    settings = read_settings()
    ready_database(settings)
    run_worker(settings, registry(settings))


def ready_database(settings: Settings) -> bool:
    """Start the private cluster if it is ours, bring the schema up to date; say whether this call started it."""
    from twin.actions.set_aside_indexes import bring_back_abandoned
    from twin.cluster.server import start
    from twin.migrations.upgrade import upgrade

    started = start(settings)
    upgrade(settings)
    bring_back_abandoned(settings)  # indexes that a load set aside before it was killed
    return started


def check_port(host: str, port: int) -> None:
    """Raise BusyPort when somebody else already listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BusyPort(
                f"port {port} on {host} cannot be used ({error.strerror})",
                do=f"Stop what uses it, or choose another: --port {port + 1}",
            ) from error


def serve_all(
    settings: Settings, host: str, port: int, workers: int, *, started_before: bool = False, tls: Tls | None = None
) -> None:
    """Serve until Ctrl-C: database, one job worker, the web processes.

    started_before: the caller has just started the cluster for this. tls: serve https.
    Raises BusyPort before anything is started.
    The cluster is stopped again only if this call or its caller started it.
    """
    from api.openid import read_openid_settings
    from api.service_settings import read_service_settings

    check_port(host, port)
    read_service_settings()  # say now what is wrong with them, not in a web process
    read_openid_settings()
    started = ready_database(settings) or started_before
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    try:
        with _child([sys.executable, "-m", "twin.cli.main", "worker"]):
            typer.echo(f"Serving 服务地址: {'https' if tls else 'http'}://{shown}:{port}/   (Ctrl-C stops 停止)")
            _web(host, port, workers, tls)
    finally:
        if started:
            from twin.cluster.server import stop

            stop(settings)


def _web(host: str, port: int, workers: int, tls: Tls | None) -> None:
    import uvicorn

    # uvicorn raises the signal again after its shutdown; for a person's Ctrl-C that is the normal end.
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.run(
            "twin.cli.web:make_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=5,
            server_header=False,
            proxy_headers=False,  # api.client_address believes the configured proxies only
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
        )


@contextlib.contextmanager
def _child(command: list[str]) -> Iterator[None]:
    """Run a program beside us, in its own group so that Ctrl-C reaches it once, through us."""
    process = subprocess.Popen(command, start_new_session=True, env=os.environ.copy())
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _terminate(number: int, frame: object) -> None:
    raise KeyboardInterrupt
