"""Commands of `twin classes`: the 108 classes, what departments' words mean, and the words nobody has explained."""

from __future__ import annotations

import csv
import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import orjson
import typer
from rich.console import Console
from rich.table import Table

from twin.errors import BadInput, TwinError
from twin.settings import read_settings

if TYPE_CHECKING:
    from twin.actions.explain_class_words import Explanation
    from twin.queries.class_words import WordKind

app = typer.Typer(no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Department = Annotated[str | None, typer.Option(help="Code of the department whose word it is; default: everybody's.")]
Kind = Annotated[str, typer.Option(help="word, keyword (stands somewhere in what is written), code or osm_tag.")]
By = Annotated[str | None, typer.Option("--by", help="Who says so; by default the user of this computer.")]
Note = Annotated[str | None, typer.Option(help="Why, for those who come later.")]


@app.command("list", epilog="Example: twin classes list 井盖")
def list_classes(
    text: Annotated[str, typer.Argument(help="Part of a name or code.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the 108 classes: 部件小类."""
    from twin.cluster import server
    from twin.queries.classes import find_classes

    with server.connect(read_settings(), "app") as connection:
        rows = find_classes(connection, text)
    if as_json:
        _print_json(rows)
        return
    table = Table("代码 code", "小类 class", "", "图形 geometry", "精度 accuracy", "其他代码 other codes")
    for row in rows:
        codes = ", ".join(row["codes"])
        table.add_row(row["code"], row["name_zh"], row["name_en"], row["geometry_kind"], row["accuracy_class"], codes)
    Console().print(table)


@app.command(epilog="Example: twin classes words --department urban")
def words(
    department: Department = None,
    ended: Annotated[bool, typer.Option(help="Meanings that have ended as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what words mean: 词义对照."""
    from twin.cluster import server
    from twin.queries.class_words import list_meanings

    with server.connect(read_settings(), "app") as connection:
        meanings = list_meanings(connection, department, ended=ended)
    if as_json:
        _print_json([vars(meaning) for meaning in meanings])
        return
    table = Table(
        "部门 department", "类型 kind", "写法 written", "小类 class", "把握 confidence", "何人 by", "说明 note"
    )
    for meaning in meanings:
        means = f"{meaning.class_code} {meaning.class_zh}" if meaning.class_code else "不属于 none"
        if meaning.valid_to:
            means += f" (至 until {meaning.valid_to:%Y-%m-%d})"
        sure = f"{meaning.confidence:.2f}"
        about = (meaning.kind, meaning.written, means, sure, meaning.decided_by, meaning.note or "")
        table.add_row(meaning.department or "全部 all", *about)
    Console().print(table)


@app.command(epilog="Example: twin classes unmapped")
def unmapped(department: Department = None, as_json: AsJson = False) -> None:
    """List the words no class was found for, most rows first: 待对照的词."""
    from twin.cluster import server
    from twin.queries.class_words import list_unmapped

    with server.connect(read_settings(), "app") as connection:
        rows = list_unmapped(connection, department)
    if as_json:
        _print_json(rows)
        return
    table = Table("词 word", "行 rows", "部门 department", "文件 file", "可能是 may be")
    for row in rows:
        likely = ", ".join(f"{item['code']} {item['name_zh']} {item['likeness']:.2f}" for item in row["suggestions"])
        table.add_row(row["word"], str(row["rows"]), row["department_zh"] or "", row["file"], likely)
    Console().print(table)
    if rows:
        typer.echo("用 twin classes map 词 代码 说明含义，再导入一次 (say what a word means, then deliver again)")


@app.command("map", epilog="Example: twin classes map 阀门井 0101 --department water --note 供水公司的叫法")
def map_word(
    word: Annotated[str, typer.Argument(help="What the department writes.")],
    class_code: Annotated[str, typer.Argument(help="Code of the class, or none.")],
    department: Department = None,
    kind: Kind = "word",
    confidence: Annotated[float, typer.Option(help="How sure, 0 to 1; under 0.6 it is only a suggestion.")] = 0.95,
    note: Note = None,
    by: By = None,
) -> None:
    """Say what a word means; none: it is none of the 108 classes. An earlier meaning ends: 说明词义.

    Rows set aside for the word are taken when the file is delivered again.
    """
    from twin.actions.explain_class_words import Explanation

    meant = None if class_code.lower() == "none" else class_code
    said = Explanation(word, meant, cast("WordKind", kind), department, confidence, note)
    _enter([said], by)
    typer.echo(f"{word} -> {class_code}")


@app.command(epilog="Example: twin classes end 阀门井 --department water")
def end(
    word: Annotated[str, typer.Argument(help="The word whose meaning ends.")],
    department: Department = None,
    kind: Kind = "word",
    by: By = None,
) -> None:
    """End the meaning of a word, so that it waits for a person again: 取消词义."""
    from twin.actions.explain_class_words import Explanation, end_meaning
    from twin.cluster import server
    from twin.session import Actor, transaction

    person = Actor(by or getpass.getuser(), role="system", purpose="class words")
    with server.connect(read_settings(), "ingest") as connection, transaction(connection, person) as cursor:
        end_meaning(cursor, Explanation(word, None, cast("WordKind", kind), department))
    typer.echo(f"{word}: 已取消 (ended)")


@app.command("import", epilog="Example: twin classes import words.csv --by 数据科")
def import_words(
    file: Annotated[Path, typer.Argument(help="CSV with the columns kind, written, class_code and, if wanted, more.")],
    by: By = None,
) -> None:
    """Enter many meanings at once: 批量导入词义.

    Columns: written, class_code (or none); optional kind, department, confidence, note. All rows or none are taken.
    """
    rows = _read_rows(file)
    _enter(rows, by, file.name)
    typer.echo(f"{len(rows)} 条 (meanings)")


def _read_rows(file: Path) -> list[Explanation]:
    from twin.actions.explain_class_words import Explanation

    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            "文件读不出来 (the file cannot be read as UTF-8)",
            where=file.name,
            do="另存为 UTF-8 的 CSV (save it as UTF-8)",
        ) from error
    said = []
    for number, row in enumerate(csv.DictReader(text.splitlines()), 2):
        where = f"{file.name} 第 {number} 行 (line {number})"
        if not row.get("written") or not row.get("class_code"):
            raise BadInput("缺少 written 或 class_code (written or class_code is missing)", where=where)
        try:
            sure = float(row.get("confidence") or 0.95)
        except ValueError:
            raise BadInput("confidence 不是数 (is not a number)", where=where) from None
        code = None if row["class_code"].lower() == "none" else row["class_code"]
        kind = cast("WordKind", row.get("kind") or "word")
        said.append(
            Explanation(row["written"], code, kind, row.get("department") or None, sure, row.get("note") or None)
        )
    return said


def _enter(said: list[Explanation], by: str | None, file: str | None = None) -> None:
    from twin.actions.explain_class_words import explain_word
    from twin.cluster import server
    from twin.session import Actor, transaction

    person = Actor(by or getpass.getuser(), role="system", purpose="class words")
    with server.connect(read_settings(), "ingest") as connection, transaction(connection, person) as cursor:
        for number, one in enumerate(said, 2):
            try:
                explain_word(cursor, one, person.name)
            except TwinError as error:
                if file and error.where is None:
                    raise type(error)(
                        error.what, where=f"{file} 第 {number} 行 (line {number})", do=error.do
                    ) from error
                raise


def _print_json(document: Any) -> None:
    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str))
