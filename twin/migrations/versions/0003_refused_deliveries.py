"""Deliveries set aside as a whole are remembered with the reason.

Revision ID: 0003
"""

from twin.migrations.sql_files import run_sql_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the list of refused deliveries."""
    run_sql_file("0003_refused_deliveries.sql")
