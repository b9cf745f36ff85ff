"""Totals by square, for summaries of areas.

Revision ID: 0008
"""

from twin.migrations.sql_files import run_sql_file

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the totals and count what is in the database already."""
    run_sql_file("0008_summary.sql")
