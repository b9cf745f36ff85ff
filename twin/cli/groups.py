"""The groups of `twin`'s commands, each loaded when one of its commands is given, all of them for the help.

One group's libraries take a quarter of a second that a command of another group does not have to wait for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer


@dataclass(frozen=True)
class Group:
    """A module of twin.cli whose `app` holds commands.

    name: the word before its commands; None when they stand at the top level themselves. help: None where the app
    says it itself. top_level: the commands of a group without a name.
    """

    module: str
    name: str | None = None
    help: str | None = None
    top_level: tuple[str, ...] = ()


GROUPS = (
    Group("db", "db", "The database: start, stop, upgrade, back up, restore."),
    Group("sample", "sample", "A synthetic district with known truth."),
    Group("survey", "survey", "Photos become surfaces, maps, buildings and 3D Tiles."),
    Group("ingest", "ingest"),
    Group("link", "link", "Records to places."),
    Group("address", "address", "Standard addresses: other texts of an address."),
    Group("export", "export", "The city's buildings and assets as files."),
    Group("grid", "grid", "Unit grids and management grids."),
    Group("responsibility", "responsibility", "Who supervises, owns and maintains what, where."),
    Group("audit", "audit", "Who did and saw what: read it, check it, keep it."),
    Group("person", "person", "Erase a person; let go of what is no longer needed."),
    Group("key", "key", "The keys of personal data, kept outside the database."),
    Group("classes", "classes", "The 108 classes and what departments' words mean."),
    Group("user", "user", "Accounts of people: who logs in, and as what."),
    Group("right", "right", "Who may do what: the matrix of rights."),
    Group("token", "token", "Keys of programs to the rights of an account."),
    Group("ask", top_level=("lookup", "nearby", "search")),
    Group("area", top_level=("summary",)),
    Group("serve", top_level=("up", "worker")),
    Group("demo", top_level=("demo",)),
    Group("doctor", top_level=("doctor",)),
)
COMPLETING = "_TWIN_COMPLETE"  # set by the shell that asks how a command could go on


def commands(arguments: Sequence[str] = ()) -> typer.Typer:
    """Give the command line that understands these arguments: their group alone, or all when none is named by them."""
    word = arguments[0] if arguments and COMPLETING not in os.environ else None
    named = [group for group in GROUPS if word is not None and word in (group.name, *group.top_level)]
    app = typer.Typer(
        name="twin",
        help="The city district's digital twin: imagery to 3D, records to places, one click to everything known.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(_twin)
    for group in named or GROUPS:
        loaded: typer.Typer = import_module(f"twin.cli.{group.module}").app
        said: dict[str, Any] = {"name": group.name, "help": group.help}
        app.add_typer(loaded, **{key: text for key, text in said.items() if text is not None})
    return app


def _twin() -> None:
    """Keep a command's own name even where it is the only one that is loaded."""
