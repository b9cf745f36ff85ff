"""The commands people type: twin db ..., twin doctor. Exit status 0 ok, 1 failed, 2 bad usage."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.databases import Database
from twin.cli.main import main
from twin.cluster import doctor, doctor_care, server
from twin.migrations.upgrade import newest_revision
from twin.settings import read_settings


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Twin = Callable[..., Done]


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Twin:
    """Run a command line in this process, from its words to its exit status (a process of its own takes seconds)."""

    def run(*words: str, **environment: str) -> Done:
        with monkeypatch.context() as patch:
            for name, value in ({"TWIN_DATABASE_URL": ""} | environment).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["twin", *words])
            try:
                main()
                status = 0
            except SystemExit as end:
                status = int(end.code or 0)
        out, err = capsys.readouterr()
        return Done(status, out, err)

    return run


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="twin-cli-"))
    folder.chmod(0o755)
    yield folder
    server.stop(read_settings({"TWIN_DATA_DIR": str(folder / "var")}))
    shutil.rmtree(folder, ignore_errors=True)


def test_a_database_from_nothing_to_backup_and_back(twin: Twin, place: Path) -> None:
    var = str(place / "var")
    before = twin("db", "status", TWIN_DATA_DIR=var)
    assert (before.returncode, "not made yet" in before.stdout) == (1, True)
    assert "has been started" in twin("db", "start", TWIN_DATA_DIR=var).stdout
    assert "is running" in twin("db", "start", TWIN_DATA_DIR=var).stdout
    status = json.loads(twin("db", "status", "--json", TWIN_DATA_DIR=var).stdout)
    assert (status["kind"], status["running"], status["schema"]) == ("private", True, "current")
    product = place / "var" / "surveys" / "s" / "products" / "a.bin"
    product.parent.mkdir(parents=True)
    product.write_bytes(b"product")

    done = twin("db", "backup", str(place / "a.twin"), TWIN_DATA_DIR=var)
    assert done.returncode == 0, done.stderr
    product.unlink()
    done = twin("db", "restore", "--drop-old", str(place / "a.twin"), TWIN_DATA_DIR=var)
    assert done.returncode == 0, done.stderr
    assert product.read_bytes() == b"product"
    again = twin("db", "backup", str(place / "a.twin"), TWIN_DATA_DIR=var)
    assert (again.returncode, "exists already" in again.stderr, "Traceback" in again.stderr) == (1, True, False)
    assert "has been stopped" in twin("db", "stop", TWIN_DATA_DIR=var).stdout
    assert "was not running" in twin("db", "stop", TWIN_DATA_DIR=var).stdout


def test_a_given_server_is_upgraded_and_never_stopped(twin: Twin, database: Database) -> None:
    url = {"TWIN_DATABASE_URL": database.settings.database_url or ""}
    assert f"{newest_revision()} -> {newest_revision()}" in twin("db", "upgrade", **url).stdout
    assert "not ours to stop" in twin("db", "stop", **url).stdout
    assert json.loads(twin("db", "status", "--json", **url).stdout)["kind"] == "external"


def test_an_unreachable_server_is_one_clear_line(twin: Twin) -> None:
    done = twin("db", "upgrade", TWIN_DATABASE_URL="postgresql://u:p4ss-word@127.0.0.1:1/x")
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr
    assert "p4ss-word" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("SELECT pg_terminate_backend(pg_backend_pid())", "connection to the database was lost"),
        ("SET statement_timeout = 50; SELECT pg_sleep(9)", "took longer"),
        ("DO $$ BEGIN RAISE disk_full; END $$", "disk is full"),
    ],
)
def test_a_database_that_fails_in_the_middle_is_one_clear_line(
    twin: Twin, database: Database, monkeypatch: pytest.MonkeyPatch, statement: str, says: str
) -> None:
    monkeypatch.setattr("twin.cli.main.commands", lambda _: lambda: database.fetch(statement, role="admin"))
    done = twin()
    assert (done.returncode, says in done.stderr, done.stderr.count("\n")) == (1, True, 1)


def test_bad_usage_is_status_2(twin: Twin) -> None:
    assert twin("db", "backup").returncode == 2


def test_the_doctor_names_versions_and_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "LIBRARIES", {"nosuchlibrary": ("libnosuch1", "nobody")})
    found = {finding.name: finding for finding in doctor.examine(read_settings({"TWIN_DATA_DIR": str(tmp_path)}))}
    assert found["postgresql"].state == "ok"
    assert "PostGIS" in found["postgresql"].value
    assert found["gdal"].value[0].isdigit()
    assert found["libnosuchlibrary"].state == "missing"
    assert found["libnosuchlibrary"].do == "sudo apt-get install -y --no-install-recommends libnosuch1"
    assert found["database"].do == "Run: twin db start"
    assert "ms" in found["disk speed"].value
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("hours", "state"), [(None, "warning"), (20, "ok"), (72, "warning")])
def test_the_doctor_says_how_old_the_last_backup_is(tmp_path: Path, hours: int | None, state: str) -> None:
    if hours is not None:
        made = datetime.now(UTC) - timedelta(hours=hours)
        (tmp_path / "last_backup.json").write_text(json.dumps({"at": made.isoformat(), "file": "/backups/city.twin"}))
    found = {finding.name: finding for finding in doctor.examine(read_settings({"TWIN_DATA_DIR": str(tmp_path)}))}
    assert found["backup"].state == state


@pytest.mark.parametrize(("days", "state"), [(90, "ok"), (10, "warning"), (-3, "missing"), (None, "warning")])
def test_the_doctor_says_how_long_the_certificate_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int | None, state: str
) -> None:
    path = tmp_path / "chain.pem"
    path.write_bytes(b"no certificate" if days is None else certificate(datetime.now(UTC) + timedelta(days=days)))
    monkeypatch.setenv("TWIN_CERTIFICATE", str(path))
    [found] = doctor_care._certificate(read_settings({"TWIN_DATA_DIR": str(tmp_path)}))
    assert found.state == state
    assert days is None or str(abs(days)) in found.value


def certificate(until: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "twin.example")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, until - timedelta(days=400), until)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("revision", "state", "do"),
    [(None, "warning", "twin db upgrade"), ("0009", "missing", "twin db upgrade"), ("9999", "missing", "newer version"),
     ("0024", "ok", "")],
)  # fmt: skip
def test_the_doctor_says_which_line_brings_an_older_database_on(revision: str | None, state: str, do: str) -> None:
    found = doctor._version(revision, "0024")
    assert found.state == state
    assert do in (found.do or "")


def test_the_doctor_reports_the_database_as_json(twin: Twin, database: Database) -> None:
    done = twin("doctor", "--json", TWIN_DATABASE_URL=database.settings.database_url or "")
    found = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert found["database version"]["value"] == newest_revision()
    assert done.returncode == (1 if any(finding["state"] == "missing" for finding in found.values()) else 0)
