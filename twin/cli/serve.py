"""Commands of the group serve."""

import typer

app = typer.Typer(no_args_is_help=True)
