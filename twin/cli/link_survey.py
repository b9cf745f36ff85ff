"""What `twin link assets` does: surveys, the registers, and the place where both packages meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from twin.errors import NotFound
from twin.settings import read_settings

if TYPE_CHECKING:
    from ingest_gis.match_survey import SurveyReport
    from twin.session import Actor

NAMES = "SELECT name FROM twin.survey WHERE %(name)s::text IS NULL OR name = %(name)s ORDER BY name"


def match_all(survey: str | None, actor: Actor) -> list[SurveyReport]:
    """Match one survey or all that are published. Raises NotFound when there is none."""
    from ingest_gis.match_survey import SeenOutline, match_survey
    from photogrammetry.buildings.seen_outlines import see_outlines
    from twin.cluster import server

    settings, reports = read_settings(), []
    with server.connect(settings, "ingest", autocommit=True) as connection:
        names = [row[0] for row in connection.execute(NAMES, {"name": survey}).fetchall()]
        if not names:
            raise NotFound("没有已发布的测区 (no survey is published)", do="Run: twin survey run NAME")
        for name in names:
            seen = see_outlines(settings.surveys_dir / name / "products")
            outlines = [SeenOutline(item.code, item.polygon) for item in seen.outlines]
            srid, folder = settings.city.working_srid, settings.data_dir
            reports.append(match_survey(connection, actor, name, outlines, seen.known, seen.crs, srid, folder))
    return reports


def show(reports: list[SurveyReport], survey: str | None) -> None:
    """Print what was found, and what waits for a person."""
    from twin.cluster import server
    from twin.queries.seen_places import seen_waiting

    for report in reports:
        groups = ", ".join(f"{name} {count}" for name, count in sorted(report.relations.items()))
        typer.echo(
            f"{report.survey}: 登记 registered {report.buildings}, 影像 seen {report.seen}, "
            f"平移 shift {report.shift.east_m:+.2f} E {report.shift.north_m:+.2f} N m, {groups}; "
            f"重合度 mean IoU {report.mean_iou:.2f}; 地面高 heights of assets {report.asset_heights}"
        )
    with server.connect(read_settings(), "app") as connection:
        rows = seen_waiting(connection, survey)
    table = Table("编号 match", "关系 relation", "建筑 buildings", "影像 seen", "位置 lon, lat", "原因 why")
    for row in rows:
        where = f"{row['lon']:.6f}, {row['lat']:.6f}"
        why = f"{row['reason_zh']} ({row['reason_en']})"
        codes, keys = ", ".join(row["codes"] or ()), ", ".join(row["seen_keys"])
        table.add_row(str(row["seen_match_id"]), row["relation"], codes, keys, where, why)
    Console().print(table)


def decide(match_id: int, accept: bool, actor: Actor) -> None:
    """Accept or refuse a match."""
    from twin.actions.seen_places import decide_seen_match
    from twin.cluster import server
    from twin.session import transaction

    with server.connect(read_settings(), "ingest") as connection, transaction(connection, actor) as cursor:
        decide_seen_match(cursor, match_id, accept, actor.name)
    typer.echo(f"已处理 decided: {match_id}")
