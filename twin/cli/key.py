"""Commands `twin key ...`: the keys of personal data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from twin.settings import read_settings

app = typer.Typer(no_args_is_help=True)


@app.command(epilog="Example: twin key make")
def make() -> None:
    """Make the key file (TWIN_KEY_FILE, else in the data directory), readable by you only. Copy it somewhere safe.

    生成密钥文件。
    """
    from twin.cluster import server
    from twin.errors import Conflict, DatabaseUnavailable
    from twin.personal.keyring import is_anything_sealed, make_keys

    settings = read_settings()
    try:
        with server.connect(settings, "ingest") as connection:
            is_sealed = is_anything_sealed(connection)
    except DatabaseUnavailable:
        is_sealed = False  # no database yet
    if is_sealed and not settings.keys_path.exists():
        raise Conflict(
            "库中已有用其他密钥加密的数据, 新密钥打不开 (the database holds data that new keys would not open)",
            where=str(settings.keys_path),
            do="放回原密钥文件 (put the key file back; twin key backup made copies)",
        )
    keys = make_keys(settings.keys_path)
    typer.echo(f"已生成密钥 made key {keys.active.hex()}: {keys.path}")
    typer.echo("请另存一份, 不与数据库备份同放 keep a copy apart from the backups: twin key backup FILE")


@app.command(epilog="Example: twin key rotate && twin key apply")
def rotate(
    index: Annotated[
        bool, typer.Option("--index", help="Change the index key instead: that of the hashes persons are found by.")
    ] = False,
) -> None:
    """Add a new data key and seal with it from now on. `twin key apply` then seals anew what the old one has sealed.

    With --index it is the index key; until `twin key apply` has hashed everything anew, persons are found under both,
    and personal data is not taken in.
    更换密钥。
    """
    from twin.actions.rotate_index import begin_rotation
    from twin.personal.keyring import rotate_keys

    if index:
        ring = begin_rotation(read_settings())
        typer.echo(f"启用新索引密钥 index key in use: {ring.index_id}")
        typer.echo("请另存密钥文件, 再运行 keep a copy of the key file, then run: twin key apply")
        return

    keys = rotate_keys(read_settings().keys_path)
    typer.echo(f"启用新密钥 key in use: {keys.active.hex()}")
    typer.echo("请另存密钥文件, 再运行 keep a copy of the key file, then run: twin key apply")


@app.command(epilog="Example: twin key apply")
def apply() -> None:
    """Seal what stands in clear or under an older key with the key in use. Goes on where it was broken off.

    用现用密钥重新加密。
    """
    from twin.actions.apply_keys import apply_keys

    done = apply_keys(read_settings())
    for reason, count in sorted(done.items()):
        typer.echo(f"{count:>10} {reason}")
    typer.echo("已全部用现用密钥加密 everything is sealed with the key in use")


@app.command(epilog="Example: twin key status --json")
def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Say which keys there are and how many rows each has sealed. Exit status 1 when one that is needed is missing.

    查看密钥。
    """
    from twin.actions.apply_keys import is_anything_clear, keys_in_use
    from twin.actions.rotate_index import is_unfinished
    from twin.personal.keyring import read_keys

    settings = read_settings()
    used = keys_in_use(settings)
    keys = {key.key_id.hex(): key for key in read_keys(settings.keys_path).keys}
    active = read_keys(settings.keys_path).active.hex()
    missing = sorted(set(used) - set(keys))
    facts = {
        "file": str(settings.keys_path),
        "in_use": active,
        "keys": [{"id": name, "made_at": key.made_at, "rows": used.get(name, 0)} for name, key in keys.items()],
        "missing": [{"id": name, "rows": used[name]} for name in missing],
        "in_clear": is_anything_clear(settings),
        "index": read_keys(settings.keys_path).index_id,
        "index_unfinished": is_unfinished(settings),
    }
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False))
    else:
        typer.echo(f"密钥文件 key file: {settings.keys_path}")
        for name, key in keys.items():
            mark = " 现用 in use" if name == active else ""
            typer.echo(f"{name}  {key.made_at}  {used.get(name, 0)} 行 rows{mark}")
        for name in missing:
            typer.secho(f"{name}  缺失 missing: {used[name]} 行打不开 rows cannot be opened", fg=typer.colors.RED)
        if facts["in_clear"]:
            typer.secho("还有明文 something stands in clear: twin key apply", fg=typer.colors.RED)
        if facts["index_unfinished"]:
            typer.secho("索引密钥更换未完成 the change of the index key is not finished: twin key apply", fg="red")
    if missing:
        raise typer.Exit(1)


@app.command(epilog="Example: twin key drop 5f3a12c0")
def drop(key_id: Annotated[str, typer.Argument(help="The key's id, as twin key status shows it.")]) -> None:
    """Take an old data key out that nothing is sealed with any more. Backups made under it can then not be opened.

    移除旧密钥。
    """
    from twin.actions.apply_keys import keys_in_use
    from twin.errors import BadInput, Conflict
    from twin.personal.keyring import drop_keys

    settings = read_settings()
    rows = keys_in_use(settings).get(key_id, 0)
    if rows:
        raise Conflict(f"{rows} 行仍用此密钥加密 ({rows} rows are sealed with it)", do="twin key apply")
    try:
        drop_keys(settings.keys_path, [bytes.fromhex(key_id)])
    except ValueError as error:
        raise BadInput("密钥编号是八位十六进制 (a key's id is eight hexadecimal digits)") from error
    typer.echo(f"已移除 taken out: {key_id}")


@app.command(epilog="Example: twin key backup /media/safe/twin-keys.json")
def backup(file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to, best on another medium.")]) -> None:
    """Copy the key file. Keep it apart from the database's backups: together they are the data in clear.

    备份密钥文件。
    """
    from twin.errors import Conflict
    from twin.personal.keyring import read_keys

    path = read_settings().keys_path
    read_keys(path)
    if file.exists():
        raise Conflict("文件已存在 (the file exists)", where=str(file))
    file.touch(mode=0o600)
    shutil.copyfile(path, file)
    typer.echo(f"已备份 copied to {file}")
