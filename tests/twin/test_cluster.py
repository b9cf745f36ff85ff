"""The private cluster starts anywhere, twice, at once, after a crash; never as root, never on the network."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest

from twin.cluster import account, bootstrap, machine, programs, server
from twin.cluster.backup import back_up
from twin.cluster.postmaster import read_pid
from twin.cluster.state import server_state
from twin.errors import Conflict, DatabaseUnavailable, MissingSoftware, NoSpace
from twin.migrations.upgrade import upgrade
from twin.settings import Settings, read_settings

pytestmark = pytest.mark.xdist_group("cluster")  # one server for this module
ROOT = os.geteuid() == 0
QUICK = {"fsync": "off", "shared_buffers": "32MB"}
START = """
import sys
from twin.cluster.server import start
from twin.settings import read_settings
print(start(read_settings({"TWIN_DATA_DIR": sys.argv[1]}), server_options={"fsync": "off", "shared_buffers": "32MB"}))
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder every account can reach (pytest's own are private)."""
    folder = Path(tempfile.mkdtemp(prefix="twin-cluster-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Settings]:
    """One cluster of this module, in a path too long for a socket and with a blank and Chinese in it."""
    top = Path(tempfile.mkdtemp(prefix="twin-cluster-"))
    top.chmod(0o755)
    settings = read_settings({"TWIN_DATA_DIR": str(top / ("长" * 30) / "data folder")})
    server.start(settings, server_options=QUICK)
    yield settings
    server.stop(settings)
    shutil.rmtree(top, ignore_errors=True)


def ask(settings: Settings, question: str) -> str:
    with server.connect(settings, "admin", database="postgres") as connection:
        row = connection.execute(question.encode()).fetchone()
        assert row is not None
        return str(row[0])


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_it_is_private_checked_and_made_for_chinese(cluster: Settings) -> None:
    assert ask(cluster, "SHOW listen_addresses") == ""
    assert ask(cluster, "SHOW data_checksums") == "on"
    assert ask(cluster, "SHOW synchronous_commit") == "on"
    assert ask(cluster, "SHOW server_encoding") == "UTF8"
    assert ask(cluster, "SELECT datcollate FROM pg_database WHERE datname = 'postgres'") == "C.UTF-8"
    assert ask(cluster, "SHOW log_min_error_statement") == "panic"
    sockets = server.socket_dir(cluster.data_dir)
    assert len(str(sockets / ".s.PGSQL.5432")) < 100
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert cluster.data_dir.joinpath("database").stat().st_mode & 0o777 == 0o700


def test_the_server_does_not_run_as_root(cluster: Settings) -> None:
    pid = read_pid(server.data_folder(cluster))
    assert pid is not None
    assert psutil.Process(pid).uids().real != 0
    assert not any(connection.laddr for connection in psutil.Process(pid).net_connections(kind="inet"))


def test_starting_twice_does_nothing(cluster: Settings) -> None:
    pid = read_pid(server.data_folder(cluster))
    assert server.start(cluster) is False
    assert read_pid(server.data_folder(cluster)) == pid


def test_a_database_left_closed_by_a_killed_restore_is_opened_again(cluster: Settings) -> None:
    bootstrap.ensure_database(cluster)
    with server.connect(cluster, "admin", database="postgres", autocommit=True) as restoring:
        restoring.execute("ALTER DATABASE twin ALLOW_CONNECTIONS false")
        restoring.execute(bootstrap.RESTORE_LOCK, (server.DATABASE,))
        with pytest.raises(Conflict, match="being restored"):
            bootstrap.ensure_database(cluster)
    bootstrap.ensure_database(cluster)
    server.connect(cluster, "app").close()


def test_roles_have_their_time_limits_and_are_not_superusers(cluster: Settings) -> None:
    bootstrap.ensure_database(cluster)
    bootstrap.ensure_database(cluster)
    for role, limit in (("app", "15s"), ("ingest", "30min"), ("owner", "0")):
        with server.connect(cluster, role) as connection:  # type: ignore[arg-type]
            assert connection.execute("SHOW statement_timeout").fetchone() == (limit,)
            assert connection.execute("SHOW is_superuser").fetchone() == ("off",)
            assert connection.execute("SELECT current_user").fetchone() == (f"twin_{role}",)
    with server.connect(cluster, "app") as connection:
        assert connection.execute("SELECT cardinality(show_trgm('牟平大街')) > 0").fetchone() == (True,)


@pytest.mark.kill
def test_it_starts_after_a_crash_with_a_query_still_running(cluster: Settings) -> None:
    busy = server.connect(cluster, "admin", database="postgres", autocommit=True)
    busy.execute("CREATE TABLE IF NOT EXISTS kept (n int); TRUNCATE kept; INSERT INTO kept VALUES (7)")
    endless = "DO $$ DECLARE n bigint := 0; BEGIN LOOP n := n + 1; END LOOP; END $$"

    def run_until_killed() -> None:
        with pytest.raises(psycopg.Error):
            busy.execute(endless)

    running = threading.Thread(target=run_until_killed)
    running.start()
    pid = read_pid(server.data_folder(cluster))
    assert pid is not None
    backend = busy.info.backend_pid
    os.kill(pid, signal.SIGKILL)
    assert server.start(cluster, server_options=QUICK) is True
    running.join(timeout=30)
    assert not running.is_alive()
    assert has_ended(backend)
    assert ask(cluster, "SELECT n FROM kept") == "7"


def test_a_stale_pid_file_of_another_program_is_no_obstacle(cluster: Settings) -> None:
    server.stop(cluster)
    pid_file = server.data_folder(cluster) / "postmaster.pid"
    owner = server.data_folder(cluster).stat()
    other = subprocess.Popen(
        [sys.executable, "-c", "input()"],
        stdin=subprocess.PIPE,
        **({"user": owner.st_uid, "group": owner.st_gid} if ROOT else {}),
    )
    try:
        for text in (f"{other.pid}\n{server.data_folder(cluster)}\n1\n5432\n", "garbage", ""):
            pid_file.write_text(text)
            os.chown(pid_file, owner.st_uid, owner.st_gid)
            assert server_state(cluster).running is False
            assert server.start(cluster, server_options=QUICK) is True
            assert ask(cluster, "SELECT 1") == "1"
            server.stop(cluster)
    finally:
        other.communicate(b"\n")
        server.start(cluster, server_options=QUICK)


def test_several_starts_at_once_make_one_cluster(place: Path) -> None:
    folder = str(place / "var")

    def run(_: int) -> str:
        done = subprocess.run(
            [sys.executable, "-c", START, folder],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
            cwd=Path(__file__).parents[2],
        )
        return done.stdout.strip()

    try:
        with ThreadPoolExecutor(3) as pool:
            assert sorted(pool.map(run, range(3))) == ["False", "False", "True"]
    finally:
        assert server.stop(read_settings({"TWIN_DATA_DIR": folder})) is True
        assert not server.socket_dir(Path(folder)).exists()
    assert server.stop(read_settings({"TWIN_DATA_DIR": folder})) is False


@pytest.mark.skipif(not ROOT, reason="only root can become somebody else")
def test_a_plain_user_has_a_cluster_of_its_own(place: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    folder = place / "home"
    folder.mkdir()
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    code = START + "\nfrom twin.cluster.server import stop\nprint(stop(read_settings({'TWIN_DATA_DIR': sys.argv[1]})))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "var")],
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.split() == ["True", "True"], done.stderr


@pytest.mark.skipif(not ROOT, reason="about root's own folders")
def test_a_data_folder_only_root_can_reach_gets_its_cluster_elsewhere_and_says_so(place: Path) -> None:
    private = place / "root-only"
    private.mkdir(mode=0o700)
    settings = read_settings({"TWIN_DATA_DIR": str(private / "var")})
    server.start(settings, server_options=QUICK)
    try:
        note = settings.data_dir / "database.location"
        assert server.data_folder(settings).parent == Path(note.read_text().strip())
        assert ask(settings, "SELECT 1") == "1"
        assert server_state(settings).place == note.read_text().strip()
    finally:
        server.stop(settings)
        shutil.rmtree(server.data_folder(settings).parent)


@pytest.mark.skipif(not ROOT, reason="about root's own folders")
def test_a_new_data_folder_never_finds_the_database_of_one_that_was_deleted(place: Path) -> None:
    private = place / "root-only"
    private.mkdir(mode=0o700)
    settings = read_settings({"TWIN_DATA_DIR": str(private / "var")})
    folders = []
    try:
        for _ in range(2):
            server.start(settings, server_options=QUICK)
            folders.append(server.data_folder(settings).parent)
            server.stop(settings)
            shutil.rmtree(settings.data_dir)
        assert folders[0] != folders[1]
    finally:
        for folder in set(folders):
            shutil.rmtree(folder)


def test_a_stopped_cluster_says_how_to_start_it(place: Path) -> None:
    settings = read_settings({"TWIN_DATA_DIR": str(place)})
    with pytest.raises(DatabaseUnavailable, match="twin db start") as caught:
        server.connect(settings, "app")
    assert "No such file or directory" in str(caught.value)  # what is wrong, not the library's question about it
    assert "Is the server running" not in str(caught.value)
    assert server_state(settings).problem == "not made yet"


def test_an_unreachable_server_is_named_without_its_password(place: Path) -> None:
    url = "postgresql://clerk:s3cret-word@127.0.0.1:1/twin"
    settings = read_settings({"TWIN_DATA_DIR": str(place), "TWIN_DATABASE_URL": url})
    with pytest.raises(DatabaseUnavailable) as caught:
        server.start(settings)
    assert "127.0.0.1:1" in str(caught.value)
    assert "s3cret-word" not in str(caught.value)
    assert "s3cret-word" not in json.dumps(server_state(settings).__dict__)


def test_a_given_server_is_used_with_the_roles_of_the_twin(cluster: Settings, place: Path) -> None:
    bootstrap.ensure_database(cluster)
    given = replace(server.for_database(cluster, server.DATABASE), data_dir=place)
    assert server.start(given) is False
    assert server.stop(given) is False
    with server.connect(given, "app") as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("twin_app",)
        assert connection.execute("SHOW statement_timeout").fetchone() == ("15s",)
    assert not (place / "database").exists()


def test_a_server_without_superuser_is_upgraded_or_says_what_its_administrator_must_do(
    cluster: Settings, place: Path
) -> None:
    rules = server.data_folder(cluster) / "pg_hba.conf"
    rules.write_text("local all clerk trust\nlocal all all peer map=twin\n")
    make = "CREATE DATABASE {} OWNER clerk TEMPLATE template0 ENCODING 'UTF8' LOCALE '{}'"
    with server.connect(cluster, "admin", database="postgres", autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CREATE ROLE clerk LOGIN CREATEROLE CREATEDB")
        connection.execute(make.format("city", "C.UTF-8").encode())
        connection.execute(make.format("plain_c", "C").encode())
    url = f"postgresql://clerk@/city?host={server.socket_dir(cluster.data_dir)}"
    clerk = read_settings({"TWIN_DATA_DIR": str(place), "TWIN_DATABASE_URL": url})
    with pytest.raises(DatabaseUnavailable, match="CREATE EXTENSION postgis"):
        upgrade(clerk)
    with server.connect(cluster, "admin", database="city", autocommit=True) as connection:
        connection.execute("CREATE EXTENSION postgis")
    upgrade(clerk)
    with server.connect(clerk, "app") as connection:
        assert connection.execute("SELECT current_user, session_user").fetchone() == ("twin_app", "clerk")
        assert connection.execute("SELECT count(*) FROM twin.class").fetchone() == (108,)
    with pytest.raises(DatabaseUnavailable, match="BYPASSRLS"):
        back_up(clerk, place / "city.twin")
    assert list(place.glob("city.twin*")) == []
    with pytest.raises(DatabaseUnavailable, match=r"LOCALE 'C\.UTF-8'"):
        upgrade(server.for_database(cluster, "plain_c"))


@pytest.mark.skipif(not ROOT, reason="only root can mount a small disk")
def test_a_full_disk_is_called_a_full_disk(place: Path) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=330m,mode=755", "tmpfs", str(place)]).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        settings = read_settings({"TWIN_DATA_DIR": str(place / "var")})
        filler = place / "filler"
        filler.write_bytes(bytes(40 * 1024 * 1024))
        with pytest.raises(NoSpace, match=r"only 2\d\d MB are free"):
            server.start(settings)
        assert not (place / "var" / "database").exists()
        filler.write_bytes(bytes(5 * 1024 * 1024))
        with pytest.MonkeyPatch.context() as patch:  # enough at the check, full a moment later
            patch.setattr(server, "make_cluster_dir", filling(place / "late", 310))
            with pytest.raises(NoSpace):
                server.start(settings)
        (place / "late").unlink()
        assert server.start(settings, server_options=QUICK) is True
        server.stop(settings)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def filling(path: Path, megabytes: int):
    def make(data_dir: Path, who: account.Account) -> Path:
        folder = account.make_cluster_dir(data_dir, who)
        path.write_bytes(bytes(megabytes * 1024 * 1024))
        return folder

    return make


def test_what_is_missing_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(programs, "DEBIAN_ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    release = tmp_path / "os-release"
    release.write_text('VERSION_ID="13"\nVERSION_CODENAME=trixie\n')
    monkeypatch.setattr(programs, "OS_RELEASE", release)
    with pytest.raises(MissingSoftware, match=r"apt-get install -y .* postgresql-17 postgresql-17-postgis-3"):
        programs.find_programs()


def test_missing_postgis_is_named_for_the_postgresql_that_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = programs.find_programs()
    bin_dir = tmp_path / str(there.major) / "bin"
    bin_dir.mkdir(parents=True)
    for name in programs.NEEDED:
        (bin_dir / name).symlink_to(there.bin_dir / name)
    monkeypatch.setattr(programs, "DEBIAN_ROOT", tmp_path)
    monkeypatch.setattr(programs, "DEBIAN_SHARE", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingSoftware, match=rf"PostGIS 3\.3.*postgresql-{there.major}-postgis-3"):
        programs.find_programs()


@pytest.mark.parametrize("memory", [512, 4096, 65536])
def test_memory_settings_suit_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, memory: int) -> None:
    monkeypatch.setattr(machine, "memory_mb", lambda: memory)
    chosen = machine.server_settings(tmp_path)
    size = {name: int(chosen[name].removesuffix("MB")) for name in ("shared_buffers", "work_mem")}
    assert 128 <= size["shared_buffers"] <= max(128, memory // 4)
    assert 8 <= size["work_mem"] <= 64
