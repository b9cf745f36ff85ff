"""Commands of `twin link`: records to places."""

from __future__ import annotations

import getpass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from twin.errors import BadInput
from twin.settings import read_settings

if TYPE_CHECKING:
    from twin.session import Actor

app = typer.Typer(no_args_is_help=True)


class Kind(StrEnum):
    """What can be linked."""

    RECORD = "record"
    ENTITY = "entity"


AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides; by default the user of this computer.")]


@app.command()
def run(
    kind: Annotated[
        list[Kind] | None, typer.Option("--kind", help="Only these: record or entity. May be given twice.")
    ] = None,
    only_new: Annotated[bool, typer.Option("--only-new", help="Only what has no link yet.")] = False,
    batch: Annotated[
        list[int] | None, typer.Option("--batch", help="Only what this delivery brought or changed. Again for more.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="How many processes share the work.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Link records and entities to buildings, assets and addresses: 关联.

    Safe to run again: people's decisions stay, links that are still right stay as they are. A run that was broken off
    goes on where it was.

    Example: twin link run

    Example: twin link run --only-new --kind record

    Example: twin link run --batch 12
    """
    from ingest_gis.link_parts import LinkOptions
    from ingest_gis.run_links import LinkProgress, run_links

    kinds: tuple[Any, ...] = tuple(item.value for item in kind or ()) or ("entity", "record")
    console = Console(stderr=True)
    with console.status("关联中 linking") as shown:

        def show(at: LinkProgress) -> None:
            left = "" if at.left_s is None else f", 剩余 left {at.left_s:,.0f} s"
            shown.update(f"关联中 linking: {at.done:,} / {at.total:,}, {at.per_second:,.0f}/s{left}")

        options = LinkOptions(kinds, only_new, processes, batches=tuple(batch) if batch else None)
        report = run_links(read_settings(), options, progress=show)
    if as_json:
        rounded = {name: round(getattr(report, name), 3) for name in ("seconds", "index_seconds")}
        _print_json({**vars(report), **rounded})
        return
    table = Table("方式 method", "结果 state", "条数 links")
    for name, count in sorted(report.outcome.items()):
        table.add_row(*name.split(":"), str(count))
    Console().print(table)
    changes = ", ".join(f"{name} {count}" for name, count in report.changes.items())
    typer.echo(f"对象 subjects {report.subjects}, 未关联 unlinked {report.unlinked}; {changes}; {report.seconds:.1f} s")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say how many records and entities are linked, wait for a person, or have no place.

    By department, kind, method and state.

    Example: twin link status --json
    """
    from twin.cluster import server
    from twin.queries.link_status import link_status

    with server.connect(read_settings(), "app") as connection:
        found = link_status(connection)
    if as_json:
        _print_json(found)
        return
    table = Table("对象 subject", "总数 total", "已关联 accepted", "待人工 review", "未关联 unlinked")
    for name, label in (("records", "记录 records"), ("entities", "实体 entities")):
        table.add_row(label, *(str(found[name][key]) for key in ("total", "accepted", "review", "unlinked")))
    for row in found["departments"]:
        counts = (str(row[key]) for key in ("total", "accepted", "review", "unlinked"))
        table.add_row(f"{row['name_zh'] or ''} {row['kind']}", *counts)
    Console().print(table)
    methods = Table("方式 method", "结果 state", "条数 links", "人工 by people", "平均分 mean score")
    for row in found["links"]:
        methods.add_row(row["method"], row["state"], str(row["links"]), str(row["by_person"]), str(row["mean_score"]))
    Console().print(methods)


@app.command()
def review(
    accept: Annotated[int | None, typer.Option(help="Accept this link.")] = None,
    reject: Annotated[int | None, typer.Option(help="Reject this link.")] = None,
    record: Annotated[int | None, typer.Option(help="Record to give a place (--building, --asset ...).")] = None,
    entity: Annotated[int | None, typer.Option(help="Entity to give a place, likewise.")] = None,
    building: Annotated[str | None, typer.Option(help="Code of the building chosen.")] = None,
    asset: Annotated[str | None, typer.Option(help="Code of the asset chosen.")] = None,
    address: Annotated[str | None, typer.Option(help="Code of the address chosen.")] = None,
    by: By = None,
    one_by_one: Annotated[
        bool, typer.Option("--one-by-one", help="Go through the queue with a key for each decision.")
    ] = False,
    department: Annotated[str | None, typer.Option(help="--one-by-one: only this department's (code).")] = None,
    limit: Annotated[int, typer.Option(help="How many to list.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the links that wait for a person, or decide one: 人工复核.

    Example: twin link review

    Example: twin link review --one-by-one --by 王主任

    Example: twin link review --accept 17 --by 王主任

    Example: twin link review --record 5 --building 3706120010010001
    """
    if one_by_one:
        from twin.cli.review_terminal import ReviewTerminal
        from twin.queries.link_review import QueueAsked

        decided = ReviewTerminal(read_settings(), acting_person(by), Console(), QueueAsked(department)).run()
        typer.echo(f"本次决定 decided: {decided}")
        return
    if accept is None and reject is None and record is None and entity is None:
        _show_queue(limit, as_json)
        return
    from twin.actions.decide_links import choose_place, decide_link
    from twin.cluster import server
    from twin.session import transaction

    person = acting_person(by)
    with server.connect(read_settings(), "ingest") as connection, transaction(connection, person) as cursor:
        if accept is not None or reject is not None:
            link_id = accept if accept is not None else reject
            decide_link(cursor, int(link_id or 0), accept is not None, person.name)
        else:
            chosen = [(kind, code) for kind, code in _places(building, asset, address) if code]
            if len(chosen) != 1:
                raise BadInput("请用 --building、--asset 或 --address 给出一个地点 (give one place)")
            kind, code = chosen[0]
            link_id = choose_place(
                cursor, record_id=record, entity_id=entity, kind=kind, code=code or "", person=person.name
            )
    typer.echo(f"已处理 decided: {link_id}")


def _places(building: str | None, asset: str | None, address: str | None) -> list[tuple[Any, str | None]]:
    return [("building", building), ("asset", asset), ("address", address)]


@app.command()
def undo(link: Annotated[int, typer.Argument(help="Number of the link.")], by: By = None) -> None:
    """Take back the last decision on a link: 撤销.

    Example: twin link undo 17
    """
    from twin.actions.decide_links import undo_link
    from twin.cluster import server
    from twin.session import transaction

    person = acting_person(by)
    with server.connect(read_settings(), "ingest") as connection, transaction(connection, person) as cursor:
        state = undo_link(cursor, link, person.name)
    typer.echo(f"关联 {link} 现为 {state} (link {link} is now {state})")


@app.command()
def assets(
    survey: Annotated[
        str | None, typer.Option("--survey", help="Only this survey; all published ones by default.")
    ] = None,
    accept: Annotated[int | None, typer.Option(help="Accept this match.")] = None,
    reject: Annotated[int | None, typer.Option(help="Reject this match.")] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Match registered buildings with what surveys see, and give assets the height of their ground: 影像对照.

    Finds the block shift first, then groups n to m; what only one side has waits for a person.

    Example: twin link assets --survey sample

    Example: twin link assets --accept 12
    """
    from twin.cli.link_survey import decide, match_all, show

    if accept is not None or reject is not None:
        decide(int(accept if accept is not None else reject or 0), accept is not None, acting_person(by))
        return
    reports = match_all(survey, acting_person(by))
    if as_json:
        _print_json([vars(report) for report in reports])
        return
    show(reports, survey)


@app.command()
def explain(
    subject: Annotated[str, typer.Argument(help="Number or source key of a record; number or code of an entity.")],
    kind: Annotated[Kind, typer.Option(help="record or entity.")] = Kind.RECORD,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say in words why a record or entity is linked as it is, what was weighed, and how its address is read.

    Example: twin link explain 17

    Example: twin link explain E05-91370612MA3 --kind entity
    """
    from ingest_gis.explain_link import explain_link, in_sentences
    from twin.cluster import server

    settings = read_settings()
    with server.connect(settings, "ingest", autocommit=True) as connection:
        found = explain_link(connection, settings.city, acting_person(by), kind.value, subject)
    if as_json:
        _print_json(found)
        return
    for line in in_sentences(found):
        typer.echo(line)


def acting_person(by: str | None) -> Actor:
    """Name who acts on the command line: the one given, else the user of this computer."""
    from twin.session import Actor

    return Actor(by or getpass.getuser(), role="system", purpose="review links")


def _show_queue(limit: int, as_json: bool) -> None:
    from twin.cluster import server
    from twin.queries.link_review import review_queue

    with server.connect(read_settings(), "app") as connection:
        rows = review_queue(connection, limit)
    if as_json:
        _print_json(rows)
        return
    table = Table("编号 link", "对象 subject", "地址 address", "候选 candidate", "分 score", "原因 why")
    for row in rows:
        subject = f"{row['kind']} {row['title']}"
        candidate = f"{row['to_kind']} {row['to_code']} {row['to_label'] or ''}"
        why = f"{row['reason_zh']} ({row['reason_en']})"
        table.add_row(str(row["link_id"]), subject, row["address_given"] or "", candidate, f"{row['score']:.2f}", why)
    Console().print(table)


def _print_json(document: object) -> None:
    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str))
