"""The `twin` command: collects the groups, turns errors into messages and exit statuses.

Exit status: 0 ok, 1 failed, 2 bad usage.
"""

from __future__ import annotations

import sys

import typer

from twin.cli import ask, db, demo, doctor, ingest, link, sample, serve, survey
from twin.errors import TwinError

app = typer.Typer(
    name="twin",
    help="The city district's digital twin: imagery to 3D, records to places, one click to everything known.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(db.app, name="db", help="The database: start, stop, upgrade, back up, restore.")
app.add_typer(sample.app, name="sample", help="A synthetic district with known truth.")
app.add_typer(survey.app, name="survey", help="Photos become surfaces, maps, buildings and 3D Tiles.")
app.add_typer(link.app, name="link", help="Records to places.")
# Groups whose commands stand at the top level (twin ingest, twin lookup, twin up ...) have no name.
app.add_typer(ingest.app)
app.add_typer(ask.app)
app.add_typer(serve.app)
app.add_typer(demo.app)
app.add_typer(doctor.app)


def main() -> None:
    """Run the command line."""
    try:
        app()
    except TwinError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
