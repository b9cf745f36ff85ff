"""The `twin` command: collects the groups, turns errors into messages and exit statuses.

Exit status: 0 ok, 1 failed, 2 bad usage.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from twin.cli.groups import commands
from twin.errors import DatabaseUnavailable, NoSpace, TooSlow, TwinError

if TYPE_CHECKING:
    import psycopg


def main() -> None:
    """Run the command line."""
    try:
        commands(sys.argv[1:])()
    except TwinError as error:
        _fail(error)
    except Exception as error:
        import psycopg  # here, for most commands need no database

        told = _what_happened(error) if isinstance(error, psycopg.OperationalError) else None
        if told is None:
            raise
        _fail(told)


def _fail(error: TwinError) -> None:
    typer.secho(str(error), fg=typer.colors.RED, err=True)
    sys.exit(1)


def _what_happened(error: psycopg.OperationalError) -> TwinError | None:
    """Say what ended a command in the middle of its work with the database; None where that is nobody's but ours."""
    from psycopg import errors

    if isinstance(error, errors.DiskFull):
        return NoSpace("the database's disk is full", do="Free some space and give the same command again")
    if isinstance(error, errors.QueryCanceled):
        return TooSlow(
            "the database took longer than it is allowed to",
            do="What was stored stays. Give the same command again; if it stays slow, see what `twin doctor` says",
        )
    if error.sqlstate is None or error.sqlstate.startswith(("57P", "08")):
        return DatabaseUnavailable(
            "the connection to the database was lost",
            do="What was stored stays. See whether it runs (twin db status), then give the same command again",
        )
    return None


if __name__ == "__main__":
    main()
