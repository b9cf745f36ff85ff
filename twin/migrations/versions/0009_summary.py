"""Totals by square, for summaries of areas.

Revision ID: 0009
"""

from twin.migrations.sql_files import run_sql_file

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the totals and count what is in the database already."""
    run_sql_file("0009_summary.sql")
