"""What can be said of the database from outside: does it run, where, which versions, how large."""

from __future__ import annotations

from dataclasses import dataclass

from twin.cluster.account import cluster_dir
from twin.cluster.postmaster import is_running
from twin.cluster.server import connect, data_folder, database_name
from twin.errors import TwinError
from twin.settings import Settings

EXTENSION = "SELECT extversion FROM pg_extension WHERE extname = 'postgis'"
SIZE = "SELECT pg_database_size(current_database()) / 1048576"


@dataclass(frozen=True)
class ServerState:
    """kind: private or external. problem: why it does not answer, None when it does. Versions None: unknown."""

    kind: str
    running: bool
    place: str
    database: str
    postgresql: str | None = None
    postgis: str | None = None
    size_mb: int | None = None
    problem: str | None = None


def server_state(settings: Settings) -> ServerState:
    """Look at the database without changing anything; never raises for a database that does not answer."""
    private = settings.database_url is None
    kind = "private" if private else "external"
    place = str(cluster_dir(settings.data_dir)) if private else "TWIN_DATABASE_URL"
    if private and not is_running(data_folder(settings)):
        made = (data_folder(settings) / "PG_VERSION").exists()
        problem = "stopped" if made else "not made yet"
        return ServerState(kind, False, place, database_name(settings), problem=problem)
    try:
        with connect(settings, "admin") as connection:
            version = connection.info.parameter_status("server_version")
            postgis = connection.execute(EXTENSION).fetchone()
            size = connection.execute(SIZE).fetchone()
            return ServerState(
                kind,
                True,
                place,
                connection.info.dbname,
                postgresql=version,
                postgis=str(postgis[0]) if postgis else None,
                size_mb=int(size[0]) if size else None,
            )
    except TwinError as error:
        return ServerState(kind, private, place, database_name(settings), problem=str(error))
