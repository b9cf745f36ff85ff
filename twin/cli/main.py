"""The `twin` command: collects the groups, turns errors into messages and exit statuses.

Exit status: 0 ok, 1 failed, 2 bad usage.
"""

from __future__ import annotations

import sys

import psycopg
import typer

from twin.cli import (
    address,
    area,
    ask,
    audit,
    classes,
    db,
    demo,
    doctor,
    export,
    grid,
    ingest,
    key,
    link,
    person,
    responsibility,
    right,
    sample,
    serve,
    survey,
    token,
    user,
)
from twin.errors import DatabaseUnavailable, NoSpace, TooSlow, TwinError

app = typer.Typer(
    name="twin",
    help="The city district's digital twin: imagery to 3D, records to places, one click to everything known.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(db.app, name="db", help="The database: start, stop, upgrade, back up, restore.")
app.add_typer(sample.app, name="sample", help="A synthetic district with known truth.")
app.add_typer(survey.app, name="survey", help="Photos become surfaces, maps, buildings and 3D Tiles.")
app.add_typer(ingest.app, name="ingest")
app.add_typer(link.app, name="link", help="Records to places.")
app.add_typer(address.app, name="address", help="Standard addresses: other texts of an address.")
app.add_typer(export.app, name="export", help="The city's buildings and assets as files.")
app.add_typer(grid.app, name="grid", help="Unit grids and management grids.")
app.add_typer(responsibility.app, name="responsibility", help="Who supervises, owns and maintains what, where.")
app.add_typer(audit.app, name="audit", help="Who did and saw what: read it, check it, keep it.")
app.add_typer(person.app, name="person", help="Erase a person; let go of what is no longer needed.")
app.add_typer(key.app, name="key", help="The keys of personal data, kept outside the database.")
app.add_typer(classes.app, name="classes", help="The 108 classes and what departments' words mean.")
app.add_typer(user.app, name="user", help="Accounts of people: who logs in, and as what.")
app.add_typer(right.app, name="right", help="Who may do what: the matrix of rights.")
app.add_typer(token.app, name="token", help="Keys of programs to the rights of an account.")
# Groups whose commands stand at the top level (twin lookup, twin up ...) have no name.
app.add_typer(ask.app)
app.add_typer(area.app)
app.add_typer(serve.app)
app.add_typer(demo.app)
app.add_typer(doctor.app)


def main() -> None:
    """Run the command line."""
    try:
        app()
    except TwinError as error:
        _fail(error)
    except psycopg.OperationalError as error:
        told = _what_happened(error)
        if told is None:
            raise
        _fail(told)


def _fail(error: TwinError) -> None:
    typer.secho(str(error), fg=typer.colors.RED, err=True)
    sys.exit(1)


def _what_happened(error: psycopg.OperationalError) -> TwinError | None:
    """Say what ended a command in the middle of its work with the database; None where that is nobody's but ours."""
    if isinstance(error, psycopg.errors.DiskFull):
        return NoSpace("the database's disk is full", do="Free some space and give the same command again")
    if isinstance(error, psycopg.errors.QueryCanceled):
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
