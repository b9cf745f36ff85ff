"""Commands of the group ingest."""

import typer

app = typer.Typer(no_args_is_help=True)
