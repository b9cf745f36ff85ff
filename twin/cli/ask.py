"""Commands of the group ask."""

import typer

app = typer.Typer(no_args_is_help=True)
