"""`twin doctor`: what is installed, what is missing, what is slow."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from twin.settings import read_settings

app = typer.Typer(no_args_is_help=True)

MARKS = {
    "ok": ("✓", typer.colors.GREEN),
    "warning": ("!", typer.colors.YELLOW),
    "missing": ("✗", typer.colors.RED),
}


@app.command(epilog="Example: twin doctor --json")
def doctor(as_json: Annotated[bool, typer.Option("--json", help="A JSON array of findings.")] = False) -> None:
    """Look at this machine: versions, what is missing with the line to install it, disk, memory, database.

    检查运行环境。Exit status 1 when something needed is missing.
    """
    from twin.cluster.doctor import examine
    from twin.migrations.upgrade import newest_revision

    findings = examine(read_settings(), newest_revision())
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        for finding in findings:
            mark, colour = MARKS[finding.state]
            typer.secho(f"{mark} {finding.name:<24} {finding.value}", fg=colour)
            if finding.do:
                typer.echo(f"  {'':<24} -> {finding.do}")
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(1)
