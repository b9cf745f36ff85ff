"""Commands of the group sample."""

import typer

app = typer.Typer(no_args_is_help=True)
